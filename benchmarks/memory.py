"""The handler at the processor time that Lambda gives to a memory size.

Lambda gives one processor to 1,769 MB and shares in proportion. Source: "Configure Lambda function
memory" in the AWS Lambda Developer Guide. Its Init phase is known to run faster than that; here the
whole life gets its share and no more, which is the worst case.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .contenders import OURS
from .events import world
from .processes import live
from .report import Table, progress

SIZES = (128, 256, 512, 1024, 1769)
ONE_PROCESSOR_MB = 1769
_PERIOD_US = 20_000
# "AWS Lambda Pricing", arm64 in us-east-1.
DOLLARS_PER_GB_SECOND = 0.0000133334

_CGROUPS = Path("/sys/fs/cgroup")


class NoSharesError(RuntimeError):
    """Processor time cannot be shared out on this machine."""


def measure(folder: Path, *, rounds: int = 5) -> dict[str, Any]:
    """Let our handler live at every size in turn.

    Raises:
        NoSharesError: control groups cannot be made here.
    """
    lives: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    with world(folder) as (entrants, check):
        [ours] = [entrant for entrant in entrants if entrant.name == OURS]
        for _ in progress("round", range(rounds)):
            for size in SIZES:
                with _share(size / ONE_PROCESSOR_MB) as prefix:
                    life = live(ours, warm_events=10, prefix=prefix)
                check(ours, 11)
                lives[size].append((life.cold_ms, life.warm_ms))
    return {
        "rounds": rounds,
        "sizes": {
            str(size): {
                "cold": statistics.median(cold for cold, _ in found),
                "warm": statistics.median(warm for _, warm in found),
            }
            for size, found in lives.items()
        },
    }


@contextmanager
def _share(processors: float) -> Iterator[Sequence[str]]:
    """A command that runs another one on so many processors."""
    quota = round(processors * _PERIOD_US)
    if (_CGROUPS / "cgroup.controllers").exists():
        group = _CGROUPS / "appflow-bench"
        settings = {"cpu.max": f"{quota} {_PERIOD_US}"}
    else:
        group = _CGROUPS / "cpu" / "appflow-bench"
        settings = {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(quota)}
    try:
        group.mkdir(exist_ok=True)
        for name, value in settings.items():
            (group / name).write_text(value)
    except OSError as error:
        raise NoSharesError(
            f"{group} cannot be made ({error.strerror}). Run this part as root, on Linux with"
            " control groups for processor time."
        ) from error
    try:
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
    finally:
        group.rmdir()


def _dollars(size: str, milliseconds: float) -> float:
    """What a million events of this length cost."""
    return 1_000_000 * int(size) / 1024 * milliseconds / 1000 * DOLLARS_PER_GB_SECOND


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """One row for each size."""
    waits = (0, 1000, 2000)
    best = {
        wait: min(
            _cost_times_time(size, one["cold"] + wait) for size, one in results["sizes"].items()
        )
        for wait in waits
    }
    return {
        "memory": Table(
            [
                *("memory", "processors", "cold", "warm", "a million cold events"),
                *("cost x time", "if AppFlow takes 1 s", "if it takes 2 s"),
            ],
            [
                [
                    f"{size} MB",
                    f"{int(size) / ONE_PROCESSOR_MB:.2f}",
                    f"{one['cold']:,.0f} ms",
                    f"{one['warm']:,.0f} ms",
                    f"${_dollars(size, one['cold']):.2f}",
                    *(
                        f"{_cost_times_time(size, one['cold'] + wait) / best[wait]:.2f}"
                        for wait in waits
                    ),
                ]
                for size, one in results["sizes"].items()
            ],
        )
    }


def _cost_times_time(size: str, milliseconds: float) -> float:
    return _dollars(size, milliseconds) * milliseconds


def plot(results: Mapping[str, Any]) -> Figure:
    """Cold and warm against the memory size."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    sizes = [int(size) for size in results["sizes"]]
    for state, colour in (("cold", "#1f6f5c"), ("warm", "#4b74b8")):
        times = [one[state] for one in results["sizes"].values()]
        axes.plot(sizes, times, "o-", label=state, color=colour, markersize=4)
        for size, milliseconds in zip(sizes, times, strict=True):
            axes.annotate(
                f"{milliseconds:,.0f}",
                (size, milliseconds),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [f"{size} MB" for size in sizes])
    axes.minorticks_off()
    axes.margins(y=0.15)
    axes.set_title("One update of the handler, ms, by the memory size's share of a processor")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    return figure
