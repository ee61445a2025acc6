"""Fixtures of the tests of the console script."""

from __future__ import annotations

import pytest

from tests.cli.support import RESPONDER
from tests.support import Account, connector


@pytest.fixture
def crm(account: Account) -> str:
    """The ARN of a connector's function, in an account with the stub that responds."""
    account.make_function("responder", RESPONDER)
    return account.make_function("crm", connector())
