"""Which errors are waited out, for how long, and under which token."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ParamValidationError
from connector_registration.appflow import AppFlow, Connector, LabelTakenError
from connector_registration.errors import AppFlowError, CallError
from connector_registration.request import Registration

from tests.handler.conftest import Body, Clock
from tests.support import BROKEN_CONNECTOR, Account, connector

LABEL = "acme-crm"


@pytest.fixture
def client(account: Account) -> Any:
    """An AppFlow client set up as the handler's own."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return account.cloud.client("appflow", account.id, config=config)


@pytest.fixture
def appflow(client: Any, clock: Clock, request_id: str) -> AppFlow:
    return AppFlow(
        client,
        request_id=request_id,
        seconds_left=lambda: 150 - clock.now,
        clock=clock,
        jitter=lambda _least, most: most,
    )


def registration(lambda_arn: str) -> Registration:
    return Registration(LABEL, lambda_arn, None, None, False)


def answering(
    client: Any,
    operation: str,
    status: int,
    code: str | None,
    times: int,
    body: bytes = b'{"message": "Not now"}',
) -> None:
    """Have the next calls of an operation answered by AppFlow's front door, not by AppFlow."""
    counter = itertools.count()

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if next(counter) >= times:
            return None
        headers = {"x-amzn-ErrorType": code} if code else {}
        return AWSResponse(request.url, status, headers, Body(body))

    client.meta.events.register(f"before-send.appflow.{operation}", answer)


class TestWaiting:
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
    def test_outlasts_what_passes(
        self,
        account: Account,
        client: Any,
        appflow: AppFlow,
        clock: Clock,
        status: int,
        code: str | None,
    ) -> None:
        arn = account.make_function("crm", connector())
        answering(client, "RegisterConnector", status, code, times=3)

        appflow.register(registration(arn))

        assert account.registered_arn(LABEL) == arn
        assert clock.slept == [1, 2, 4]

    def test_outlasts_a_connection_that_fails(
        self, account: Account, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector())
        failures = iter([EndpointConnectionError(endpoint_url="https://appflow")])

        def fail(**_: Any) -> None:
            for failure in failures:
                raise failure

        client.meta.events.register("before-send.appflow.RegisterConnector", fail)

        appflow.register(registration(arn))

        assert account.registered_arn(LABEL) == arn
        assert clock.slept == [1]

    def test_names_the_trouble_of_a_connection_that_keeps_failing(
        self, client: Any, appflow: AppFlow
    ) -> None:
        def fail(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://appflow.example")

        client.meta.events.register("before-send.appflow.RegisterConnector", fail)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert str(refusal.value) == (
            "connector acme-crm: ConnectionTrouble from RegisterConnector: Could not connect to the"
            ' endpoint URL: "https://appflow.example". Check that AppFlow exists in this Region,'
            " and that the handler has a route to it if it runs in a VPC."
        )

    def test_does_not_outlast_a_call_that_the_sdk_refuses_to_send(
        self, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        def refuse(**_: Any) -> None:
            raise ParamValidationError(report="Unknown parameter: clientToken")

        client.meta.events.register("before-send.appflow.RegisterConnector", refuse)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert clock.slept == []
        assert str(refusal.value) == (
            "connector acme-crm: ParamValidationError from RegisterConnector: Parameter validation"
            " failed: Unknown parameter: clientToken. Deploy again; if it stays, look the error up"
            " in the AppFlow API Reference."
        )

    def test_outlasts_a_permission_that_is_on_its_way(
        self, account: Account, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector(), granted=False)
        clock.at(7, lambda: account.grant_appflow(arn))

        appflow.register(registration(arn))

        assert account.registered_arn(LABEL) == arn
        assert clock.now == 7

    def test_carries_one_token_through_all_tries(
        self, account: Account, appflow: AppFlow, clock: Clock, request_id: str
    ) -> None:
        arn = account.make_function("crm", connector(), granted=False)
        clock.at(3, lambda: account.grant_appflow(arn))

        appflow.register(registration(arn))

        calls = [call for call in account.calls() if call["operation"] == "RegisterConnector"]
        assert len(calls) == 3
        assert {call["parameters"]["clientToken"] for call in calls} == {f"{request_id}-register"}

    def test_for_a_permission_ends_after_a_minute(
        self, account: Account, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector(), granted=False)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration(arn))

        assert refusal.value.code == "AccessDeniedException"
        assert 50 <= clock.now <= 60

    def test_for_a_connector_that_fails_ends_after_seconds(
        self, account: Account, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", BROKEN_CONNECTOR)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration(arn))

        assert refusal.value.code == "ConnectorServerException"
        assert clock.slept == [1, 2, 4]

    def test_is_not_begun_and_nothing_is_called_when_no_time_is_left(
        self, account: Account, appflow: AppFlow, clock: Clock
    ) -> None:
        clock.now = 150

        message = "^connector acme-crm: no time was left for RegisterConnector. Deploy again.$"
        with pytest.raises(AppFlowError, match=message):
            appflow.register(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert account.calls() == []

    def test_that_takes_longer_than_it_should_ends_with_the_error_it_was_for(
        self, account: Account, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector())
        answering(client, "RegisterConnector", 429, "ThrottlingException", times=1000)

        def oversleep() -> None:
            clock.now = 150

        clock.at(1, oversleep)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration(arn))

        assert refusal.value.code == "ThrottlingException"
        assert clock.slept == [1]

    def test_ends_with_the_time_that_is_left(
        self, account: Account, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector())
        answering(client, "RegisterConnector", 429, "ThrottlingException", times=1000)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration(arn))

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
    def test_is_not_done_for_what_does_not_pass(
        self,
        account: Account,
        client: Any,
        appflow: AppFlow,
        clock: Clock,
        status: int,
        code: str,
    ) -> None:
        answering(client, "RegisterConnector", status, code, times=1)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert refusal.value.code == code
        assert clock.slept == []


class TestRegister:
    def test_says_when_the_label_is_taken(
        self, account: Account, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector())
        account.register(LABEL, arn)

        with pytest.raises(LabelTakenError):
            appflow.register(registration(arn))

        assert clock.slept == []

    def test_keeps_a_validation_error_of_a_free_label(
        self, account: Account, client: Any, appflow: AppFlow
    ) -> None:
        answering(client, "RegisterConnector", 400, "ValidationException", times=1)

        with pytest.raises(CallError) as refusal:
            appflow.register(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert not isinstance(refusal.value, LabelTakenError)


class TestReadBack:
    def test_waits_until_appflow_shows_the_change(
        self, account: Account, appflow: AppFlow, clock: Clock
    ) -> None:
        old = account.make_function("old", connector("1.0"))
        new = account.make_function("new", connector("2.0"))
        account.register(LABEL, old)

        def move() -> None:
            account.client("appflow").update_connector_registration(
                connectorLabel=LABEL,
                connectorProvisioningConfig={"lambda": {"lambdaArn": new}},
            )

        clock.at(1, move)

        assert appflow.read_back(registration(new)).version == "2.0"
        assert clock.slept == [1]

    def test_fails_naming_what_appflow_holds_instead(
        self, account: Account, appflow: AppFlow
    ) -> None:
        old = account.make_function("old", connector("1.0"))
        account.register(LABEL, old)

        with pytest.raises(AppFlowError) as mismatch:
            appflow.read_back(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert str(mismatch.value) == (
            f"connector acme-crm: AppFlow accepted the change but still holds {old}. Another stack"
            " or person may be updating the same label; see to it that one of them owns it."
        )

    def test_fails_if_appflow_shows_nothing(self, appflow: AppFlow) -> None:
        with pytest.raises(AppFlowError) as mismatch:
            appflow.read_back(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

        assert str(mismatch.value) == (
            "connector acme-crm: AppFlow does not show it after registering it. Deploy again."
        )


class TestUnregister:
    def test_is_repeated_until_appflow_no_longer_shows_the_label(
        self, account: Account, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector())
        account.register(LABEL, arn)
        answering(client, "UnregisterConnector", 404, "ResourceNotFoundException", times=2)

        appflow.unregister(registration(arn))

        assert account.registered(LABEL) is None
        assert clock.slept == [1, 2]

    def test_fails_if_appflow_goes_on_showing_it(
        self, account: Account, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        arn = account.make_function("crm", connector())
        account.register(LABEL, arn)
        answering(client, "UnregisterConnector", 404, "ResourceNotFoundException", times=99)

        with pytest.raises(AppFlowError) as mismatch:
            appflow.unregister(registration(arn))

        assert str(mismatch.value) == (
            "connector acme-crm: AppFlow still shows it after unregistering it. Delete again."
        )
        assert clock.now == 23

    def test_leaves_what_somebody_else_registers_meanwhile(
        self, account: Account, client: Any, appflow: AppFlow, clock: Clock
    ) -> None:
        arn, theirs = (account.make_function(name, connector()) for name in ("crm", "theirs"))
        account.register(LABEL, theirs)
        answering(client, "UnregisterConnector", 404, "ResourceNotFoundException", times=1)

        appflow.unregister(registration(arn))

        assert account.registered_arn(LABEL) == theirs
        assert clock.slept == []


def test_finds_a_connector_of_which_appflow_says_next_to_nothing(
    client: Any, appflow: AppFlow
) -> None:
    answering(client, "DescribeConnector", 200, None, 1, b'{"connectorConfiguration": {}}')

    found = appflow.find(registration("arn:aws:lambda:us-east-1:111122223333:function:crm"))

    assert found == Connector(LABEL, "", "", "", "")
