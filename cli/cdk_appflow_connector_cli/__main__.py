"""``cdk-appflow-connector``, and ``python -m cdk_appflow_connector_cli``."""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

from .arguments import PROGRAM, parser
from .errors import CommandError

_EXIT_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, from ``sys.argv`` by default, and return the exit code.

    The module of a command has a function ``run``.
    """
    options = parser().parse_args(arguments)
    _print_every_character()
    try:
        command = importlib.import_module(f".{options.module}", __package__)
    except ModuleNotFoundError as missing:
        return _fail(f"{missing}. Install the dependencies: pip install '{PROGRAM}[cli]'")
    try:
        code = int(command.run(options))
        sys.stdout.flush()
        return code
    except CommandError as error:
        return _fail(str(error))
    except (BrokenPipeError, SystemExit):
        # Rich ends the program with 1, which stands for drift.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail("the program that reads the output has ended before it")
    except KeyboardInterrupt:
        return _fail("interrupted")
    except Exception:  # noqa: BLE001 - Python would exit with 1, which stands for drift
        traceback.print_exc()
        return _EXIT_ERROR


def _print_every_character() -> None:
    """Escape what the encoding of the output lacks; a connector's texts can have any character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(message: str) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return _EXIT_ERROR


if __name__ == "__main__":
    sys.exit(main())
