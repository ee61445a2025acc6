"""Fixtures of the local cloud's tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_cloud import flow_support
from tests.local_cloud.stacks import Stack
from tests.support import Account, connector


@pytest.fixture
def arn(account: Account) -> str:
    """The ARN of a connector's function that AppFlow is allowed to invoke."""
    return account.make_function("crm", connector("1.0"))


@pytest.fixture
def appflow(account: Account) -> Any:
    """A client of AppFlow, as the account's root."""
    return account.client("appflow")


@pytest.fixture
def sales(account: Account) -> flow_support.Sales:
    """An account with a connector of orders, a profile of it, and a bucket that AppFlow may use."""
    sales = flow_support.Sales(account)
    sales.prepare()
    return sales


@pytest.fixture
def stack(account: Account) -> Stack:
    """A stack that does not exist yet."""
    return Stack(account)
