"""The Python that Lambda functions run on here: boto3 and nothing else, as in AWS.

A function whose deployment package lacks a dependency has to fail here too, so functions do not run
in the environment of this program.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

# As far as the project is concerned Lambda's boto3 may be any recent one; a fixed one makes equal
# machines. It is the version that MiniStack asks for, so it is downloaded only once.
_REQUIREMENT = "boto3==1.43.106"

# Beside the packages of the environment that this program runs in, and removed with it.
_FOLDER = Path(sys.prefix) / "lambda-python"


def ensure_lambda_python() -> Path:
    """The interpreter for every python3.x runtime, made on first use.

    It is of the version that runs this program: machines often have only that one.

    Raises:
        subprocess.CalledProcessError: boto3 could not be installed.
    """
    python = _FOLDER / "bin" / "python"
    stamp = _FOLDER / "complete"
    contents = f"{sys.version}\n{_REQUIREMENT}\n"
    if not stamp.is_file() or stamp.read_text() != contents:
        venv.create(_FOLDER, with_pip=True, clear=True)
        # Isolated, or pip counts what this program can import as installed already.
        install = [str(python), "-I", "-m", "pip", "install", "-qq", _REQUIREMENT]
        subprocess.run([*install, "--disable-pip-version-check"], check=True)
        stamp.write_text(contents)
    return python


if __name__ == "__main__":
    ensure_lambda_python()
