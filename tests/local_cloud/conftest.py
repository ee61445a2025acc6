"""Fixtures of the local cloud's tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Account, connector


@pytest.fixture
def arn(account: Account) -> str:
    """The ARN of a connector's function that AppFlow is allowed to invoke."""
    return account.make_function("crm", connector("1.0"))


@pytest.fixture
def appflow(account: Account) -> Any:
    """A client of AppFlow, as the account's root."""
    return account.client("appflow")
