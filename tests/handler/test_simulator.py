"""The simulator of time, CloudFormation and Lambda treats the handler as AWS does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.handler.clock import Clock
from tests.handler.events import LABEL, destroyed
from tests.handler.faults import FAULTS, Inject
from tests.handler.stacks import Region
from tests.support import Account


class TestClock:
    """Tasks and actions, which all share the time."""

    def test_actions_run_at_their_times(self) -> None:
        """Scheduled actions run in the order of their times, each at its time."""
        clock, times = Clock(), list[float]()
        for time in (2, 1, 3, 9):
            clock.at(time, lambda: times.append(clock.now))

        clock.sleep(5)

        assert times == [1, 2, 3]
        assert clock.now == 5

    def test_tasks_take_turns(self) -> None:
        """Of two tasks that sleep, the one goes on whose time comes first."""
        clock, seen = Clock(), list[tuple[str, float]]()

        def sleeping(name: str, seconds: float) -> Callable[[], None]:
            def run() -> None:
                for _ in range(2):
                    clock.sleep(seconds)
                    seen.append((name, clock.now))

            return run

        tasks = [clock.start(sleeping("fast", 2)), clock.start(sleeping("slow", 3))]
        for task in tasks:
            task.wait()

        assert seen == [("fast", 2), ("slow", 3), ("fast", 4), ("slow", 6)]

    def test_failed_task_raises(self) -> None:
        """A task that fails raises its error where it is waited for."""

        def fail() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            Clock().start(fail).wait()

    def test_endless_wait_fails(self) -> None:
        """Waiting for something that cannot happen any more is an error."""
        with pytest.raises(RuntimeError, match="nothing will happen any more"):
            Clock().wait(lambda: False)


def test_timed_out_call_lands_late(account: Account, region: Region, old: str, new: str) -> None:
    """A call that takes longer than the read timeout fails after that, and takes effect later."""
    stack, clock = region.stack(), region.clock
    stack.deploy({"A": destroyed(old)}).wait()
    clock.latency.by_operation["UpdateConnectorRegistration"] = (45, 0)
    clock.at(clock.now + 1, clock.latency.by_operation.clear)
    started = clock.now

    stack.deploy({"A": destroyed(new)}).wait()
    ended, by_then = clock.now, account.operations()
    clock.advance(10)

    assert 40 < ended - started < 43
    assert by_then == ["RegisterConnector", "UpdateConnectorRegistration"]
    assert account.operations() == [*by_then, "UpdateConnectorRegistration"]


class TestCloudFormation:
    """The events of a stack, and the requests that CloudFormation sends."""

    def test_missing_response_fails_the_stack(self, clock: Clock) -> None:
        """A Create without a response fails after the timeout, and so does its Delete."""
        region = Region("https://localhost/response?", lambda *_: None, clock)
        stack = region.stack()

        stack.deploy({"A": destroyed()}).wait()

        request_id = region.invocations[0].request_id
        assert f"check your logs for requestId [{request_id}]" in stack.history[2].reason
        assert stack.status == "ROLLBACK_FAILED"
        assert clock.now == 1200

    def test_cancelled_create_gets_a_made_up_id(self, region: Region, old: str) -> None:
        """The Delete of a Create that was cancelled has an id that CloudFormation made up."""
        stack = region.stack()
        region.clock.at(0.02, stack.fail_another_resource)

        stack.deploy({"A": destroyed(old)}).wait()
        region.settle()

        assert stack.status == "ROLLBACK_COMPLETE"
        assert "Resource creation cancelled" in [event.reason for event in stack.history]
        assert region.invocations[1].event["PhysicalResourceId"].startswith("demo-A-")

    def test_skipped_resource_gets_no_event(
        self, account: Account, region: Region, inject: Inject, old: str, new: str
    ) -> None:
        """A skipped resource gets no event, and is complete for CloudFormation."""
        stack = region.stack()
        stack.deploy({"A": destroyed(old)}).wait()
        operation = stack.deploy({"A": destroyed(new), "B": destroyed("arn:of:nothing")})
        region.clock.wait(lambda: account.registered_arn(LABEL) == new)
        inject("UpdateConnectorRegistration", FAULTS["ValidationException"][0], 1)
        operation.wait()
        sent = len(region.invocations)
        assert stack.status == "UPDATE_ROLLBACK_FAILED"

        stack.continue_rollback(skip=["A"]).wait()

        assert [one.event["LogicalResourceId"] for one in region.invocations[sent:]] == ["B"]
        assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
        assert account.registered_arn(LABEL) == new
        assert stack.resources["A"].properties == destroyed(old)

    def test_events_are_cloudformations(self, region: Region, old: str, new: str) -> None:
        """The events of a cancelled update are those that CloudFormation writes."""
        stack = region.stack()
        stack.deploy({"A": destroyed(old)}).wait()
        operation = stack.deploy({"A": destroyed(new)})
        region.clock.at(region.clock.now + 0.02, stack.cancel)
        operation.wait()

        assert [(event.logical_id, event.status) for event in stack.history[5:]] == [
            ("demo", "UPDATE_IN_PROGRESS"),
            ("A", "UPDATE_IN_PROGRESS"),
            ("A", "UPDATE_FAILED"),
            ("demo", "UPDATE_ROLLBACK_IN_PROGRESS"),
            ("A", "UPDATE_IN_PROGRESS"),
            ("A", "UPDATE_COMPLETE"),
            ("demo", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
            ("demo", "UPDATE_ROLLBACK_COMPLETE"),
        ]
        assert stack.history[7].reason == "Resource update cancelled"

    def test_overlapping_events_get_containers(self, region: Region, old: str, new: str) -> None:
        """An event that comes while another one is handled runs at the same time."""
        stack = region.stack()
        stack.deploy({"A": destroyed(old)}).wait()
        operation = stack.deploy({"A": destroyed(new)})
        region.clock.at(region.clock.now + 0.02, stack.cancel)
        operation.wait()
        region.settle()

        _, update, rollback = region.invocations
        assert update.ended is not None
        assert update.started < rollback.started < update.ended
