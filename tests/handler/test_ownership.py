"""Whose registration a Delete finds, and which labels a resource may adopt."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handler.clock import BEGINNING
from tests.handler.cloudformation import CloudFormation, StackEvent
from tests.handler.events import LABEL, TYPE, destroyed
from tests.handler.faults import Inject, cloudformation_error
from tests.support import Account

OTHER_LABEL = "acme-erp"
OTHER_ID = "Other9F31C2D4"


class Stack:
    """Records what CloudFormation has done to other resources of the stack."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self._cloudformation = cloudformation

    def record(
        self, *statuses: str, label: str = LABEL, logical_id: str = OTHER_ID, kind: str = TYPE
    ) -> None:
        """Record events about a resource with a physical id, the oldest first."""
        self._cloudformation.history.extend(
            StackEvent(
                status,
                logical_id=logical_id,
                physical_id=label,
                type_=kind,
                at=self._cloudformation.clock.now,
            )
            for status in statuses
        )


@pytest.fixture
def stack(cloudformation: CloudFormation) -> Stack:
    """The other resources of the stack."""
    return Stack(cloudformation)


class TestOtherResource:
    """A Delete of a label that another resource of the same stack has by now."""

    @pytest.mark.parametrize(
        "statuses",
        [
            ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
            ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"],
            ["CREATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_FAILED"],
            ["DELETE_COMPLETE", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
            ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_FAILED"],
        ],
        ids=lambda statuses: statuses[-1],
    )
    @pytest.mark.parametrize("stack_status", ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None])
    def test_its_label_stays_registered(
        self,
        account: Account,
        cloudformation: CloudFormation,
        stack: Stack,
        old: str,
        statuses: list[str],
        stack_status: str | None,
    ) -> None:
        """The label of a resource whose logical id has changed stays registered."""
        cloudformation.create(destroyed(old))
        stack.record(*statuses)
        if stack_status:
            cloudformation.record_stack(stack_status)

        response = cloudformation.delete(destroyed(old), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize(
        "statuses",
        [
            ["CREATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"],
            ["CREATE_IN_PROGRESS", "CREATE_FAILED"],
            ["CREATE_COMPLETE", "DELETE_SKIPPED"],
        ],
        ids=lambda statuses: statuses[-1],
    )
    def test_its_former_label_is_unregistered(
        self,
        account: Account,
        cloudformation: CloudFormation,
        stack: Stack,
        old: str,
        statuses: list[str],
    ) -> None:
        """A resource that has been deleted, or was not created, owns no label."""
        stack.record(*statuses)
        cloudformation.create(destroyed(old))

        cloudformation.delete(destroyed(old), LABEL)

        assert account.registered(LABEL) is None

    def test_labels_that_shift_stay_registered(
        self, account: Account, cloudformation: CloudFormation, stack: Stack, old: str
    ) -> None:
        """A label that moves on to the next resource stays registered; the first one does not."""
        first, second = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(first)
        stack.record("CREATE_COMPLETE", "UPDATE_IN_PROGRESS", label="acme-hr")
        cloudformation.update(second, first, LABEL)
        stack.record("UPDATE_COMPLETE", label=LABEL)
        stack.record("DELETE_IN_PROGRESS", "DELETE_COMPLETE", label="acme-hr")

        cloudformation.delete(first, LABEL)
        cloudformation.delete(second, OTHER_LABEL)

        assert account.registered_arn(LABEL) == old
        assert account.registered(OTHER_LABEL) is None

    def test_labels_that_swap_stay_registered(
        self, account: Account, cloudformation: CloudFormation, stack: Stack, old: str
    ) -> None:
        """Two resources that exchange their labels both keep a registration."""
        first, second = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(first)
        account.register(OTHER_LABEL, old)
        cloudformation.update(second, first, LABEL)
        stack.record("UPDATE_IN_PROGRESS", label=OTHER_LABEL)
        stack.record("UPDATE_COMPLETE", label=LABEL)
        cloudformation.record_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")

        cloudformation.delete(first, LABEL)

        assert account.registered_arn(LABEL) == old
        assert account.registered_arn(OTHER_LABEL) == old

    @pytest.mark.parametrize(
        ("kind", "is_owner"),
        [("AWS::AppFlow::Connector", True), ("AWS::S3::Bucket", False), ("Custom::AWS", False)],
    )
    def test_native_connector_is_an_owner(
        self,
        account: Account,
        cloudformation: CloudFormation,
        stack: Stack,
        old: str,
        kind: str,
        is_owner: bool,
    ) -> None:
        """The native resource owns its label; other types have physical ids of another kind."""
        cloudformation.create(destroyed(old))
        stack.record("CREATE_COMPLETE", kind=kind)

        cloudformation.delete(destroyed(old), LABEL)

        assert account.registered_arn(LABEL) == (old if is_owner else None)

    def test_deleted_stack_has_no_owner(
        self, account: Account, cloudformation: CloudFormation, stack: Stack, old: str
    ) -> None:
        """When the whole stack is deleted, its labels are unregistered."""
        cloudformation.create(destroyed(old))
        stack.record("CREATE_COMPLETE")
        cloudformation.record_stack("DELETE_IN_PROGRESS")

        cloudformation.delete(destroyed(old), LABEL)

        assert account.registered(LABEL) is None

    def test_unreadable_stack_events_leave_the_arn(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """If the stack's events cannot be read, the ARN alone tells whose label it is."""
        cloudformation.create(destroyed(old))

        cloudformation.delete(destroyed(old), LABEL, StackId="arn:of:another:stack")

        assert account.registered(LABEL) is None

    def test_throttled_stack_events_fail_the_delete(
        self, account: Account, cloudformation: CloudFormation, inject: Inject, old: str
    ) -> None:
        """A Delete that CloudFormation keeps from reading the events unregisters nothing."""
        cloudformation.create(destroyed(old))
        inject("DescribeStackEvents", cloudformation_error(400, "Throttling"), 99)

        response = cloudformation.delete(destroyed(old), LABEL)

        assert response["Reason"] == (
            "connector acme-crm: Throttling from DescribeStackEvents: Not now. The account exceeds"
            " its CloudFormation request rate. Deploy again."
        )
        assert account.registered_arn(LABEL) == old


class TestRollbackOfACreation:
    """The Delete of a resource that is rolled back because another one failed."""

    @pytest.mark.parametrize(
        "statuses",
        [
            ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"],
            ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"],
            [
                "UPDATE_IN_PROGRESS",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "UPDATE_ROLLBACK_FAILED",
                "UPDATE_ROLLBACK_IN_PROGRESS",
            ],
        ],
        ids=["stack", "update", "continued"],
    )
    @pytest.mark.parametrize("was_registered_before", [True, False])
    def test_earlier_registration_stays(
        self,
        account: Account,
        cloudformation: CloudFormation,
        old: str,
        statuses: list[str],
        was_registered_before: bool,
    ) -> None:
        """What was registered before the deployment is retained; what it registered is not."""
        account.register(LABEL, old)
        registered = account.registered(LABEL)
        assert registered is not None
        # AppFlow's clock is the machine's and not the test's.
        registered_at = registered["registeredAt"].timestamp() - BEGINNING.timestamp()
        offset = 10 if was_registered_before else -10
        cloudformation.clock.now = registered_at + offset
        for status in statuses:
            cloudformation.record_stack(status)
        cloudformation.create(destroyed(old))

        response = cloudformation.delete(destroyed(old), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == (old if was_registered_before else None)


class TestForbiddenAdoption:
    """Changes of the label while adoption is forbidden."""

    @pytest.fixture
    def before(self, old: str) -> dict[str, Any]:
        """The properties of the resource under its first label."""
        return destroyed(old, Adoption="Forbidden")

    @pytest.fixture
    def after(self, old: str) -> dict[str, Any]:
        """The same under its second label."""
        return destroyed(old, Adoption="Forbidden", ConnectorLabel=OTHER_LABEL)

    @pytest.mark.parametrize(
        "stack_status",
        # A cancelled update still runs when its stack rolls back.
        ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", None],
    )
    def test_label_of_the_same_function_is_refused(
        self,
        account: Account,
        cloudformation: CloudFormation,
        before: dict[str, Any],
        after: dict[str, Any],
        old: str,
        stack_status: str | None,
    ) -> None:
        """A label that was registered by hand is not adopted, even for the same function."""
        cloudformation.create(before)
        account.register(OTHER_LABEL, old, description="By hand")
        if stack_status:
            cloudformation.record_stack(stack_status)

        response = cloudformation.update(after, before, LABEL)
        rolled_back = cloudformation.update(before, after, LABEL)

        assert response["Reason"] == (
            f"connector acme-erp: the label is already registered, with {old}. Choose another"
            " label, or adopt the registration with adoption=Adoption.ALLOWED."
        )
        assert response["PhysicalResourceId"] == LABEL
        assert rolled_back["Status"] == "SUCCESS"
        assert cloudformation.clock.slept == []
        assert account.registered_values(OTHER_LABEL) == (old, "By hand")

    def test_label_is_refused_without_stack_events(
        self,
        account: Account,
        cloudformation: CloudFormation,
        before: dict[str, Any],
        after: dict[str, Any],
        old: str,
    ) -> None:
        """A registered label is refused if the stack events cannot tell that it is a rollback."""
        cloudformation.create(before)
        account.register(OTHER_LABEL, old)

        response = cloudformation.update(after, before, LABEL, StackId="arn:of:another:stack")

        assert "the label is already registered" in response["Reason"]

    @pytest.mark.parametrize("stack_status", ["UPDATE_ROLLBACK_IN_PROGRESS", None])
    @pytest.mark.parametrize("by_hand", ["nothing", "moved"])
    @pytest.mark.parametrize("adoption", ["Forbidden", "Required"])
    def test_rollback_returns_to_the_former_label(
        self,
        account: Account,
        cloudformation: CloudFormation,
        before: dict[str, Any],
        after: dict[str, Any],
        old: str,
        new: str,
        stack_status: str | None,
        by_hand: str,
        adoption: str,
    ) -> None:
        """A rollback returns to its former label, also if an operator has moved it meanwhile."""
        cloudformation.create(before)
        cloudformation.update(after, before, LABEL)
        if by_hand == "moved":
            account.move(LABEL, new)
        if stack_status:
            cloudformation.record_stack(stack_status)

        response = cloudformation.update({**before, "Adoption": adoption}, after, OTHER_LABEL)
        cloudformation.delete(after, OTHER_LABEL)

        assert response["Status"] == "SUCCESS"
        assert response["PhysicalResourceId"] == LABEL
        assert account.registered_arn(LABEL) == old
        assert account.registered(OTHER_LABEL) is None

    def test_rollback_in_a_large_stack_returns(
        self,
        account: Account,
        cloudformation: CloudFormation,
        before: dict[str, Any],
        after: dict[str, Any],
        old: str,
        new: str,
    ) -> None:
        """A rollback whose resource's events lie behind too many others returns to its label."""
        cloudformation.create(before)
        cloudformation.update(after, before, LABEL)
        account.move(LABEL, new)
        cloudformation.record_others(2000)
        cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")

        response = cloudformation.update(before, after, OTHER_LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("adoption", ["Forbidden", "Required", "Allowed"])
    def test_rollback_registers_a_missing_label(
        self,
        account: Account,
        cloudformation: CloudFormation,
        before: dict[str, Any],
        after: dict[str, Any],
        old: str,
        adoption: str,
    ) -> None:
        """A rollback registers its former label again if an operator has unregistered it."""
        cloudformation.create(before)
        cloudformation.update(after, before, LABEL)
        account.client("appflow").unregister_connector(connectorLabel=LABEL)
        cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")

        response = cloudformation.update({**before, "Adoption": adoption}, after, OTHER_LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old


def test_rolled_back_rename_keeps_the_label(
    account: Account, cloudformation: CloudFormation, stack: Stack, old: str
) -> None:
    """The rollback of another logical id leaves the label to the resource that had it before."""
    stack.record("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    account.register(LABEL, old)
    cloudformation.record_stack("UPDATE_IN_PROGRESS")
    cloudformation.create(destroyed(old))
    cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")

    cloudformation.delete(destroyed(old), LABEL)

    assert account.registered_arn(LABEL) == old
