"""What can be set of the local AppFlow: its limits, its clock, and what AWS leaves open."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from appflow_local_cloud.appflow.errors import ThrottlingException
from appflow_local_cloud.appflow.limits import Permissions, Rate
from tests.local_cloud.support import refusal, registration, user_client
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id

LABEL = "acme-crm"
PERMISSION = ("arn:aws:sts::111122223333:assumed-role/handler", "appflow:RegisterConnector", "*")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestCalls:
    def test_are_free_by_default(self) -> None:
        rate = Rate(None)

        for _ in range(1000):
            rate.take_call()

    def test_come_through_at_their_rate(self, clock: Clock) -> None:
        rate = Rate(10, clock)
        taken = 0
        for tick in range(50):  # five seconds
            clock.now = tick / 10
            for _ in range(5):
                try:
                    rate.take_call()
                except ThrottlingException:
                    continue
                taken += 1

        assert taken == 10 + 49

    def test_too_many_are_refused_as_aws_refuses_them(self, account: Account) -> None:
        config = Config(retries={"total_max_attempts": 1})
        appflow = account.cloud.client("appflow", account.id, config=config)
        account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)
        appflow.list_connectors()

        code, status, message = refusal(appflow.list_connectors)

        assert (code, status, message) == ("ThrottlingException", 429, "Rate exceeded")
        assert account.calls()[-1]["outcome"] == "ThrottlingException"

    def test_of_another_account_or_region_do_not_count(self, account: Account) -> None:
        account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)
        stranger = Account(account.cloud, new_account_id())
        for _ in range(5):
            stranger.client("appflow").list_connectors()

        for owner in (account, replace(account, region="eu-west-1")):
            owner.client("appflow").list_connectors()

        assert [call["outcome"] for call in stranger.calls()] == ["OK"] * 5
        assert [call["outcome"] for call in account.calls()] == ["OK"] * 2


def is_known(
    permissions: Permissions,
    permission: tuple[str, str, str] = PERMISSION,
    *,
    at: float,
    found: bool = True,
    delay: float = 2,
) -> bool:
    """Whether a permission counts so many seconds after the start."""
    now = START + timedelta(seconds=at)
    return permissions.is_known(permission, found=found, now=now, delay=timedelta(seconds=delay))


class TestPermissions:
    def test_are_known_at_once_by_default(self) -> None:
        assert is_known(Permissions(), at=0, delay=0)
        assert not is_known(Permissions(), at=0, delay=0, found=False)

    def test_are_known_after_a_while(self) -> None:
        permissions = Permissions()

        assert [is_known(permissions, at=at) for at in (0, 1.9, 2)] == [False, False, True]

    def test_that_were_missed_are_new_ones(self) -> None:
        permissions = Permissions()
        is_known(permissions, at=0)
        assert is_known(permissions, at=2)

        assert not is_known(permissions, at=3, found=False)
        assert [is_known(permissions, at=at) for at in (4, 5.9, 6)] == [False, False, True]

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_spread_each_by_itself(self, part: int) -> None:
        permissions = Permissions()
        is_known(permissions, at=0)
        principal, action, resource = [
            "another" if number == part else name for number, name in enumerate(PERMISSION)
        ]

        assert not is_known(permissions, (principal, action, resource), at=2)

    def test_not_known_yet_are_refused_as_if_they_were_none(
        self, account: Account, arn: str
    ) -> None:
        clerk = user_client(account, ["appflow:RegisterConnector", "lambda:InvokeFunction"])
        members = registration(LABEL, arn)

        def register_at(seconds: float) -> str:
            account.local_cloud.configure_appflow(
                account.id, permissionDelaySeconds=60, clockAheadSeconds=seconds
            )
            code, status, message = refusal(clerk.register_connector, **members)
            assert (code, status) == ("AccessDeniedException", 403)
            return message

        # First the action; then, since nobody asked for them before, those on the function.
        assert "is not authorized to perform: appflow:RegisterConnector" in register_at(0)
        assert "is not authorized to perform: lambda:InvokeFunction" in register_at(3600)
        account.local_cloud.configure_appflow(
            account.id, permissionDelaySeconds=60, clockAheadSeconds=7200
        )
        clerk.register_connector(**members)

    def test_taken_away_and_given_again_spread_again(self, account: Account, arn: str) -> None:
        functions = account.client("lambda")
        account.register(LABEL, arn)
        account.local_cloud.configure_appflow(account.id, permissionDelaySeconds=3600)
        update = account.client("appflow").update_connector_registration
        refused = f"Amazon AppFlow is not authorized to invoke {arn}"
        functions.remove_permission(FunctionName="crm", StatementId="AppFlow")
        assert refused in refusal(update, connectorLabel=LABEL)[2]

        account.grant_appflow(arn)

        assert refused in refusal(update, connectorLabel=LABEL)[2]
        account.local_cloud.configure_appflow(
            account.id, permissionDelaySeconds=3600, clockAheadSeconds=7200
        )
        update(connectorLabel=LABEL)

    def test_are_nothing_that_an_account_s_root_waits_for(self, account: Account) -> None:
        account.local_cloud.configure_appflow(account.id, permissionDelaySeconds=60)

        assert account.connectors() == []


class TestClock:
    def test_makes_a_client_token_expire(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn)
        remembered = []

        for hours in (0, 7.999, 8):
            account.local_cloud.configure_appflow(account.id, clockAheadSeconds=hours * 3600)
            appflow.update_connector_registration(connectorLabel=LABEL, clientToken="once")
            remembered.append(account.calls()[-1]["remembered"])

        assert remembered == [False, True, False]


class TestOpenQuestions:
    """One choice for each thing that AWS does not document, and the other one on demand."""

    def test_a_token_counts_for_all_operations(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn, clientToken="once")
        update = {"connectorLabel": LABEL, "clientToken": "once"}

        code, _, _ = refusal(appflow.update_connector_registration, **update)
        assert code == "ConflictException"

        account.local_cloud.configure_appflow(account.id, tokenScope="operation")
        appflow.update_connector_registration(**update)

    def test_a_misused_token_is_a_conflict(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn, clientToken="once")
        other = registration("another", arn, clientToken="once")

        code, status, message = refusal(appflow.register_connector, **other)
        assert (code, status) == ("ConflictException", 409)
        assert message == "The client token was used with other parameters."

        account.local_cloud.configure_appflow(account.id, tokenMisuse="ValidationException")
        code, status, _ = refusal(appflow.register_connector, **other)
        assert (code, status) == ("ValidationException", 400)

    @pytest.mark.parametrize(
        ("failed_tokens", "works"), [("forgotten", True), ("remembered", False)]
    )
    def test_a_failure_is_forgotten(
        self, account: Account, appflow: Any, failed_tokens: str, works: bool
    ) -> None:
        account.local_cloud.configure_appflow(account.id, failedTokens=failed_tokens)
        members = registration(LABEL, account.make_function("crm", BROKEN_CONNECTOR))
        members["clientToken"] = "once"
        assert refusal(appflow.register_connector, **members)[0] == "ConnectorServerException"
        account.change_code("crm", connector())

        if works:
            appflow.register_connector(**members)
        else:
            assert refusal(appflow.register_connector, **members)[0] == "ConnectorServerException"

        assert (account.registered(LABEL) is not None) == works
        [last] = [call for call in account.calls() if call["operation"] == "RegisterConnector"][1:]
        assert last["remembered"] is not works

    def test_an_omitted_description_stays(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn, description="Acme CRM")

        appflow.update_connector_registration(connectorLabel=LABEL)
        kept = account.registered(LABEL)
        account.local_cloud.configure_appflow(account.id, omittedDescription="cleared")
        appflow.update_connector_registration(connectorLabel=LABEL)
        cleared = account.registered(LABEL)

        assert kept is not None
        assert cleared is not None
        assert kept["connectorDescription"] == "Acme CRM"
        assert "connectorDescription" not in cleared

    def test_an_update_leaves_the_time_of_the_registration(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        times = []

        for settings in ({}, {}, {"registeredAt": "renewed"}):
            account.local_cloud.configure_appflow(account.id, clockAheadSeconds=3600, **settings)
            held = account.registered(LABEL)
            assert held is not None
            times.append(held["registeredAt"])
            appflow.update_connector_registration(connectorLabel=LABEL)
        renewed = account.registered(LABEL)

        assert renewed is not None
        assert times[0] == times[1] == times[2]
        assert renewed["registeredAt"] - times[0] >= timedelta(hours=1)

    def test_a_label_that_is_taken_is_a_conflict(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        members = registration(LABEL, arn)

        conflict = refusal(appflow.register_connector, **members)
        account.local_cloud.configure_appflow(account.id, takenLabel="ValidationException")
        invalid = refusal(appflow.register_connector, **members)

        message = "Connector acme-crm is registered already."
        assert conflict == ("ConflictException", 409, message)
        assert invalid == ("ValidationException", 400, message)

    @pytest.mark.parametrize(
        ("missing_function", "status"),
        [("ResourceNotFoundException", 404), ("ConnectorServerException", 400)],
    )
    def test_a_function_that_does_not_exist_is_not_told_from_one_without_a_permission(
        self, account: Account, appflow: Any, arn: str, missing_function: str, status: int
    ) -> None:
        register = appflow.register_connector
        closed = account.make_function("closed", connector(), granted=False)
        missing = registration(LABEL, f"{arn}:99")

        assert refusal(register, **missing)[:2] == ("AccessDeniedException", 403)

        account.local_cloud.configure_appflow(account.id, missingFunction=missing_function)
        told = (missing_function, status, f"There is no function {arn}:99.")
        assert refusal(register, **missing) == told
        unallowed = refusal(register, **registration(LABEL, closed))
        assert unallowed[:2] == ("AccessDeniedException", 403)

    def test_the_arn_of_a_version_or_alias_is_accepted(self, account: Account, arn: str) -> None:
        version = account.client("lambda").publish_version(FunctionName="crm")["FunctionArn"]
        account.grant_appflow(version)
        account.register("accepted", version)
        account.local_cloud.configure_appflow(account.id, qualifiedFunctions="refused")

        with pytest.raises(ClientError, match=r"ValidationException.*names a version or an alias"):
            account.register("refused", version)
        account.register("unqualified", arn)

    def test_the_caller_has_to_be_allowed_to_invoke_the_connector(
        self, account: Account, arn: str
    ) -> None:
        clerk = user_client(account, ["appflow:*"])
        members = registration(LABEL, arn)

        code, _, message = refusal(clerk.register_connector, **members)
        assert code == "AccessDeniedException"
        assert f"perform: lambda:InvokeFunction on resource: {arn}" in message

        account.local_cloud.configure_appflow(account.id, callerPermission="ignored")
        clerk.register_connector(**members)
        assert account.registered_arn(LABEL) == arn


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"callsPerSecond": 0}, "callsPerSecond is 0, not a number of at least 0.001."),
        ({"callsPerSecond": "10"}, "callsPerSecond is '10', not a number of at least 0.001."),
        ({"callsPerSecond": True}, "callsPerSecond is True, not a number of at least 0.001."),
        (
            {"permissionDelaySeconds": -1},
            "permissionDelaySeconds is -1, not a number of at least 0.",
        ),
        ({"tokenScope": "Region"}, "tokenScope is 'Region', not one of account, operation."),
        (
            {"calls": 10},
            "There is no setting calls; there are callsPerSecond, permissionDelaySeconds,"
            " clockAheadSeconds, tokenScope, tokenMisuse, failedTokens, omittedDescription,"
            " registeredAt, takenLabel, missingFunction, qualifiedFunctions, callerPermission.",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    account: Account, setting: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        account.local_cloud.configure_appflow(account.id, **setting)


def test_what_is_not_set_goes_back_to_its_default(account: Account) -> None:
    account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)

    account.local_cloud.configure_appflow(account.id)

    for _ in range(5):
        account.client("appflow").list_connectors()
    assert {call["outcome"] for call in account.calls()} == {"OK"}
