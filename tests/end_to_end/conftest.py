"""Fixtures of the end-to-end tests, some of which can run in an AWS account as well."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from appflow_local_cloud.process import LocalCloud
from tests.end_to_end.cleanup import clean_up
from tests.end_to_end.support import bootstrap
from tests.end_to_end.target import (
    RealAccount,
    RefusedError,
    aws_is_target,
    confirmed_account,
    new_prefix,
)
from tests.support import Account, LastingAccount, new_account_id

PREFIX = new_prefix()
REAL_ACCOUNT = pytest.StashKey[RealAccount]()


def pytest_configure(config: pytest.Config) -> None:
    try:
        if aws_is_target():
            config.stash[REAL_ACCOUNT] = confirmed_account(PREFIX)
    except RefusedError as refusal:
        raise pytest.UsageError(str(refusal)) from None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if REAL_ACCOUNT in config.stash:
        local_only = [item for item in items if item.get_closest_marker("anywhere") is None]
        items[:] = [item for item in items if item not in local_only]
        config.hook.pytest_deselected(items=local_only)


@pytest.fixture(scope="session")
def prefix() -> str:
    """The prefix of all names that this run creates."""
    return PREFIX


@pytest.fixture
def target(request: pytest.FixtureRequest, prefix: str) -> Iterator[Account]:
    """A bootstrapped account; the resources of the test are removed afterwards."""
    real = request.config.stash.get(REAL_ACCOUNT, None)
    if real is None:
        cloud: LocalCloud = request.getfixturevalue("cloud")
        account = LastingAccount(cloud, new_account_id())
        bootstrap(account)
        yield account
        account.close()
        return
    # SIGTERM ends a program at once, whereas an interrupt lets its fixtures clean up.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield real
    finally:
        clean_up(real, prefix)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
