"""Events that come late, or once more, when CloudFormation has gone on without them.

Tokens keep from a second effect what took effect. These are about the others: an event that failed
and was rolled back, one that had nothing to do, one that deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.handler.conftest import CLOUDFORMATION_PATH, CloudFormation, StackEvent
from tests.support import BROKEN_CONNECTOR, Account, connector

LABEL = "acme-crm"
MINUTE = 60.0

NOTHING_DONE = (
    "connector acme-crm: CloudFormation has gone on without the answer to this event, which has"
    " come late or once more, so nothing was done."
)


@pytest.fixture
def looks(httpserver: HTTPServer) -> Callable[[], int]:
    """How often the stack's events have been read."""

    def count() -> int:
        return sum(request.path == CLOUDFORMATION_PATH for request, _ in httpserver.log)

    return count


def properties(lambda_arn: str, **changed: Any) -> dict[str, Any]:
    return {
        "ConnectorLabel": LABEL,
        "LambdaArn": lambda_arn,
        "RemovalPolicy": "Destroy",
        **changed,
    }


class Late:
    """An event that is delivered once more, a minute after everything else."""

    def __init__(self, account: Account, cloudformation: CloudFormation) -> None:
        self._account = account
        self._cloudformation = cloudformation

    def send(self, kind: str, given: Mapping[str, Any], **event: Any) -> dict[str, Any]:
        """Send the event the first time; returns it."""
        sent = self._cloudformation.event(kind, given, **event)
        self._cloudformation.send(kind, given, **{"RequestId": sent["RequestId"], **event})
        return sent

    def changes_nothing(self, event: Mapping[str, Any]) -> bool:
        held, calls = self._account.registered(LABEL), len(self._account.calls())
        self._cloudformation.clock.sleep(MINUTE)
        answer = self._cloudformation.deliver(event)
        assert (answer["Status"], answer["Reason"]) == ("FAILED", NOTHING_DONE)
        new_calls = self._account.calls(after=calls)
        return self._account.registered(LABEL) == held and not [
            call for call in new_calls if call["operation"] != "DescribeConnector"
        ]


@pytest.fixture
def late(account: Account, cloudformation: CloudFormation) -> Late:
    return Late(account, cloudformation)


class TestOnceMore:
    def test_an_update_that_failed_and_was_rolled_back(
        self, account: Account, cloudformation: CloudFormation, late: Late, old: str
    ) -> None:
        private = account.make_function("private", connector("2.0"), granted=False)
        before, after = properties(old), properties(private)
        cloudformation.create(before)
        failed = late.send("Update", after, OldResourceProperties=before, PhysicalResourceId=LABEL)
        cloudformation.update(before, after, LABEL)
        account.grant_appflow(private)

        assert late.changes_nothing(failed)

    def test_an_update_that_had_nothing_to_announce(
        self, cloudformation: CloudFormation, late: Late, old: str, new: str
    ) -> None:
        kept, destroyed = properties(old, RemovalPolicy="Retain"), properties(old)
        cloudformation.create(kept)
        silent = late.send(
            "Update", destroyed, OldResourceProperties=kept, PhysicalResourceId=LABEL
        )
        cloudformation.update(properties(new), destroyed, LABEL)

        assert late.changes_nothing(silent)

    def test_a_delete_of_what_has_been_registered_again(
        self, cloudformation: CloudFormation, late: Late, old: str
    ) -> None:
        cloudformation.create(properties(old))
        deleted = late.send("Delete", properties(old), PhysicalResourceId=LABEL)
        cloudformation.create(properties(old))

        assert late.changes_nothing(deleted)

    def test_a_delete_of_what_another_stack_has_registered(
        self, account: Account, cloudformation: CloudFormation, late: Late, old: str
    ) -> None:
        cloudformation.create(properties(old))
        deleted = late.send("Delete", properties(old), PhysicalResourceId=LABEL)
        account.register(LABEL, old)

        assert late.changes_nothing(deleted)

    def test_a_create_that_took_a_label_over_and_was_deleted(
        self, account: Account, cloudformation: CloudFormation, late: Late, old: str, new: str
    ) -> None:
        account.register(LABEL, old)
        created = late.send("Create", properties(new))
        cloudformation.delete(properties(new), LABEL)

        assert late.changes_nothing(created)
        assert account.registered(LABEL) is None

    def test_a_create_that_failed(
        self, account: Account, cloudformation: CloudFormation, late: Late
    ) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        created = late.send("Create", properties(broken))
        cloudformation.delete(properties(broken), "FAILED-CREATE:1")
        account.change_code("broken", connector())

        assert late.changes_nothing(created)


class TestForTheFirstTime:
    """An event that has waited in Lambda's queue, because functions were throttled for instance."""

    @pytest.fixture
    def waiting(self, cloudformation: CloudFormation, old: str, new: str) -> Mapping[str, Any]:
        """An update to the new function that has not come to the handler yet."""
        cloudformation.create(properties(old))
        cloudformation.clock.sleep(MINUTE)
        before, after = properties(old), properties(new)
        event = cloudformation.event(
            "Update", after, OldResourceProperties=before, PhysicalResourceId=LABEL
        )
        cloudformation.record("UPDATE_IN_PROGRESS")
        return event

    def test_does_its_work(
        self,
        account: Account,
        cloudformation: CloudFormation,
        waiting: Mapping[str, Any],
        new: str,
        looks: Callable[[], int],
    ) -> None:
        cloudformation.clock.sleep(4 * MINUTE)

        assert cloudformation.deliver(waiting)["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == new
        assert looks() == 1

    def test_does_nothing_once_the_update_is_cancelled(
        self, account: Account, cloudformation: CloudFormation, waiting: Any, old: str
    ) -> None:
        cloudformation.clock.sleep(MINUTE)
        cloudformation.cancel_update()

        assert cloudformation.deliver(waiting)["Reason"] == NOTHING_DONE
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize(("seconds", "status"), [(3, "SUCCESS"), (4, "FAILED")])
    def test_does_nothing_once_the_rollback_has_begun(
        self, cloudformation: CloudFormation, waiting: Any, seconds: float, status: str
    ) -> None:
        cloudformation.clock.sleep(seconds)
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.clock.sleep(MINUTE)

        assert cloudformation.deliver(waiting)["Status"] == status

    def test_does_its_work_if_the_events_cannot_be_read(
        self, account: Account, cloudformation: CloudFormation, waiting: Any, new: str
    ) -> None:
        cloudformation.clock.sleep(MINUTE)

        answer = cloudformation.deliver({**waiting, "StackId": "arn:of:another:stack"})

        assert answer["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == new

    def test_does_its_work_if_the_events_do_not_reach_back_to_it(
        self, cloudformation: CloudFormation, waiting: Any
    ) -> None:
        others = [StackEvent("UPDATE_COMPLETE", logical_id=f"Bucket{n}") for n in range(1000)]
        cloudformation.history.extend(others)
        cloudformation.clock.sleep(MINUTE)

        assert cloudformation.deliver(waiting)["Status"] == "SUCCESS"

    @pytest.mark.parametrize(("seconds", "expected"), [(29, 0), (30, 1)])
    def test_looks_only_if_it_is_late(
        self,
        cloudformation: CloudFormation,
        waiting: Any,
        looks: Callable[[], int],
        seconds: float,
        expected: int,
    ) -> None:
        cloudformation.clock.sleep(seconds)

        cloudformation.deliver(waiting)

        assert looks() == expected

    @pytest.mark.parametrize(
        "date", ["", "&X-Amz-Date=yesterday", "&X-Amz-Date=20269999T000000Z", "&X-Amz-Date=2026"]
    )
    def test_is_taken_as_it_comes_if_its_url_does_not_say_when_it_was_made(
        self,
        cloudformation: CloudFormation,
        waiting: Any,
        looks: Callable[[], int],
        date: str,
    ) -> None:
        cloudformation.clock.sleep(MINUTE)

        answer = cloudformation.deliver({**waiting, "ResponseURL": f"{cloudformation.url}{date}"})

        assert answer["Status"] == "SUCCESS"
        assert looks() == 0


def test_stack_events_that_take_too_long_to_read_are_done_without(
    account: Account, cloudformation: CloudFormation, old: str, new: str, httpserver: HTTPServer
) -> None:
    """Their pages are many in a large stack, and the rollback comes first."""
    cloudformation.create(properties(old))
    cloudformation.cancel_update()
    others = [StackEvent("UPDATE_COMPLETE", logical_id=f"Bucket{n}") for n in range(300)]
    cloudformation.history.extend(others)
    cloudformation.while_reading = lambda: cloudformation.clock.sleep(15.1)

    answer = cloudformation.update(properties(old), properties(new), LABEL)

    pages = sum(request.path == CLOUDFORMATION_PATH for request, _ in httpserver.log)
    assert pages == 1
    assert answer["Status"] == "SUCCESS"
    assert account.registered_arn(LABEL) == old
