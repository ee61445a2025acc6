"""Measure all handlers side by side: ``make bench``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appflow_local_cloud.gateway import free_port

from .contenders import contenders, prepare, python_container
from .processes import Contender, ContenderError, Life, live
from .report import Results, write

_FOLDER = Path("build", "bench").absolute()


def main() -> None:
    """Run the rounds and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="(default: %(default)s)")
    parser.add_argument("--warm-events", type=int, default=20, help="(default: %(default)s)")
    arguments = parser.parse_args()
    prepare(_FOLDER)
    port, tls_port = free_port(), free_port()
    entrants = contenders(_FOLDER, port=port, tls_port=tls_port)
    lives: dict[str, list[Life]] = {entrant.name: [] for entrant in entrants}
    with _world(port, tls_port, entrants[0]):
        # One round to fill the caches of files; everybody in turn, so that all meet the same noise.
        for number in range(arguments.rounds + 1):
            print(f"\rround {number} of {arguments.rounds}", end="", file=sys.stderr, flush=True)
            for entrant in entrants:
                life = live(entrant, warm_events=arguments.warm_events)
                _check(entrant, _ask(port, "/begin"), events=1 + arguments.warm_events)
                if number > 0:
                    lives[entrant.name].append(life)
    print(file=sys.stderr)
    write(Results(lives), _FOLDER)


@contextmanager
def _world(port: int, tls_port: int, any_python: Contender) -> Iterator[None]:
    ports = ["--port", str(port), "--tls-port", str(tls_port)]
    behind = [*python_container("behind_framework.handler")]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.world", *ports, "--folder", str(_FOLDER), "--"),
            *("env", "-C", str(any_python.folder), *behind),
        ],
        env={**os.environ, **any_python.environment},
    )
    try:
        while not _answers(port):
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _check(entrant: Contender, tally: Mapping[str, int], *, events: int) -> None:
    """Make sure that the work was done that was measured."""
    expected = {"SUCCESS": events, "calls": events * entrant.calls}
    if {"calls": 0, **tally} != expected:
        raise ContenderError(f"{entrant.name}: {tally}, and not {expected}")


def _answers(port: int) -> bool:
    try:
        _ask(port, "/begin")
    except urllib.error.URLError:
        return False
    return True


def _ask(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", b"", timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
