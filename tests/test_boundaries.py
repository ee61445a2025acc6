"""Each source folder imports only packages that exist where its code runs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Runs in Lambda and on a developer's machine.
SHARED = {"appflow_connector_configuration"}


def imported_by(folder: str) -> Iterator[str]:
    """The top-level packages that the modules of a folder import anywhere in their code."""
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield str(node.module).partition(".")[0]


def test_handler_imports_only_what_lambda_has() -> None:
    """The handler imports the standard library, the SDK, urllib3 and crhelper only."""
    allowed = {*sys.stdlib_module_names, *SHARED, "boto3", "botocore", "crhelper", "urllib3"}

    assert set(imported_by("handler")) - allowed == set()


def test_shared_imports_only_botocore() -> None:
    """The code that runs in several places imports the standard library and botocore only."""
    assert set(imported_by("shared")) - {*sys.stdlib_module_names, "botocore"} == set()


def test_constructs_import_only_the_cdk() -> None:
    """The constructs import the standard library and the CDK only."""
    allowed = {*sys.stdlib_module_names, "aws_cdk", "constructs", "jsii"}

    assert set(imported_by("constructs")) - allowed == set()


def test_cli_imports_no_cdk() -> None:
    """The console script imports boto3, rich and PyYAML, and the constructs for one command."""
    allowed = {*sys.stdlib_module_names, *SHARED, "boto3", "botocore", "rich", "yaml"}

    assert set(imported_by("cli")) - allowed == {"cdk_appflow_connector"}
    importing = {
        file.name
        for file in (ROOT / "cli").rglob("*.py")
        if "from cdk_appflow_connector." in file.read_text()
    }
    assert importing == {"provider_template.py"}


@pytest.mark.parametrize("program", ["import constructs", "import aws_cdk, constructs"])
def test_constructs_folder_hides_no_package(program: str) -> None:
    """In the checkout ``import constructs`` imports the package that the CDK needs."""
    result = subprocess.run(
        [sys.executable, "-c", f"{program}; print(constructs.__file__)"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )

    found = Path(result.stdout.strip())
    assert (ROOT / "constructs") not in found.parents
    assert found.name == "__init__.py"
