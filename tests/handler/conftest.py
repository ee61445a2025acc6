"""The handler as Lambda runs it: real crhelper, real boto3, answers over TLS."""

from __future__ import annotations

import functools
import json
import logging
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from appflow_local_cloud.process import LocalCloud
from tests.support import Account, connector, new_account_id

# Lambda sets it before it imports a handler, and crhelper needs it then.
os.environ.setdefault("AWS_REGION", "us-east-1")

from connector_registration import function, lifecycle, response, sdk

CLOUDFORMATION_PATH = "/cloudformation"

SIGNATURE = "X-Amz-Signature=f00dfeed"


@dataclass
class LambdaContext:
    """What the handler reads of Lambda's context object."""

    milliseconds: int = 300_000
    log_group_name: str = "/aws/lambda/registration-handler"
    aws_request_id: str = "an-invocation"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


# As long as the provider lets it run.
INVOCATION_SECONDS = 300

BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Clock:
    """Time that passes only by sleeping and by hanging, from the beginning of a year."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._appointments: list[tuple[float, Callable[[], None]]] = []

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Let something happen at a time, while the handler waits."""
        self._appointments.append((time, action))

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return BEGINNING.timestamp() + self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, and happen what is to happen meanwhile."""
        self.now += seconds
        due = [appointment for appointment in self._appointments if appointment[0] <= self.now]
        for appointment in due:
            self._appointments.remove(appointment)
            appointment[1]()


@dataclass
class Context:
    """An invocation whose time is the clock's."""

    clock: Clock
    log_group_name: str = "/aws/lambda/registration-handler"
    aws_request_id: str = "an-invocation"

    def __post_init__(self) -> None:
        self.end = self.clock.now + INVOCATION_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int((self.end - self.clock.now) * 1000)


class Body:
    """What botocore reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1a2b3c"
LOGICAL_ID = "Registration8466E9D0"


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history, in the words of CloudFormation."""

    status: str
    reason: str = ""
    logical_id: str = LOGICAL_ID
    at: float = 0.0


@dataclass
class CloudFormation:
    """Plays CloudFormation for one resource: sends an event, takes the answer, keeps a history."""

    url: str
    invoke: Callable[[Mapping[str, Any], Any], None]
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    history: list[StackEvent] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    # What happens while a page of the stack's events is read.
    while_reading: Callable[[], None] = lambda: None

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
        self, request_type: str, properties: Mapping[str, Any], **event: Any
    ) -> Mapping[str, Any]:
        """Send an event, take its one answer, and keep a record of both."""
        sent = self.event(request_type, properties, **event)
        self.record(f"{request_type.upper()}_IN_PROGRESS")
        answer = self.deliver(sent)
        self._record_answer(request_type, answer)
        return answer

    def deliver(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What Lambda does: once for each event, as a rule.

        Returns:
            The one answer, checked as CloudFormation checks it.
        """
        before = len(self.answers)
        self.invoke(event, Context(self.clock))
        assert len(self.answers) == before + 1
        answer = self.answers[-1]
        for key in ("StackId", "RequestId", "LogicalResourceId"):
            assert answer[key] == event[key]
        assert answer["PhysicalResourceId"]
        assert answer["Status"] == "SUCCESS" or answer["Reason"]
        assert all(isinstance(value, str) for value in answer["Data"].values())
        return answer

    def cancel_update(self) -> None:
        """Give an update up, as when somebody cancels it or another resource fails."""
        self.record("UPDATE_FAILED", "Resource update cancelled")

    def record(self, status: str, reason: str = "") -> None:
        """Write a line about the resource into the stack's history."""
        self.history.append(StackEvent(status, reason, at=self.clock.now))

    def _record_answer(self, request_type: str, answer: Mapping[str, Any]) -> None:
        if answer["Status"] == "SUCCESS":
            self.record(f"{request_type.upper()}_COMPLETE")
            return
        reason = (
            "Received response status [FAILED] from custom resource. Message returned:"
            f" {answer['Reason']} (RequestId: {answer['RequestId']})"
        )
        self.record(f"{request_type.upper()}_FAILED", reason)

    def event(
        self, request_type: str, properties: Mapping[str, Any], **event: Any
    ) -> dict[str, Any]:
        return {
            "RequestType": request_type,
            "RequestId": str(uuid4()),
            "ResponseURL": f"{self.url}&X-Amz-Date={_after(self.clock.now):%Y%m%dT%H%M%SZ}",
            "StackId": STACK_ID,
            "ResourceType": "Custom::AppFlowConnectorRegistration",
            "LogicalResourceId": LOGICAL_ID,
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:handler",
            "ServiceTimeout": "600",
            "ResourceProperties": properties,
            **event,
        }


def _after(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)


# As many as CloudFormation's own pages hold.
_EVENTS_PER_PAGE = 100


def describe_stack_events(stack: CloudFormation, request: Request) -> Response:
    """DescribeStackEvents, for the one stack there is: newest first, page by page."""
    assert request.form["Action"] == "DescribeStackEvents"
    stack.while_reading()
    history = stack.history
    if request.form["StackName"] != STACK_ID:
        error = "<Code>ValidationError</Code><Message>There is no such stack</Message>"
        return Response(f"<ErrorResponse><Error>{error}</Error></ErrorResponse>", status=400)
    start = int(request.form.get("NextToken", "0"))
    end = start + _EVENTS_PER_PAGE
    members = "".join(
        f"<member><StackId>{STACK_ID}</StackId><EventId>{number}</EventId>"
        f"<StackName>demo</StackName><Timestamp>{_after(event.at).isoformat()}</Timestamp>"
        f"<LogicalResourceId>{event.logical_id}</LogicalResourceId>"
        f"<ResourceStatus>{event.status}</ResourceStatus>"
        + (
            f"<ResourceStatusReason>{escape(event.reason)}</ResourceStatusReason>"
            * bool(event.reason)
        )
        + "</member>"
        for number, event in enumerate(history[::-1][start:end])
    )
    more = f"<NextToken>{end}</NextToken>" if end < len(history) else ""
    return Response(
        "<DescribeStackEventsResponse><DescribeStackEventsResult>"
        f"<StackEvents>{members}</StackEvents>{more}"
        "</DescribeStackEventsResult></DescribeStackEventsResponse>",
        content_type="text/xml",
    )


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority that the response endpoint's certificate comes from."""
    # The handler reads once whom it trusts.
    response._pool.cache_clear()
    return trustme.CA()


@pytest.fixture(scope="session")
def httpserver_ssl_context(authority: trustme.CA) -> ssl.SSLContext:
    """Makes the endpoint of pytest-httpserver serve TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates that the endpoint is trusted by."""
    bundle = tmp_path_factory.mktemp("trusted") / "bundle.pem"
    authority.cert_pem.write_to_path(bundle)
    return bundle


@pytest.fixture
def trusted(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the handler trust the endpoint, the way Lambda trusts S3."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@dataclass(frozen=True)
class ReusedAccount(Account):
    """An account that keeps its functions from test to test: Lambda's cold starts take longest."""

    functions: dict[str, tuple[str, bool]] = field(default_factory=dict)
    calls_before: list[int] = field(default_factory=lambda: [0])

    def make_function(self, name: str, source: str, *, granted: bool = True) -> str:
        if name not in self.functions:
            arn = super().make_function(name, source, granted=granted)
            self.functions[name] = source, granted
            return arn
        arn = f"arn:aws:lambda:us-east-1:{self.id}:function:{name}"
        kept_source, kept_granted = self.functions[name]
        if source != kept_source:
            self.change_code(name, source)
        if granted and not kept_granted:
            self.grant_appflow(arn)
        elif kept_granted and not granted:
            self.client("lambda").remove_permission(FunctionName=name, StatementId="AppFlow")
        self.functions[name] = source, granted
        return arn

    def change_code(self, name: str, source: str) -> None:
        super().change_code(name, source)
        self.functions[name] = source, self.functions[name][1]

    def grant_appflow(self, arn: str, **conditions: str) -> None:
        super().grant_appflow(arn, **conditions)
        name = arn.split(":")[6]
        if name in self.functions:
            self.functions[name] = self.functions[name][0], True

    def calls(self, *, after: int = 0) -> list[Mapping[str, Any]]:
        """The calls since the test began."""
        return super().calls(after=self.calls_before[0] + after)

    def begin(self) -> None:
        self.clear()
        self.calls_before[0] += len(self.calls())


@pytest.fixture(scope="session")
def reused_account(cloud: LocalCloud) -> ReusedAccount:
    # The handler makes its clients once, for this account.
    sdk.client.cache_clear()
    return ReusedAccount(cloud, new_account_id())


@pytest.fixture
def account(reused_account: ReusedAccount) -> Account:
    """An account in which no connector is registered."""
    reused_account.begin()
    return reused_account


@pytest.fixture
def old(account: Account) -> str:
    """The function of a connector, version 1.0."""
    return account.make_function("old", connector("1.0"))


@pytest.fixture
def new(account: Account) -> str:
    """The function that takes its place, version 2.0."""
    return account.make_function("new", connector("2.0"))


@pytest.fixture
def request_id() -> str:
    """An id of CloudFormation that AppFlow has not seen a token of."""
    return str(uuid4())


@pytest.fixture
def handler_environment(
    account: Account, monkeypatch: pytest.MonkeyPatch, make_httpserver: HTTPServer, bundle: Path
) -> None:
    """The environment that Lambda would give the handler, in the tests' account."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{account.local_cloud.port}",
        "AWS_ENDPOINT_URL_CLOUDFORMATION": make_httpserver.url_for(CLOUDFORMATION_PATH),
        "AWS_CA_BUNDLE": str(bundle),
        "AWS_ACCESS_KEY_ID": account.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The handler's time."""
    clock = Clock()
    monkeypatch.setattr(lifecycle, "clock", clock)
    return clock


@pytest.fixture
def cloudformation(
    handler_environment: None, httpserver: HTTPServer, trusted: None, clock: Clock
) -> Iterator[CloudFormation]:
    """CloudFormation, with the handler working in the test's account."""
    url = httpserver.url_for(f"/response?{SIGNATURE}")
    stack = CloudFormation(url, function.handler, clock=clock)

    def take(request: Request) -> Response:
        assert request.method == "PUT"
        assert request.headers.get("Content-Type", "") == ""
        assert len(request.data) <= 4096
        stack.answers.append(json.loads(request.data))
        return Response()

    httpserver.expect_request("/response").respond_with_handler(take)
    httpserver.expect_request(CLOUDFORMATION_PATH).respond_with_handler(
        functools.partial(describe_stack_events, stack)
    )
    yield stack
    httpserver.check_assertions()


class Log(logging.Handler):
    """Takes down what Lambda's own handler would write."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "werkzeug":
            self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    logging.root.addHandler(log)
    yield log
    logging.root.removeHandler(log)
