"""One container of a function: a cold event, warm events, and the memory that they take."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A handler that can be run.

    Attributes:
        name: its name in the tables.
        command: starts a container, which reads events and writes outcomes, one a line.
        folder: the folder of its code.
        event: the event that is measured.
        environment: the environment variables of the container.
        calls: the number of calls to AppFlow for each event.
        baseline: the name of the candidate that it is compared with.
        has_runtime: whether the container first loads Lambda's runtime, and then writes a line.
    """

    name: str
    command: Sequence[str]
    folder: Path
    event: Mapping[str, Any]
    environment: Mapping[str, str]
    calls: int
    baseline: str
    has_runtime: bool = False


@dataclass(frozen=True)
class Measurement:
    """The figures of one container.

    Attributes:
        cold_ms: milliseconds to the end of the first event, from the start of the process, or from
            the moment at which the process has loaded Lambda's runtime.
        warm_ms: the median of the later events, in milliseconds.
        peak_mib: the peak resident memory of the process, in MiB.
    """

    cold_ms: float
    warm_ms: float
    peak_mib: float


class ContainerError(RuntimeError):
    """A container did not handle its events; the message says what it did instead."""


def run_container(candidate: Candidate, *, warm_events: int) -> Measurement:
    """Run a container through one cold event and a number of warm ones.

    Raises:
        ContainerError: the container ended before it had handled all events.
    """
    line = json.dumps(candidate.event) + "\n"
    began = time.perf_counter()
    # A pipe that nothing reads would stop a container that logs more than the pipe holds.
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            candidate.command,
            cwd=candidate.folder,
            env=candidate.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def read_line() -> str:
            read = stdout.readline()
            if not read:
                process.wait()
                log.seek(0)
                raise ContainerError(f"{candidate.name}: {log.read()[-2000:]}")
            return read

        def handle() -> Any:
            # A container that has ended reads nothing, and has printed why.
            with suppress(BrokenPipeError):
                stdin.write(line)
                stdin.flush()
            return json.loads(read_line())

        if candidate.has_runtime:
            read_line()
            began = time.perf_counter()
        handle()
        cold_ms = 1000 * (time.perf_counter() - began)
        outcomes = [handle() for _ in range(warm_events)]
        process.communicate()
    warm_ms = 1000 * statistics.median(outcome["seconds"] for outcome in outcomes)
    return Measurement(cold_ms, warm_ms, outcomes[-1]["peak_kib"] / 1024)
