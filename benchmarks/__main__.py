"""Measure everything that docs/performance.md shows: ``make bench``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import deploys, events, growth, memory
from .report import draw, machine, rounded, save, with_tables

WORK = Path("build", "bench").absolute()
PAGE = Path("docs", "performance.md").absolute()
RECORD = PAGE.with_suffix("")

MEASURES: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "events": events.measure,
    "growth": growth.measure,
    "deploys": deploys.measure,
    "memory": memory.measure,
}
TABLES = {
    "events": events.tables,
    "growth": growth.tables,
    "deploys": deploys.tables,
    "memory": memory.tables,
}
PLOTS = {"events": events.plot, "growth": growth.plot, "memory": memory.plot}


def main() -> None:
    """Measure the parts that are asked for, show them, and record them if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", help=f"which of {', '.join(MEASURES)} to measure (default: all)"
    )
    parser.add_argument("--record", action="store_true", help="write the figures into docs")
    arguments = parser.parse_args()
    unknown = sorted({*arguments.parts} - {*MEASURES})
    if unknown:
        parser.error(f"no part is named {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    WORK.mkdir(parents=True, exist_ok=True)
    folder = RECORD if arguments.record else WORK
    for name in arguments.parts or MEASURES:
        print(f"\n{name}", file=sys.stderr)
        results = rounded({"machine": machine(), **MEASURES[name](WORK)})
        save(results, folder / f"{name}.json")
        if name in PLOTS:
            draw(PLOTS[name](results), folder / f"{name}.svg")
        tables = TABLES[name](results)
        for table in tables.values():
            table.print()
        if arguments.record:
            PAGE.write_text(with_tables(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
