"""The end-to-end tests run on the local cloud, or some of them in an AWS account."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
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
from tests.support import Account, new_account_id

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
        left_out = [item for item in items if item.get_closest_marker("anywhere") is None]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def prefix() -> str:
    """How the names of everything that this run makes begin."""
    return PREFIX


@pytest.fixture
def target(request: pytest.FixtureRequest, prefix: str, tmp_path: Path) -> Iterator[Account]:
    """The account of a test, bootstrapped; nothing of the test is in it afterwards."""
    real = request.config.stash.get(REAL_ACCOUNT, None)
    if real is None:
        cloud: LocalCloud = request.getfixturevalue("cloud")
        account = Account(cloud, new_account_id())
        bootstrap(account, tmp_path)
        yield account
        return
    # An interrupt lets fixtures clean up; other ways to end a program do not.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield real
    finally:
        clean_up(real, prefix)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
