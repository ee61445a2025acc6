"""Stale events, which CloudFormation no longer waits for, and late ones, for which it does.

The tokens of the calls keep an event that took effect from taking effect again. These tests are
about the others: events that failed, that had nothing to do, or that delete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL, destroyed, properties
from tests.support import FAILING_CONNECTOR, Account, connector

MINUTE = 60.0

NOTHING_DONE = (
    "connector acme-crm: CloudFormation no longer waits for this event, which arrived late"
    " or for a second time. Nothing was changed."
)


@pytest.fixture
def stack_event_reads(cloudformation_api: HTTPServer) -> Callable[[], int]:
    """How many pages of the stack's events have been read."""

    def count() -> int:
        return len(cloudformation_api.log)

    return count


@dataclass(frozen=True)
class Redelivery:
    """What came of an event that was delivered again.

    Attributes:
        status: that of the response.
        reason: that of the response.
        operations: those called, without DescribeConnector.
        change: the registration before and after, if they differ.
    """

    status: str
    reason: str
    operations: list[str]
    change: tuple[Any, Any] | None


IGNORED = Redelivery("FAILED", NOTHING_DONE, operations=[], change=None)


class Late:
    """Delivers events again, a minute after everything else."""

    def __init__(self, account: Account, cloudformation: CloudFormation) -> None:
        self._account = account
        self._cloudformation = cloudformation

    def send(self, kind: str, given: Mapping[str, Any], **event: Any) -> dict[str, Any]:
        """Send an event for the first time, and return it."""
        sent = self._cloudformation.event(kind, given, **event)
        self._cloudformation.send(kind, given, **{"RequestId": sent["RequestId"], **event})
        return sent

    def redeliver_late(self, event: Mapping[str, Any]) -> Redelivery:
        """Deliver an event again."""
        before, calls = self._account.registered(LABEL), len(self._account.calls())
        self._cloudformation.clock.sleep(MINUTE)
        response = self._cloudformation.deliver(event)
        after = self._account.registered(LABEL)
        operations = [call["operation"] for call in self._account.calls(after=calls)]
        return Redelivery(
            response["Status"],
            response["Reason"],
            [operation for operation in operations if operation != "DescribeConnector"],
            None if before == after else (before, after),
        )


@pytest.fixture
def late(account: Account, cloudformation: CloudFormation) -> Late:
    """Late deliveries to the handler."""
    return Late(account, cloudformation)


class TestStaleEvent:
    """Events that are delivered again after CloudFormation has recorded their end."""

    def test_rolled_back_update_is_ignored(
        self, account: Account, cloudformation: CloudFormation, late: Late, old: str
    ) -> None:
        """An update that failed and was rolled back is ignored when it is redelivered."""
        private = account.make_function("private", connector("2.0"), granted=False)
        before, after = destroyed(old), destroyed(private)
        cloudformation.create(before)
        failed = late.send("Update", after, OldResourceProperties=before, PhysicalResourceId=LABEL)
        cloudformation.update(before, after, LABEL)
        account.grant_appflow(private)

        assert late.redeliver_late(failed) == IGNORED

    def test_update_without_refresh_is_ignored(
        self, cloudformation: CloudFormation, late: Late, old: str, new: str
    ) -> None:
        """An update that needed no refresh is ignored when it is redelivered."""
        retained, removed = properties(old), destroyed(old)
        cloudformation.create(retained)
        silent = late.send(
            "Update", removed, OldResourceProperties=retained, PhysicalResourceId=LABEL
        )
        cloudformation.update(destroyed(new), removed, LABEL)

        assert late.redeliver_late(silent) == IGNORED

    def test_delete_before_a_new_create_is_ignored(
        self, cloudformation: CloudFormation, late: Late, old: str
    ) -> None:
        """A Delete leaves what the same stack has registered since."""
        cloudformation.create(destroyed(old))
        deleted = late.send("Delete", destroyed(old), PhysicalResourceId=LABEL)
        cloudformation.create(destroyed(old))

        assert late.redeliver_late(deleted) == IGNORED

    def test_delete_before_another_owner_is_ignored(
        self, account: Account, cloudformation: CloudFormation, late: Late, old: str
    ) -> None:
        """A Delete leaves what another stack has registered since."""
        cloudformation.create(destroyed(old))
        deleted = late.send("Delete", destroyed(old), PhysicalResourceId=LABEL)
        account.register(LABEL, old)

        assert late.redeliver_late(deleted) == IGNORED

    def test_deleted_adoption_is_ignored(
        self, account: Account, cloudformation: CloudFormation, late: Late, old: str, new: str
    ) -> None:
        """A Create that adopted a registration is ignored after the resource's Delete."""
        account.register(LABEL, old)
        created = late.send("Create", destroyed(new))
        cloudformation.delete(destroyed(new), LABEL)

        assert late.redeliver_late(created) == IGNORED
        assert account.registered(LABEL) is None

    def test_failed_create_is_ignored(
        self, account: Account, cloudformation: CloudFormation, late: Late
    ) -> None:
        """A Create that failed is ignored when it is redelivered, even if it could succeed now."""
        broken = account.make_function("broken", FAILING_CONNECTOR)
        created = late.send("Create", destroyed(broken))
        cloudformation.delete(destroyed(broken), "FAILED-CREATE:1")
        account.change_code("broken", connector())

        assert late.redeliver_late(created) == IGNORED


class TestDelayedEvent:
    """Events whose first delivery is late, because functions were throttled for instance."""

    @pytest.fixture
    def delayed(self, cloudformation: CloudFormation, old: str, new: str) -> Mapping[str, Any]:
        """An update to the new function that Lambda has not delivered yet."""
        cloudformation.create(properties(old))
        # The time of an event is in whole seconds.
        cloudformation.clock.sleep(MINUTE - cloudformation.clock.now)
        before, after = properties(old), properties(new)
        event = cloudformation.event(
            "Update", after, OldResourceProperties=before, PhysicalResourceId=LABEL
        )
        cloudformation.record("UPDATE_IN_PROGRESS")
        return event

    def test_pending_update_is_carried_out(
        self,
        account: Account,
        cloudformation: CloudFormation,
        delayed: Mapping[str, Any],
        new: str,
        stack_event_reads: Callable[[], int],
    ) -> None:
        """A late update that CloudFormation waits for is carried out after one read of events."""
        cloudformation.clock.sleep(4 * MINUTE)

        assert cloudformation.deliver(delayed)["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == new
        assert stack_event_reads() == 1

    def test_cancelled_update_is_ignored(
        self, account: Account, cloudformation: CloudFormation, delayed: Any, old: str
    ) -> None:
        """A late update is ignored once it has been cancelled."""
        cloudformation.clock.sleep(MINUTE)
        cloudformation.cancel_update()

        assert cloudformation.deliver(delayed)["Reason"] == NOTHING_DONE
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("seconds", [1, 3, 4])
    def test_update_is_ignored_during_its_rollback(
        self, cloudformation: CloudFormation, delayed: Any, seconds: float
    ) -> None:
        """A late update is ignored once its rollback has been recorded, however soon that was."""
        cloudformation.cancel_update()
        cloudformation.clock.sleep(seconds)
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.clock.sleep(MINUTE)

        assert cloudformation.deliver(delayed)["Reason"] == NOTHING_DONE

    def test_failed_update_is_ignored_by_its_id(
        self, cloudformation: CloudFormation, delayed: Any
    ) -> None:
        """A late update is ignored if a reason names its request, at whatever time it failed."""
        request_id = delayed["RequestId"]
        cloudformation.record("UPDATE_FAILED", f"connector {LABEL}: No. (RequestId: {request_id})")
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.clock.sleep(MINUTE)

        assert cloudformation.deliver(delayed)["Reason"] == NOTHING_DONE

    def test_empty_stack_events_do_not_stop_it(
        self, cloudformation: CloudFormation, delayed: Any
    ) -> None:
        """A late update is carried out if no stack event is about its resource."""
        cloudformation.history.clear()
        cloudformation.clock.sleep(MINUTE)

        assert cloudformation.deliver(delayed)["Status"] == "SUCCESS"

    @pytest.mark.parametrize("seconds", [0, 1, 3, 4])
    def test_late_rollback_is_carried_out(
        self,
        account: Account,
        cloudformation: CloudFormation,
        delayed: Any,
        old: str,
        new: str,
        seconds: float,
    ) -> None:
        """A rollback that arrives late is carried out, however soon after the update it began."""
        cloudformation.cancel_update()
        cloudformation.clock.sleep(seconds)
        rollback = cloudformation.event(
            "Update",
            properties(old),
            OldResourceProperties=properties(new),
            PhysicalResourceId=LABEL,
        )
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.clock.sleep(MINUTE)
        account.move(LABEL, new)

        assert cloudformation.deliver(rollback)["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("is_pending", [True, False])
    def test_late_rollback_pauses_if_it_is_pending(
        self,
        account: Account,
        cloudformation: CloudFormation,
        delayed: Any,
        old: str,
        new: str,
        is_pending: bool,
    ) -> None:
        """A late rollback of a cancelled update pauses, unless the rollback itself is stale."""
        cloudformation.cancel_update()
        rollback = cloudformation.event(
            "Update",
            properties(old),
            OldResourceProperties=properties(new),
            PhysicalResourceId=LABEL,
        )
        cloudformation.record("UPDATE_IN_PROGRESS")
        if not is_pending:
            cloudformation.record("UPDATE_COMPLETE")
        cloudformation.clock.sleep(40)
        cloudformation.clock.slept.clear()

        response = cloudformation.deliver(rollback)

        assert response["Status"] == ("SUCCESS" if is_pending else "FAILED")
        assert len(cloudformation.clock.slept) == is_pending
        assert account.registered_arn(LABEL) == old

    def test_unreadable_stack_events_do_not_stop_it(
        self, account: Account, cloudformation: CloudFormation, delayed: Any, new: str
    ) -> None:
        """A late update is carried out if the stack's events cannot be read."""
        cloudformation.clock.sleep(MINUTE)

        response = cloudformation.deliver({**delayed, "StackId": "arn:of:another:stack"})

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == new

    def test_missing_stack_events_do_not_stop_it(
        self, cloudformation: CloudFormation, delayed: Any
    ) -> None:
        """A late update is carried out if it is not among the last thousand stack events."""
        cloudformation.record_others(1000)
        cloudformation.clock.sleep(MINUTE)

        assert cloudformation.deliver(delayed)["Status"] == "SUCCESS"

    @pytest.mark.parametrize(("seconds", "expected"), [(29, 0), (30, 1)])
    def test_stack_events_are_read_after_30_seconds(
        self,
        cloudformation: CloudFormation,
        delayed: Any,
        stack_event_reads: Callable[[], int],
        seconds: float,
        expected: int,
    ) -> None:
        """The stack's events are read for events of 30 seconds or more, and for no others."""
        cloudformation.clock.sleep(seconds)

        cloudformation.deliver(delayed)

        assert stack_event_reads() == expected

    @pytest.mark.parametrize(
        "date", ["", "&X-Amz-Date=yesterday", "&X-Amz-Date=20269999T000000Z", "&X-Amz-Date=2026"]
    )
    def test_undated_event_counts_as_punctual(
        self,
        cloudformation: CloudFormation,
        delayed: Any,
        stack_event_reads: Callable[[], int],
        date: str,
    ) -> None:
        """An event whose URL bears no valid date is carried out without reading stack events."""
        cloudformation.clock.sleep(MINUTE)

        response = cloudformation.deliver({**delayed, "ResponseURL": f"{cloudformation.url}{date}"})

        assert response["Status"] == "SUCCESS"
        assert stack_event_reads() == 0


def test_slow_stack_events_are_read_no_further(
    account: Account,
    cloudformation: CloudFormation,
    old: str,
    new: str,
    stack_event_reads: Callable[[], int],
) -> None:
    """Stack events are read no further once that takes too long, and the rollback succeeds."""
    cloudformation.create(properties(old))
    cloudformation.cancel_update()
    cloudformation.record_others(300)
    cloudformation.while_reading = lambda: cloudformation.clock.sleep(15.1)

    response = cloudformation.update(properties(old), properties(new), LABEL)

    assert stack_event_reads() == 1
    assert response["Status"] == "SUCCESS"
    assert account.registered_arn(LABEL) == old
