"""The path of a file says where its code runs; imports must not say otherwise."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imported_by(folder: str) -> Iterator[str]:
    """The top-level packages that the modules of a folder import, wherever in their code."""
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield str(node.module).partition(".")[0]


def test_the_handler_imports_what_lambda_has() -> None:
    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "crhelper", "urllib3"}

    assert set(imported_by("handler")) - allowed == set()


def test_the_construct_imports_no_sdk_and_no_handler() -> None:
    allowed = {*sys.stdlib_module_names, "aws_cdk", "constructs", "jsii"}

    assert set(imported_by("constructs")) - allowed == set()


def test_the_console_script_starts_without_the_cdk() -> None:
    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "rich"}

    assert set(imported_by("cli")) - allowed == set()


@pytest.mark.parametrize("program", ["import constructs", "import aws_cdk, constructs"])
def test_the_folder_constructs_does_not_hide_the_package(program: str) -> None:
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
