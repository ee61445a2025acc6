"""Invocations that run on although CloudFormation no longer waits for their responses."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from connector_registration import sdk

from tests.handler.clock import BEGINNING
from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL, destroyed, properties
from tests.handler.faults import FAULTS, Inject
from tests.support import Account, connector


@pytest.fixture
def cancel_at(cloudformation: CloudFormation) -> Callable[[float], None]:
    """Cancels the update that is about to begin, and records its rollback, after some seconds."""

    def cancel_at(seconds: float) -> None:
        def cancel() -> None:
            cloudformation.cancel_update()
            cloudformation.record("UPDATE_IN_PROGRESS")

        cloudformation.clock.at(cloudformation.clock.now + seconds, cancel)

    return cancel_at


@pytest.fixture
def throttle(inject: Inject, cloudformation: CloudFormation) -> Callable[..., None]:
    """Throttles an operation for some seconds."""

    def throttle(operation: str, seconds: float) -> None:
        apply, _ = FAULTS["ThrottlingException"]
        fault = inject(operation, apply, 10_000)
        cloudformation.clock.at(cloudformation.clock.now + seconds, fault.end)

    return throttle


def changes(account: Account, after: int) -> list[str]:
    """The operations that AppFlow received after some calls, without the reads."""
    operations = [call["operation"] for call in account.calls(after=after)]
    return [operation for operation in operations if operation != "DescribeConnector"]


class TestSelfStop:
    """Requests that are cancelled while the handler retries."""

    @pytest.mark.parametrize("cancelled_at", [2, 20, 31, 45])
    def test_makes_no_call_after_half_a_minute(
        self,
        account: Account,
        cloudformation: CloudFormation,
        cancel_at: Callable[[float], None],
        throttle: Callable[..., None],
        old: str,
        new: str,
        cancelled_at: float,
    ) -> None:
        """After half a minute a cancelled update changes nothing, and its response says so."""
        cloudformation.create(properties(old))
        cancel_at(cancelled_at)
        throttle("UpdateConnectorRegistration", 50)
        before = len(account.calls())

        response = cloudformation.update(properties(new), properties(old), LABEL)

        assert "CloudFormation no longer waits for this event" in response["Reason"]
        assert response["PhysicalResourceId"] == LABEL
        assert changes(account, before) == []
        assert account.registered_arn(LABEL) == old

    def test_pending_update_is_retried(
        self,
        account: Account,
        cloudformation: CloudFormation,
        throttle: Callable[..., None],
        old: str,
        new: str,
    ) -> None:
        """An update that CloudFormation waits for is retried as long as there is time."""
        cloudformation.create(properties(old))
        throttle("UpdateConnectorRegistration", 100)

        response = cloudformation.update(properties(new), properties(old), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == new

    def test_slow_function_stops_a_cancelled_update(
        self,
        account: Account,
        cloudformation: CloudFormation,
        cancel_at: Callable[[float], None],
        old: str,
        new: str,
    ) -> None:
        """An update that is cancelled while its function is being updated changes nothing."""
        cloudformation.create(properties(old))
        cloud = account.local_cloud
        cloud.configure_lambda(account.id, inProgressSeconds=600)
        account.change_code("new", connector("2.1"))
        now = cloudformation.clock.now
        cloudformation.clock.at(now + 60, lambda: cloud.configure_lambda(account.id))
        cancel_at(10)
        before = len(account.calls())

        cloudformation.update(properties(new), properties(old), LABEL)

        assert changes(account, before) == []
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("kind", ["Create", "Delete"])
    def test_other_requests_stop_too(
        self,
        account: Account,
        cloudformation: CloudFormation,
        throttle: Callable[..., None],
        old: str,
        kind: str,
    ) -> None:
        """A cancelled Create registers nothing, and a Delete that timed out unregisters nothing."""
        operation = "RegisterConnector"
        if kind == "Delete":
            operation = "UnregisterConnector"
            account.register(LABEL, old)
        throttle(operation, 40)
        cancelled = f"{kind.upper()}_FAILED"
        cloudformation.clock.at(20, lambda: cloudformation.record(cancelled, "cancelled"))
        members = {} if kind == "Create" else {"PhysicalResourceId": LABEL}

        response = cloudformation.send(kind, destroyed(old), **members)

        assert response["Status"] == "FAILED"
        assert account.registered_arn(LABEL) == (None if kind == "Create" else old)


class TestCodeInPlace:
    """A cancelled update of code under an unchanged ARN, whose call ends after the rollback's."""

    @pytest.mark.parametrize("is_lost", [False, True])
    def test_words_of_the_old_code_return(
        self,
        account: Account,
        cloudformation: CloudFormation,
        inject: Inject,
        cancel_at: Callable[[float], None],
        old: str,
        is_lost: bool,
    ) -> None:
        """The cancelled invocation has AppFlow read the code that the rollback restored."""
        before = properties(old)
        cloudformation.create(before)
        account.change_code("old", connector("1.1"))
        cancel_at(3)
        cloudformation.clock.latency.by_operation["UpdateConnectorRegistration"] = 24
        if is_lost:
            hang, _ = FAULTS["hang after commit"]
            inject("UpdateConnectorRegistration", hang, 1)
        # AppFlow has the words of the new code when CloudFormation restores the old code.
        now = cloudformation.clock.now
        cloudformation.clock.at(now + 13, lambda: account.change_code("old", connector("1.0")))

        response = cloudformation.update(properties(old, FunctionHash={"Hash": "2"}), before, LABEL)

        assert "which was cancelled or timed out" in response["Reason"]
        registered = account.registered(LABEL)
        assert registered is not None
        assert registered["connectorVersion"] == "1.0"

    def test_slow_pending_update_succeeds(
        self, account: Account, cloudformation: CloudFormation, old: str
    ) -> None:
        """A slow call of an update that CloudFormation waits for is made once."""
        before = properties(old)
        cloudformation.create(before)
        cloudformation.clock.latency.by_operation["UpdateConnectorRegistration"] = 24
        calls = len(account.calls())

        response = cloudformation.update(properties(old, FunctionHash={"Hash": "2"}), before, LABEL)

        assert response["Status"] == "SUCCESS"
        assert changes(account, calls) == ["UpdateConnectorRegistration"]


class TestClock:
    """The age of an event if the clock of the handler's machine is wrong."""

    @pytest.mark.parametrize("seconds", [-60, -200, 60])
    def test_late_event_is_stale_by_any_clock(
        self,
        account: Account,
        cloudformation: CloudFormation,
        monkeypatch: pytest.MonkeyPatch,
        old: str,
        new: str,
        seconds: float,
    ) -> None:
        """A slow clock takes no late event for a fresh one, because AWS's responses have a date."""
        clock = cloudformation.clock
        cloudformation.create(properties(old))
        event = cloudformation.event(
            "Update",
            properties(new),
            OldResourceProperties=properties(old),
            PhysicalResourceId=LABEL,
        )
        cloudformation.record("UPDATE_IN_PROGRESS")
        cloudformation.cancel_update()
        clock.sleep(100)
        _replace_date(
            monkeypatch, lambda: formatdate(BEGINNING.timestamp() + clock.now, usegmt=True)
        )
        monkeypatch.setattr(clock, "time", lambda: BEGINNING.timestamp() + clock.now + seconds)

        response = cloudformation.deliver(event)

        assert "CloudFormation no longer waits" in response["Reason"]
        assert account.registered_arn(LABEL) == old

    @pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Nov 2026 99:99:99 GMT"])
    def test_odd_date_is_ignored(
        self,
        cloudformation: CloudFormation,
        monkeypatch: pytest.MonkeyPatch,
        old: str,
        date: str | None,
    ) -> None:
        """A response without a date that can be read changes nothing."""
        _replace_date(monkeypatch, lambda: date)

        assert cloudformation.create(properties(old))["Status"] == "SUCCESS"


def _replace_date(monkeypatch: pytest.MonkeyPatch, date: Callable[[], str | None]) -> None:
    """Let the responses of AWS have another date, or none."""
    note = sdk._note_date

    def replaced(response: Any) -> None:
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        headers.pop("date", None)
        if (shown := date()) is not None:
            headers["date"] = shown
        note(response)

    monkeypatch.setattr(sdk, "_note_date", replaced)
