"""Tables on the terminal and in Markdown, and JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import rich.table
from rich.console import Console

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """Rows of text under a row of headings."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.head, ["---", *["---:"] * (len(self.head) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def print(self) -> None:
        """Print the table on the terminal."""
        table = rich.table.Table()
        for number, name in enumerate(self.head):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        Console(width=160).print(table)


def progress(name: str, steps: Sequence[T]) -> Iterator[T]:
    """Yield the steps, and print the number of the current one on the terminal."""
    for number, step in enumerate(steps, start=1):
        print(f"\r{name} {number} of {len(steps)} ", end="", file=sys.stderr, flush=True)
        yield step
    print(file=sys.stderr)


def machine() -> dict[str, int]:
    """The cores and the memory of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count() or 1, "memory_gib": round(memory / 2**30)}


def save(results: Mapping[str, Any], path: Path) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def with_tables(page: str, tables: Mapping[str, Table]) -> str:
    """A page in Markdown with each table after the line ``<!-- table: NAME -->``.

    The table replaces the lines between the next two empty lines.

    Raises:
        ValueError: the line of a table is missing, or is there more than once.
    """
    for name, table in tables.items():
        mark = f"<!-- table: {name} -->\n\n"
        around = re.split(re.escape(mark) + r"(?:.+\n)*", page)
        if len(around) != 2:
            raise ValueError(
                f"the page has the line {mark.strip()} {len(around) - 1} times, and not once"
            )
        page = f"{mark}{table.markdown()}\n".join(around)
    return page


def rounded(value: Any) -> Any:
    """Results with four decimals, so that JSON and tables agree."""
    match value:
        case float():
            return round(value, 4)
        case Mapping():
            return {key: rounded(member) for key, member in value.items()}
        case list():
            return [rounded(member) for member in value]
    return value
