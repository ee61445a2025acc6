"""The Python that Lambda functions run on here: boto3 and nothing else, as in AWS.

A function whose deployment package lacks a dependency has to fail here too, so functions do not run
in the environment of this program.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import venv
from pathlib import Path

# As far as the project is concerned Lambda's boto3 may be any recent one; a fixed one makes equal
# machines. It is the version that MiniStack asks for, so it is downloaded only once.
_REQUIREMENTS = "boto3==1.43.106\n"


def ensure_lambda_python() -> Path:
    """The interpreter for every python3.x runtime; raises as ``ensure_environment`` does."""
    return ensure_environment("lambda-python", _REQUIREMENTS)


def ensure_environment(name: str, requirements: str) -> Path:
    """The interpreter of an environment with these packages and no others, made when it has to be.

    It is inside the environment that this program runs in, and removed with it, and of the same
    Python version: machines often have only that one. While one program makes it, others wait.

    Args:
        name: the environment's folder.
        requirements: what it contains, as in a requirements file.

    Raises:
        subprocess.CalledProcessError: they could not be installed.
    """
    folder = Path(sys.prefix) / name
    # Beside the folder, which is emptied. Closing the file gives the lock back, and so does the end
    # of the program.
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _made(folder, requirements)


def _made(folder: Path, requirements: str) -> Path:
    python = folder / "bin" / "python"
    stamp = folder / "complete"
    contents = f"{sys.version}\n{requirements}"
    if not stamp.is_file() or stamp.read_text() != contents:
        venv.create(folder, with_pip=True, clear=True)
        listed = folder / "requirements.txt"
        listed.write_text(requirements)
        # Isolated, or pip counts what this program can import as installed already.
        install = [str(python), "-I", "-m", "pip", "install", "-qq", "-r", str(listed)]
        subprocess.run([*install, "--disable-pip-version-check"], check=True)
        stamp.write_text(contents)
    return python


if __name__ == "__main__":
    ensure_lambda_python()
