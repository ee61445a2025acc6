"""Run the benchmarks and print their tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import deployments, events, growth
from .report import machine, rounded, save, with_tables

WORK = Path("build", "bench").absolute()
# The page that shows the recorded figures, and the folder of the figures beside it.
[PAGE] = Path("docs").absolute().rglob("performance.md")
RECORD = PAGE.with_suffix("")

MEASURES: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "events": events.measure,
    "growth": growth.measure,
    "deployments": deployments.measure,
}
TABLES = {
    "events": events.tables,
    "growth": growth.tables,
    "deployments": deployments.tables,
}


def main() -> None:
    """Run the named benchmarks, print the figures, and record them on request."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(MEASURES)} (default: all)")
    parser.add_argument("--record", action="store_true", help="write the figures into docs")
    arguments = parser.parse_args()
    unknown = sorted({*arguments.names} - {*MEASURES})
    if unknown:
        parser.error(
            f"no benchmark is named {', '.join(unknown)}; choose from {', '.join(MEASURES)}"
        )
    WORK.mkdir(parents=True, exist_ok=True)
    folder = RECORD if arguments.record else WORK
    for name in arguments.names or MEASURES:
        print(f"\n{name}", file=sys.stderr)
        results = rounded({"machine": machine(), **MEASURES[name](WORK)})
        save(results, folder / f"{name}.json")
        tables = TABLES[name](results)
        for table in tables.values():
            table.print()
        if arguments.record:
            PAGE.write_text(with_tables(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
