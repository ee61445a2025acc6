"""Functions: when they are ready after a creation or an update, as on Lambda.

Each test also fails if a newer MiniStack changes what the local cloud builds on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.local_cloud.support import LABEL, WITHOUT_RETRIES, described, refusal, registration
from tests.support import Account, connector, zipped

# Longer than any test: what is not ready becomes ready when a test sets zero seconds.
HOUR = 3600

NOT_NOW = "The operation cannot be performed at this time."
PENDING = f"{NOT_NOW} The function is currently in the following state: Pending"
PENDING_STATE = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
IN_PROGRESS_STATE = {
    "State": "Active",
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}
READY_STATE = {"State": "Active", "LastUpdateStatus": "Successful"}


def returning(value: str) -> str:
    """The source of a function that returns a text and its environment variable RELEASE."""
    return f"""
import os

def handler(event, context):
    print(event)
    return [{value!r}, os.environ.get("RELEASE")]
"""


def states(configuration: Mapping[str, Any]) -> dict[str, str]:
    """The members of a function's configuration that say whether it is ready."""
    return {
        name: value
        for name, value in configuration.items()
        if name.startswith(("State", "LastUpdateStatus"))
    }


def states_of(client: Any, name: str, **qualifier: str) -> dict[str, str]:
    """What GetFunctionConfiguration says of a function, version or alias."""
    return states(client.get_function_configuration(FunctionName=name, **qualifier))


def result_of(client: Any, name: str) -> Any:
    """What a function, version or alias returns."""
    return json.load(client.invoke(FunctionName=name)["Payload"])


def deploy_resources(account: Account, **resources: Any) -> None:
    """Create or update a stack."""
    cloudformation = account.client("cloudformation")
    exists = bool(cloudformation.list_stacks()["StackSummaries"])
    change = cloudformation.update_stack if exists else cloudformation.create_stack
    change(StackName="stack", TemplateBody=json.dumps({"Resources": resources}))
    waiter = cloudformation.get_waiter(f"stack_{'update' if exists else 'create'}_complete")
    waiter.wait(StackName="stack", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def deploy(account: Account, value: str, **resources: Any) -> None:
    """Create or update a stack with a function that returns a text twice."""
    properties = {
        "FunctionName": "f",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": f"arn:aws:iam::{account.id}:role/f",
        "Code": {"ZipFile": returning(value)},
        "Environment": {"Variables": {"RELEASE": value}},
    }
    function = {"Type": "AWS::Lambda::Function", "Properties": properties}
    deploy_resources(account, Function=function, **resources)


@pytest.fixture
def functions(account: Account) -> Any:
    """A client of Lambda that reports the first failure of a call."""
    return account.client("lambda", config=WITHOUT_RETRIES)


@pytest.mark.rule("choice")
def test_functions_are_ready_by_default(account: Account, functions: Any) -> None:
    """Without a setting, functions are ready at once after a creation, an update or a version."""
    account.make_function("f", returning("one"))
    created = states_of(functions, "f")
    account.change_code("f", returning("two"))
    updated = states_of(functions, "f")
    version = functions.publish_version(FunctionName="f")

    assert [created, updated, states(version)] == [READY_STATE] * 3
    assert result_of(functions, "f:1") == ["two", None]


@pytest.mark.rule("function states")
def test_new_function_is_pending(account: Account, functions: Any) -> None:
    """A new function is `Pending`, with a reason and its code, and then `Active`."""
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR)
    account.make_function("f", returning("one"))

    pending = states_of(functions, "f")
    in_function = states(functions.get_function(FunctionName="f")["Configuration"])
    listed = [states(one) for one in functions.list_functions()["Functions"]]
    account.local_cloud.configure_lambda(account.id)
    ready = states_of(functions, "f")

    assert [pending, in_function, *listed] == [PENDING_STATE] * 3
    assert ready == READY_STATE


@pytest.mark.rule("function states", "conflict")
def test_pending_function_is_not_invoked(account: Account, appflow: Any, functions: Any) -> None:
    """A pending function: `ResourceConflictException` from Invoke, 409, and AppFlow's own error."""
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR)
    arn = account.make_function("crm", connector())

    invoked = refusal(functions.invoke, FunctionName="crm")
    code, status, message = refusal(appflow.register_connector, **registration(LABEL, arn))
    account.local_cloud.configure_lambda(account.id)
    account.register(LABEL, arn)

    assert invoked == ("ResourceConflictException", 409, PENDING)
    assert (code, status) == ("ConnectorServerException", 400)
    assert PENDING in message


@pytest.mark.rule("function states", "conflict")
def test_pending_function_is_not_changed(account: Account, functions: Any) -> None:
    """Changes of a pending function: `ResourceConflictException`, 409."""
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR)
    account.make_function("f", returning("one"))
    package = zipped(returning("two"))

    refusals = [
        refusal(functions.update_function_code, FunctionName="f", ZipFile=package),
        refusal(functions.update_function_configuration, FunctionName="f", Timeout=9),
        refusal(functions.publish_version, FunctionName="f"),
    ]
    account.local_cloud.configure_lambda(account.id)

    assert refusals == [("ResourceConflictException", 409, PENDING)] * 3
    assert result_of(functions, "f") == ["one", None]


@pytest.mark.rule("function states")
def test_update_is_in_progress(account: Account, functions: Any) -> None:
    """After an update, `LastUpdateStatus` is `InProgress`, then `Successful`."""
    account.make_function("f", returning("one"))
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)

    package = zipped(returning("two"))
    code = functions.update_function_code(FunctionName="f", ZipFile=package)
    shown = states_of(functions, "f")
    account.local_cloud.configure_lambda(account.id)
    after_code = states_of(functions, "f")
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    configuration = functions.update_function_configuration(FunctionName="f", Timeout=9)

    assert [states(code), shown, states(configuration)] == [IN_PROGRESS_STATE] * 3
    assert after_code == READY_STATE


@pytest.mark.rule("function states")
def test_update_in_progress_runs_old_code(account: Account, functions: Any) -> None:
    """While an update is in progress, invocations run the old code and configuration."""
    account.make_function("f", returning("one"))
    environment = {"Variables": {"RELEASE": "new"}}
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")

    before = result_of(functions, "f")
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    account.change_code("f", returning("two"))
    during_code = [result_of(functions, name) for name in ("f", "f:live", "f")]
    account.local_cloud.configure_lambda(account.id)
    after_code = result_of(functions, "f")
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    functions.update_function_configuration(FunctionName="f", Environment=environment)
    during_configuration = result_of(functions, "f")
    account.local_cloud.configure_lambda(account.id)

    assert [before, *during_code] == [["one", None]] * 4
    assert [after_code, during_configuration] == [["two", None]] * 2
    assert result_of(functions, "f:live") == ["two", "new"]


@pytest.mark.rule("function states")
def test_appflow_reads_old_configuration(account: Account, appflow: Any, arn: str) -> None:
    """While an update is in progress, AppFlow reads the configuration of the old code."""
    account.register(LABEL, arn)
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    account.change_code("crm", connector("2.0"))

    appflow.update_connector_registration(connectorLabel=LABEL)
    during = described(appflow)["connectorVersion"]
    account.local_cloud.configure_lambda(account.id)
    appflow.update_connector_registration(connectorLabel=LABEL)

    assert (during, described(appflow)["connectorVersion"]) == ("1.0", "2.0")


@pytest.mark.rule("function states", "conflict")
def test_update_in_progress_is_not_changed(account: Account, functions: Any) -> None:
    """Changes during an update: `ResourceConflictException`, 409, with the function's ARN."""
    arn = account.make_function("f", returning("one"))
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    account.change_code("f", returning("two"))
    package = zipped(returning("three"))

    refusals = [
        refusal(functions.update_function_code, FunctionName="f", ZipFile=package),
        refusal(functions.update_function_configuration, FunctionName="f", Timeout=9),
        refusal(functions.publish_version, FunctionName="f"),
    ]
    account.local_cloud.configure_lambda(account.id)

    message = f"{NOT_NOW} An update is in progress for resource: {arn}"
    assert refusals == [("ResourceConflictException", 409, message)] * 3
    assert result_of(functions, "f") == ["two", None]


@pytest.mark.rule("function states", "conflict")
def test_creation_can_fail(account: Account, functions: Any) -> None:
    """With `creationFailure`, a function becomes `Failed` with this reason, and is not invoked."""
    account.local_cloud.configure_lambda(
        account.id, pendingSeconds=HOUR, creationFailure="The subnet has no free addresses."
    )
    account.make_function("f", returning("one"))

    pending = states_of(functions, "f")
    account.local_cloud.configure_lambda(
        account.id, creationFailure="The subnet has no free addresses."
    )
    failed = states_of(functions, "f")
    account.local_cloud.configure_lambda(account.id)

    assert pending == PENDING_STATE
    assert failed == {
        "State": "Failed",
        "StateReason": "The subnet has no free addresses.",
        "StateReasonCode": "InternalError",
    }
    assert states_of(functions, "f") == failed
    assert refusal(functions.invoke, FunctionName="f") == (
        "ResourceConflictException",
        409,
        f"{NOT_NOW} The function is currently in the following state: Failed",
    )


@pytest.mark.rule("choice")
def test_update_repairs_failed_function(account: Account, functions: Any) -> None:
    """The update of a function whose creation failed makes it pending, then active."""
    account.local_cloud.configure_lambda(account.id, creationFailure="No")
    account.make_function("f", returning("one"))
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR)

    account.change_code("f", returning("two"))
    pending = states_of(functions, "f")
    account.local_cloud.configure_lambda(account.id)

    assert pending == PENDING_STATE
    assert result_of(functions, "f") == ["two", None]


@pytest.mark.rule("function states")
def test_update_can_fail(account: Account, functions: Any) -> None:
    """With `updateFailure`, an update becomes `Failed` with this reason; the old code stays."""
    account.make_function("f", returning("one"))
    account.local_cloud.configure_lambda(account.id, updateFailure="The image was deleted.")

    account.change_code("f", returning("two"))
    failed = states_of(functions, "f")
    with_old_code = result_of(functions, "f")
    account.local_cloud.configure_lambda(account.id)
    account.change_code("f", returning("three"))

    assert failed == {
        "State": "Active",
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReason": "The image was deleted.",
        "LastUpdateStatusReasonCode": "InternalError",
    }
    assert with_old_code == ["one", None]
    assert states_of(functions, "f") == READY_STATE
    assert result_of(functions, "f") == ["three", None]


@pytest.mark.rule("function states", "conflict")
def test_snapstart_version_is_pending(account: Account, functions: Any) -> None:
    """A new version of a function with SnapStart is `Pending`, though the function is active."""
    account.make_function("f", returning("one"))
    functions.update_function_configuration(
        FunctionName="f", SnapStart={"ApplyOn": "PublishedVersions"}
    )
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR)

    published = functions.publish_version(FunctionName="f")
    by_qualifier = states_of(functions, "f", Qualifier="1")
    by_arn = states_of(functions, published["FunctionArn"])
    unqualified = states_of(functions, "f")
    invoked = refusal(functions.invoke, FunctionName="f:1")
    account.local_cloud.configure_lambda(account.id)
    waiter = functions.get_waiter("published_version_active")
    waiter.wait(FunctionName="f", Qualifier="1", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})

    assert [states(published), by_qualifier, by_arn] == [PENDING_STATE] * 3
    assert unqualified == READY_STATE
    assert invoked == ("ResourceConflictException", 409, PENDING)
    assert result_of(functions, "f:1") == ["one", None]


@pytest.mark.rule("function states")
def test_image_version_is_pending(account: Account, functions: Any) -> None:
    """A new version of a function with a container image is `Pending`, also through an alias."""
    image = f"{account.id}.dkr.ecr.us-east-1.amazonaws.com/crm:1"
    account.make_function("zip", returning("one"))
    role = functions.get_function_configuration(FunctionName="zip")["Role"]
    functions.create_function(
        FunctionName="f", PackageType="Image", Code={"ImageUri": image}, Role=role
    )
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR)

    of_image = states(functions.publish_version(FunctionName="f"))
    of_zip = states(functions.publish_version(FunctionName="zip"))
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    by_alias = states_of(functions, "f", Qualifier="live")
    account.local_cloud.configure_lambda(account.id)

    assert [of_image, by_alias] == [PENDING_STATE] * 2
    assert of_zip == READY_STATE
    assert states_of(functions, "f", Qualifier="live") == READY_STATE


@pytest.mark.rule("choice")
def test_version_can_fail(account: Account, functions: Any) -> None:
    """With `creationFailure`, a version that was pending becomes `Failed`."""
    account.make_function("f", returning("one"))
    functions.update_function_configuration(
        FunctionName="f", SnapStart={"ApplyOn": "PublishedVersions"}
    )
    account.local_cloud.configure_lambda(account.id, creationFailure="No snapshot.")

    functions.publish_version(FunctionName="f")

    failed = states_of(functions, "f", Qualifier="1")
    assert (failed["State"], failed["StateReason"]) == ("Failed", "No snapshot.")
    assert states_of(functions, "f") == READY_STATE


@pytest.mark.rule("choice")
def test_recreated_function_starts_anew(account: Account, functions: Any) -> None:
    """A function that is deleted and created again has none of the states of the first one."""
    account.make_function("f", returning("one"))
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    account.change_code("f", returning("two"))
    role = functions.get_function_configuration(FunctionName="f")["Role"]

    functions.delete_function(FunctionName="f")
    functions.create_function(
        FunctionName="f",
        Runtime="python3.13",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": zipped(returning("three"))},
    )

    assert states_of(functions, "f") == READY_STATE
    assert result_of(functions, "f") == ["three", None]


@pytest.mark.rule("choice")
def test_cloudformation_does_not_wait(account: Account, functions: Any) -> None:
    """CloudFormation goes on while functions are pending or updated, so that both are seen."""
    account.local_cloud.configure_lambda(account.id, pendingSeconds=HOUR, inProgressSeconds=HOUR)
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": "f"}}
    first = {"First": {**version, "DependsOn": "Function"}}

    deploy(account, "one", **first)
    created = [states_of(functions, name) for name in ("f", "f:1")]
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)
    ready = [states_of(functions, name) for name in ("f", "f:1")]
    deploy(account, "two", **first, Second={**version, "DependsOn": "Function"})
    updated = [states_of(functions, name) for name in ("f", "f:2")]
    during = [result_of(functions, name) for name in ("f", "f:1", "f:2")]
    account.local_cloud.configure_lambda(account.id)

    assert created == [PENDING_STATE] * 2
    assert ready == [READY_STATE] * 2
    assert updated == [IN_PROGRESS_STATE, READY_STATE]
    assert during == [["one", "one"], ["one", "one"], ["two", "two"]]
    assert result_of(functions, "f") == ["two", "two"]


@pytest.mark.rule("choice")
def test_second_update_keeps_old_code(account: Account, functions: Any) -> None:
    """After two updates in progress, invocations run the code from before both."""
    deploy(account, "one")
    account.local_cloud.configure_lambda(account.id, inProgressSeconds=HOUR)

    deploy(account, "two")
    deploy(account, "three")
    during = result_of(functions, "f")
    account.local_cloud.configure_lambda(account.id)

    assert during == ["one", "one"]
    assert result_of(functions, "f") == ["three", "three"]


@pytest.mark.rule("Lambda API")
def test_alias_shows_its_weights(account: Account, functions: Any) -> None:
    """GetAlias shows the weights of an alias while it has any."""
    account.make_function("f", returning("one"))
    functions.publish_version(FunctionName="f")
    account.change_code("f", returning("two"))
    functions.publish_version(FunctionName="f")
    alias = {"FunctionName": "f", "Name": "live"}
    halves, none = ({"AdditionalVersionWeights": weights} for weights in ({"2": 0.5}, {}))

    functions.create_alias(**alias, FunctionVersion="1", RoutingConfig=halves)
    weighted = functions.get_alias(**alias)
    functions.update_alias(**alias, RoutingConfig=none)
    without = functions.get_alias(**alias)

    assert weighted["RoutingConfig"] == halves
    assert "RoutingConfig" not in without


@pytest.mark.rule("Lambda API")
def test_alias_of_stack_shows_its_weights(account: Account, functions: Any) -> None:
    """GetAlias shows the weights of a stack's alias in the form of the API."""
    account.make_function("f", returning("one"))
    functions.publish_version(FunctionName="f")
    account.change_code("f", returning("two"))
    functions.publish_version(FunctionName="f")
    weights = [{"FunctionVersion": "2", "FunctionWeight": 0.1}]
    properties = {
        "FunctionName": "f",
        "Name": "live",
        "FunctionVersion": "1",
        "RoutingConfig": {"AdditionalVersionWeights": weights},
    }

    deploy_resources(account, Alias={"Type": "AWS::Lambda::Alias", "Properties": properties})

    shown = functions.get_alias(FunctionName="f", Name="live")["RoutingConfig"]
    assert shown == {"AdditionalVersionWeights": {"2": 0.1}}
