"""Updates that run on after they were cancelled, while the handler rolls them back.

Both invocations are the real handler, each in a container of its own.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from tests.handler.clock import Clock
from tests.handler.events import LABEL, destroyed
from tests.handler.faults import FAULTS, Inject
from tests.handler.stacks import Operation, Region, Stack
from tests.support import Account, connector

OTHER_LABEL = "acme-erp"


ANY_FUNCTIONS = ["one function", "two functions"]


@pytest.fixture
def stack(region: Region) -> Stack:
    """The stack of the registrations."""
    return region.stack()


def after(clock: Clock, seconds: float, action: Any) -> None:
    """Schedule an action for some seconds later."""
    clock.at(clock.now + seconds, action)


@pytest.fixture(params=["function", "description", "both"])
def change(request: pytest.FixtureRequest, old: str, new: str) -> tuple[Any, Any]:
    """The properties before and after an update."""
    with_text: Mapping[str, Mapping[str, Any]] = {
        "function": {},
        "description": {"Description": "New"},
        "both": {"Description": "New"},
    }
    arn = old if request.param == "description" else new
    return destroyed(old, Description="Old"), destroyed(
        arn, **{"Description": "Old", **with_text[request.param]}
    )


class TestCancelledUpdate:
    """The rollback of an update that a user cancels while the handler works on it."""

    @pytest.mark.parametrize("cancelled_after", [0.5, 2, 6])
    def test_during_a_pause(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        inject: Inject,
        old: str,
        change: tuple[Any, Any],
        cancelled_after: float,
    ) -> None:
        """An update that is cancelled between two tries does not win over its rollback."""
        before, update = change
        stack.deploy({"A": before}).wait()
        throttled = inject("UpdateConnectorRegistration", FAULTS["ThrottlingException"][0], 1000)
        operation = stack.deploy({"A": update})
        after(region.clock, cancelled_after, stack.cancel)
        after(region.clock, cancelled_after + 10, throttled.end)

        operation.wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_values(LABEL) == (old, "Old")

    @pytest.mark.parametrize("lands_after", [0.3, 1, 5, 20, 39, 44])
    def test_during_a_call(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        old: str,
        change: tuple[Any, Any],
        lands_after: float,
    ) -> None:
        """A call of a cancelled update does not win, whenever AppFlow carries it out."""
        before, update = change
        stack.deploy({"A": before}).wait()
        slow = region.clock.latency.by_operation
        slow["UpdateConnectorRegistration"] = (lands_after, 0.05)
        operation = stack.deploy({"A": update})
        after(region.clock, 0.2, slow.clear)
        after(region.clock, 0.25, stack.cancel)

        operation.wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_values(LABEL) == (old, "Old")

    @pytest.mark.parametrize("lands_after", [1, 5, 20, 39])
    def test_of_code_during_a_call(
        self, account: Account, region: Region, stack: Stack, lands_after: float
    ) -> None:
        """AppFlow has the configuration of the restored code, whenever the call is carried out."""
        arn = account.make_function("in-place", connector("1.0"))
        stack.deploy({"A": destroyed(arn)}).wait()
        slow = region.clock.latency.by_operation
        slow["UpdateConnectorRegistration"] = (lands_after, 0.05)
        change = Operation(
            before=lambda: account.change_code("in-place", connector("2.0")),
            before_rollback=lambda: account.change_code("in-place", connector("1.0")),
        )
        operation = stack.deploy({"A": destroyed(arn, FunctionHash={"Hash": "2"})}, change)
        after(region.clock, 0.2, slow.clear)
        after(region.clock, 0.25, stack.cancel)

        operation.wait()
        region.settle()

        registered = account.registered(LABEL)
        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert registered is not None
        assert registered["connectorVersion"] == "1.0"

    @pytest.mark.parametrize("lands_after", [0.3, 5])
    def test_of_a_removed_description(
        self, account: Account, region: Region, stack: Stack, old: str, lands_after: float
    ) -> None:
        """A cancelled removal of the description does not win, whenever it is carried out."""
        stack.deploy({"A": destroyed(old, Description="Old")}).wait()
        slow = region.clock.latency.by_operation
        slow["UpdateConnectorRegistration"] = (lands_after, 0.05)
        operation = stack.deploy({"A": destroyed(old)})
        after(region.clock, 0.2, slow.clear)
        after(region.clock, 0.25, stack.cancel)

        operation.wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_values(LABEL) == (old, "Old")

    @pytest.mark.parametrize("latency", [0.3, 1.0])
    def test_with_slow_calls(
        self, region: Region, stack: Stack, old: str, new: str, latency: float
    ) -> None:
        """The rollback of a cancelled update succeeds, however slow the calls are."""
        region.clock.latency.seconds = latency
        stack.deploy({"A": destroyed(old)}).wait()
        statuses = []
        for seed in range(20):
            random.seed(seed)
            operation = stack.deploy({"A": destroyed(new)})
            after(region.clock, latency / 2, stack.cancel)
            operation.wait()
            region.settle()
            statuses.append(stack.status)
            if stack.status == "UPDATE_ROLLBACK_FAILED":
                stack.continue_rollback().wait()

        assert statuses == ["UPDATE_ROLLBACK_COMPLETE"] * 20

    @pytest.mark.parametrize("lands_after", [10, 30])
    def test_with_a_continued_rollback(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        inject: Inject,
        old: str,
        new: str,
        lands_after: float,
    ) -> None:
        """A cancelled update does not win over a rollback that failed once and was continued."""
        stack.deploy({"A": destroyed(old)}).wait()
        slow = region.clock.latency.by_operation
        slow["UpdateConnectorRegistration"] = (lands_after, 0.05)
        operation = stack.deploy({"A": destroyed(new)})
        after(region.clock, 0.2, slow.clear)
        after(region.clock, 0.25, stack.cancel)
        region.clock.advance(0.25)
        inject("UpdateConnectorRegistration", FAULTS["ValidationException"][0], 1)
        operation.wait()
        assert stack.status == "UPDATE_ROLLBACK_FAILED"
        region.clock.advance(5)

        stack.continue_rollback().wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("lands_after", [0.01, 3, 20])
    def test_of_the_label(
        self, account: Account, region: Region, stack: Stack, old: str, lands_after: float
    ) -> None:
        """A cancelled change of the label leaves the old label, and nothing under the new one."""
        stack.deploy({"A": destroyed(old)}).wait()
        slow = region.clock.latency.by_operation
        slow["RegisterConnector"] = (lands_after, 3)
        operation = stack.deploy({"A": destroyed(old, ConnectorLabel=OTHER_LABEL)})
        after(region.clock, 2, stack.cancel)

        operation.wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_arn(LABEL) == old
        assert account.registered(OTHER_LABEL) is None


class TestRedelivery:
    """Events that Lambda delivers twice, to two containers."""

    @pytest.mark.parametrize("seconds", [0, 0.1, 0.3, 1, 60])
    @pytest.mark.parametrize("kind", ["creation", "change"])
    def test_of_a_registered_label(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        old: str,
        seconds: float,
        kind: str,
    ) -> None:
        """A second delivery leaves the label registered that the first one has registered."""
        if kind == "change":
            stack.deploy({"A": destroyed(old)}).wait()
        sent = len(region.invocations)
        operation = stack.deploy({"A": destroyed(old, ConnectorLabel=OTHER_LABEL)})
        region.clock.wait(lambda: len(region.invocations) > sent)

        region.deliver(region.invocations[sent].event, at=region.clock.now + seconds)
        operation.wait()
        region.settle()

        assert stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        assert account.registered_arn(OTHER_LABEL) == old

    @pytest.mark.parametrize("seconds", [0, 0.03, 0.1, 1])
    def test_of_a_rollback_in_progress(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        old: str,
        change: tuple[Any, Any],
        seconds: float,
    ) -> None:
        """A rollback that is delivered twice at about the same time succeeds."""
        before, update = change
        stack.deploy({"A": before}).wait()
        operation = stack.deploy({"A": update, "B": destroyed("arn:of:nothing")})
        region.clock.wait(lambda: len(region.invocations) == 4)
        rollback = region.invocations[-1].event
        assert rollback["ResourceProperties"] == before

        region.deliver(rollback, at=region.clock.now + seconds)
        operation.wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_values(LABEL) == (old, "Old")

    @pytest.mark.parametrize("seconds", [2, 3])
    def test_of_an_update_before_its_rollback(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        old: str,
        new: str,
        seconds: float,
    ) -> None:
        """An update that is delivered twice and then cancelled does not win over its rollback."""
        region.clock.latency.seconds = 1.0
        stack.deploy({"A": destroyed(old)}).wait()
        operation = stack.deploy({"A": destroyed(new)})
        after(region.clock, seconds, lambda: region.deliver(region.invocations[-1].event))
        after(region.clock, 3.2, stack.cancel)

        operation.wait()
        region.settle()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("seconds", [60, 120])
    def test_of_a_rollback_after_an_update(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        change: tuple[Any, Any],
        seconds: float,
    ) -> None:
        """A rollback that is delivered again does not undo the update that came after it."""
        before, update = change
        stack.deploy({"A": before}).wait()
        stack.deploy({"A": update, "B": destroyed("arn:of:nothing")}).wait()
        rollback = region.invocations[-2].event
        assert rollback["ResourceProperties"] == before
        stack.deploy({"A": update}).wait()

        region.deliver(rollback, at=region.clock.now + seconds)
        region.settle()

        assert stack.status == "UPDATE_COMPLETE"
        expected = (update["LambdaArn"], update["Description"])
        assert account.registered_values(LABEL) == expected


@pytest.fixture
def functions(request: pytest.FixtureRequest, old: str, new: str) -> tuple[str, str]:
    """The functions of two resources."""
    return (old, old) if request.param == "one function" else (old, new)


@pytest.mark.parametrize("parallel", [False, True], ids=["serial", "parallel"])
class TestTwoResources:
    """Two resources of one stack that exchange labels."""

    @pytest.fixture
    def labels(
        self, stack: Stack, functions: tuple[str, str], parallel: bool
    ) -> tuple[Any, Any, Operation]:
        """The templates before and after two resources have swapped their labels."""
        first, second = functions
        before = {"A": destroyed(first), "B": destroyed(second, ConnectorLabel=OTHER_LABEL)}
        swapped = {"A": destroyed(first, ConnectorLabel=OTHER_LABEL), "B": destroyed(second)}
        stack.deploy(before).wait()
        return before, swapped, Operation(parallel=parallel)

    @pytest.mark.parametrize("functions", ANY_FUNCTIONS, indirect=True)
    def test_swap(
        self, account: Account, stack: Stack, labels: Any, functions: tuple[str, str]
    ) -> None:
        """Two resources swap their labels, and both labels stay registered."""
        _, swapped, operation = labels

        stack.deploy(swapped, operation).wait()

        assert stack.status == "UPDATE_COMPLETE"
        assert account.registered_arn(OTHER_LABEL) == functions[0]
        assert account.registered_arn(LABEL) == functions[1]

    @pytest.mark.parametrize("functions", ANY_FUNCTIONS, indirect=True)
    def test_swap_is_rolled_back(
        self, account: Account, stack: Stack, labels: Any, functions: tuple[str, str]
    ) -> None:
        """Two resources that have swapped their labels get them back in a rollback."""
        _, swapped, operation = labels
        private = account.make_function("private", connector(), granted=False)
        fails_last = destroyed(private, ConnectorLabel="acme-hr")

        stack.deploy({**swapped, "C": fails_last}, operation).wait()

        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_arn(LABEL) == functions[0]
        assert account.registered_arn(OTHER_LABEL) == functions[1]

    @pytest.mark.parametrize("seconds", [0.05, 0.15, 0.25])
    @pytest.mark.parametrize("functions", ANY_FUNCTIONS, indirect=True)
    def test_swap_is_cancelled(
        self,
        account: Account,
        region: Region,
        stack: Stack,
        labels: Any,
        functions: tuple[str, str],
        seconds: float,
    ) -> None:
        """Two resources whose swap of labels is cancelled lose no label."""
        _, swapped, operation = labels

        task = stack.deploy(swapped, operation)
        after(region.clock, seconds, stack.cancel)
        task.wait()
        region.settle()

        # A resource that was not updated gets no event, so its ARN may be that of the other one.
        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_arn(LABEL) in functions
        assert account.registered_arn(OTHER_LABEL) in functions

    @pytest.mark.parametrize("functions", ANY_FUNCTIONS, indirect=True)
    def test_shift(
        self, account: Account, stack: Stack, labels: Any, functions: tuple[str, str]
    ) -> None:
        """A resource takes the label of another one, which gets a new label."""
        _, swapped, operation = labels
        shifted = {
            "A": swapped["A"],
            "B": destroyed(functions[1], ConnectorLabel="acme-hr"),
        }

        stack.deploy(shifted, operation).wait()

        assert stack.status == "UPDATE_COMPLETE"
        assert account.registered_arn(OTHER_LABEL) == functions[0]
        assert account.registered_arn("acme-hr") == functions[1]
        assert account.registered(LABEL) is None


def test_logical_id_changes(account: Account, stack: Stack, old: str) -> None:
    """A resource with another logical id and the same label keeps the registration."""
    stack.deploy({"A": destroyed(old)}).wait()

    stack.deploy({"B": destroyed(old)}).wait()

    assert stack.status == "UPDATE_COMPLETE"
    assert account.registered_arn(LABEL) == old


def test_changed_logical_id_is_rolled_back(account: Account, stack: Stack, old: str) -> None:
    """The rollback of another logical id with the same label keeps the registration."""
    stack.deploy({"A": destroyed(old)}).wait()

    stack.deploy({"B": destroyed(old), "C": destroyed("arn:of:nothing")}).wait()

    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert account.registered_arn(LABEL) == old
