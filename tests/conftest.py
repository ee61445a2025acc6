"""Fixtures that the tests of every folder use."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import os
import pkgutil
from collections.abc import Generator, Iterator

import connector_registration
import pytest
from coverage import Coverage
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

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
# a failure; the nightly one draws new examples for an hour. A slow machine fails no test.
_patient = settings(deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.register_profile(
    "ordinary",
    _patient,
    max_examples=15,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile("nightly", _patient, max_examples=700, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))


# Measuring the handler's coverage slows down all of Python. These run the handler in their process,
# and without the slow tests among them they reach each of its lines already.
_MEASURED = ("tests/handler/", "tests/contract/")


@contextlib.contextmanager
def _interrupted(measuring: Coverage) -> Iterator[None]:
    measuring.stop()
    try:
        yield
    finally:
        measuring.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Interrupt the measurement during other tests, and while their fixtures are made."""
    measuring = Coverage.current()
    if measuring is None or (
        item.nodeid.startswith(_MEASURED) and not item.get_closest_marker("slow")
    ):
        return (yield)
    with _interrupted(measuring):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Interrupt the measurement while tests are imported, but not the handler."""
    measuring = Coverage.current()
    if measuring is None:
        return (yield)
    for module in pkgutil.walk_packages(connector_registration.__path__, "connector_registration."):
        importlib.import_module(module.name)
    with _interrupted(measuring):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that wait for other programs beside those that compute, the longest first.

    A processor would be idle if all processes waited at the same time, or at the end for one test.
    """
    waiting = sorted((item for item in items if _waits(item)), key=_is_short)
    computing = [item for item in items if not _waits(item)]
    spaces = [1 if _is_short(item) else 10 for item in waiting]
    # The last tests are short.
    space = 0.9 * len(computing) / max(sum(spaces), 1)
    places = (space * before for before in itertools.accumulate(spaces, initial=0))
    order = [*zip(places, waiting, strict=False), *enumerate(computing)]
    items[:] = [item for _, item in sorted(order, key=lambda placed: placed[0])]


def _waits(item: pytest.Item) -> bool:
    """Whether a test mostly waits for programs that it has started."""
    return _runs_a_page(item) or not {"end_to_end", "examples"}.isdisjoint(item.path.parts)


def _is_short(item: pytest.Item) -> bool:
    is_long = item.path.stem in ("test_many_connectors", "test_demo")
    return not (is_long or _runs_a_page(item))


def _runs_a_page(item: pytest.Item) -> bool:
    """Whether a test runs all commands of a page of the documentation."""
    return item.name.startswith(("test_commands_run", "test_commands_of_page_run"))


def pytest_collection_finish() -> None:
    """Let the garbage collection leave out what was imported, and come less often.

    Otherwise each full collection examines the CDK's modules and all tests.
    """
    # Hypothesis asks the garbage collector what refers to its generator when it is first used.
    given(st.none())(lambda _: None)()
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
