"""How many calls the local AppFlow takes, and how soon it knows of a permission."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud.appflow.errors import AccessDeniedException, ThrottlingException
from local_cloud.appflow.limits import Limits
from tests.local_cloud.test_appflow import refusal, user_client
from tests.support import Account

ACCOUNT = "111122223333"
PERMISSION = ("arn:aws:sts::111122223333:assumed-role/handler", "appflow:RegisterConnector", "*")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(clock)


class TestCalls:
    def test_are_free_by_default(self, limits: Limits) -> None:
        for _ in range(1000):
            limits.take_call(ACCOUNT)

    def test_come_through_at_their_rate(self, limits: Limits, clock: Clock) -> None:
        limits.set(ACCOUNT, {"callsPerSecond": 10})
        taken = 0
        for tick in range(50):  # five seconds
            clock.now = tick / 10
            for _ in range(5):
                try:
                    limits.take_call(ACCOUNT)
                except ThrottlingException:
                    continue
                taken += 1

        assert taken == 10 + 49

    def test_of_another_account_do_not_count(self, limits: Limits) -> None:
        limits.set(ACCOUNT, {"callsPerSecond": 1})
        limits.take_call(ACCOUNT)

        limits.take_call("444455556666")
        with pytest.raises(ThrottlingException, match="Rate exceeded"):
            limits.take_call(ACCOUNT)

    def test_too_many_are_refused_as_aws_refuses_them(self, account: Account) -> None:
        config = Config(retries={"total_max_attempts": 1})
        appflow = account.cloud.client("appflow", account.id, config=config)
        account.cloud.limit_appflow(account.id, callsPerSecond=1)
        appflow.list_connectors()

        code, status, message = refusal(appflow.list_connectors)

        assert (code, status, message) == ("ThrottlingException", 429, "Rate exceeded")
        assert account.calls()[-1]["outcome"] == "ThrottlingException"


class TestPermissions:
    def test_are_known_at_once_by_default(self, limits: Limits) -> None:
        limits.check_permission(ACCOUNT, *PERMISSION)

    def test_are_known_after_a_while(self, limits: Limits, clock: Clock) -> None:
        limits.set(ACCOUNT, {"permissionDelaySeconds": 2})
        for clock.now in (0, 1.9):
            with pytest.raises(AccessDeniedException, match="is not authorized to perform"):
                limits.check_permission(ACCOUNT, *PERMISSION)

        clock.now = 2
        limits.check_permission(ACCOUNT, *PERMISSION)

    def test_not_known_yet_are_refused_as_if_they_were_none(self, account: Account) -> None:
        clerk = user_client(account, ["appflow:*"])
        account.cloud.limit_appflow(account.id, permissionDelaySeconds=60)

        with pytest.raises(ClientError, match=r"AccessDeniedException.*appflow:ListConnectors"):
            clerk.list_connectors()


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"callsPerSecond": 0}, "callsPerSecond is 0, not a number of at least 1."),
        ({"callsPerSecond": "10"}, "callsPerSecond is '10', not a number of at least 1."),
        (
            {"permissionDelaySeconds": -1},
            "permissionDelaySeconds is -1, not a number of at least 0.",
        ),
        (
            {"calls": 10},
            "There is no limit calls, only callsPerSecond and permissionDelaySeconds.",
        ),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    account: Account, limit: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        account.cloud.limit_appflow(account.id, **limit)
