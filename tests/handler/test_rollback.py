"""Going back while the update that CloudFormation gave up may still be running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.handler.conftest import LOGICAL_ID, CloudFormation, StackEvent
from tests.support import BROKEN_CONNECTOR, Account, connector

LABEL = "acme-crm"


def properties(lambda_arn: str, **changed: Any) -> dict[str, Any]:
    return {"ConnectorLabel": LABEL, "LambdaArn": lambda_arn, **changed}


def late_update(account: Account, lambda_arn: str, description: str = "") -> Callable[[], None]:
    """The call of an update that goes on although CloudFormation has given it up."""

    def update() -> None:
        account.client("appflow").update_connector_registration(
            connectorLabel=LABEL,
            connectorProvisioningConfig={"lambda": {"lambdaArn": lambda_arn}},
            description=description,
        )

    return update


def held(account: Account) -> tuple[str | None, str | None]:
    configuration = account.registered(LABEL) or {}
    return account.registered_arn(LABEL), configuration.get("connectorDescription")


class TestOfACancelledUpdate:
    @pytest.mark.parametrize("late", [1, 30, 185])
    def test_holds_when_the_update_takes_effect_late(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str, late: float
    ) -> None:
        before, after = properties(old, Description="Old"), properties(new, Description="New")
        cloudformation.create(before)
        cloudformation.cancel_update()
        cloudformation.clock.at(late, late_update(account, new, "New"))

        answer = cloudformation.update(before, after, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert answer["Data"]["LambdaArn"] == old
        assert held(account) == (old, "Old")

    def test_holds_when_it_takes_effect_twice(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str, request_id: str
    ) -> None:
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

    def test_restores_a_description_that_was_written_by_hand(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        account.register(LABEL, old, description="By hand")
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.clock.at(30, late_update(account, old, "New"))

        cloudformation.update(properties(old), properties(old, Description="New"), LABEL)

        assert held(account) == (old, "By hand")

    def test_restores_a_description_written_by_hand_that_the_update_would_have_set_too(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        account.register(LABEL, old, description="Acme")
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        cloudformation.clock.at(30, late_update(account, new, "Acme"))

        cloudformation.update(properties(old), properties(new, Description="Acme"), LABEL)

        assert held(account) == (old, "Acme")

    @pytest.mark.parametrize("description", [{}, {"Description": "Old"}])
    def test_holds_although_somebody_had_moved_the_registration_by_hand(
        self,
        account: Account,
        cloudformation: CloudFormation,
        old: str,
        new: str,
        description: Mapping[str, str],
    ) -> None:
        before = properties(old, **description)
        cloudformation.create(before)
        late_update(account, account.make_function("third", connector("3.0")), "By hand")()
        cloudformation.cancel_update()
        cloudformation.clock.at(30, late_update(account, new, "New"))

        cloudformation.update(before, properties(new, Description="New"), LABEL)

        assert held(account) == (old, description.get("Description", "By hand"))

    def test_brings_nothing_back_that_somebody_unregisters_meanwhile(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        appflow = account.client("appflow")
        cloudformation.clock.at(30, lambda: appflow.unregister_connector(connectorLabel=LABEL))

        answer = cloudformation.update(properties(old), properties(new), LABEL)

        assert answer["Reason"] == (
            "connector acme-crm: AppFlow does not show it after registering it. Deploy again."
        )
        assert account.registered(LABEL) is None

    def test_is_watched_as_long_as_the_invocation_lasts(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        cloudformation.cancel_update()

        cloudformation.update(properties(old), properties(new), LABEL)

        assert 190 <= cloudformation.clock.now < 198

    def test_is_watched_behind_the_events_of_other_resources(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        cloudformation.cancel_update()
        others = [StackEvent("UPDATE_COMPLETE", logical_id=f"Bucket{n}") for n in range(150)]
        cloudformation.history.extend(others)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 120

    def test_is_watched_if_the_events_do_not_reach_back_to_it(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        cloudformation.history.clear()
        cloudformation.clock.at(30, late_update(account, new))

        cloudformation.update(properties(old), properties(new), LABEL)

        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now > 120

    def test_is_watched_if_the_resource_has_none_of_the_last_thousand_events(
        self, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        others = [StackEvent("UPDATE_COMPLETE", logical_id=f"Bucket{n}") for n in range(1000)]
        cloudformation.history.extend(others)

        cloudformation.update(properties(old), properties(new), LABEL)

        assert cloudformation.clock.now > 120

    def test_is_watched_if_the_events_cannot_be_read(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        cloudformation.history.clear()
        cloudformation.clock.at(30, late_update(account, new))

        answer = cloudformation.update(
            properties(old), properties(new), LABEL, StackId="arn:of:another:stack"
        )

        assert answer["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now > 120


class TestIsNotWatched:
    def test_after_an_update_that_was_answered_with_a_failure(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        cloudformation.create(properties(old))
        failed = cloudformation.update(properties(broken), properties(old), LABEL)
        started = cloudformation.clock.now

        answer = cloudformation.update(properties(old), properties(broken), LABEL)

        assert failed["Status"] == "FAILED"
        assert answer["Status"] == "SUCCESS"
        assert cloudformation.clock.now == started

    def test_after_one_whose_answer_stands_behind_the_events_of_other_resources(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        cloudformation.create(properties(old))
        cloudformation.update(properties(broken), properties(old), LABEL)
        others = [StackEvent("UPDATE_COMPLETE", logical_id=f"Bucket{n}") for n in range(150)]
        cloudformation.history.extend(others)
        started = cloudformation.clock.now

        cloudformation.update(properties(old), properties(broken), LABEL)

        assert cloudformation.clock.now == started

    def test_after_an_update_that_succeeded(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        cloudformation.update(properties(new), properties(old), LABEL)
        cloudformation.cancel_update()

        cloudformation.update(properties(old), properties(new), LABEL)

        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.now == 0

    def test_when_a_registration_moved_by_hand_is_there_already(
        self, account: Account, cloudformation: CloudFormation, old: str, new: str
    ) -> None:
        cloudformation.create(properties(old))
        late_update(account, new)()

        cloudformation.update(properties(new), properties(old), LABEL)

        assert cloudformation.clock.now == 0

    @pytest.mark.parametrize(
        ("was", "becomes"), [({"Description": "Old"}, {}), ({}, {"LambdaRevision": {"Hash": "2"}})]
    )
    def test_when_the_update_goes_forward(
        self,
        cloudformation: CloudFormation,
        old: str,
        was: Mapping[str, Any],
        becomes: Mapping[str, Any],
    ) -> None:
        cloudformation.create(properties(old, **was))
        cloudformation.cancel_update()

        cloudformation.update(properties(old, **becomes), properties(old, **was), LABEL)

        assert cloudformation.clock.now == 0


@pytest.mark.parametrize("reason", ["The handler ran out of time before AppFlow answered.", ""])
def test_of_an_update_that_may_have_ended_without_an_answer_is_watched(
    cloudformation: CloudFormation, old: str, new: str, reason: str
) -> None:
    cloudformation.create(properties(old))
    cloudformation.history.append(StackEvent("UPDATE_FAILED", reason, LOGICAL_ID))

    cloudformation.update(properties(old), properties(new), LABEL)

    assert cloudformation.clock.now > 120


def test_continued_after_it_failed_restores(
    account: Account, cloudformation: CloudFormation, old: str, new: str
) -> None:
    """ContinueUpdateRollback sends the same rollback under another request id."""
    cloudformation.create(properties(old))
    cloudformation.update(properties(new), properties(old), LABEL)
    account.change_code("old", BROKEN_CONNECTOR)
    failed = cloudformation.update(properties(old), properties(new), LABEL)
    account.change_code("old", connector("1.0"))

    continued = cloudformation.update(properties(old), properties(new), LABEL)

    assert failed["Status"] == "FAILED"
    assert continued["Status"] == "SUCCESS"
    assert failed["PhysicalResourceId"] == continued["PhysicalResourceId"] == LABEL
    assert account.registered_arn(LABEL) == old


def test_is_not_undone_by_the_update_delivered_once_more(
    account: Account, cloudformation: CloudFormation, old: str, new: str, request_id: str
) -> None:
    cloudformation.create(properties(old))
    cloudformation.update(properties(new), properties(old), LABEL, RequestId=request_id)
    cloudformation.update(properties(old), properties(new), LABEL)

    cloudformation.update(properties(new), properties(old), LABEL, RequestId=request_id)

    assert account.registered_arn(LABEL) == old
