"""Change the handler in a thousand small ways, and list the changes that no test notices.

mutmut makes the changes. It requires the code in a folder named src, so it works on a copy of the
repository in build/mutants. The fault table, the broken connections and the random lifecycles are
left out, since they take minutes and notice no change that the other tests miss. The test of the
staged asset is left out, since the asset does not contain the changes, and that of the JSON Schema,
since the copy does not contain the documentation.

Arguments are the names of modules, and all changes of these modules are tried again. Without
arguments, the changes are tried that have no result yet or that no test noticed. The first run
takes an hour, and can be interrupted.
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

# The modules that notice most changes run first: mutmut stops at the first failure.
ORDER = [
    *("errors", "logs", "properties", "rollback", "late_events", "running_on", "ownership"),
    *("skipped_rollback", "lost_responses", "calls", "external_changes"),
    *("response", "delivery", "proxy", "appflow", "function_state", "lifecycle", "sdk"),
    "breaking_changes",
]
SORT_BY_ORDER = f"""

def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {ORDER}
    items.sort(key=lambda item: order.index(item.path.stem.removeprefix("test_")))
"""

LEFT_OUT = (
    "test_broken_connections.py",
    "test_deployed_asset.py",
    "test_faults.py",
    "test_overlapping_invocations.py",
    "test_random_lives.py",
    "test_schema.py",
    "test_simulator.py",
    "test_many_external_changes.py",
    "test_many_rollbacks.py",
)

SETTINGS = f"""
[tool.mutmut]
source_paths = ["src"]
# A change can make a test wait forever. The slowest test takes two seconds on an idle machine.
pytest_add_cli_args = ["--timeout=20", "-p", "no:xdist", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = [
    "tests/handler",
    {", ".join(f'"--ignore=tests/handler/{name}"' for name in LEFT_OUT)},
]
"""


def prepare_workspace() -> None:
    """Copy what mutmut needs, and keep its earlier results."""
    for source, target in {"handler": "src", "tests": "tests"}.items():
        shutil.rmtree(WORKSPACE / target, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, WORKSPACE / target, ignore=ignored)
    with (WORKSPACE / "tests" / "conftest.py").open("a") as conftest:
        conftest.write(SORT_BY_ORDER)
    settings = (ROOT / "pyproject.toml").read_text().replace('[".", "handler"]', '[".", "src"]')
    (WORKSPACE / "pyproject.toml").write_text(settings + SETTINGS)


def run(*patterns: str) -> None:
    """Try the changes with these names, or all without a result, against one local cloud."""
    with (WORKSPACE / "cloud.log").open("a") as log, local_cloud(log) as cloud:
        subprocess.run(
            # Twice the processors, since many changes make a test wait.
            [*MUTMUT, "run", "--max-children", str(2 * (os.cpu_count() or 1)), *patterns],
            cwd=WORKSPACE,
            env={**os.environ, "LOCAL_CLOUD_PORT": str(cloud.port)},
            check=True,
        )


def survivors() -> list[str]:
    """The names of the changes that no test noticed."""
    results = subprocess.run(
        [*MUTMUT, "results"], cwd=WORKSPACE, check=True, capture_output=True, text=True
    ).stdout
    lines = [line.strip() for line in results.splitlines() if not line.endswith("not checked")]
    return [line.partition(":")[0] for line in lines if line]


def main() -> int:
    """Run mutmut and print the changes that no test noticed."""
    prepare_workspace()
    before = survivors()
    if sys.argv[1:]:
        run(*(f"connector_registration.{module}.*" for module in sys.argv[1:]))
    else:
        run()
        # New tests may notice them.
        if again := sorted({*before} & {*survivors()}):
            run(*again)
    left = survivors()
    print("\n".join(left) or "The tests notice every change.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
