"""Lambda's runtime: the handler's default Python, with boto3 and awslambdaric.

awslambdaric is what the runtime loads before it imports a function. Source: the repository
aws/aws-lambda-python-runtime-interface-client.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

PYTHON = "python3.14"
"""The handler's default runtime, and the name of its interpreter on the path."""

_REQUIREMENTS = (f"boto3=={importlib.metadata.version('boto3')}", "awslambdaric==4.2.2")


def lambda_runtime(folder: Path) -> Path | None:
    """The interpreter of an environment with Lambda's runtime, made when it is missing.

    Returns:
        None if the path has no interpreter of that version.

    Raises:
        subprocess.CalledProcessError: pip could not install the packages.
    """
    found = shutil.which(PYTHON)
    if found is None:
        return None
    environment = folder / PYTHON
    python, stamp = environment / "bin" / "python", environment / "complete"
    contents = "\n".join((found, *_REQUIREMENTS))
    if not stamp.is_file() or stamp.read_text() != contents:
        subprocess.run([found, "-m", "venv", "--clear", environment], check=True)
        install = [str(python), "-I", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*install, *_REQUIREMENTS], check=True)
        stamp.write_text(contents)
    return python
