"""Registrations that took effect although their responses were lost or a later call failed."""

from __future__ import annotations

from typing import Any

import pytest
from connector_registration import sdk

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL, destroyed, properties
from tests.handler.faults import FAULTS, Inject, error_response
from tests.handler.log import Log
from tests.support import Account

OTHER_LABEL = "acme-erp"

LOST = [name for name in FAULTS if "after commit" in name]


@pytest.fixture
def lose_one_response(inject: Inject) -> Any:
    """Loses the response of one RegisterConnector, and lets all later ones meet an error."""

    def lose(fault: str, status: int, code: str) -> None:
        lost, _ = FAULTS[fault]
        later = inject("RegisterConnector", error_response(status, code), 0)

        def lose_once(client: Any, request: Any) -> Any:
            later._left = 10_000
            return lost(client, request)

        inject("RegisterConnector", lose_once, 1)

    return lose


class TestCreate:
    """A Create that registers the label without receiving AppFlow's response."""

    @pytest.mark.parametrize("fault", LOST)
    @pytest.mark.parametrize(
        ("status", "code"),
        [(429, "ThrottlingException"), (500, "InternalServerException"), (403, "AccessDenied")],
    )
    @pytest.mark.parametrize("adoption", ["Allowed", "Forbidden"])
    def test_failure_has_the_label_as_id(
        self,
        account: Account,
        cloudformation: CloudFormation,
        lose_one_response: Any,
        old: str,
        fault: str,
        status: int,
        code: str,
        adoption: str,
    ) -> None:
        """The Delete that follows finds the registration, and the next deployment succeeds."""
        lose_one_response(fault, status, code)
        given = destroyed(old, Adoption=adoption)

        response = cloudformation.create(given)
        cloudformation.delete(given, response["PhysicalResourceId"])

        assert response["Status"] == "FAILED"
        assert response["PhysicalResourceId"] == LABEL
        assert account.registered(LABEL) is None

    @pytest.mark.parametrize("fault", LOST)
    @pytest.mark.parametrize("code", ["ConflictException", "ValidationException"])
    @pytest.mark.parametrize("adoption", ["Allowed", "Forbidden"])
    def test_conflict_with_itself_is_a_success(
        self,
        account: Account,
        cloudformation: CloudFormation,
        lose_one_response: Any,
        old: str,
        fault: str,
        code: str,
        adoption: str,
    ) -> None:
        """A retry that meets the request's own registration succeeds, and adopts nothing."""
        lose_one_response(fault, 409, code)

        response = cloudformation.create(destroyed(old, Adoption=adoption))

        assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", LABEL)
        assert account.registered_arn(LABEL) == old
        operations = [call["operation"] for call in account.calls()]
        assert "UpdateConnectorRegistration" not in operations

    @pytest.mark.parametrize("theirs", ["same", "other"])
    @pytest.mark.parametrize("fault", ["reset before commit", "502"])
    def test_registration_of_another_is_not_its_own(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        monkeypatch: pytest.MonkeyPatch,
        old: str,
        new: str,
        theirs: str,
        fault: str,
    ) -> None:
        """A label that was registered before is refused, also after a response was lost."""
        account.register(LABEL, old if theirs == "same" else new)
        _let_pass(monkeypatch, seconds=60)
        apply, _ = FAULTS[fault]
        inject("RegisterConnector", apply, 1)

        response = cloudformation.create(destroyed(old, Adoption="Forbidden"))
        cloudformation.delete(destroyed(old), response["PhysicalResourceId"])

        assert "the label is already registered" in response["Reason"]
        assert response["PhysicalResourceId"].startswith("FAILED-CREATE:")
        assert account.registered(LABEL) is not None

    def test_unreadable_label_is_not_its_own(
        self, cloudformation: CloudFormation, inject: Inject, old: str
    ) -> None:
        """If the last look fails too, the failure has an id that owns nothing, within the time."""
        hang, _ = FAULTS["hang after commit"]
        inject("RegisterConnector", hang, 10_000)
        inject("DescribeConnector", hang, 10_000)

        response = cloudformation.create(destroyed(old))

        assert response["PhysicalResourceId"].startswith("FAILED-CREATE:")
        assert cloudformation.clock.now < 240


def _let_pass(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """Let AWS's clock, as its responses show it, be ahead of the time of earlier registrations."""
    latest = sdk.latest_response_at
    monkeypatch.setattr(sdk, "latest_response_at", lambda: (latest() or 0) + seconds)


class TestChangeOfLabel:
    """A change of the label that fails after it has registered the new label."""

    @pytest.mark.parametrize(
        ("fault", "until"),
        [("ThrottlingException", 140), ("AccessDeniedException", 100), ("refused", 140)],
    )
    def test_new_label_is_unregistered(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        old: str,
        fault: str,
        until: float,
    ) -> None:
        """The new label does not stay registered, because no Delete would come for it."""
        before, after = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(before)
        apply, code = FAULTS[fault]
        failing = inject("DescribeConnector", apply, 10_000)
        cloudformation.clock.at(until, failing.end)

        response = cloudformation.update(after, before, LABEL)

        assert response["Reason"].startswith(f"connector {OTHER_LABEL}: {code}")
        assert response["PhysicalResourceId"] == LABEL
        assert account.registered(OTHER_LABEL) is None
        assert account.registered_arn(LABEL) == old

    def test_label_that_cannot_be_seen_is_logged(
        self, cloudformation: CloudFormation, inject: Inject, log: Log, old: str
    ) -> None:
        """A new label that the handler cannot unregister is named in its log."""
        before, after = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(before)
        inject("DescribeConnector", FAULTS["AccessDeniedException"][0], 10_000)

        response = cloudformation.update(after, before, LABEL)

        assert response["Status"] == "FAILED"
        decision = log.messages("decision")[-1]
        assert decision["label"] == OTHER_LABEL
        assert decision["decision"].startswith("still registered: connector acme-erp: AccessDenied")

    def test_label_of_a_new_owner_stays_registered(
        self, account: Account, cloudformation: CloudFormation, inject: Inject, old: str, new: str
    ) -> None:
        """A new label that another stack has adopted meanwhile stays registered."""
        before, after = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(before)
        failing = inject("DescribeConnector", FAULTS["AccessDeniedException"][0], 10_000)
        cloudformation.clock.at(30, lambda: account.move(OTHER_LABEL, new))
        cloudformation.clock.at(100, failing.end)

        response = cloudformation.update(after, before, LABEL)

        assert response["Status"] == "FAILED"
        assert account.registered_arn(OTHER_LABEL) == new

    def test_adopted_label_stays_registered(
        self, account: Account, cloudformation: CloudFormation, inject: Inject, old: str
    ) -> None:
        """A label that was registered before stays registered."""
        before, after = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(before)
        account.register(OTHER_LABEL, old)
        apply, _ = FAULTS["AccessDeniedException"]
        failing = inject("UpdateConnectorRegistration", apply, 10_000)
        cloudformation.clock.at(100, failing.end)

        response = cloudformation.update(after, before, LABEL)

        assert response["Status"] == "FAILED"
        assert account.registered_arn(OTHER_LABEL) == old

    def test_retained_label_stays_registered(
        self, account: Account, cloudformation: CloudFormation, inject: Inject, old: str
    ) -> None:
        """With RETAIN the handler has no permission to unregister, and leaves the new label."""
        before, after = properties(old), properties(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(before)
        apply, _ = FAULTS["AccessDeniedException"]
        inject("DescribeConnector", apply, 10_000)

        response = cloudformation.update(after, before, LABEL)

        assert response["Status"] == "FAILED"
        assert "UnregisterConnector" not in [call["operation"] for call in account.calls()]

    @pytest.mark.parametrize("seconds", [0.0, 40.0])
    def test_cancelled_change_is_undone(
        self, account: Account, cloudformation: CloudFormation, old: str, seconds: float
    ) -> None:
        """A change that is cancelled while it registers the new label unregisters it again."""
        before, after = destroyed(old), destroyed(old, ConnectorLabel=OTHER_LABEL)
        cloudformation.create(before)
        cloudformation.clock.latency.by_operation["RegisterConnector"] = seconds + 1
        now = cloudformation.clock.now
        cloudformation.clock.at(now + 0.5, cloudformation.cancel_update)

        response = cloudformation.update(after, before, LABEL)

        assert "CloudFormation no longer waits for this event" in response["Reason"]
        assert account.registered(OTHER_LABEL) is None
        assert account.registered_arn(LABEL) == old


def test_cancelled_slow_creation_is_undone(
    account: Account, cloudformation: CloudFormation, old: str
) -> None:
    """A creation that is cancelled while AppFlow takes long to register leaves nothing behind."""
    cloudformation.clock.latency.by_operation["RegisterConnector"] = 20
    cloudformation.clock.at(
        5, lambda: cloudformation.record("CREATE_FAILED", "Resource creation cancelled")
    )

    response = cloudformation.create(destroyed(old))

    assert "CloudFormation no longer waits for this event" in response["Reason"]
    assert account.registered(LABEL) is None


def test_response_without_date_is_not_its_own(
    account: Account,
    cloudformation: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
    inject: Inject,
    old: str,
) -> None:
    """Without the time of AWS, a label is not taken for the request's own."""
    monkeypatch.setattr(sdk, "latest_response_at", lambda: None)
    apply, _ = FAULTS["reset after commit"]
    inject("RegisterConnector", apply, 10_000)

    response = cloudformation.create(destroyed(old))

    assert response["PhysicalResourceId"].startswith("FAILED-CREATE:")
