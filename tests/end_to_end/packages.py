"""Packages that one example needs beside those of the checkout.

They are installed once into the environment of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from appflow_local_cloud.lambda_python import ensure_folder
from appflow_local_cloud.process import search_path


def npm_packages(app: Path) -> Path:
    """The ``node_modules`` of an app's lock file."""
    files = [app / "package.json", app / "package-lock.json"]

    def install(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        subprocess.run(
            ["npm", "ci", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder,
            # A Node.js from PyPI has other certificate authorities than the machine.
            env={**os.environ, "PATH": search_path(), "NODE_USE_SYSTEM_CA": "1"},
            check=True,
        )

    contents = "".join(file.read_text() for file in files)
    return ensure_folder(f"npm-{app.name}", contents, install) / "node_modules"


def python_with(app: Path) -> Path:
    """An interpreter with the packages of this environment and those that an app requires.

    pip resolves the requirements of both together, so the app's have to fit the checkout's.
    """
    requirements = app / "requirements.txt"

    def install(folder: Path) -> None:
        venv.create(folder)
        inherited = sysconfig.get_path("purelib")
        [packages] = folder.glob("lib/python*/site-packages")
        # A line of a path only would leave out the paths that the inherited packages add.
        (packages / "inherited.pth").write_text(f"import site; site.addsitedir({inherited!r})\n")
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
        options = ["--disable-pip-version-check", "--require-virtualenv"]
        subprocess.run(
            [*pip, "install", "-qq", *options, "--requirement", str(requirements)], check=True
        )

    contents = f"{sys.version}\n{requirements.read_text()}"
    return ensure_folder(f"python-{app.name}", contents, install) / "bin" / "python"
