"""One container's life: a cold event, warm events, and how much memory it took."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Contender:
    """A handler, ready to run.

    Attributes:
        name: what the table calls it.
        command: starts a container that reads events and writes outcomes, line by line.
        folder: where its code lies.
        event: the event that it is measured with.
        environment: what it needs beside what all need.
        calls: how many calls to AppFlow each event takes.
        rival: the name of the contender that it is measured against.
    """

    name: str
    command: Sequence[str]
    folder: Path
    event: Mapping[str, Any]
    environment: Mapping[str, str]
    calls: int
    rival: str


@dataclass(frozen=True)
class Life:
    """What one container took.

    Attributes:
        cold_ms: from the start of the process to the end of its first event.
        warm_ms: the median of the later events.
        peak_mib: its peak resident memory, a second container's left out.
        returned: what its function returned for the first event.
        began: when its process was started, by the clock of ``time.perf_counter``.
    """

    cold_ms: float
    warm_ms: float
    peak_mib: float
    returned: Any
    began: float


class ContenderError(RuntimeError):
    """A contender ended early; the message holds what it printed."""


def live(contender: Contender, *, warm_events: int, prefix: Sequence[str] = ()) -> Life:
    """Run a container through one cold event and some warm ones.

    Args:
        contender: what runs.
        warm_events: how many events follow the first one.
        prefix: a command that starts the container's.

    Raises:
        ContenderError: it ended before it had handled them.
    """
    line = json.dumps(contender.event) + "\n"
    began = time.perf_counter()
    with subprocess.Popen(
        [*prefix, *contender.command],
        cwd=contender.folder,
        env=contender.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def handle() -> Any:
            # One that has ended reads nothing; what it said is in its errors.
            with suppress(BrokenPipeError):
                stdin.write(line)
                stdin.flush()
            outcome = stdout.readline()
            if not outcome:
                raise ContenderError(f"{contender.name}: {process.communicate()[1][-2000:]}")
            return json.loads(outcome)

        returned = handle().get("returned")
        cold_ms = 1000 * (time.perf_counter() - began)
        outcomes = [handle() for _ in range(warm_events)]
        process.communicate()
    warm = sorted(1000 * outcome["seconds"] for outcome in outcomes)
    peak_mib = outcomes[-1]["peak_kib"] / 1024
    return Life(cold_ms, warm[len(warm) // 2], peak_mib, returned, began)
