"""Build the documentation into ``build/docs``: ``make docs``.

Sphinx has its own environment, because the AWS CLI that the tests use requires a docutils that is
too old for Sphinx. The reference pages import the library from the environment of this script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools.environments import ensure_environment

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs"
BUILD = ROOT / "build"


def main() -> int:
    """Build all pages; a warning is an error, for example of a broken link."""
    # The first build also installs Sphinx.
    print("Building the documentation", flush=True)
    python = ensure_environment("docs-python", (SOURCES / "requirements.txt").read_text())
    # Removes pages that no longer have a source.
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
