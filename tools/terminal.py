"""Run a command on a terminal, and return what it prints."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_cli(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], columns: int
) -> tuple[int, str]:
    """Run ``cdk-appflow-connector`` on a terminal.

    Args:
        arguments: its arguments.
        cwd: the folder to run it in.
        environment: its environment variables.
        columns: the width of the terminal.

    Returns:
        The exit code, and what the command prints on the terminal.
    """
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cdk_appflow_connector_cli", *arguments],
        cwd=cwd,
        env={**environment, "TERM": "xterm", "COLUMNS": str(columns)},
        stdout=terminal,
        # Where the progress is shown.
        stderr=subprocess.DEVNULL,
    )
    os.close(terminal)
    printed = b""
    # Linux ends the input of a terminal that nothing writes to any more with an error.
    try:
        while part := os.read(controller, 65536):
            printed += part
    except OSError:
        pass
    finally:
        os.close(controller)
        exit_code = process.wait()
    return exit_code, printed.decode().replace("\r\n", "\n")
