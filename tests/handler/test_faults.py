"""The fault table: every kind of event meets every fault, once and for good."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from connector_registration import function, sdk, time_budget
from connector_registration.errors import RETRY_SECONDS, RefreshFailedError

from tests.handler.clock import Clock
from tests.handler.cloudformation import INVOCATION_SECONDS, CloudFormation, Context
from tests.handler.events import LABEL, failing, handler_arn, refresh_event
from tests.handler.faults import FAULTS, Inject, InjectedFault, is_typical
from tests.handler.flows import make_flow, versions
from tests.handler.scenarios import KINDS, effects, scenario
from tests.support import Account, connector

pytestmark = pytest.mark.slow

# Longer than the calls that an event makes before and after those that meet the fault.
OTHER_CALLS_SECONDS = 1.0

# The handler treats all faults of a read with the same code alike, so that one of them is enough
# during the day.
READ_FAULTS = [
    pytest.param(fault, marks=[] if is_typical(fault) else pytest.mark.nightly) for fault in FAULTS
]

READ_OPERATIONS = ["DescribeConnector", "GetFunctionConfiguration", "GetAlias", "Invoke"]


def hides_the_registration(kind: str, fault: str) -> bool:
    """Whether a Delete that meets the fault looks as if nothing were registered."""
    return kind == "delete" and ("NotFound" in fault or "unreadable" in fault)


def succeeds(kind: str, fault: str, code: str, lasting: bool) -> bool:
    """Whether the event succeeds in spite of the fault."""
    if kind == "delete" and "after commit" in fault:
        return True  # The look before the next try shows that nothing is registered.
    if kind == "adopt" and code in ("ConflictException", "ValidationException"):
        return True  # AppFlow may report a taken label by either.
    if hides_the_registration(kind, fault):
        return not lasting  # DescribeConnector decides.
    return code in RETRY_SECONDS and not lasting


def tokens(calls: list[Mapping[str, Any]], operation: str, injected: InjectedFault) -> set[str]:
    """The client tokens of an operation, whether AppFlow or the fault has received the calls."""
    received = (call["parameters"] for call in calls if call["operation"] == operation)
    found = {parameters.get("clientToken", "") for parameters in received}
    return (found | {*injected.tokens}) - {""}


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_event_meets_fault(
    kind: str,
    fault: str,
    lasting: bool,
    account: Account,
    cloudformation: CloudFormation,
    clock: Clock,
    inject: Inject,
    old: str,
    new: str,
) -> None:
    """An event that meets a fault takes effect once or not at all, and its response says which."""
    event = scenario(kind, LABEL, old, new)
    event.set_up(account)
    apply, code = FAULTS[fault]
    injected = inject(event.operation, apply, 10_000 if lasting else 1)
    before = len(account.calls())

    response = cloudformation.send(event.request_type, {}, **event.event)

    succeeded = succeeds(kind, fault, code, lasting)
    assert response["Status"] == ("SUCCESS" if succeeded else "FAILED")
    # A fault after the commit hides an effect that AppFlow has. Adopting has none: its first call
    # is refused because the label is registered. No Delete comes for a failed change of the label,
    # so that the handler unregisters the new one.
    took_effect = succeeded or ("after commit" in fault and kind != "adopt")
    is_undone = took_effect and not succeeded and kind == "replacement"
    remains = took_effect and not is_undone
    assert event.registered(account) == (event.after if remains else event.before)
    calls = account.calls(after=before)
    assert len(effects(calls)) == (2 if is_undone else took_effect)
    assert len(tokens(calls, event.operation, injected)) <= 1
    if not succeeded:
        expected = f"connector {event.label}: {code} from {event.operation}"
        if hides_the_registration(kind, fault):
            expected = f"connector {event.label}: AppFlow still shows the connector after"
        assert response["Reason"].startswith(expected)
        # The Delete that follows a failed Create finds what the Create has registered by its id.
        created_id = event.label if took_effect else "FAILED-CREATE:"
        expected_id = event.event.get("PhysicalResourceId", created_id)
        assert response["PhysicalResourceId"].startswith(expected_id)
    # A Delete that finds the registration again polls for half a minute.
    polling = 30 if hides_the_registration(kind, fault) else 0
    retrying = RETRY_SECONDS.get(code, polling)
    # A call that has begun in time may hang beyond it.
    last_call = sdk.TIMEOUTS["appflow"].read if "hang" in fault else 0
    usable = INVOCATION_SECONDS - time_budget.RESERVED_SECONDS
    assert clock.now <= min(retrying, usable) + last_call + OTHER_CALLS_SECONDS


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", READ_FAULTS)
@pytest.mark.parametrize("kind", sorted({*KINDS} - {"delete"}))
def test_read_of_the_state_meets_fault(
    kind: str,
    fault: str,
    lasting: bool,
    account: Account,
    cloudformation: CloudFormation,
    clock: Clock,
    inject: Inject,
    old: str,
    new: str,
) -> None:
    """An event that cannot read the function's state takes effect once, without a wait."""
    event = scenario(kind, LABEL, old, new)
    event.set_up(account)
    apply, _ = FAULTS[fault]
    inject("GetFunctionConfiguration", apply, 10_000 if lasting else 1)
    before = len(account.calls())

    response = cloudformation.send(event.request_type, {}, **event.event)

    assert response["Status"] == "SUCCESS"
    assert event.registered(account) == event.after
    assert len(effects(account.calls(after=before))) == 1
    assert clock.slept == []


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", READ_FAULTS)
@pytest.mark.parametrize("operation", ["DescribeConnectorProfiles", "ListFlows", "DescribeFlow"])
def test_read_of_what_breaks_meets_fault(
    operation: str,
    fault: str,
    lasting: bool,
    account: Account,
    cloudformation: CloudFormation,
    clock: Clock,
    inject: Inject,
) -> None:
    """An update that breaks a flow fails, whether or not the flow can be read."""
    old = failing(account.make_function("both", versions("v1", "v2")))
    new = failing(account.make_function("only-v2", versions("v2")))
    cloudformation.create(old)
    make_flow(account)
    apply, code = FAULTS[fault]
    inject(operation, apply, 10_000 if lasting else 1)

    response = cloudformation.update(new, old, LABEL)

    if (operation, code) == ("DescribeFlow", "ResourceNotFoundException"):
        assert response["Status"] == "SUCCESS"  # The flow has been deleted.
        return
    assert response["Status"] == "FAILED"
    if code in RETRY_SECONDS and not lasting:
        assert "the new code breaks 1 flow" in response["Reason"]
    else:
        assert "whether flows or profiles break is not known" in response["Reason"]
        assert f"API_VERSION_REMOVED:v1: {code} from {operation}" in response["Reason"]
    usable = INVOCATION_SECONDS - time_budget.RESERVED_SECONDS
    last_call = sdk.TIMEOUTS["appflow"].read if "hang" in fault else 0
    assert clock.now <= min(RETRY_SECONDS.get(code, 0), usable) + last_call + OTHER_CALLS_SECONDS


@pytest.fixture
def moved_alias(account: Account) -> str:
    """The alias of a connector's function that was moved from version 1.0 to 2.0 once registered.

    An alias needs no cold start of its function in each test.
    """
    aws = account.client("lambda")
    name = "aliased"
    arn = f"{account.make_function(name, connector('2.0'))}:live"
    try:
        aws.get_alias(FunctionName=name, Name="live")
    except aws.exceptions.ResourceNotFoundException:
        for version in ("1.0", "2.0"):
            account.change_code(name, connector(version))
            aws.publish_version(FunctionName=name)
        aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        account.grant_appflow(arn)
    aws.update_alias(FunctionName=name, Name="live", FunctionVersion="1")
    account.register(LABEL, arn)
    aws.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    return arn


def deliver(clock: Clock, arn: str) -> str:
    """Deliver an event about a function, and return the error by which Lambda would repeat it."""
    context = Context(clock, invoked_function_arn=handler_arn(arn))
    try:
        function.handler(refresh_event(arn, at=clock.now), context)
    except RefreshFailedError as error:
        return str(error)
    return ""


def is_final(operation: str, code: str, lasting: bool) -> bool:
    """Whether a refresh event fails by a fault."""
    if operation == "UpdateConnectorRegistration":
        return lasting or code not in RETRY_SECONDS
    # The state and the response of a function may not be known, and a label that is not registered
    # is none of the handler's.
    if operation != "DescribeConnector" or code == "ResourceNotFoundException":
        return False
    return lasting or code not in RETRY_SECONDS


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        *itertools.product(["UpdateConnectorRegistration"], FAULTS),
        *(
            pytest.param(operation, *fault.values, marks=fault.marks)
            for operation, fault in itertools.product(READ_OPERATIONS, READ_FAULTS)
        ),
    ],
)
def test_refresh_event_meets_fault(
    operation: str,
    fault: str,
    lasting: bool,
    account: Account,
    cloudformation: CloudFormation,
    clock: Clock,
    inject: Inject,
    moved_alias: str,
) -> None:
    """A refresh event that meets a fault takes effect once or fails, and a later one corrects."""
    apply, code = FAULTS[fault]
    before = len(account.calls())
    injected = inject(operation, apply, 10_000 if lasting else 1)

    error = deliver(clock, moved_alias)

    assert bool(error) is is_final(operation, code, lasting)
    if error:
        assert error.startswith(f"connector {LABEL}: {code} from {operation}: ")
    calls = account.calls(after=before)
    is_left = code == "ResourceNotFoundException" and operation in READ_OPERATIONS[:3]
    took_effect = not (error or is_left) or (
        operation == "UpdateConnectorRegistration" and "after commit" in fault
    )
    assert len(effects(calls)) == took_effect
    assert len(tokens(calls, "UpdateConnectorRegistration", injected)) <= 1
    assert clock.now <= INVOCATION_SECONDS
    injected.end()
    assert deliver(clock, moved_alias) == ""
    registered = account.registered(LABEL)
    assert registered is not None
    assert registered["connectorVersion"] == "2.0"
    assert len(effects(account.calls(after=before))) == 1
