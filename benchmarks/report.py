"""Tables for people on a terminal and in Markdown, plots, and JSON for machines."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import rich.table
from matplotlib.figure import Figure
from rich.console import Console

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """Rows of text under a head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.head, ["---", *["---:"] * (len(self.head) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def print(self) -> None:
        """Show the table on the terminal."""
        table = rich.table.Table()
        for number, name in enumerate(self.head):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        Console(width=160).print(table)


def progress(name: str, steps: Sequence[T]) -> Iterator[T]:
    """Go through the steps and say on the terminal how far it is."""
    for number, step in enumerate(steps, start=1):
        print(f"\r{name} {number} of {len(steps)} ", end="", file=sys.stderr, flush=True)
        yield step
    print(file=sys.stderr)


def machine() -> dict[str, int]:
    """What a benchmark ran on: cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count() or 1, "memory_gib": round(memory / 2**30)}


def save(results: Mapping[str, Any], path: Path) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def draw(plot: Figure, path: Path) -> None:
    """Write a plot as SVG."""
    # Nothing of today in it: equal figures give equal files.
    with mpl.rc_context({"svg.hashsalt": path.stem}):
        plot.savefig(path, metadata={"Date": None})


def with_tables(page: str, tables: Mapping[str, Table]) -> str:
    """A page in Markdown with each table in the place that bears its name.

    A place is a line ``<!-- table: NAME -->``, an empty line, and what follows up to another one.

    Raises:
        ValueError: the page has no place for a table, or more than one.
    """
    for name, table in tables.items():
        mark = f"<!-- table: {name} -->\n\n"
        place = re.compile(re.escape(mark) + r"(?:.+\n)*")
        around = place.split(page)
        if len(around) != 2:
            raise ValueError(
                f"the page has {len(around) - 1} places for {mark.strip()}, and not one"
            )
        page = f"{mark}{table.markdown()}\n".join(around)
    return page


def rounded(value: Any) -> Any:
    """Results without the digits that mean nothing, so that JSON, tables and plots agree."""
    match value:
        case float():
            return round(value, 4)
        case Mapping():
            return {key: rounded(member) for key, member in value.items()}
        case list():
            return [rounded(member) for member in value]
    return value
