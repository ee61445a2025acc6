"""Ratios with their spread, as a table for people, a plot, and JSON for machines."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .processes import Life


@dataclass(frozen=True)
class Ratio:
    """A median against the first contender's of the same round, and its middle half."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class Results:
    """The lives of every contender, round by round; the first contender is the measure."""

    lives: Mapping[str, Sequence[Life]]

    def ratios(self, of: Callable[[Life], float]) -> dict[str, Ratio]:
        """One figure of everybody against the first contender's."""
        measure = next(iter(self.lives.values()))
        return {
            name: _ratio([of(a) / of(b) for a, b in zip(lives, measure, strict=True)])
            for name, lives in self.lives.items()
        }

    def medians(self, of: Callable[[Life], float]) -> dict[str, float]:
        """One figure of everybody."""
        return {name: statistics.median(map(of, lives)) for name, lives in self.lives.items()}


FIGURES: Mapping[str, Callable[[Life], float]] = {
    "cold": lambda life: life.cold_seconds * 1000,
    "warm": lambda life: life.warm_seconds * 1000,
    "peak memory": lambda life: life.peak_mib,
}
UNITS = {"cold": "ms", "warm": "ms", "peak memory": "MiB"}


def _ratio(values: Sequence[float]) -> Ratio:
    if len(values) == 1:
        return Ratio(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4)
    return Ratio(median, low, high)


def write(results: Results, folder: Path) -> None:
    """Print the table, and write results.json into a folder."""
    machine = {"cores": os.cpu_count(), "memory_gib": _memory_gib()}
    table = Table(title=f"One event, {machine['cores']} cores, {machine['memory_gib']} GiB")
    table.add_column("handler")
    for figure in FIGURES:
        table.add_column(figure, justify="right")
    ratios = {figure: results.ratios(of) for figure, of in FIGURES.items()}
    medians = {figure: results.medians(of) for figure, of in FIGURES.items()}
    for name in results.lives:
        cells = [
            f"{ratios[figure][name]} = {medians[figure][name]:.1f} {UNITS[figure]}"
            for figure in FIGURES
        ]
        table.add_row(name, *cells)
    Console(width=150).print(table)
    report = {
        "machine": machine,
        "ratios": {
            figure: {name: asdict(ratio) for name, ratio in found.items()}
            for figure, found in ratios.items()
        },
        "medians": medians,
        "lives": {name: [asdict(life) for life in lives] for name, lives in results.lives.items()},
    }
    (folder / "results.json").write_text(json.dumps(report, indent=2))


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
