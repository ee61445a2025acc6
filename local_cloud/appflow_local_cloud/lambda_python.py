"""The Python environment of Lambda functions: boto3 and nothing else, as on AWS.

A function whose deployment package lacks a dependency has to fail here too, so functions do not run
in the environment of the local cloud.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

# Any recent boto3 is like Lambda's. A pinned version makes all machines equal; this is the version
# that MiniStack requires, so that it is downloaded only once.
_REQUIREMENTS = "boto3==1.43.106\n"


def ensure_lambda_python() -> Path:
    """The interpreter of all functions with a python3.x runtime, made when it is missing.

    It has the same Python version as this program, since many machines have only one.

    Raises:
        subprocess.CalledProcessError: pip could not install the packages.
    """
    contents = f"{sys.version}\n{_REQUIREMENTS}"
    return ensure_folder("lambda-python", contents, _install) / "bin" / "python"


def _install(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    listed = folder / "requirements.txt"
    listed.write_text(_REQUIREMENTS)
    # Isolated (-I), or pip considers what this program can import as installed.
    python = str(folder / "bin" / "python")
    install = [python, "-I", "-m", "pip", "install", "-qq", "-r", str(listed)]
    subprocess.run([*install, "--disable-pip-version-check"], check=True)


def ensure_folder(name: str, contents: str, fill: Callable[[Path], None]) -> Path:
    """A folder inside the environment of this program, filled when it is missing.

    It is removed with the environment. Programs that start meanwhile wait for the program that
    fills it.

    Args:
        name: the folder.
        contents: a text that changes with what the folder has to contain.
        fill: puts it into the empty folder.
    """
    folder = Path(sys.prefix) / name
    # Beside the folder, which is emptied. The lock is released when the file is closed or the
    # program ends.
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "complete"
        if not stamp.is_file() or stamp.read_text() != contents:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            stamp.write_text(contents)
    return folder


if __name__ == "__main__":
    ensure_lambda_python()
