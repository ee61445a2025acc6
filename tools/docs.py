"""Build the documentation into ``build/docs``: ``make docs``.

Sphinx runs in an environment of its own, because the AWS CLI that the tests use asks for a docutils
that is too old for it. What the reference pages import comes from the environment that runs this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs"
REQUIREMENTS = SOURCES / "requirements.txt"
BUILD = ROOT / "build"

# Inside the environment that runs this, and removed with it.
FOLDER = Path(sys.prefix) / "docs-python"


def main() -> int:
    """Build every page anew; any warning is an error, a link that leads nowhere among them."""
    # Pages that have gone would stay.
    shutil.rmtree(BUILD / "docs", ignore_errors=True)
    command = [
        *(str(ensure_sphinx()), "-m", "sphinx"),
        *("--fresh-env", "--nitpicky", "--fail-on-warning", "--keep-going", "--quiet"),
        *("--doctree-dir", str(BUILD / "docs-cache")),
        *(str(SOURCES), str(BUILD / "docs")),
    ]
    environment = {
        **os.environ,
        "LIBRARY_PACKAGES": sysconfig.get_path("purelib"),
        # jsii says at every start that this Node.js has reached its end of life.
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
    result = subprocess.run(command, env=environment)
    if result.returncode == 0:
        print(f"The documentation is in {(BUILD / 'docs' / 'index.html').relative_to(ROOT)}")
    return result.returncode


def ensure_sphinx() -> Path:
    """The interpreter that has Sphinx, made on first use and whenever its requirements change."""
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / "complete"
    contents = f"{sys.version}\n{REQUIREMENTS.read_text()}"
    if not stamp.is_file() or stamp.read_text() != contents:
        print("Setting up: Sphinx", flush=True)
        venv.create(FOLDER, with_pip=True, clear=True)
        # Isolated, or pip counts what this program can import as installed already.
        install = [str(python), "-I", "-m", "pip", "install", "-qq", "-r", str(REQUIREMENTS)]
        subprocess.run([*install, "--disable-pip-version-check"], check=True)
        stamp.write_text(contents)
    return python


if __name__ == "__main__":
    sys.exit(main())
