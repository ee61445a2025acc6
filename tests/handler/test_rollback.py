"""Rolling back, also while the update that is rolled back may still be running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL, properties
from tests.support import FAILING_CONNECTOR, Account, connector


def late_update(account: Account, lambda_arn: str, description: str = "") -> Callable[[], None]:
    """The call of an update that runs on although it has been cancelled."""

    def update() -> None:
        account.client("appflow").update_connector_registration(
            connectorLabel=LABEL,
            connectorProvisioningConfig={"lambda": {"lambdaArn": lambda_arn}},
            description=description,
        )

    return update


class TestCancelledUpdate:
    """The rollback of an update that was cancelled and may still be running."""

    @pytest.mark.parametrize("late", [1, 30, 185])
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

    def test_two_late_effects_are_reverted(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str, request_id: str
    ) -> None:
        """Two late effects are reverted, each under a client token that is new."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.clock.at(5, late_update(account, new))
        cloudformation.clock.at(40, late_update(account, new))

        cloudformation.update(properties(old), properties(new), LABEL, RequestId=request_id)

        assert account.registered_arn(LABEL) == old
        ours = [call["parameters"].get("clientToken", "") for call in account.calls()]
        assert [token for token in ours if token.startswith(request_id)] == [
            f"{request_id}-update",
            f"{request_id}-update-again-1",
            f"{request_id}-update-again-2",
        ]

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

    def test_unregistered_label_stays_unregistered(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """A label that is unregistered during the watch is not registered again."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        appflow = account.client("appflow")
        cloudformation.clock.at(30, lambda: appflow.unregister_connector(connectorLabel=LABEL))

        response = cloudformation.update(properties(old), properties(new), LABEL)

        assert response["Reason"] == (
            "connector acme-crm: AppFlow does not show the connector after registering it. Deploy"
            " again."
        )
        assert account.registered(LABEL) is None

    def test_watch_lasts_for_the_invocation(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """The watch lasts until the invocation's time is used up."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()

        cloudformation.update(properties(old), properties(new), LABEL)

        assert 190 <= cloudformation.clock.now < 198

    def test_watched_behind_other_stack_events(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """The cancellation is found behind the stack events of other resources."""
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.record_others(150)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 120

    def test_watched_without_stack_events(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """Without stack events the update counts as running."""
        cloudformation.create(properties(old))
        cloudformation.history.clear()
        cloudformation.clock.at(30, late_update(account, new))

        cloudformation.update(properties(old), properties(new), LABEL)

        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now > 120

    def test_watched_beyond_a_thousand_stack_events(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """An update without one of the last thousand stack events counts as running."""
        cloudformation.create(properties(old))
        cloudformation.record_others(1000)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 120

    def test_watched_if_stack_events_are_unreadable(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """If the stack's events cannot be read, the update counts as running."""
        cloudformation.create(properties(old))
        cloudformation.history.clear()
        cloudformation.clock.at(30, late_update(account, new))

        response = cloudformation.update(
            properties(old), properties(new), LABEL, StackId="arn:of:another:stack"
        )

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now > 120


class TestNoWatch:
    """The updates after which nothing has to be watched."""

    def test_after_a_failed_update(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """An update whose failure was recorded is over."""
        failing = account.make_function("failing", FAILING_CONNECTOR)
        cloudformation.create(properties(old))
        failed = cloudformation.update(properties(failing), properties(old), LABEL)
        started = cloudformation.clock.now

        response = cloudformation.update(properties(old), properties(failing), LABEL)

        assert failed["Status"] == "FAILED"
        assert response["Status"] == "SUCCESS"
        assert cloudformation.clock.now == started

    def test_after_a_failure_behind_other_events(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """The recorded failure is found behind the stack events of other resources."""
        failing = account.make_function("failing", FAILING_CONNECTOR)
        cloudformation.create(properties(old))
        cloudformation.update(properties(failing), properties(old), LABEL)
        cloudformation.record_others(150)
        started = cloudformation.clock.now

        cloudformation.update(properties(old), properties(failing), LABEL)

        assert cloudformation.clock.now == started

    def test_after_a_successful_update(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """An update whose values are registered is over."""
        cloudformation.create(properties(old))
        cloudformation.update(properties(new), properties(old), LABEL)
        cloudformation.cancel_update()

        cloudformation.update(properties(old), properties(new), LABEL)

        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now == 0

    def test_after_a_manual_move_to_the_target(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        """A registration that was moved by hand to the new function needs no watch."""
        cloudformation.create(properties(old))
        late_update(account, new)()

        cloudformation.update(properties(new), properties(old), LABEL)

        assert cloudformation.clock.now == 0

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

        assert cloudformation.clock.now == 0


@pytest.mark.parametrize("reason", ["The handler ran out of time before AppFlow responded.", ""])
def test_unexplained_failure_is_watched(
    cloudformation: CloudFormation, old: str, new: str, reason: str
) -> None:
    """An update whose recorded failure has another reason counts as running."""
    cloudformation.create(properties(old))
    cloudformation.record("UPDATE_FAILED", reason)

    cloudformation.update(properties(old), properties(new), LABEL)

    assert cloudformation.clock.now > 120


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
