"""Change the handler in a thousand small ways, and see whether the tests notice each of them.

mutmut does the changing. It wants the code in a folder named src, so it works on a copy of the
repository in build/mutants. The fault table, the broken connections and the random lives are left
out: they take minutes and notice nothing that the other tests of the handler do not, as the result
shows. So is the process of the staged asset, which does not contain the changes.

Arguments are the names of modules whose changes are all tried again. Without any, those changes are
tried that have no result yet or that no test had noticed: the first time it takes an hour, and may
be interrupted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from appflow_local_cloud.process import local_cloud

ROOT = Path(__file__).parents[1]
MUTMUT = [sys.executable, "-m", "mutmut"]
WORKSPACE = ROOT / "build" / "mutants"

# The tests that notice most go first: a change is done with at the first test that fails.
ORDER = [
    *("errors", "logs", "properties", "rollback", "late_events"),
    *("response", "appflow", "lifecycle", "sdk"),
]
FIRST_THINGS_FIRST = f"""

def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {ORDER}
    items.sort(key=lambda item: order.index(item.path.stem.removeprefix("test_")))
"""

LEFT_OUT = (
    "test_broken_connections.py",
    "test_deployed_asset.py",
    "test_faults.py",
    "test_lifecycle_invariants.py",
)

SETTINGS = f"""
[tool.mutmut]
source_paths = ["src"]
# A change can make a test wait for ever; the slowest takes two seconds on a quiet machine.
pytest_add_cli_args = ["--timeout=20", "-p", "no:xdist", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = [
    "tests/handler",
    {", ".join(f'"--ignore=tests/handler/{name}"' for name in LEFT_OUT)},
]
"""


def prepare_workspace() -> None:
    """Lay out what mutmut needs, and keep the results that it has already."""
    for source, target in {"handler": "src", "tests": "tests"}.items():
        shutil.rmtree(WORKSPACE / target, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, WORKSPACE / target, ignore=ignored)
    with (WORKSPACE / "tests" / "conftest.py").open("a") as conftest:
        conftest.write(FIRST_THINGS_FIRST)
    settings = (ROOT / "pyproject.toml").read_text().replace('[".", "handler"]', '[".", "src"]')
    (WORKSPACE / "pyproject.toml").write_text(settings + SETTINGS)


def run(*patterns: str) -> None:
    """Try the changes with these names, or all that have no result yet, against one local cloud."""
    with (WORKSPACE / "cloud.log").open("a") as log, local_cloud(log) as cloud:
        subprocess.run(
            # Twice the processors: many changes make a test wait.
            [*MUTMUT, "run", "--max-children", str(2 * (os.cpu_count() or 1)), *patterns],
            cwd=WORKSPACE,
            env={**os.environ, "LOCAL_CLOUD_PORT": str(cloud.port)},
            check=True,
        )


def survivors() -> list[str]:
    """The names of the changes that no test has noticed."""
    results = subprocess.run(
        [*MUTMUT, "results"], cwd=WORKSPACE, check=True, capture_output=True, text=True
    ).stdout
    lines = [line.strip() for line in results.splitlines() if not line.endswith("not checked")]
    return [line.partition(":")[0] for line in lines if line]


def main() -> int:
    """Run mutmut and print the changes that no test has noticed."""
    prepare_workspace()
    before = survivors()
    if sys.argv[1:]:
        run(*(f"connector_registration.{module}.*" for module in sys.argv[1:]))
    else:
        run()
        # There may be new tests that notice them.
        if again := sorted({*before} & {*survivors()}):
            run(*again)
    left = survivors()
    print("\n".join(left) or "Every change has been noticed.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
