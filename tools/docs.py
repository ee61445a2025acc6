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
from pathlib import Path

from appflow_local_cloud.lambda_python import ensure_environment

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs"
BUILD = ROOT / "build"


def main() -> int:
    """Build every page anew; any warning is an error, a link that leads nowhere among them."""
    # The first time, Sphinx has to be installed, in half a minute.
    print("Building the documentation", flush=True)
    python = ensure_environment("docs-python", (SOURCES / "requirements.txt").read_text())
    # Pages that have gone would stay.
    shutil.rmtree(BUILD / "docs", ignore_errors=True)
    command = [
        *(str(python), "-m", "sphinx"),
        *("--fresh-env", "--nitpicky", "--fail-on-warning", "--keep-going", "--quiet"),
        *("--doctree-dir", str(BUILD / "docs-cache")),
        *(str(SOURCES), str(BUILD / "docs")),
    ]
    environment = {
        **os.environ,
        "LIBRARY_PACKAGES": sysconfig.get_path("purelib"),
    }
    result = subprocess.run(command, env=environment)
    if result.returncode == 0:
        print(f"The documentation is in {(BUILD / 'docs' / 'index.html').relative_to(ROOT)}")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
