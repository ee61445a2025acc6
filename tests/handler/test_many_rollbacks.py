"""Many registrations of one stack that are rolled back at once, under AppFlow's request rate."""

from __future__ import annotations

import os

import pytest

from tests.handler.connections import Connections, Rate
from tests.handler.events import properties
from tests.handler.stacks import Operation, Region
from tests.support import Account

# As a stack of 200 connectors under 20 calls a second.
CONNECTORS = int(os.environ.get("CONNECTORS", "20"))

pytestmark = pytest.mark.slow


def test_cancelled_updates_are_all_rolled_back(
    account: Account, region: Region, connections: Connections, old: str, new: str
) -> None:
    """Every rollback succeeds and restores its registration, however many compete for calls."""
    labels = {f"R{number}": f"acme-{number}" for number in range(CONNECTORS)}
    before = {one: properties(old, ConnectorLabel=label) for one, label in labels.items()}
    after = {one: properties(new, ConnectorLabel=label) for one, label in labels.items()}
    stack = region.stack()
    stack.deploy(before, Operation(parallel=True)).wait()
    connections.rate = Rate(CONNECTORS / 10)
    region.clock.at(region.clock.now + 2, stack.cancel)

    stack.deploy(after, Operation(parallel=True, pause=2)).wait()
    region.settle()

    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    connections.rate = None
    assert {account.registered_arn(label) for label in labels.values()} == {old}
