"""Many functions that change at once outside of deployments, under AppFlow's request rate."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.handler.connections import Connections, Rate
from tests.handler.events import refresh_event
from tests.handler.scenarios import effects
from tests.handler.stacks import Region
from tests.support import Account, connector

# As 200 functions under ten calls a second.
CONNECTORS = int(os.environ.get("CONNECTORS", "20"))

UPDATE = "UpdateConnectorRegistration"

pytestmark = pytest.mark.slow


@pytest.fixture
def aliases(account: Account) -> dict[str, str]:
    """The aliases of a function by label, which move from version 1.0 to 2.0 once registered.

    They are as many ARNs, and need one cold start for each version.
    """
    aws = account.client("lambda")
    arn = account.make_function("many", connector("0.0"))
    numbers = []
    for version in ("1.0", "2.0"):
        account.change_code("many", connector(version))
        numbers.append(aws.publish_version(FunctionName="many")["Version"])
    names = {f"acme-{number}": f"live-{number}" for number in range(CONNECTORS)}
    for label, name in names.items():
        aws.create_alias(FunctionName="many", Name=name, FunctionVersion=numbers[0])
        account.grant_appflow(f"{arn}:{name}")
        account.register(label, f"{arn}:{name}")
    for name in names.values():
        aws.update_alias(FunctionName="many", Name=name, FunctionVersion=numbers[1])
    return {label: f"{arn}:{name}" for label, name in names.items()}


def test_changed_functions_are_all_refreshed(
    account: Account, region: Region, connections: Connections, aliases: dict[str, str]
) -> None:
    """Each of many changes within a second is read by one call, however many compete for calls."""
    before = len(account.calls())
    connections.rate = Rate(CONNECTORS / 20)
    for number, (label, arn) in enumerate(aliases.items()):
        event = refresh_event(arn, label)
        # EventBridge delivers some events twice.
        for _ in range(1 if number % 10 else 2):
            region.notify(event, at=number / CONNECTORS)

    region.settle()

    connections.rate = None
    assert not any(notice.has_failed for notice in region.notices)
    registered = [account.registered(label) for label in aliases]
    assert {one["connectorVersion"] for one in registered if one} == {"2.0"}
    assert len([one for one in registered if one]) == CONNECTORS
    calls = account.calls(after=before)
    assert Counter(
        call["parameters"]["connectorLabel"] for call in effects(calls)
    ) == dict.fromkeys(aliases, 1)
    updates = Counter(
        call["parameters"]["connectorLabel"] for call in calls if call["operation"] == UPDATE
    )
    assert max(updates.values()) <= 2
