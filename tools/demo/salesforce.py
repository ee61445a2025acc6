"""Amazon's example connector for Salesforce, as the code of a Lambda function.

The connector and its parser come from PyPI, from the package custom-connector-sdk.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

ENTRY_POINT = "custom_connector_example.handlers.lambda_handler.salesforce_lambda_handler"

CONFIGURATION = Path("custom_connector_example", "handlers", "configuration.py")
"""The file, in the staged code, with the connector's configuration for AppFlow."""

_PACKAGES = (
    "custom_connector_example",
    "custom_connector_sdk",
    "custom_connector_queryfilter",
    "antlr4",
)

_TESTS = ("test", "tests", "integ_test", "*-test-files")


def stage_connector(folder: str | Path) -> Path:
    """Copy the installed packages side by side, as Lambda expects them, and return the folder.

    Raises:
        ModuleNotFoundError: one of the packages is not installed.
    """
    target = Path(folder)
    shutil.rmtree(target, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", *_TESTS)
    for package in _PACKAGES:
        shutil.copytree(_installed(package), target / package, ignore=ignored)
    # Release 1.0.5 has `auto` in place of a call, which Python 3.13 refuses to import.
    replace_in(target / "custom_connector_sdk/connector/auth.py", "= auto\n", "= auto()\n")
    return target


def replace_in(file: Path, old: str, new: str) -> None:
    """Replace the one occurrence of a text in a file.

    Raises:
        ValueError: the text does not occur exactly once, for example in another release.
    """
    text = file.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{file} contains {old!r} {text.count(old)} times, expected once")
    file.write_text(text.replace(old, new))


def _installed(package: str) -> Path:
    # Finds the package without importing it, which Python 3.13 refuses.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{package} is not installed. Run make setup, which installs requirements.txt."
        )
    return Path(spec.origin).parent
