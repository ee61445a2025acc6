"""The handler as Lambda runs it: real crhelper, real botocore, responses over TLS."""

from __future__ import annotations

import json
import logging
import os
import random
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import botocore.endpoint
import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from appflow_local_cloud.process import LocalCloud
from tests.http_server import PromptServer
from tests.support import Account, connector, new_account_id

# Lambda sets it before it imports a handler, and crhelper needs it then.
os.environ.setdefault("AWS_REGION", "us-east-1")

from connector_registration import function, sdk, time_budget

from tests.handler.accounts import ReusedAccount
from tests.handler.clock import RESPONSE, Clock
from tests.handler.cloudformation import (
    CLOUDFORMATION_PATH,
    RESPONSE_PATH,
    SIGNATURE,
    CloudFormation,
)
from tests.handler.connections import Connections
from tests.handler.containers import Containers
from tests.handler.endpoint import forget_endpoints
from tests.handler.faults import Inject
from tests.handler.log import Log
from tests.handler.stacks import Region


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority of the response endpoint."""
    # The handler reads the trusted authorities once.
    forget_endpoints()
    return trustme.CA()


@pytest.fixture(scope="session")
def httpserver_ssl_context(authority: trustme.CA) -> ssl.SSLContext:
    """Makes the endpoint of pytest-httpserver serve TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates by which the endpoint is trusted."""
    bundle = tmp_path_factory.mktemp("trusted") / "bundle.pem"
    authority.cert_pem.write_to_path(bundle)
    return bundle


@pytest.fixture
def trusted(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the handler trust the endpoint, as it trusts S3 in Lambda."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@pytest.fixture(scope="session")
def reused_account(cloud: LocalCloud) -> Iterator[ReusedAccount]:
    """The account of all tests."""
    # The handler makes its clients once, for this account.
    sdk.client.cache_clear()
    account = ReusedAccount(cloud, new_account_id())
    yield account
    account.close()


@pytest.fixture
def account(reused_account: ReusedAccount) -> Account:
    """An account in which no connector is registered."""
    reused_account.reset()
    return reused_account


@pytest.fixture
def old(account: Account) -> str:
    """The function of a connector, version 1.0."""
    return account.make_function("old", connector("1.0"))


@pytest.fixture
def new(account: Account) -> str:
    """The function that replaces it, version 2.0."""
    return account.make_function("new", connector("2.0"))


@pytest.fixture
def request_id() -> str:
    """A request id of CloudFormation that AppFlow has seen in no token."""
    return str(uuid4())


@pytest.fixture(scope="session")
def cloudformation_server() -> Iterator[HTTPServer]:
    """Serves CloudFormation's API without TLS: a handshake takes longer than the rest of a call."""
    with PromptServer("127.0.0.1") as server:
        yield server


@pytest.fixture
def cloudformation_api(cloudformation_server: HTTPServer) -> HTTPServer:
    """CloudFormation's API, which has received no request yet."""
    cloudformation_server.clear()
    return cloudformation_server


@pytest.fixture
def handler_environment(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    cloudformation_server: HTTPServer,
    bundle: Path,
) -> None:
    """The environment that Lambda would give the handler, in the test's account."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{account.local_cloud.port}",
        "AWS_ENDPOINT_URL_CLOUDFORMATION": cloudformation_server.url_for(CLOUDFORMATION_PATH),
        "AWS_CA_BUNDLE": str(bundle),
        "AWS_ACCESS_KEY_ID": account.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The handler's clock; the pauses are of the same length in every run."""
    random.seed(0)
    clock = Clock()
    monkeypatch.setattr(time_budget, "clock", clock)
    yield clock
    clock.check()


@pytest.fixture(scope="session")
def all_connections() -> Connections:
    """The connections of the clients that the tests before have made."""
    return Connections()


@pytest.fixture
def connections(
    all_connections: Connections,
    handler_environment: None,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Connections]:
    """The handler's connections, on which calls take time and meet faults."""
    # botocore pauses between its own retries.
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=clock.advance))
    all_connections.use(clock)
    for service in sdk.TIMEOUTS:
        all_connections.attach(sdk.client(service))
    yield all_connections
    all_connections.use(None)


@pytest.fixture
def cloudformation(
    connections: Connections,
    httpserver: HTTPServer,
    cloudformation_api: HTTPServer,
    trusted: None,
    clock: Clock,
) -> Iterator[CloudFormation]:
    """CloudFormation, with the handler in the test's account."""
    url = httpserver.url_for(f"{RESPONSE_PATH}?{SIGNATURE}")
    stack = CloudFormation(url, function.handler, clock=clock)

    def take(request: Request) -> Response:
        assert request.method == "PUT"
        assert request.headers.get("Content-Type", "") == ""
        assert len(request.data) <= 4096
        before, after = clock.latency.parts(RESPONSE)
        clock.advance(before)
        stack.responses.append(json.loads(request.data))
        clock.advance(after)
        return Response()

    httpserver.expect_request(RESPONSE_PATH).respond_with_handler(take)
    cloudformation_api.expect_request(CLOUDFORMATION_PATH).respond_with_handler(
        stack.describe_stack_events
    )
    yield stack
    httpserver.check_assertions()
    cloudformation_api.check_assertions()


@pytest.fixture(scope="session")
def containers(all_connections: Connections) -> Containers:
    """Lambda's containers of the handler."""
    return Containers(all_connections.attach)


@pytest.fixture
def region(
    account: Account,
    connections: Connections,
    containers: Containers,
    httpserver: HTTPServer,
    cloudformation_api: HTTPServer,
    trusted: None,
    clock: Clock,
) -> Iterator[Region]:
    """CloudFormation and Lambda, with stacks of several registrations in the test's account."""
    url = httpserver.url_for(f"{RESPONSE_PATH}?{SIGNATURE}")
    own_arn = f"arn:aws:lambda:us-east-1:{account.id}:function:handler"
    region = Region(url, containers.invoke, clock, own_arn)
    httpserver.expect_request(RESPONSE_PATH).respond_with_handler(region.take)
    cloudformation_api.expect_request(CLOUDFORMATION_PATH).respond_with_handler(
        region.describe_stack_events
    )
    yield region
    httpserver.check_assertions()
    cloudformation_api.check_assertions()


@pytest.fixture
def inject(connections: Connections) -> Inject:
    """Makes the next calls of the handler to an operation meet a fault."""
    return connections.inject


@pytest.fixture
def log() -> Iterator[Log]:
    """The handler's log."""
    log = Log()
    logging.root.addHandler(log)
    yield log
    logging.root.removeHandler(log)
