"""The handler's clients use the endpoints of boto3, although they read no endpoint data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import botocore
import pytest
from connector_registration import sdk
from pytest_httpserver import HTTPServer

from tests.handler.events import LABEL, properties
from tests.http_server import PromptServer

HANDLER = Path(sdk.__file__).parents[1]


def run(program: str, environment: Mapping[str, str], stdin: str = "") -> str:
    """Run a program that can import the handler, and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(HANDLER), **environment},
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def boto() -> boto3.session.Session:
    """A session of boto3, which reads its own data once."""
    return boto3.session.Session()


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of a Lambda function, without the endpoint of a local cloud."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    sdk.client.cache_clear()
    yield
    sdk.client.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("fips", ["true", "false"])
@pytest.mark.parametrize("dual_stack", ["true", "false"])
@pytest.mark.parametrize("service", ["appflow", "cloudformation"])
def test_endpoint_is_that_of_boto3(
    monkeypatch: pytest.MonkeyPatch,
    boto: boto3.session.Session,
    service: str,
    fips: str,
    dual_stack: str,
) -> None:
    """The endpoint in every Region of AppFlow is the one that boto3 chooses."""
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", dual_stack)

    for region in boto.get_available_regions("appflow"):
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        sdk.client.cache_clear()
        ours = sdk.client(service).meta
        theirs = boto.client(service).meta

        assert ours.endpoint_url == theirs.endpoint_url
        assert ours.region_name == theirs.region_name == region


def test_environment_overrides_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint URL in the environment replaces AWS's."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPFLOW", "http://127.0.0.1:4566")

    assert sdk.client("appflow").meta.endpoint_url == "http://127.0.0.1:4566"


def test_client_reads_the_data_of_one_service(tmp_path: Path) -> None:
    """Making a client reads the data of its own service and no other."""
    program = """
import os, sys
from connector_registration import sdk

opened = []
sys.addaudithook(lambda event, details: event == "open" and opened.append(str(details[0])))
sdk.client("appflow")
print(*sorted(os.path.basename(name).split(".")[0] for name in opened if "botocore/data" in name))
"""
    read = run(program, {"HOME": str(tmp_path), "AWS_DEFAULT_REGION": "us-east-1"})

    assert read == "endpoint-rule-set-1 partitions sdk-default-configuration service-2\n"


def test_user_agent_names_sdk_and_library(
    monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer, trusted: None
) -> None:
    """CloudTrail can tell the handler's calls by the user agent, which still names botocore."""
    httpserver.expect_request("/describe-connector").respond_with_json({})
    monkeypatch.setenv("AWS_CA_BUNDLE", os.environ["SSL_CERT_FILE"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", httpserver.url_for(""))
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.14")

    sdk.client("appflow").describe_connector(connectorType="CustomConnector")

    [(request, _)] = httpserver.log
    user_agent = request.headers["User-Agent"]
    assert user_agent.startswith(f"Botocore/{botocore.__version__} ")
    assert user_agent.endswith(" exec-env/AWS_Lambda_python3.14 cdk-appflow-connector")


def test_authorities_are_read_during_the_import() -> None:
    """The import of the handler reads the certificate authorities, once and on another thread."""
    program = """
import ssl, threading

readers = []
create = ssl.create_default_context
def note():
    readers.append(threading.current_thread())
    return create()
ssl.create_default_context = note
from connector_registration import delivery

[delivery.pool(f"https://{name}.example/") for name in "ab"]
print(len(readers), threading.main_thread() in readers)
"""
    assert run(program, {}) == "1 False\n"


PROGRAM = """
import json, sys
from connector_registration import function

class Context:
    aws_request_id = log_group_name = "a"
    def get_remaining_time_in_millis(self):
        return 240_000

function.handler(json.load(sys.stdin), Context())
print(sorted(sys.modules.keys() & {"boto3", "botocore", "s3transfer"}))
"""


def test_event_without_calls_loads_no_sdk() -> None:
    """An event that needs no call of AWS does not import the SDK."""
    with PromptServer() as server:
        server.expect_oneshot_request("/response").respond_with_data()
        event = {
            "RequestType": "Delete",
            "RequestId": "a",
            "StackId": "a",
            "LogicalResourceId": "a",
            "ResponseURL": server.url_for("/response"),
            "PhysicalResourceId": LABEL,
            "ResourceProperties": properties(),
        }
        loaded = run(PROGRAM, {}, json.dumps(event))

        [(request, _)] = server.log
    assert request.get_json(force=True)["Status"] == "SUCCESS"
    assert loaded == "[]\n"


def test_foreign_event_loads_no_sdk() -> None:
    """An event that the handler ignores does not import the SDK."""
    assert run(PROGRAM, {}, json.dumps({"source": "aws.lambda"})) == "[]\n"
