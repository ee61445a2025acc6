"""Rolling back, also while the update that is rolled back may still be running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.handler.cloudformation import CloudFormation, StackEvent
from tests.handler.events import LABEL, properties
from tests.handler.faults import FAULTS, Inject, cloudformation_error
from tests.support import FAILING_CONNECTOR, Account, connector

HALF_A_WATCH = 95.0
"""The longest pause in seconds: half the time for which a rollback once watched."""


def late_update(account: Account, lambda_arn: str, description: str = "") -> Callable[[], None]:
    """The call of an update that runs on although it has been cancelled."""
    return lambda: account.move(LABEL, lambda_arn, description)


class TestCancelledUpdate:
    """The rollback of an update that was cancelled and may still be running."""

    @pytest.mark.parametrize("late", [1, 30, 75])
    def test_late_effect_is_reverted(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str, late: float
    ) -> None:
        """A late effect of the cancelled update is reverted."""
        before, after = properties(old, Description="Old"), properties(new, Description="New")
        cloudformation.create(before)
        cloudformation.cancel_update()
        cloudformation.clock.at(late, late_update(account, new, "New"))

        response = cloudformation.update(before, after, LABEL)

        assert response["Status"] == "SUCCESS"
        assert response["Data"]["LambdaArn"] == old
        assert account.registered_values(LABEL) == (old, "Old")

    def test_pause_makes_no_calls(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str, request_id: str
    ) -> None:
        """However much changes during the pause, the rollback makes one change after it."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        before = len(account.calls())
        cloudformation.clock.at(5, late_update(account, new))
        cloudformation.clock.at(40, late_update(account, new))

        cloudformation.update(properties(old), properties(new), LABEL, RequestId=request_id)

        calls = account.calls(after=before)
        assert account.registered_arn(LABEL) == old
        tokens = [call["parameters"].get("clientToken", "") for call in calls]
        assert [token for token in tokens if token.startswith(request_id)] == [
            f"{request_id}-update"
        ]
        assert [call["operation"] for call in calls].count("DescribeConnector") == 3

    @pytest.mark.parametrize("latency", [0.05, 0.3, 1, 5])
    @pytest.mark.parametrize("fault", [None, "429", "hang before commit", "refused"])
    def test_pause_succeeds_at_any_latency(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        old: str,
        new: str,
        latency: float,
        fault: str | None,
    ) -> None:
        """The rollback succeeds however long calls take, and if one of its reads fails."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.clock.latency.seconds = latency
        if fault is not None:
            apply, _ = FAULTS[fault]
            cloudformation.clock.at(60, lambda: inject("DescribeConnector", apply, 1))
        cloudformation.clock.at(40, late_update(account, new))

        response = cloudformation.update(properties(old), properties(new), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old

    def test_manual_description_is_restored(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """A manual description is restored."""
        account.register(LABEL, old, description="By hand")
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.clock.at(30, late_update(account, old, "New"))

        cloudformation.update(properties(old), properties(old, Description="New"), LABEL)

        assert account.registered_values(LABEL) == (old, "By hand")

    def test_equal_manual_description_is_restored(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """A manual description is restored even if the update would have set the same one."""
        account.register(LABEL, old, description="Acme")
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.clock.at(30, late_update(account, new, "Acme"))

        cloudformation.update(properties(old), properties(new, Description="Acme"), LABEL)

        assert account.registered_values(LABEL) == (old, "Acme")

    @pytest.mark.parametrize("description", [{}, {"Description": "Old"}])
    def test_late_effect_is_reverted_after_a_move(
        self,
        account: Account,
        cloudformation: CloudFormation,
        old: str,
        new: str,
        description: Mapping[str, str],
    ) -> None:
        """A late effect is reverted although the registration had been moved by hand."""
        before = properties(old, **description)
        cloudformation.create(before)
        late_update(account, account.make_function("third", connector("3.0")), "By hand")()
        cloudformation.cancel_update()
        cloudformation.clock.at(30, late_update(account, new, "New"))

        cloudformation.update(before, properties(new, Description="New"), LABEL)

        assert account.registered_values(LABEL) == (old, description.get("Description", "By hand"))

    @pytest.mark.parametrize("when", [None, 30])
    def test_unregistered_label_is_registered(
        self,
        account: Account,
        cloudformation: CloudFormation,
        old: str,
        new: str,
        when: float | None,
    ) -> None:
        """A label that is unregistered by hand, before or during the pause, is registered again."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        appflow = account.client("appflow")
        if when is None:
            appflow.unregister_connector(connectorLabel=LABEL)
            cloudformation.clock.at(40, lambda: account.register(LABEL, new))
        else:
            cloudformation.clock.at(
                when, lambda: appflow.unregister_connector(connectorLabel=LABEL)
            )

        response = cloudformation.update(properties(old), properties(new), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old

    def test_pause_is_short(self, cloudformation: CloudFormation, old: str, new: str) -> None:
        """The pause ends when a call of the cancelled update can no longer take effect."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()

        cloudformation.update(properties(old), properties(new), LABEL)

        unchecked, last_call, tolerance = 30, 45, 3
        assert unchecked + last_call + tolerance <= cloudformation.clock.now < HALF_A_WATCH

    @pytest.mark.parametrize(("age", "slept"), [(10, 68), (50, 63), (55, 63), (130, 78)])
    def test_pause_depends_on_the_cancellation(
        self, cloudformation: CloudFormation, old: str, new: str, age: float, slept: float
    ) -> None:
        """A call can begin half a minute after the event, or until the update is cancelled."""
        cloudformation.create(properties(old))
        cloudformation.clock.sleep(1000)
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.clock.sleep(age)
        cloudformation.cancel_update()
        before = len(cloudformation.clock.slept)

        cloudformation.update(properties(old), properties(new), LABEL)

        [pause] = cloudformation.clock.slept[before:]
        assert slept - 1 < pause <= slept

    @pytest.mark.parametrize(("later", "pauses"), [(0, 1), (20, 1), (100, 0)])
    def test_continued_rollback_pauses_too(
        self,
        account: Account,
        cloudformation: CloudFormation,
        old: str,
        new: str,
        later: float,
        pauses: int,
    ) -> None:
        """A rollback that failed and is continued pauses while the cancelled update may run."""
        broken = account.make_function("broken", connector("1.0"))
        cloudformation.create(properties(broken))
        cloudformation.clock.sleep(1000)
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.cancel_update()
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.record("UPDATE_FAILED", f"connector {LABEL}: No. (RequestId: 1)")
        cloudformation.clock.sleep(later)
        cloudformation.clock.at(cloudformation.clock.now + 20, late_update(account, new))
        before = len(cloudformation.clock.slept)

        response = cloudformation.update(properties(broken), properties(new), LABEL)

        assert response["Status"] == "SUCCESS"
        assert len(cloudformation.clock.slept) - before == pauses
        if pauses:
            assert account.registered_arn(LABEL) == broken

    def test_found_behind_other_stack_events(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """The cancellation is found behind the stack events of other resources."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.record_others(150)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 70


class TestUnknownUpdate:
    """The rollback if the stack events do not tell whether the update has ended."""

    def test_pauses_without_stack_events(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """Without stack events, the update may run for a whole invocation."""
        cloudformation.create(properties(old))
        cloudformation.history.clear()
        cloudformation.clock.at(180, late_update(account, new))

        cloudformation.update(properties(old), properties(new), LABEL)

        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now > 180

    def test_pauses_beyond_a_thousand_stack_events(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """An update without one of the last thousand stack events may run as long."""
        cloudformation.create(properties(old))
        cloudformation.record_others(1001)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 180

    def test_pauses_if_stack_events_are_unreadable(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """If the stack's events cannot be read, the update may run as long."""
        cloudformation.create(properties(old))
        cloudformation.history.clear()
        cloudformation.clock.at(180, late_update(account, new))

        response = cloudformation.update(
            properties(old), properties(new), LABEL, StackId="arn:of:another:stack"
        )

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now > 180

    @pytest.mark.parametrize("seconds", [20, 1000])
    def test_pauses_if_stack_events_are_throttled(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        old: str,
        new: str,
        seconds: float,
    ) -> None:
        """If CloudFormation throttles the handler, it asks again for a minute at most."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        throttled = inject("DescribeStackEvents", cloudformation_error(400, "Throttling"), 10_000)
        cloudformation.clock.at(seconds, throttled.end)
        cloudformation.clock.at(40, late_update(account, new))

        response = cloudformation.update(properties(old), properties(new), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old

    def test_pauses_if_the_cancellation_is_not_shown(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """An update whose end the stack events do not show yet counts as running."""
        cloudformation.create(properties(old))
        cloudformation.clock.sleep(1000)
        cloudformation.record("UPDATE_IN_PROGRESS")

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.slept[-1] > 70

    @pytest.mark.parametrize(
        "reason", ["The handler ran out of time before AppFlow responded.", ""]
    )
    def test_unexplained_failure_pauses(
        self, cloudformation: CloudFormation, old: str, new: str, reason: str
    ) -> None:
        """An update whose recorded failure has another reason counts as running."""
        cloudformation.create(properties(old))
        cloudformation.record("UPDATE_FAILED", reason)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 70


class TestNoPause:
    """The updates before which nothing is outstanding."""

    def test_after_a_failed_update(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """An update whose failure was recorded is over."""
        failing = account.make_function("failing", FAILING_CONNECTOR)
        cloudformation.create(properties(old))
        failed = cloudformation.update(properties(failing), properties(old), LABEL)
        cloudformation.clock.slept.clear()

        response = cloudformation.update(properties(old), properties(failing), LABEL)

        assert failed["Status"] == "FAILED"
        assert response["Status"] == "SUCCESS"
        assert cloudformation.clock.slept == []

    def test_after_a_failure_behind_other_events(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """The recorded failure is found behind the stack events of other resources."""
        failing = account.make_function("failing", FAILING_CONNECTOR)
        cloudformation.create(properties(old))
        cloudformation.update(properties(failing), properties(old), LABEL)
        cloudformation.record_others(150)
        cloudformation.clock.slept.clear()

        cloudformation.update(properties(old), properties(failing), LABEL)

        assert cloudformation.clock.slept == []

    def test_after_a_successful_update(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """An update whose values are registered is over."""
        cloudformation.create(properties(old))
        cloudformation.update(properties(new), properties(old), LABEL)
        cloudformation.cancel_update()

        cloudformation.update(properties(old), properties(new), LABEL)

        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.slept == []

    def test_after_a_manual_move_to_the_target(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """A registration that was moved by hand to the new function needs no watch."""
        cloudformation.create(properties(old))
        late_update(account, new)()

        cloudformation.update(properties(new), properties(old), LABEL)

        assert cloudformation.clock.slept == []

    @pytest.mark.parametrize(
        ("was", "becomes"), [({"Description": "Old"}, {}), ({}, {"FunctionHash": {"Hash": "2"}})]
    )
    def test_during_a_forward_update(
        self,
        cloudformation: CloudFormation,
        old: str,
        was: Mapping[str, Any],
        becomes: Mapping[str, Any],
    ) -> None:
        """An update that goes forward needs no watch."""
        cloudformation.create(properties(old, **was))
        cloudformation.cancel_update()

        cloudformation.update(properties(old, **becomes), properties(old, **was), LABEL)

        assert cloudformation.clock.slept == []


def test_continued_rollback_restores(
    account: Account, cloudformation: CloudFormation, old: str, new: str
) -> None:
    """ContinueUpdateRollback restores the registration under another request id."""
    cloudformation.create(properties(old))
    cloudformation.update(properties(new), properties(old), LABEL)
    account.change_code("old", FAILING_CONNECTOR)
    failed = cloudformation.update(properties(old), properties(new), LABEL)
    account.change_code("old", connector("1.0"))

    continued = cloudformation.update(properties(old), properties(new), LABEL)

    assert failed["Status"] == "FAILED"
    assert continued["Status"] == "SUCCESS"
    assert failed["PhysicalResourceId"] == continued["PhysicalResourceId"] == LABEL
    assert account.registered_arn(LABEL) == old


def test_redelivered_update_does_not_undo_it(
    account: Account, cloudformation: CloudFormation, old: str, new: str, request_id: str
) -> None:
    """An update that is delivered again does not undo its rollback."""
    cloudformation.create(properties(old))
    cloudformation.update(properties(new), properties(old), LABEL, RequestId=request_id)
    cloudformation.update(properties(old), properties(new), LABEL)

    cloudformation.update(properties(new), properties(old), LABEL, RequestId=request_id)

    assert account.registered_arn(LABEL) == old


def test_redelivered_rollback_has_its_own_token(
    account: Account, cloudformation: CloudFormation, old: str, new: str, request_id: str
) -> None:
    """A rollback that is delivered again with another description to restore succeeds."""
    before, after = properties(old), properties(new, Description="New")
    account.register(LABEL, old, description="By hand")
    cloudformation.create(before)
    cloudformation.cancel_update()
    cloudformation.clock.at(40, late_update(account, new, "New"))
    cloudformation.update(before, after, LABEL, RequestId=request_id)
    account.move(LABEL, new, "New")

    response = cloudformation.update(before, after, LABEL, RequestId=request_id)

    assert response["Status"] == "SUCCESS"
    assert account.registered_values(LABEL) == (old, "")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource"),
    ],
)
def test_note_of_cloudformation_causes_no_pause(
    cloudformation: CloudFormation, old: str, new: str, status: str, reason: str
) -> None:
    """An event that CloudFormation adds to a request in progress is no request of its own."""
    cloudformation.create(properties(old))
    cloudformation.history[-1:-1] = [StackEvent(status, reason)]

    cloudformation.update(properties(old), properties(new), LABEL)

    assert cloudformation.clock.slept == []


def test_refused_label_causes_no_pause(
    account: Account, cloudformation: CloudFormation, old: str
) -> None:
    """A change of the label that AppFlow refuses, in a reason with the new label, is over."""
    private = account.make_function("private", connector("2.0"), granted=False)
    before, after = properties(old), properties(private, ConnectorLabel="acme-erp")
    cloudformation.create(before)
    failed = cloudformation.update(after, before, LABEL)
    cloudformation.clock.slept.clear()

    response = cloudformation.update(before, after, LABEL)

    assert "connector acme-erp: AccessDeniedException" in failed["Reason"]
    assert response["Status"] == "SUCCESS"
    assert cloudformation.clock.slept == []
