"""One event, cold and warm: our handler beside the others, and beside itself without each trick."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from appflow_local_cloud.environment import free_port

from .contenders import OURS, PHASES, TEXTBOOK, contenders, prepare, python_container
from .processes import Contender, ContenderError, Life, live
from .report import Table, progress

FIGURES: Mapping[str, Callable[[Life], float]] = {
    "cold": lambda life: life.cold_ms,
    "warm": lambda life: life.warm_ms,
    "peak memory": lambda life: life.peak_mib,
}
UNITS = {"cold": "ms", "warm": "ms", "peak memory": "MiB"}


def measure(folder: Path, *, rounds: int = 25, warm_events: int = 20) -> dict[str, Any]:
    """Let everybody live a life in each round, in turn, so that all meet the same noise."""
    prepare(folder)
    with world(folder) as (entrants, check):
        lives: dict[str, list[Life]] = {entrant.name: [] for entrant in entrants}
        # One round more, the first, to fill the caches of files.
        for number in progress("round", range(rounds + 1)):
            for entrant in entrants:
                life = live(entrant, warm_events=warm_events)
                check(entrant, 1 + warm_events)
                if number > 0:
                    lives[entrant.name].append(life)
    return {
        "rounds": rounds,
        "phases": phases_of(lives.pop(PHASES)),
        "contenders": {
            entrant.name: {
                "rival": entrant.rival,
                "calls": entrant.calls,
                **{
                    figure: _against(lives[entrant.name], lives[entrant.rival], of)
                    for figure, of in FIGURES.items()
                },
            }
            for entrant in entrants
            if entrant.name != PHASES
        },
    }


Check = Callable[[Contender, int], None]


@contextmanager
def world(folder: Path) -> Iterator[tuple[list[Contender], Check]]:
    """Everything that the contenders talk to; gives them, and a check that they did their work."""
    port, tls_port = free_port(), free_port()
    entrants = contenders(folder, port=port, tls_port=tls_port)
    any_python = entrants[0]
    ports = ["--port", str(port), "--tls-port", str(tls_port)]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.world", *ports, "--folder", str(folder), "--"),
            *("env", "-C", str(any_python.folder), *python_container("behind_framework.handler")),
        ],
        env={**os.environ, **any_python.environment},
    )

    def check(entrant: Contender, events: int) -> None:
        tally = {"calls": 0, **_ask(port)}
        if tally != {"SUCCESS": events, "calls": events * entrant.calls}:
            raise ContenderError(
                f"{entrant.name}: {tally}, and not {events} x SUCCESS with {entrant.calls} calls"
            )

    try:
        while not _answers(port):
            time.sleep(0.05)
        yield entrants, check
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        _ask(port)
    except urllib.error.URLError:
        return False
    return True


def _ask(port: int) -> Any:
    """What the world has seen since it was last asked."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/begin", b"", timeout=10) as answer:
        return json.load(answer)


def _against(
    lives: Sequence[Life], rivals: Sequence[Life], of: Callable[[Life], float]
) -> dict[str, float]:
    """A figure, and its ratio to a rival's of the same round: the median and the middle half."""
    ratios = [of(life) / of(rival) for life, rival in zip(lives, rivals, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    median = statistics.median(map(of, lives))
    return {"median": median, "ratio": middle, "ratio_low": low, "ratio_high": high}


def phases_of(lives: Sequence[Life]) -> dict[str, float]:
    """How many milliseconds each phase of our cold start took, by the median."""
    phases: dict[str, list[float]] = {}
    for life in lives:
        ends = {"": life.began, **life.returned}
        for (_, before), (phase, end) in pairwise(ends.items()):
            phases.setdefault(phase, []).append(1000 * (end - before))
    return {phase: statistics.median(times) for phase, times in phases.items()}


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """The peers, what each trick is worth, and the phases of our cold start."""
    peers = {n: c for n, c in results["contenders"].items() if c["rival"] == TEXTBOOK}
    tricks = {n: c for n, c in results["contenders"].items() if c["rival"] != TEXTBOOK}
    total = sum(results["phases"].values())
    return {
        "peers": Table(
            ["one event", "calls to AppFlow", *FIGURES],
            [[name, str(one["calls"]), *_ratios(one)] for name, one in peers.items()],
        ),
        "tricks": Table(
            ["this handler, had it not ...", *FIGURES],
            [[name, *_ratios(one)] for name, one in tricks.items()],
        ),
        "phases": Table(
            ["phase of the cold start", "ms", "share"],
            [[p, f"{ms:.0f}", f"{ms / total:.0%}"] for p, ms in results["phases"].items()],
        ),
    }


def _ratios(contender: Mapping[str, Any]) -> list[str]:
    return [
        f"{one['ratio']:.2f} ({one['ratio_low']:.2f}-{one['ratio_high']:.2f})"
        f" = {one['median']:.{0 if one['median'] > 20 else 1}f} {UNITS[figure]}"
        for figure, one in ((figure, contender[figure]) for figure in FIGURES)
    ]


def plot(results: Mapping[str, Any]) -> Figure:
    """The peers as bars against the textbook, one panel for each figure."""
    peers = {n: c for n, c in results["contenders"].items() if c["rival"] == TEXTBOOK}
    names = list(peers)[::-1]
    figure = Figure(figsize=(11, 0.42 * len(names) + 1.4), layout="constrained")
    for axes, of in zip(figure.subplots(1, len(FIGURES), sharey=True), FIGURES, strict=True):
        ratios = [peers[name][of] for name in names]
        bars = [one["ratio"] for one in ratios]
        spread = [
            [one["ratio"] - one["ratio_low"] for one in ratios],
            [one["ratio_high"] - one["ratio"] for one in ratios],
        ]
        colours = ["#1f6f5c" if name.startswith(OURS) else "#b8b8b8" for name in names]
        axes.barh(names, bars, color=colours, xerr=spread, ecolor="#555555", capsize=2)
        for row, one in enumerate(ratios):
            axes.text(one["ratio_high"] + 0.03, row, f"{one['ratio']:.2f}", va="center", fontsize=8)
        axes.margins(x=0.15)
        axes.axvline(1, color="black", linewidth=0.8, linestyle="dotted")
        axes.set_title(of)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("One event against a textbook handler on crhelper and boto3; less is better")
    return figure
