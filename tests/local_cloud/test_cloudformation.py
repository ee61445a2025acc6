"""CloudFormation on the local cloud is as strict with custom resources as the real one.

Each test fails as soon as MiniStack changes under the guard that it is about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from appflow_local_cloud.process import LocalCloud
from tests.support import Account, new_account_id

# Answers as the properties say, after telling the test of the event.
HANDLER = """
import json, time, urllib.request

def encode(body):
    return json.dumps(body, ensure_ascii=False).encode()

def put(url, data):
    request = urllib.request.Request(url, data, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request).read()

def padded(answer, size):
    answer = answer | {"Data": {"Padding": ""}}
    twice, once = divmod(size - len(encode(answer)), 2)
    return encode(answer | {"Data": {"Padding": "\u00fc" * twice + "x" * once}})

def bodies(event):
    properties = event["ResourceProperties"]
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId", "made")}
    if event["RequestType"] != "Create":
        return [encode(answer)]
    if "Bytes" in properties:
        return [padded(answer, int(properties["Bytes"]))]
    if "Body" in properties:
        return [properties["Body"].encode()]
    return [encode(answer | changed) for changed in json.loads(properties.get("Answers", "[{}]"))]

def handler(event, context):
    properties = event["ResourceProperties"]
    put(properties["Tell"], encode(event))
    if event["RequestType"] == "Create":
        time.sleep(float(properties.get("Sleep", 0)))
    for body in bodies(event):
        put(event["ResponseURL"], body)
"""

Deploy = Callable[..., str]


def answering(*answers: dict[str, Any]) -> dict[str, str]:
    """The property that makes the function answer a Create so, one answer after the other."""
    return {"Answers": json.dumps(answers)}


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    """Whom the handler tells of its events; over plain HTTP, unlike the handler's tests' own."""
    with HTTPServer() as server:
        yield server


@pytest.fixture
def events(listener: HTTPServer) -> list[dict[str, Any]]:
    """The events that the handler receives."""
    received: list[dict[str, Any]] = []

    def take(request: Request) -> Response:
        received.append(json.loads(request.data))
        return Response()

    listener.expect_request("/tell").respond_with_handler(take)
    return received


@pytest.fixture(scope="module")
def account(cloud: LocalCloud) -> Account:
    account = Account(cloud, new_account_id())
    account.make_function("one", HANDLER)
    account.make_function("two", HANDLER)
    return account


@pytest.fixture
def name() -> str:
    """The name of the test's stack."""
    return f"stack-{uuid4()}"


@pytest.fixture
def deploy(account: Account, listener: HTTPServer, events: list[Any], name: str) -> Deploy:
    """Deploys one custom resource; returns the reason of its failure, or an empty string."""
    tokens = f"arn:aws:lambda:us-east-1:{account.id}:function"
    cloudformation = account.client("cloudformation")

    def deploy(function: str = "one", disable_rollback: bool = False, **properties: Any) -> str:
        exists = bool(events)
        template = {
            "Resources": {
                "Thing": {
                    "Type": "Custom::Thing",
                    "Properties": {
                        "ServiceToken": f"{tokens}:{function}",
                        "Tell": listener.url_for("/tell"),
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
            found = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            reasons: Iterator[str] = (
                event["ResourceStatusReason"]
                for event in reversed(found)
                if event["LogicalResourceId"] == "Thing"
                and event["ResourceStatus"].endswith("FAILED")
            )
            return next(reasons)
        return ""

    return deploy


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["RequestType"] for event in events]


DATA_FAULT = "Value of property Data must be an object with String (or simple type) properties"


class TestAnswers:
    def test_that_are_right_are_taken(self, deploy: Deploy, events: list[Any]) -> None:
        assert deploy() == ""
        assert kinds(events) == ["Create"]

    @pytest.mark.parametrize(
        ("answer", "fault"),
        [
            ({"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
            ({"PhysicalResourceId": None}, "Invalid PhysicalResourceId"),
            ({"PhysicalResourceId": "x" * 1025}, "Invalid PhysicalResourceId"),
            ({"PhysicalResourceId": "\u00fc" * 513}, "Invalid PhysicalResourceId"),
            (
                {"RequestId": "another"},
                "Invalid response: RequestId is 'another', and not that of the request.",
            ),
            (
                {"StackId": None},
                "Invalid response: StackId is None, and not that of the request.",
            ),
            (
                {"Status": "Success"},
                "Invalid response: Status is 'Success', not SUCCESS or FAILED.",
            ),
            (
                {"Status": "FAILED"},
                "Invalid response: Reason is required when Status is FAILED.",
            ),
            ({"Data": "text"}, DATA_FAULT),
            ({"Data": {"List": ["a"]}}, DATA_FAULT),
            ({"Data": {"Nested": {"Key": "value"}}}, DATA_FAULT),
        ],
    )
    def test_that_break_the_rules_fail_the_resource(
        self, deploy: Deploy, answer: dict[str, Any], fault: str
    ) -> None:
        assert deploy(**answering(answer)) == fault

    @pytest.mark.parametrize("body", ["", "SUCCESS", "[]", "null"])
    def test_that_are_no_json_objects_fail_the_resource(self, deploy: Deploy, body: str) -> None:
        assert deploy(Body=body) == "Invalid response: it must be a JSON object."

    def test_with_simple_values_of_every_kind_are_taken(self, deploy: Deploy) -> None:
        assert deploy(**answering({"Data": {"A": "a", "B": 1, "C": True, "D": None}})) == ""

    @pytest.mark.parametrize(
        ("size", "fault"), [(4096, ""), (4097, "Response object is too long.")]
    )
    def test_are_as_long_as_the_bytes_that_arrive(
        self, deploy: Deploy, size: int, fault: str
    ) -> None:
        assert deploy(Bytes=size) == fault


class TestSecondAnswer:
    def test_does_not_make_a_failure_a_success(self, deploy: Deploy, events: list[Any]) -> None:
        failure = {"Status": "FAILED", "Reason": "Out of time"}

        assert deploy(**answering(failure, {})) == "Out of time"
        assert kinds(events) == ["Create", "Delete"]

    def test_does_not_make_a_success_a_failure(self, deploy: Deploy, events: list[Any]) -> None:
        failure = {"Status": "FAILED", "Reason": "Out of time"}

        assert deploy(**answering({}, failure)) == ""
        assert kinds(events) == ["Create"]

    def test_does_not_repair_an_invalid_one(self, deploy: Deploy) -> None:
        assert deploy(**answering({"PhysicalResourceId": ""}, {})) == "Invalid PhysicalResourceId"


class TestFailedCreate:
    FAILURE = answering({"Status": "FAILED", "Reason": "No", "PhysicalResourceId": "half-made"})

    def test_is_followed_by_a_delete_under_the_id_of_the_answer(
        self, deploy: Deploy, events: list[Any]
    ) -> None:
        assert deploy(**self.FAILURE) == "No"

        assert kinds(events) == ["Create", "Delete"]
        assert events[1]["PhysicalResourceId"] == "half-made"
        assert events[1]["RequestId"] != events[0]["RequestId"]

    def test_without_a_valid_answer_is_deleted_under_a_made_up_id(
        self, deploy: Deploy, events: list[Any]
    ) -> None:
        deploy(**answering({"PhysicalResourceId": ""}))

        assert kinds(events) == ["Create", "Delete"]
        assert "-Thing-" in events[1]["PhysicalResourceId"]

    def test_is_left_as_it_is_when_nothing_is_to_be_rolled_back(
        self, deploy: Deploy, events: list[Any]
    ) -> None:
        assert deploy(disable_rollback=True, **self.FAILURE) == "No"

        assert kinds(events) == ["Create"]


class TestServiceToken:
    def test_may_not_change_and_the_update_is_rolled_back(
        self, account: Account, deploy: Deploy, events: list[Any], name: str
    ) -> None:
        assert deploy("one") == ""

        assert deploy("two") == "Modifying service token is not allowed."

        [stack] = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert kinds(events) == ["Create", "Update"]
        tokens = {event["ResourceProperties"]["ServiceToken"].rsplit(":", 1)[1] for event in events}
        assert tokens == {"one"}


class TestServiceTimeout:
    def test_ends_the_wait_although_the_function_is_still_running(
        self, deploy: Deploy, events: list[Any]
    ) -> None:
        assert deploy(ServiceTimeout=1, Sleep=60) == (
            "CloudFormation did not receive a response from your Custom Resource Thing within 1"
            " seconds."
        )
        assert kinds(events) == ["Create", "Delete"]

    @pytest.mark.parametrize("value", [0, 3601, "soon"])
    def test_outside_its_range_is_refused(self, deploy: Deploy, value: Any) -> None:
        assert deploy(ServiceTimeout=value) == (
            f"Invalid ServiceTimeout {value!r}: it must be an integer from 1 to 3600."
        )
