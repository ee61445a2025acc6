"""The calls to AppFlow: which errors are retried, for how long, and under which client token."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ParamValidationError
from connector_registration import time_budget
from connector_registration.appflow import AppFlow
from connector_registration.appflow_calls import Connector
from connector_registration.errors import AlreadyRegisteredError, AppFlowError, CallError
from connector_registration.request import Registration
from connector_registration.time_budget import TimeBudget

from tests.handler.clock import Clock
from tests.handler.cloudformation import Context
from tests.handler.connections import Connections
from tests.handler.events import FUNCTION_ARN, LABEL
from tests.handler.faults import (
    Fault,
    Inject,
    error_response,
    refuse_connection,
    success_response,
)
from tests.support import BROKEN_CONNECTOR, Account, connector


@pytest.fixture
def client(account: Account, connections: Connections) -> Any:
    """An AppFlow client set up as the handler's own."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = account.cloud.client("appflow", account.id, config=config)
    connections.attach(client)
    return client


AppFlowFor = Callable[[str], AppFlow]


@pytest.fixture
def appflow_for(client: Any, clock: Clock, request_id: str) -> AppFlowFor:
    """Makes AppFlow for the registration of an ARN, in one invocation with 150 usable seconds."""
    context = Context(clock, 150 + time_budget.RESERVED_SECONDS)

    def appflow(lambda_arn: str) -> AppFlow:
        check_pending: Any = lambda **_: None  # noqa: E731 - of another type than the handler's
        return AppFlow(
            client,
            Registration(LABEL, lambda_arn, None, None, False),
            request_id=request_id,
            budget=TimeBudget(context, jitter=lambda _least, most: most),
            wait_until_ready=lambda: None,
            check_pending=check_pending,
        )

    return appflow


class TestRetry:
    """The errors of a call that are retried, and for how long."""

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (429, "ThrottlingException"),
            (429, "TooManyRequestsException"),
            (400, "RequestLimitExceeded"),
            (500, "InternalServerException"),
            (400, "RequestTimeoutException"),
            (500, "InternalFailure"),
            (503, "ServiceUnavailableException"),
            (503, None),
            (429, None),
        ],
    )
    def test_transient_error_is_retried(
        self,
        account: Account,
        inject: Inject,
        appflow_for: AppFlowFor,
        clock: Clock,
        status: int,
        code: str | None,
    ) -> None:
        """A transient error of AppFlow is retried until the call succeeds."""
        arn = account.make_function("crm", connector())
        inject("RegisterConnector", error_response(status, code), 3)

        appflow_for(arn).register()

        assert account.registered_arn(LABEL) == arn
        assert clock.slept == [1, 2, 4]

    def test_failed_connection_is_retried(
        self, account: Account, inject: Inject, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A connection that fails is retried until the call succeeds."""
        arn = account.make_function("crm", connector())
        inject("RegisterConnector", refuse_connection, 1)

        appflow_for(arn).register()

        assert account.registered_arn(LABEL) == arn
        assert clock.slept == [1]

    def test_lasting_connection_error_is_explained(
        self, client: Any, appflow_for: AppFlowFor
    ) -> None:
        """A connection that keeps failing ends in an error with its cause and the next step."""

        def fail(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://appflow.example")

        client.meta.events.register("before-send.appflow.RegisterConnector", fail)

        with pytest.raises(CallError) as refusal:
            appflow_for(FUNCTION_ARN).register()

        assert str(refusal.value) == (
            "connector acme-crm: ConnectionError from RegisterConnector: Could not connect to the"
            ' endpoint URL: "https://appflow.example". Check that AppFlow is available in this'
            " Region, and that the handler has a route to it if it runs in a VPC."
        )

    def test_error_of_the_sdk_is_not_retried(
        self, client: Any, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A call that the SDK refuses to send fails at once, in the SDK's own words."""

        def refuse(**_: Any) -> None:
            raise ParamValidationError(report="Unknown parameter: clientToken")

        client.meta.events.register("before-send.appflow.RegisterConnector", refuse)

        with pytest.raises(CallError) as refusal:
            appflow_for(FUNCTION_ARN).register()

        assert clock.slept == []
        assert str(refusal.value) == (
            "connector acme-crm: ParamValidationError from RegisterConnector: Parameter validation"
            " failed: Unknown parameter: clientToken. Deploy again. If the error persists, look"
            " it up in the AppFlow API Reference."
        )

    def test_delayed_permission_is_retried(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A permission that IAM has not propagated yet is retried until AppFlow sees it."""
        arn = account.make_function("crm", connector(), granted=False)
        clock.at(7, lambda: account.grant_appflow(arn))

        appflow_for(arn).register()

        assert account.registered_arn(LABEL) == arn
        assert clock.slept == [1, 2, 4]

    def test_all_tries_carry_one_token(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock, request_id: str
    ) -> None:
        """All tries of an operation carry the same client token."""
        arn = account.make_function("crm", connector(), granted=False)
        clock.at(3, lambda: account.grant_appflow(arn))

        appflow_for(arn).register()

        calls = [call for call in account.calls() if call["operation"] == "RegisterConnector"]
        assert len(calls) == 3
        assert {call["parameters"]["clientToken"] for call in calls} == {f"{request_id}-register"}

    def test_missing_permission_fails_after_a_minute(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A permission that stays missing fails the call after about a minute."""
        arn = account.make_function("crm", connector(), granted=False)

        with pytest.raises(CallError) as refusal:
            appflow_for(arn).register()

        assert refusal.value.code == "AccessDeniedException"
        assert 50 <= clock.now <= 60

    def test_failing_connector_fails_within_seconds(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A connector that keeps failing at once fails the call within fifteen seconds."""
        arn = account.make_function("crm", BROKEN_CONNECTOR)

        with pytest.raises(CallError) as refusal:
            appflow_for(arn).register()

        assert refusal.value.code == "ConnectorServerException"
        assert clock.slept == [1, 2, 4]

    @pytest.mark.parametrize(("failures", "tries"), [(2, 3), (100, 3)])
    def test_slow_connector_gets_three_tries(
        self,
        account: Account,
        inject: Inject,
        appflow_for: AppFlowFor,
        clock: Clock,
        failures: int,
        tries: int,
    ) -> None:
        """A connector that takes ten seconds to fail gets three tries in about half a minute."""
        arn = account.make_function("crm", connector())

        def fail_slowly(client: Any, request: Any) -> AWSResponse:
            clock.advance(10)
            return error_response(400, "ConnectorServerException")(client, request)

        fault = inject("RegisterConnector", fail_slowly, failures)
        with contextlib.suppress(CallError):
            appflow_for(arn).register()

        assert account.registered_arn(LABEL) == (arn if failures < tries else None)
        assert len(fault.tokens) == min(failures, tries)
        assert clock.slept == [1, 2]

    def test_nothing_is_called_without_time_left(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """When no time is left, the error says so and AppFlow is not called."""
        clock.now = 150

        message = "^connector acme-crm: no time was left for RegisterConnector. Deploy again.$"
        with pytest.raises(AppFlowError, match=message):
            appflow_for(FUNCTION_ARN).register()

        assert account.calls() == []

    def test_oversleeping_keeps_the_last_error(
        self, account: Account, inject: Inject, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A pause that outlasts the deadline ends in the error of the last try."""
        arn = account.make_function("crm", connector())
        inject("RegisterConnector", error_response(429, "ThrottlingException"), 1000)

        def oversleep() -> None:
            clock.now = 150

        clock.at(1, oversleep)

        with pytest.raises(CallError) as refusal:
            appflow_for(arn).register()

        assert refusal.value.code == "ThrottlingException"
        assert clock.slept == [1]

    def test_retries_end_before_the_deadline(
        self, account: Account, inject: Inject, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """Retries end before the deadline, in the error of the last try."""
        arn = account.make_function("crm", connector())
        inject("RegisterConnector", error_response(429, "ThrottlingException"), 1000)

        with pytest.raises(CallError) as refusal:
            appflow_for(arn).register()

        assert refusal.value.code == "ThrottlingException"
        assert 140 <= clock.now < 150

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (402, "ServiceQuotaExceededException"),
            (401, "ConnectorAuthenticationException"),
            (400, "ValidationException"),
        ],
    )
    def test_final_error_is_not_retried(
        self,
        inject: Inject,
        appflow_for: AppFlowFor,
        clock: Clock,
        status: int,
        code: str,
    ) -> None:
        """An error that waiting does not cure fails the call at once."""
        inject("RegisterConnector", error_response(status, code), 1)

        with pytest.raises(CallError) as refusal:
            appflow_for(FUNCTION_ARN).register()

        assert refusal.value.code == code
        assert clock.slept == []


class TestRegister:
    """Registering a label."""

    def test_registered_label_is_reported_as_taken(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A label that is registered already is reported as taken, without a retry."""
        arn = account.make_function("crm", connector())
        account.register(LABEL, arn)

        with pytest.raises(AlreadyRegisteredError):
            appflow_for(arn).register()

        assert clock.slept == []

    def test_free_label_keeps_its_validation_error(
        self, inject: Inject, appflow_for: AppFlowFor
    ) -> None:
        """A validation error about a free label is not mistaken for a taken label."""
        inject("RegisterConnector", error_response(400, "ValidationException"), 1)

        with pytest.raises(CallError) as refusal:
            appflow_for(FUNCTION_ARN).register()

        assert not isinstance(refusal.value, AlreadyRegisteredError)


class TestWaitUntilUpdated:
    """Waiting until AppFlow shows a change."""

    def test_polls_until_the_change_shows(
        self, account: Account, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """DescribeConnector is polled until it shows the new ARN."""
        old = account.make_function("old", connector("1.0"))
        new = account.make_function("new", connector("2.0"))
        account.register(LABEL, old)

        clock.at(1, lambda: account.move(LABEL, new))

        assert appflow_for(new).wait_until_updated().version == "2.0"
        assert clock.slept == [1]

    def test_other_arn_fails_and_is_named(self, account: Account, appflow_for: AppFlowFor) -> None:
        """The error names the other ARN if AppFlow keeps showing one."""
        old = account.make_function("old", connector("1.0"))
        account.register(LABEL, old)

        with pytest.raises(AppFlowError) as mismatch:
            appflow_for(FUNCTION_ARN).wait_until_updated()

        assert str(mismatch.value) == (
            f"connector acme-crm: AppFlow accepted the update but still shows {old}. Another stack"
            " or an operator may be updating the same label; make sure that only one of them"
            " manages it."
        )

    def test_missing_registration_fails(self, appflow_for: AppFlowFor) -> None:
        """The error says so if AppFlow shows no registration."""
        with pytest.raises(AppFlowError) as mismatch:
            appflow_for(FUNCTION_ARN).wait_until_updated()

        assert str(mismatch.value) == (
            "connector acme-crm: AppFlow does not show the connector after registering it. Deploy"
            " again."
        )


def unregister(appflow: AppFlow) -> None:
    """Unregister what AppFlow shows now."""
    registered = appflow.describe()
    assert registered is not None
    appflow.unregister(registered)


class TestUnregister:
    """Unregistering a label."""

    def test_repeats_until_the_label_is_gone(
        self, account: Account, inject: Inject, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """UnregisterConnector is repeated until AppFlow no longer shows the label."""
        arn = account.make_function("crm", connector())
        account.register(LABEL, arn)
        inject("UnregisterConnector", error_response(404, "ResourceNotFoundException"), 2)

        unregister(appflow_for(arn))

        assert account.registered(LABEL) is None
        assert clock.slept == [1, 2]

    def test_lasting_registration_fails(
        self, account: Account, inject: Inject, appflow_for: AppFlowFor, clock: Clock
    ) -> None:
        """A label that stays registered fails the call within half a minute."""
        arn = account.make_function("crm", connector())
        account.register(LABEL, arn)
        inject("UnregisterConnector", error_response(404, "ResourceNotFoundException"), 99)

        with pytest.raises(AppFlowError) as mismatch:
            unregister(appflow_for(arn))

        assert str(mismatch.value) == (
            "connector acme-crm: AppFlow still shows the connector after unregistering it. Delete"
            " again."
        )
        assert clock.slept == [1, 2, 4, 8, 8]

    @pytest.mark.parametrize(
        "fault",
        [
            error_response(404, "ResourceNotFoundException"),
            error_response(429, "ThrottlingException"),
            error_response(409, "ConflictException"),
            error_response(502, None),
            refuse_connection,
        ],
        ids=["not found", "throttled", "conflict", "bad gateway", "refused"],
    )
    @pytest.mark.parametrize("theirs", ["adopted", "registered anew", "unregistered"])
    def test_other_registration_is_left_alone(
        self,
        account: Account,
        inject: Inject,
        appflow_for: AppFlowFor,
        clock: Clock,
        fault: Fault,
        theirs: str,
    ) -> None:
        """Between two tries, the label can get another owner, whose registration stays."""
        arn, other = (account.make_function(name, connector()) for name in ("crm", "theirs"))
        account.register(LABEL, arn)

        def change_owner() -> None:
            if theirs == "adopted":
                account.move(LABEL, other)
                return
            account.client("appflow").unregister_connector(connectorLabel=LABEL)
            if theirs == "registered anew":
                account.register(LABEL, arn)

        clock.at(0.5, change_owner)
        inject("UnregisterConnector", fault, 1)

        unregister(appflow_for(arn))

        expected = {"adopted": other, "registered anew": arn, "unregistered": None}
        assert account.registered_arn(LABEL) == expected[theirs]


@pytest.mark.parametrize(
    "configuration",
    [
        b'{"registeredAt": 1e400}',
        b'{"registeredAt": -1e15}',
        b'{"registeredAt": "soon"}',
        b'{"registeredAt": []}',
        b'{"connectorModes": 5}',
        b"[" * 100_000,
    ],
)
def test_odd_response_is_a_lost_one(
    inject: Inject, appflow_for: AppFlowFor, configuration: bytes
) -> None:
    """A response that the SDK cannot turn into AppFlow's form is read again."""
    body = b'{"connectorConfiguration": ' + configuration + b"}"
    fault = inject("DescribeConnector", success_response(body), 1)

    assert appflow_for(FUNCTION_ARN).describe() is None
    assert fault.is_over


def test_describe_accepts_missing_members(inject: Inject, appflow_for: AppFlowFor) -> None:
    """A response of DescribeConnector may lack every optional member."""
    inject("DescribeConnector", success_response(b'{"connectorConfiguration": {}}'), 1)

    found = appflow_for(FUNCTION_ARN).describe()

    assert found == Connector(LABEL, "", "", "", "", {})
