"""Fixtures that the tests of every folder use."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator

import pytest
from coverage import Coverage
from hypothesis import Phase, settings

from appflow_local_cloud.process import LocalCloud, local_cloud
from tests.support import Account, LastingAccount, new_account_id

pytest_plugins = ["appflow_local_cloud.pytest_plugin"]

# The assertions of this module show what differed, as those of tests do.
pytest.register_assert_rewrite("tests.handler.cloudformation", "tests.handler.stacks")

# The developer's own AWS settings may not reach a test, except one that runs in an AWS account.
if os.environ.get("E2E_TARGET") != "aws":
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]

# The CDK's validation of a template takes seconds. The variable counts when the CDK is imported.
os.environ.setdefault("CDK_VALIDATION", "false")

# The ordinary profile draws the same examples in every run, and does not spend minutes on shrinking
# a failure; the nightly one draws new examples for an hour.
settings.register_profile(
    "ordinary", max_examples=15, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.register_profile("nightly", max_examples=700, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))


# Measuring the handler's coverage slows down all of Python. These run the handler in their process,
# and without the slow tests among them they reach each of its lines already.
_MEASURED = ("tests/handler/", "tests/contract/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Interrupt the measurement during other tests, and while their fixtures are made."""
    measuring = Coverage.current()
    if measuring is None or (
        item.nodeid.startswith(_MEASURED) and not item.get_closest_marker("slow")
    ):
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, so that no process is still busy with them at the end."""
    items.sort(
        key=lambda item: (
            item.path.stem != "test_many_connectors",
            item.path.stem != "test_demo",
            # All commands of a page of the documentation.
            not item.name.startswith("test_commands"),
            not {"end_to_end", "examples", "packaging"} & {*item.path.parts},
        )
    )


def pytest_collection_finish() -> None:
    """Let the garbage collection leave out what was imported, and come less often.

    Otherwise each full collection examines the CDK's modules and all tests.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def cloud(appflow_local_cloud: LocalCloud) -> LocalCloud:
    """One local cloud for the whole run; each test has an account in it."""
    return appflow_local_cloud


@pytest.fixture(scope="session")
def faulty_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud whose functions reach AppFlow through a proxy that can make calls fail."""
    folder = tmp_path_factory.mktemp("faulty-cloud")
    with (folder / "log").open("w") as log, local_cloud(log, with_faults=True) as cloud:
        yield cloud


@pytest.fixture
def account(cloud: LocalCloud) -> Iterator[Account]:
    """An empty account."""
    account = LastingAccount(cloud, new_account_id())
    yield account
    account.close()
