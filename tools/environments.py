"""Environments for programs that cannot share the one of the checkout.

uv installs them, in a tenth of the time that pip takes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from appflow_local_cloud.lambda_python import ensure_folder

UV = Path(sys.executable).with_name("uv")


def ensure_environment(name: str, requirements: str) -> Path:
    """The interpreter of an environment with certain packages only, made when it is missing.

    It has the same Python version as this program, since many machines have only one.

    Args:
        name: the environment's folder.
        requirements: the packages, in the format of a requirements file.

    Raises:
        subprocess.CalledProcessError: uv could not install the packages. It has printed the reason.
    """

    def install(folder: Path) -> None:
        run_uv("venv", "--allow-existing", "--python", sys.executable, str(folder))
        listed = folder / "requirements.txt"
        listed.write_text(requirements)
        python = str(folder / "bin" / "python")
        run_uv("pip", "install", "--python", python, "--requirement", str(listed))

    contents = f"{sys.version}\n{requirements}"
    return ensure_folder(name, contents, install) / "bin" / "python"


def run_uv(*arguments: str) -> None:
    """Run uv, which trusts the certificate authorities of the machine, as pip does.

    Raises:
        subprocess.CalledProcessError: uv failed. It has printed the reason.
    """
    subprocess.run([str(UV), "--quiet", "--system-certs", *arguments], check=True)
