"""Custom resources: CloudFormation's rules, which MiniStack alone does not enforce.

Each test also fails if a newer MiniStack changes what the local cloud builds on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from appflow_local_cloud.process import LocalCloud
from tests.http_server import PromptServer
from tests.support import Account, LastingAccount, new_account_id

# Reports the event to the test, then responds as the properties of the resource say.
HANDLER = """
import json, time, urllib.request

def encode(body):
    return json.dumps(body, ensure_ascii=False).encode()

def put(url, data):
    request = urllib.request.Request(url, data, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request).read()

def padded(response, size):
    response = response | {"Data": {"Padding": ""}}
    twice, once = divmod(size - len(encode(response)), 2)
    return encode(response | {"Data": {"Padding": "\u00fc" * twice + "x" * once}})

def bodies(event):
    properties = event["ResourceProperties"]
    response = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId", "made")}
    if event["RequestType"] != "Create":
        return [encode(response)]
    if "Bytes" in properties:
        return [padded(response, int(properties["Bytes"]))]
    if "Body" in properties:
        return [properties["Body"].encode()]
    responses = json.loads(properties.get("Responses", "[{}]"))
    return [encode(response | changed) for changed in responses]

def handler(event, context):
    properties = event["ResourceProperties"]
    put(properties["Report"], encode(event))
    if event["RequestType"] == "Create":
        time.sleep(float(properties.get("Sleep", 0)))
    for body in bodies(event):
        put(event["ResponseURL"], body)
"""

Deploy = Callable[..., str]


def responding(*responses: dict[str, Any]) -> dict[str, str]:
    """The property that makes the function respond to a Create, with members changed as given."""
    return {"Responses": json.dumps(responses)}


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    """The server to which the function reports its events, over plain HTTP."""
    with PromptServer() as server:
        yield server


@pytest.fixture
def events(listener: HTTPServer) -> list[dict[str, Any]]:
    """The events that the function has received."""
    received: list[dict[str, Any]] = []

    def record(request: Request) -> Response:
        received.append(json.loads(request.data))
        return Response()

    listener.expect_request("/report").respond_with_handler(record)
    return received


@pytest.fixture(scope="module")
def account(cloud: LocalCloud) -> Iterator[Account]:
    """An account with two functions for custom resources."""
    account = LastingAccount(cloud, new_account_id())
    account.make_function("one", HANDLER)
    account.make_function("two", HANDLER)
    yield account
    account.close()


@pytest.fixture
def name() -> str:
    """The name of the test's stack."""
    return f"stack-{uuid4()}"


@pytest.fixture
def deploy(account: Account, listener: HTTPServer, events: list[Any], name: str) -> Deploy:
    """Deploys a custom resource; returns the reason of its failure, or an empty string."""
    functions = f"arn:aws:lambda:us-east-1:{account.id}:function"
    cloudformation = account.client("cloudformation")

    def deploy(function: str = "one", disable_rollback: bool = False, **properties: Any) -> str:
        exists = bool(events)
        template = {
            "Resources": {
                "Thing": {
                    "Type": "Custom::Thing",
                    "Properties": {
                        "ServiceToken": f"{functions}:{function}",
                        "Report": listener.url_for("/report"),
                        **properties,
                    },
                }
            }
        }
        call = cloudformation.update_stack if exists else cloudformation.create_stack
        options = {} if exists else {"DisableRollback": disable_rollback}
        call(StackName=name, TemplateBody=json.dumps(template), **options)
        kind = "update" if exists else "create"
        waiter = cloudformation.get_waiter(f"stack_{kind}_complete")
        try:
            waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
        except Exception:  # noqa: BLE001 - the reason is in the stack's events
            return failure_reason(cloudformation, name)
        return ""

    return deploy


def failure_reason(cloudformation: Any, stack_name: str) -> str:
    """The reason of the first failure of the custom resource in a stack."""
    found = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    reasons: Iterator[str] = (
        event["ResourceStatusReason"]
        for event in reversed(found)
        if event["LogicalResourceId"] == "Thing" and event["ResourceStatus"].endswith("FAILED")
    )
    return next(reasons)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The request types of events."""
    return [event["RequestType"] for event in events]


NESTED_DATA = "Value of property Data must be an object with String (or simple type) properties"


@pytest.mark.rule("CloudFormation")
def test_valid_response_is_accepted(deploy: Deploy, events: list[Any]) -> None:
    """A valid response completes the resource."""
    assert deploy() == ""
    assert kinds(events) == ["Create"]


@pytest.mark.rule("CloudFormation", "cfnlambda")
@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": None}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": "x" * 1025}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": "\u00fc" * 513}, "Invalid PhysicalResourceId"),
        (
            {"RequestId": "another"},
            "Invalid response: RequestId is 'another', not the RequestId of the event.",
        ),
        (
            {"StackId": None},
            "Invalid response: StackId is None, not the StackId of the event.",
        ),
        (
            {"Status": "Success"},
            "Invalid response: Status is 'Success', not SUCCESS or FAILED.",
        ),
        (
            {"Status": "FAILED"},
            "Invalid response: Reason is required when Status is FAILED.",
        ),
        ({"Data": "text"}, NESTED_DATA),
        ({"Data": {"List": ["a"]}}, NESTED_DATA),
        ({"Data": {"Nested": {"Key": "value"}}}, NESTED_DATA),
    ],
)
def test_invalid_response_fails_resource(
    deploy: Deploy, response: dict[str, Any], reason: str
) -> None:
    """A response with a wrong id or status, without a reason, or with nested Data is refused."""
    assert deploy(**responding(response)) == reason


@pytest.mark.rule("CloudFormation")
@pytest.mark.parametrize("body", ["", "SUCCESS", "[]", "null"])
def test_response_without_object_fails_resource(deploy: Deploy, body: str) -> None:
    """A response that is not a JSON object is refused."""
    assert deploy(Body=body) == "Invalid response: it must be a JSON object."


@pytest.mark.rule("CloudFormation")
def test_simple_data_is_accepted(deploy: Deploy) -> None:
    """Strings, numbers, booleans and null are accepted in Data."""
    assert deploy(**responding({"Data": {"A": "a", "B": 1, "C": True, "D": None}})) == ""


@pytest.mark.rule("CloudFormation")
@pytest.mark.parametrize(("size", "reason"), [(4096, ""), (4097, "Response object is too long.")])
def test_response_size_is_limited_in_bytes(deploy: Deploy, size: int, reason: str) -> None:
    """A response of more than 4,096 bytes, as they arrive, is refused."""
    assert deploy(Bytes=size) == reason


class TestSecondResponse:
    """Only the first response to an event counts."""

    FAILURE: ClassVar[dict[str, Any]] = {"Status": "FAILED", "Reason": "Out of time"}

    @pytest.mark.rule("CloudFormation")
    def test_failure_stays_failure(self, deploy: Deploy, events: list[Any]) -> None:
        """A success after a failure is ignored."""
        assert deploy(**responding(self.FAILURE, {})) == "Out of time"
        assert kinds(events) == ["Create", "Delete"]

    @pytest.mark.rule("CloudFormation")
    def test_success_stays_success(self, deploy: Deploy, events: list[Any]) -> None:
        """A failure after a success is ignored."""
        assert deploy(**responding({}, self.FAILURE)) == ""
        assert kinds(events) == ["Create"]

    @pytest.mark.rule("CloudFormation")
    def test_invalid_response_is_not_repaired(self, deploy: Deploy) -> None:
        """A valid response after an invalid one is ignored."""
        responses = responding({"PhysicalResourceId": ""}, {})

        assert deploy(**responses) == "Invalid PhysicalResourceId"


class TestFailedCreate:
    """What CloudFormation does after a Create that failed."""

    FAILURE = responding({"Status": "FAILED", "Reason": "No", "PhysicalResourceId": "half-made"})

    @pytest.mark.rule("CloudFormation")
    def test_delete_follows_with_physical_id(self, deploy: Deploy, events: list[Any]) -> None:
        """A Delete with the physical id of the response follows a failed Create."""
        assert deploy(**self.FAILURE) == "No"

        assert kinds(events) == ["Create", "Delete"]
        assert events[1]["PhysicalResourceId"] == "half-made"
        assert events[1]["RequestId"] != events[0]["RequestId"]

    @pytest.mark.rule("CloudFormation")
    def test_delete_follows_with_generated_id(self, deploy: Deploy, events: list[Any]) -> None:
        """A Delete with a generated physical id follows a Create without a valid response."""
        deploy(**responding({"PhysicalResourceId": ""}))

        assert kinds(events) == ["Create", "Delete"]
        assert "-Thing-" in events[1]["PhysicalResourceId"]

    @pytest.mark.rule("CloudFormation")
    def test_no_delete_without_rollback(self, deploy: Deploy, events: list[Any]) -> None:
        """With rollback disabled, no Delete follows a failed Create."""
        assert deploy(disable_rollback=True, **self.FAILURE) == "No"

        assert kinds(events) == ["Create"]


@pytest.mark.rule("CloudFormation")
def test_changed_service_token_is_rolled_back(
    account: Account, deploy: Deploy, events: list[Any], name: str
) -> None:
    """An update that changes the ServiceToken is refused and rolled back."""
    assert deploy("one") == ""

    assert deploy("two") == "Modifying service token is not allowed."

    [stack] = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert kinds(events) == ["Create", "Update"]
    functions = {event["ResourceProperties"]["ServiceToken"].rsplit(":", 1)[1] for event in events}
    assert functions == {"one"}


@pytest.mark.rule("CloudFormation")
def test_service_timeout_ends_the_wait(deploy: Deploy, events: list[Any]) -> None:
    """CloudFormation stops waiting after the ServiceTimeout, even if the function still runs."""
    # Long enough for the Delete, which has to start another process of the function.
    assert deploy(ServiceTimeout=3, Sleep=60) == (
        "CloudFormation did not receive a response from your Custom Resource Thing within 3"
        " seconds."
    )
    assert kinds(events) == ["Create", "Delete"]


@pytest.mark.rule("CloudFormation")
@pytest.mark.parametrize("value", [0, 3601, "soon"])
def test_invalid_service_timeout_is_refused(deploy: Deploy, value: Any) -> None:
    """A ServiceTimeout that is not an integer from 1 to 3,600 is refused."""
    assert deploy(ServiceTimeout=value) == (
        f"Invalid ServiceTimeout {value!r}: it must be an integer from 1 to 3600."
    )
