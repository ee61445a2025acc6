"""The update after a rollback that CloudFormation skipped for the resource.

CloudFormation then takes the former properties for the resource's, while AppFlow has what the
skipped update registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL, destroyed, properties
from tests.support import Account, connector

Skip = Callable[[Mapping[str, Any], Mapping[str, Any]], None]

CHANGES = [{"RemovalPolicy": "Destroy"}, {"FunctionHash": {"Hash": "3"}}]


@pytest.fixture(params=["completed", "unrecorded"])
def skip(cloudformation: CloudFormation, request: pytest.FixtureRequest) -> Skip:
    """Updates a resource from one template to another, and skips it in the rollback."""

    def skip(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        cloudformation.record_stack("UPDATE_IN_PROGRESS")
        assert cloudformation.update(new, old, LABEL)["Status"] == "SUCCESS"
        cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.record("UPDATE_FAILED", f"connector {LABEL}: AccessDeniedException from")
        cloudformation.record_stack("UPDATE_ROLLBACK_FAILED")
        if request.param == "completed":
            cloudformation.record("UPDATE_COMPLETE")
        cloudformation.record_stack("UPDATE_ROLLBACK_COMPLETE")
        cloudformation.clock.sleep(600)
        cloudformation.record_stack("UPDATE_IN_PROGRESS")
        cloudformation.clock.slept.clear()

    return skip


def test_next_update_reads_the_words_again(
    account: Account, cloudformation: CloudFormation, skip: Skip, old: str
) -> None:
    """An update of another property has AppFlow read the connector's configuration again."""
    before, skipped = properties(old), properties(old, FunctionHash={"Hash": "2"})
    cloudformation.create(before)
    account.change_code("old", connector("1.1"))
    skip(before, skipped)
    account.change_code("old", connector("1.0"))

    response = cloudformation.update(destroyed(old), before, LABEL)

    assert response["Data"]["ConnectorVersion"] == "1.0"
    assert cloudformation.clock.slept == []


@pytest.mark.parametrize("template", ["Acme", None])
@pytest.mark.parametrize("change", CHANGES)
def test_next_update_corrects_the_description(
    account: Account,
    cloudformation: CloudFormation,
    skip: Skip,
    old: str,
    template: str | None,
    change: Mapping[str, Any],
) -> None:
    """An update of any property replaces a skipped description by the template's, or clears it."""
    before = properties(old, Description=template)
    cloudformation.create(before)
    skip(before, properties(old, Description="Skipped"))

    cloudformation.update({**before, **change}, before, LABEL)

    assert account.registered_values(LABEL) == (old, template or "")


def test_update_after_that_needs_no_refresh(
    account: Account, cloudformation: CloudFormation, skip: Skip, old: str
) -> None:
    """After one update that succeeded, an update of another property changes nothing again."""
    before = properties(old)
    cloudformation.create(before)
    skip(before, properties(old, FunctionHash={"Hash": "2"}))
    cloudformation.update(destroyed(old), before, LABEL)
    calls = len(account.calls())

    cloudformation.update(before, destroyed(old), LABEL)

    operations = [call["operation"] for call in account.calls(after=calls)]
    assert operations == ["DescribeConnector"]


@pytest.mark.parametrize("change", CHANGES)
def test_manual_description_survives_updates(
    account: Account, cloudformation: CloudFormation, old: str, change: Mapping[str, Any]
) -> None:
    """Without a skipped rollback, a description that was set manually stays."""
    before = properties(old)
    account.register(LABEL, old, description="By hand")
    cloudformation.create(before)
    cloudformation.record_stack("UPDATE_IN_PROGRESS")

    cloudformation.update({**before, **change}, before, LABEL)

    assert account.registered_values(LABEL) == (old, "By hand")


@pytest.mark.parametrize("stack_status", ["UPDATE_ROLLBACK_IN_PROGRESS", None])
def test_manual_description_survives_a_rollback(
    account: Account, cloudformation: CloudFormation, old: str, new: str, stack_status: str | None
) -> None:
    """The rollback of an update that failed is no skipped one: a manual description stays."""
    before = properties(old)
    account.register(LABEL, old, description="By hand")
    cloudformation.create(before)
    cloudformation.record("UPDATE_IN_PROGRESS")
    cloudformation.record("UPDATE_FAILED", f"connector {LABEL}: AccessDeniedException from")
    if stack_status:
        cloudformation.record_stack(stack_status)

    cloudformation.update(before, properties(new), LABEL)

    assert account.registered_values(LABEL) == (old, "By hand")


def test_expired_stack_events_leave_a_doubt(
    account: Account, cloudformation: CloudFormation, old: str
) -> None:
    """Without earlier stack events, an update of another property refreshes the registration."""
    cloudformation.create(properties(old))
    cloudformation.history.clear()
    calls = len(account.calls())

    cloudformation.update(destroyed(old), properties(old), LABEL)

    operations = [call["operation"] for call in account.calls(after=calls)]
    assert "UpdateConnectorRegistration" in operations


def test_changed_description_is_corrected(
    account: Account, cloudformation: CloudFormation, old: str
) -> None:
    """A description that an operator has changed is the template's again after any update."""
    before = properties(old, Description="Acme")
    cloudformation.create(before)
    account.move(LABEL, old, "By hand")

    cloudformation.update(destroyed(old, Description="Acme"), before, LABEL)

    assert account.registered_values(LABEL) == (old, "Acme")


def test_removed_description_is_cleared(
    account: Account, cloudformation: CloudFormation, old: str, new: str
) -> None:
    """A description that leaves the template is cleared, also if the label was moved by hand."""
    before = properties(old, Description="Acme")
    cloudformation.create(before)
    account.move(LABEL, new)
    cloudformation.record_stack("UPDATE_IN_PROGRESS")

    cloudformation.update(properties(new), before, LABEL)

    assert account.registered_values(LABEL) == (new, "")
