"""The handler as Lambda runs it: real crhelper, real boto3, answers over TLS."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support import Account

# Lambda sets it before it imports a handler, and crhelper needs it then.
os.environ.setdefault("AWS_REGION", "us-east-1")

from connector_registration import function

SIGNATURE = "X-Amz-Signature=f00dfeed"


@dataclass
class LambdaContext:
    """What the handler reads of Lambda's context object."""

    milliseconds: int = 240_000
    log_group_name: str = "/aws/lambda/registration-handler"
    aws_request_id: str = "an-invocation"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


INVOCATION_SECONDS = 240


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Context:
    """An invocation whose time is the clock's."""

    clock: Clock
    log_group_name: str = "/aws/lambda/registration-handler"
    aws_request_id: str = "an-invocation"

    def get_remaining_time_in_millis(self) -> int:
        return int((INVOCATION_SECONDS - self.clock.now) * 1000)


class Body:
    """What botocore reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


@dataclass
class CloudFormation:
    """Plays CloudFormation for one resource: sends an event, takes the answer."""

    url: str
    invoke: Callable[[Mapping[str, Any], Any], None]
    answers: list[Mapping[str, Any]] = field(default_factory=list)

    def create(self, properties: Mapping[str, Any], **event: Any) -> Mapping[str, Any]:
        return self.send("Create", properties, **event)

    def update(
        self, properties: Mapping[str, Any], old: Mapping[str, Any], physical_id: str, **event: Any
    ) -> Mapping[str, Any]:
        return self.send(
            "Update",
            properties,
            OldResourceProperties=old,
            PhysicalResourceId=physical_id,
            **event,
        )

    def delete(
        self, properties: Mapping[str, Any], physical_id: str, **event: Any
    ) -> Mapping[str, Any]:
        return self.send("Delete", properties, PhysicalResourceId=physical_id, **event)

    def send(
        self,
        request_type: str,
        properties: Mapping[str, Any],
        context: Any = None,
        **event: Any,
    ) -> Mapping[str, Any]:
        """Send an event and return its one answer, checked as CloudFormation checks it."""
        before = len(self.answers)
        sent = self.event(request_type, properties, **event)
        self.invoke(sent, context or LambdaContext())
        assert len(self.answers) == before + 1
        answer = self.answers[-1]
        for key in ("StackId", "RequestId", "LogicalResourceId"):
            assert answer[key] == sent[key]
        assert answer["PhysicalResourceId"]
        assert answer["Status"] == "SUCCESS" or answer["Reason"]
        assert all(isinstance(value, str) for value in answer["Data"].values())
        return answer

    def event(
        self, request_type: str, properties: Mapping[str, Any], **event: Any
    ) -> dict[str, Any]:
        return {
            "RequestType": request_type,
            "RequestId": str(uuid4()),
            "ResponseURL": self.url,
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1a2b3c",
            "ResourceType": "Custom::AppFlowConnectorRegistration",
            "LogicalResourceId": "Registration8466E9D0",
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:handler",
            "ServiceTimeout": "600",
            "ResourceProperties": properties,
            **event,
        }


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority that the response endpoint's certificate comes from."""
    return trustme.CA()


@pytest.fixture(scope="session")
def httpserver_ssl_context(authority: trustme.CA) -> ssl.SSLContext:
    """Makes the endpoint of pytest-httpserver serve TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the handler trust the endpoint, the way Lambda trusts S3."""
    bundle = tmp_path / "trusted.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


def work_in(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment that Lambda would give the handler in an account."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{account.cloud.port}",
        "AWS_ACCESS_KEY_ID": account.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    function._client.cache_clear()


@pytest.fixture
def handler_environment(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler works in the test's account."""
    work_in(account, monkeypatch)


@pytest.fixture
def cloudformation(
    handler_environment: None, httpserver: HTTPServer, trusted: None
) -> Iterator[CloudFormation]:
    """CloudFormation, with the handler working in the test's account."""
    url = httpserver.url_for(f"/response?{SIGNATURE}")
    stack = CloudFormation(url, function.handler)

    def take(request: Request) -> Response:
        assert request.method == "PUT"
        assert request.headers.get("Content-Type", "") == ""
        assert len(request.data) <= 4096
        stack.answers.append(json.loads(request.data))
        return Response()

    httpserver.expect_request("/response").respond_with_handler(take)
    yield stack
    httpserver.check_assertions()
