"""How many calls an ordinary deployment makes: each one is made for every connector of a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL, destroyed, properties
from tests.support import FAILING_CONNECTOR, Account

DESCRIBE = "DescribeConnector"
UPDATE = "UpdateConnectorRegistration"

Calls = Callable[[], tuple[list[str], int]]


@pytest.fixture
def calls(account: Account, cloudformation_api: HTTPServer) -> Calls:
    """The operations of AppFlow, and the pages of stack events read, since the last time."""
    counted = [0, 0]

    def calls() -> tuple[list[str], int]:
        operations = [call["operation"] for call in account.calls()]
        pages = len(cloudformation_api.log)
        found = operations[counted[0] :], pages - counted[1]
        counted[:] = [len(operations), pages]
        return found

    return calls


def test_creation(cloudformation: CloudFormation, calls: Calls, old: str) -> None:
    """A creation makes two calls to AppFlow and reads no stack events."""
    cloudformation.create(properties(old))

    assert calls() == (["RegisterConnector", DESCRIBE], 0)


@pytest.mark.parametrize(
    "changed", [{"FunctionHash": {"Hash": "2"}}, {"Description": "Acme"}, {"Triggers": {"a": "1"}}]
)
def test_update(
    cloudformation: CloudFormation, calls: Calls, old: str, changed: Mapping[str, Any]
) -> None:
    """An update makes three calls to AppFlow and reads no stack events."""
    cloudformation.create(properties(old))
    calls()

    cloudformation.update(properties(old, **changed), properties(old), LABEL)

    assert calls() == ([DESCRIBE, UPDATE, DESCRIBE], 0)


def test_rollback_of_a_success(
    cloudformation: CloudFormation, calls: Calls, old: str, new: str
) -> None:
    """The rollback of an update that succeeded makes as many calls as an update."""
    cloudformation.create(properties(old))
    cloudformation.update(properties(new), properties(old), LABEL)
    calls()

    cloudformation.update(properties(old), properties(new), LABEL)

    assert calls() == ([DESCRIBE, UPDATE, DESCRIBE], 0)


def test_rollback_of_a_failure(
    account: Account, cloudformation: CloudFormation, calls: Calls, old: str
) -> None:
    """The rollback of an update that failed reads the stack events once."""
    failing = account.make_function("failing", FAILING_CONNECTOR)
    cloudformation.create(properties(old))
    cloudformation.update(properties(failing), properties(old), LABEL)
    calls()

    cloudformation.update(properties(old), properties(failing), LABEL)

    assert calls() == ([DESCRIBE, UPDATE, DESCRIBE], 1)


def test_retained_deletion(cloudformation: CloudFormation, calls: Calls, old: str) -> None:
    """A deletion with RETAIN makes no call."""
    cloudformation.create(properties(old))
    calls()

    cloudformation.delete(properties(old), LABEL)

    assert calls() == ([], 0)


def test_destroying_deletion(cloudformation: CloudFormation, calls: Calls, old: str) -> None:
    """A deletion with DESTROY reads the stack events once, to see who has the label."""
    cloudformation.create(destroyed(old))
    calls()

    cloudformation.delete(destroyed(old), LABEL)

    assert calls() == ([DESCRIBE, "UnregisterConnector", DESCRIBE], 1)


def test_change_of_label(cloudformation: CloudFormation, calls: Calls, old: str) -> None:
    """A change of the label with DESTROY reads once whether CloudFormation still waits."""
    before, after = destroyed(old), destroyed(old, ConnectorLabel="acme-erp")
    cloudformation.create(before)
    calls()

    cloudformation.update(after, before, LABEL)

    assert calls() == (["RegisterConnector", DESCRIBE], 1)
