"""Client tokens: a repeated call takes effect once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from appflow_local_cloud.process import LocalCloud
from tests.local_cloud.support import LABEL, refusal, registration
from tests.support import Account, connector, new_account_id


@pytest.mark.rule("API")
def test_repeated_call_has_no_second_effect(account: Account, appflow: Any, arn: str) -> None:
    """A call with the same token and parameters returns the first result, without an effect."""
    members = registration(LABEL, arn, clientToken="once")
    first = appflow.register_connector(**members)
    appflow.unregister_connector(connectorLabel=LABEL)

    second = appflow.register_connector(**members)

    assert second["connectorArn"] == first["connectorArn"]
    assert account.registered(LABEL) is None


@pytest.mark.rule("API")
def test_simultaneous_calls_take_effect_once(account: Account, arn: str) -> None:
    """Of simultaneous calls with one token one takes effect; the others wait for its result."""
    clients = [account.client("appflow") for _ in range(4)]
    members = registration(LABEL, arn, clientToken="once")
    ready = threading.Barrier(len(clients))

    def register(client: Any) -> str:
        ready.wait()
        registered: str = client.register_connector(**members)["connectorArn"]
        return registered

    with ThreadPoolExecutor(len(clients)) as threads:
        registered = list(threads.map(register, clients))

    assert len(set(registered)) == 1
    calls = account.calls()
    assert [call["outcome"] for call in calls] == ["OK"] * len(clients)
    assert sorted(call["remembered"] for call in calls) == [False, True, True, True]


@pytest.mark.rule("API")
def test_token_with_other_parameters_is_refused(account: Account, appflow: Any, arn: str) -> None:
    """A call with a token that was used with other parameters is refused."""
    account.register(LABEL, arn, clientToken="once")

    code, _, message = refusal(
        appflow.register_connector, **registration("another", arn, clientToken="once")
    )

    assert (code, message) == (
        "ConflictException",
        "The client token was used with other parameters.",
    )


@pytest.mark.rule("choice")
def test_token_counts_per_account_and_region(cloud: LocalCloud, account: Account) -> None:
    """A token counts in one account and Region."""
    elsewhere = replace(account, region="eu-west-1")
    neighbour = Account(cloud, new_account_id())

    for owner in (account, elsewhere, neighbour):
        function = owner.make_function(f"crm-{owner.region}", connector())
        owner.register(LABEL, function, clientToken="once")

    calls = [*account.calls(), *neighbour.calls()]
    assert [call["remembered"] for call in calls] == [False] * 3


@pytest.mark.rule("model")
def test_sdk_generates_missing_token(account: Account, appflow: Any, arn: str) -> None:
    """The SDK generates a token for each call that has none."""
    account.register(LABEL, arn)

    for _ in range(2):
        appflow.update_connector_registration(connectorLabel=LABEL)

    updates = account.calls()[1:]
    assert len({call["parameters"]["clientToken"] for call in updates}) == 2


@pytest.mark.rule("API")
def test_token_expires_after_8_hours(account: Account, appflow: Any, arn: str) -> None:
    """A token counts for 8 hours."""
    account.register(LABEL, arn)
    remembered = []

    for hours in (0, 7.999, 8):
        account.local_cloud.configure_appflow(account.id, clockAheadSeconds=hours * 3600)
        appflow.update_connector_registration(connectorLabel=LABEL, clientToken="once")
        remembered.append(account.calls()[-1]["remembered"])

    assert remembered == [False, True, False]
