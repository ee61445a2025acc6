"""Events of functions: what EventBridge receives when a function changes, and whom it invokes.

Each test also fails if a newer MiniStack changes what the local cloud builds on.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.http_server import PromptServer
from tests.local_cloud.stacks import Stack
from tests.support import Account, zipped

HOUR = 3600

STATE = "Lambda Function State Change"
CALL = "AWS API Call via CloudTrail"

# Reports the event to the test, and fails as often as the test says.
REPORTING = """
import json, urllib.request

def handler(event, context):
    request = urllib.request.Request("URL", json.dumps(event).encode(), method="PUT")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200, "as the test wants"
"""


def returning(value: str) -> str:
    """The source of a function that returns a value."""
    return f"def handler(event, context):\n    return {value!r}"


class Bus:
    """The default bus of an account, with a queue that receives all events of functions."""

    def __init__(self, account: Account) -> None:
        self._events = account.client("events")
        self._account = account
        self._sqs = account.client("sqs")
        self._url = self._sqs.create_queue(QueueName="events")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{account.id}:events"
        self.make_rule("all", {"source": ["aws.lambda"]}, arn)

    def make_rule(self, name: str, pattern: Mapping[str, Any], *targets: str) -> str:
        """Make a rule with targets; return its ARN."""
        rule = self._events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        self._events.put_targets(
            Rule=name,
            Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(targets)],
        )
        arn: str = rule["RuleArn"]
        return arn

    def receive(self, count: int) -> list[dict[str, Any]]:
        """Wait for events, and return them in the order of their delivery."""
        received: list[dict[str, Any]] = []
        while len(received) < count:
            found = self._sqs.receive_message(
                QueueUrl=self._url, WaitTimeSeconds=20, MaxNumberOfMessages=10
            )
            for message in found.get("Messages", []):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                received.append(json.loads(message["Body"]))
        return received

    def is_empty(self) -> bool:
        """Whether no event waits in the queue."""
        return "Messages" not in self._sqs.receive_message(QueueUrl=self._url)


def summary(event: Mapping[str, Any]) -> tuple[str, str]:
    """What an event reports: the call, or the version and its state."""
    detail = event["detail"]
    if event["detail-type"] == CALL:
        return CALL, detail["eventName"]
    status = detail.get("lastUpdateStatus", detail["state"])
    return STATE, f"{detail['version']} {detail['state']} {status}"


READY = "$LATEST Active Successful"


@pytest.fixture
def bus(account: Account) -> Bus:
    """The bus of an account, after the creation of a function."""
    bus = Bus(account)
    account.make_function("f", returning("one"), granted=False)
    assert [summary(event) for event in bus.receive(1)] == [(STATE, READY)]
    return bus


@pytest.fixture
def functions(account: Account) -> Any:
    """A client of Lambda."""
    return account.client("lambda")


@pytest.mark.rule("state events", "CloudTrail")
def test_update_sends_call_and_state(account: Account, bus: Bus, functions: Any) -> None:
    """An update of code or configuration: CloudTrail's event at the call, Lambda's at the end."""
    account.change_code("f", returning("two"))
    functions.update_function_configuration(FunctionName="f", Timeout=9)

    assert [summary(event) for event in bus.receive(4)] == [
        (CALL, "UpdateFunctionCode20150331v2"),
        (STATE, READY),
        (CALL, "UpdateFunctionConfiguration20150331v2"),
        (STATE, READY),
    ]


@pytest.mark.rule("state events")
def test_state_event_waits_for_the_end(account: Account, bus: Bus) -> None:
    """Lambda's event of an update comes when the update ends, although nothing calls Lambda."""
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    account.change_code("f", returning("two"))
    first = bus.receive(1)
    assert bus.is_empty()

    account.local_cloud.configure_lambda(account.id)

    assert [summary(event) for event in first] == [(CALL, "UpdateFunctionCode20150331v2")]
    [event] = bus.receive(1)
    arn = f"arn:aws:lambda:us-east-1:{account.id}:function:f:$LATEST"
    assert summary(event) == (STATE, READY)
    assert event["resources"] == [arn]
    assert event["detail"]["functionArn"] == arn


@pytest.mark.rule("state events")
def test_failed_update_sends_its_reason(account: Account, bus: Bus) -> None:
    """Lambda's event of an update that failed has `lastUpdateStatus` Failed and the reason."""
    account.local_cloud.configure_lambda(account.id, updateFailure="no access to the key")

    account.change_code("f", returning("two"))

    _, event = bus.receive(2)
    assert summary(event) == (STATE, "$LATEST Active Failed")
    assert event["detail"]["lastUpdateStatusReason"] == "no access to the key"


@pytest.mark.rule("state events", "CloudTrail")
def test_version_and_alias_send_events(account: Account, bus: Bus, functions: Any) -> None:
    """A published version: both events; a created or moved alias: CloudTrail's event only."""
    functions.publish_version(FunctionName="f")
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.update_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")

    published, active, created, moved = bus.receive(4)
    assert [summary(event) for event in (published, active, created, moved)] == [
        (CALL, "PublishVersion20150331"),
        (STATE, "1 Active Successful"),
        (CALL, "CreateAlias20150331"),
        (CALL, "UpdateAlias20150331"),
    ]
    assert active["resources"] == [f"arn:aws:lambda:us-east-1:{account.id}:function:f:1"]
    assert moved["detail"]["requestParameters"] == {
        "functionName": "f",
        "name": "live",
        "functionVersion": "$LATEST",
    }


@pytest.mark.rule("state events")
def test_unchanged_version_sends_no_state(account: Account, bus: Bus, functions: Any) -> None:
    """A version that exists already is not published again: no event of Lambda."""
    functions.publish_version(FunctionName="f")
    bus.receive(2)

    functions.publish_version(FunctionName="f")
    functions.update_function_configuration(FunctionName="f", Timeout=9)

    assert [summary(event) for event in bus.receive(3)] == [
        (CALL, "PublishVersion20150331"),
        (CALL, "UpdateFunctionConfiguration20150331v2"),
        (STATE, READY),
    ]


@pytest.mark.rule("CloudTrail")
@pytest.mark.parametrize("form", ["f", "arn:aws:lambda:us-east-1:ACCOUNT:function:f"])
def test_call_event_names_function(account: Account, bus: Bus, functions: Any, form: str) -> None:
    """CloudTrail's event has the function as the caller named it, and no code."""
    name = form.replace("ACCOUNT", account.id)

    updated = functions.update_function_code(
        FunctionName=name, ZipFile=zipped(returning("two")), Publish=True
    )

    event = bus.receive(1)[0]
    assert (event["source"], event["detail-type"]) == ("aws.lambda", CALL)
    detail = event["detail"]
    assert detail["eventSource"] == "lambda.amazonaws.com"
    assert detail["requestParameters"] == {"functionName": name, "publish": True}
    assert detail["responseElements"]["codeSha256"] == updated["CodeSha256"]
    assert "errorCode" not in detail
    assert detail["userIdentity"] == {
        "arn": f"arn:aws:iam::{account.id}:root",
        "accountId": account.id,
    }


@pytest.mark.rule("CloudTrail")
def test_failed_call_sends_its_error(account: Account, bus: Bus, functions: Any) -> None:
    """CloudTrail's event of a call that fails has an `errorCode` and no `responseElements`."""
    with pytest.raises(ClientError):
        functions.update_alias(FunctionName="f", Name="missing", FunctionVersion="1")

    [event] = bus.receive(1)
    assert summary(event) == (CALL, "UpdateAlias20150331")
    assert event["detail"]["errorCode"] == "ResourceNotFoundException"
    assert "missing" in event["detail"]["errorMessage"]
    assert event["detail"]["responseElements"] is None


@pytest.mark.rule("state events", "CloudTrail")
def test_deployment_sends_events(account: Account, bus: Bus) -> None:
    """A deployment that changes a function sends events, invoked by CloudFormation."""

    def resources(source: str) -> dict[str, Any]:
        properties = {
            "FunctionName": "deployed",
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{account.id}:role/f-role",
            "Code": {"ZipFile": source},
        }
        alias = {
            "FunctionName": {"Ref": "Function"},
            "Name": "live",
            "FunctionVersion": "$LATEST",
        }
        return {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
        }

    stack = Stack(account)
    assert stack.deploy(resources(returning("one"))) == ""
    _, alias = bus.receive(2)
    assert stack.deploy(resources(returning("two"))) == ""
    update = bus.receive(1)[0]

    assert summary(alias) == (CALL, "CreateAlias20150331")
    assert summary(update) == (CALL, "UpdateFunctionCode20150331v2")
    for event in (alias, update):
        assert event["detail"]["requestParameters"]["functionName"] == "deployed"
        assert event["detail"]["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"


@pytest.mark.rule("EventBridge", setting="callEventDelaySeconds")
def test_call_events_may_be_late(account: Account, bus: Bus) -> None:
    """CloudTrail's events arrive at once."""
    account.local_cloud.configure_lambda(account.id, callEventDelaySeconds=HOUR)
    account.change_code("f", returning("two"))
    state = bus.receive(1)
    assert bus.is_empty()

    account.local_cloud.configure_lambda(account.id)

    assert [summary(event) for event in [*state, *bus.receive(1)]] == [
        (STATE, READY),
        (CALL, "UpdateFunctionCode20150331v2"),
    ]


@pytest.mark.rule("EventBridge", setting="stateEventDelaySeconds")
def test_state_events_may_be_late(account: Account, bus: Bus) -> None:
    """Lambda's events arrive at once."""
    account.local_cloud.configure_lambda(account.id, stateEventDelaySeconds=HOUR)
    account.change_code("f", returning("two"))
    call = bus.receive(1)
    assert bus.is_empty()

    account.local_cloud.configure_lambda(account.id)

    assert [summary(event) for event in [*call, *bus.receive(1)]] == [
        (CALL, "UpdateFunctionCode20150331v2"),
        (STATE, READY),
    ]


@pytest.mark.rule("EventBridge", setting="eventDelivery")
def test_events_may_arrive_twice(account: Account, bus: Bus, functions: Any) -> None:
    """Each event arrives once."""
    account.local_cloud.configure_lambda(account.id, eventDelivery="twice")

    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")

    one, other = bus.receive(2)
    assert one == other
    assert bus.is_empty()


@pytest.mark.rule("EventBridge", setting="eventOrder")
def test_events_may_be_reversed(account: Account, bus: Bus, functions: Any) -> None:
    """Events arrive in the order of what they report."""
    account.local_cloud.configure_lambda(
        account.id, callEventDelaySeconds=HOUR, stateEventDelaySeconds=HOUR
    )
    functions.update_function_configuration(FunctionName="f", Timeout=9)
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")

    account.local_cloud.configure_lambda(account.id, eventOrder="reversed")

    assert [summary(event) for event in bus.receive(3)] == [
        (CALL, "CreateAlias20150331"),
        (STATE, READY),
        (CALL, "UpdateFunctionConfiguration20150331v2"),
    ]


class Reports:
    """A server to which functions report the events that they receive."""

    def __init__(self, listener: HTTPServer) -> None:
        self._listener = listener
        self._received: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.failures = 0
        listener.expect_request("/").respond_with_handler(self._respond)

    def make_function(self, account: Account, name: str) -> str:
        """Make a function that reports its events; return its ARN."""
        url = self._listener.url_for(f"/?name={name}")
        return account.make_function(name, REPORTING.replace("URL", url), granted=False)

    def next(self) -> tuple[str, Any]:
        """Wait for the next report: the function's name, and the event."""
        return self._received.get()

    def is_empty(self) -> bool:
        """Whether no report waits."""
        return self._received.empty()

    def _respond(self, request: Request) -> Response:
        self._received.put((request.args["name"], json.loads(request.data)))
        self.failures -= 1
        return Response(status=202 if self.failures >= 0 else 200)


@pytest.fixture
def reports() -> Iterator[Reports]:
    """The server for the reports of functions."""
    with PromptServer() as listener:
        yield Reports(listener)


Permit = Callable[..., None]


@pytest.fixture
def permit(functions: Any) -> Permit:
    """Lets EventBridge invoke a function."""

    def permit(arn: str, **conditions: str) -> None:
        functions.add_permission(
            FunctionName=arn,
            StatementId="Events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            **conditions,
        )

    return permit


MOVED = {"source": ["aws.lambda"], "detail": {"eventName": ["UpdateAlias20150331"]}}


def move_alias(functions: Any, times: int) -> None:
    """Create an alias of a function, and move it."""
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")
    for number in range(times):
        functions.update_alias(FunctionName="f", Name="live", Description=f"move {number}")


@pytest.mark.rule("EventBridge")
def test_rule_invokes_its_function(
    account: Account, bus: Bus, functions: Any, reports: Reports, permit: Permit
) -> None:
    """A rule invokes its function once for each event that its pattern matches."""
    arn = reports.make_function(account, "target")
    permit(arn, SourceArn=bus.make_rule("moved", MOVED, arn))

    move_alias(functions, times=2)

    received = [reports.next(), reports.next()]
    assert {name for name, _ in received} == {"target"}
    parameters = [event["detail"]["requestParameters"]["description"] for _, event in received]
    assert sorted(parameters) == ["move 0", "move 1"]
    assert reports.is_empty()


@pytest.mark.rule("EventBridge")
@pytest.mark.parametrize(
    "permission",
    [
        None,
        {"SourceArn": "arn:aws:events:us-east-1:ACCOUNT:rule/other"},
        {"SourceAccount": "111122223333"},
    ],
)
def test_rule_needs_a_permission(
    account: Account,
    bus: Bus,
    functions: Any,
    reports: Reports,
    permit: Permit,
    permission: dict[str, str] | None,
) -> None:
    """A function whose resource policy does not allow the rule's call gets no event."""
    closed = reports.make_function(account, "closed")
    open_ = reports.make_function(account, "open")
    rule = bus.make_rule("moved", MOVED, closed, open_)
    permit(open_, SourceArn=rule, SourceAccount=account.id)
    if permission is not None:
        conditions = {
            key: value.replace("ACCOUNT", account.id) for key, value in permission.items()
        }
        permit(closed, **conditions)

    move_alias(functions, times=2)

    assert [reports.next()[0], reports.next()[0]] == ["open", "open"]
    assert reports.is_empty()


@pytest.mark.rule("EventBridge")
def test_failed_function_is_repeated(
    account: Account, bus: Bus, functions: Any, reports: Reports, permit: Permit
) -> None:
    """An event whose function fails is repeated twice, with the same id."""
    arn = reports.make_function(account, "target")
    permit(arn, SourceArn=bus.make_rule("moved", MOVED, arn))
    reports.failures = 2

    move_alias(functions, times=1)

    events = [reports.next()[1] for _ in range(3)]
    assert events[0] == events[1] == events[2]
