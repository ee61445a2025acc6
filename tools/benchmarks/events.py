"""One event, cold and warm: this handler beside alternatives and floors, and without measures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .candidates import FLOORS, TEXTBOOK, candidates, prepare, runtime_candidates
from .measurement import Candidate, ContainerError, Measurement, run_container
from .report import Table, progress
from .runtime import PYTHON, lambda_runtime
from .server import Server, serve

FIGURES: Mapping[str, Callable[[Measurement], float]] = {
    "cold": lambda measurement: measurement.cold_ms,
    "warm": lambda measurement: measurement.warm_ms,
    "peak memory": lambda measurement: measurement.peak_mib,
}
UNITS = {"cold": "ms", "warm": "ms", "peak memory": "MiB"}


def measure(folder: Path, *, rounds: int = 25, warm_events: int = 20) -> dict[str, Any]:
    """Run one container of each candidate in each round, so that all meet the same noise.

    Without the Python of Lambda's runtime, there are no figures of that.
    """
    prepare(folder)
    python = lambda_runtime(folder)
    with serve(folder) as server:
        groups = {"candidates": candidates(folder, server)}
        if python is not None:
            groups["runtime"] = runtime_candidates(folder, server, python)
        found: dict[str, dict[str, list[Measurement]]] = {
            group: {candidate.name: [] for candidate in compared}
            for group, compared in groups.items()
        }
        # The first round fills the caches of files and does not count.
        for number in progress("round", range(rounds + 1)):
            for group, compared in groups.items():
                for candidate in compared:
                    measurement = run_container(candidate, warm_events=warm_events)
                    check_tally(candidate, server, 1 + warm_events)
                    if number > 0:
                        found[group][candidate.name].append(measurement)
    return {
        "rounds": rounds,
        **{group: _results(groups[group], found[group]) for group in groups},
    }


def _results(
    compared: Sequence[Candidate], found: Mapping[str, list[Measurement]]
) -> dict[str, Any]:
    return {
        candidate.name: {
            "baseline": candidate.baseline,
            "calls": candidate.calls,
            **_figures(found[candidate.name], found[candidate.baseline]),
        }
        for candidate in compared
    }


def check_tally(candidate: Candidate, server: Server, events: int) -> None:
    """Check that a candidate has made its calls and sent a success for each event.

    Raises:
        ContainerError: it has not.
    """
    tally = {"calls": 0, **server.take_tally()}
    if tally != {"SUCCESS": events, "calls": events * candidate.calls}:
        raise ContainerError(
            f"{candidate.name}: {tally}, and not {events} x SUCCESS with {candidate.calls} calls"
        )


def _figures(found: list[Measurement], baseline: list[Measurement]) -> dict[str, Any]:
    """The median of each figure, and its ratio to the baseline's of the same round."""
    figures = {}
    for name, of in FIGURES.items():
        ratios = [of(one) / of(other) for one, other in zip(found, baseline, strict=True)]
        low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive")
        median = statistics.median(map(of, found))
        figures[name] = {"median": median, "ratio": ratio, "ratio_low": low, "ratio_high": high}
    return figures


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """One row for each alternative, floor and ablation, and for each candidate in the runtime."""
    alternatives, floors, ablations = [], [], []
    for name, one in results["candidates"].items():
        if name in FLOORS:
            floors.append([f"{name}, beside {FLOORS[name]}", *_cells(one)])
        elif one["baseline"] == TEXTBOOK:
            alternatives.append(_row(name, one))
        else:
            ablations.append([name, *_cells(one)])
    runtime = [_row(name, one) for name, one in results.get("runtime", {}).items()]
    left_out = [f"not measured: the path has no {PYTHON}", *[""] * (1 + len(FIGURES))]
    return {
        "events": Table(["one event", "calls", *FIGURES], alternatives),
        "floors": Table(["the least possible", *FIGURES], floors),
        "runtime": Table(["in Lambda's runtime", "calls", *FIGURES], runtime or [left_out]),
        "ablations": Table(["this handler with ...", *FIGURES], ablations),
    }


def _row(name: str, candidate: Mapping[str, Any]) -> list[str]:
    return [name, str(candidate["calls"]), *_cells(candidate)]


def _cells(candidate: Mapping[str, Any]) -> list[str]:
    return [
        f"{one['ratio']:.2f} ({one['ratio_low']:.2f}-{one['ratio_high']:.2f})"
        f" = {one['median']:.{0 if one['median'] > 20 else 1}f} {UNITS[figure]}"
        for figure, one in ((figure, candidate[figure]) for figure in FIGURES)
    ]
