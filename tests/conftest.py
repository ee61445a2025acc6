"""Fixtures that tests of every folder use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_cloud.running import LocalCloud, local_cloud
from tests.support import Account, accounts

_accounts = accounts()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for the whole run; tests keep apart by their accounts."""
    with (tmp_path_factory.mktemp("cloud") / "log").open("w") as log, local_cloud(log) as cloud:
        yield cloud


@pytest.fixture
def account(cloud: LocalCloud) -> Account:
    """An account in which nothing has happened yet."""
    return Account(cloud, next(_accounts))
