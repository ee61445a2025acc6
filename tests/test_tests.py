"""Tests have short names, say in one sentence what they prove, and do not import each other."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ["tests", "examples/tests"]

MAX_NAME_LENGTH = 50


@functools.cache
def parsed(folder: str) -> dict[str, ast.Module]:
    """The syntax tree of each module of a folder, by its path."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


def functions(folder: str) -> dict[str, ast.FunctionDef]:
    """The test functions of a folder, by their place."""
    return {
        f"{path}:{node.lineno} {node.name}": node
        for path, module in parsed(folder).items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def is_one_sentence(text: str) -> bool:
    """Whether a text is one line with one full stop, at its end."""
    return text.endswith(".") and "\n" not in text and ". " not in text


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_short(folder: str) -> None:
    """No test has a name that is too long for a listing."""
    assert [
        place for place, test in functions(folder).items() if len(test.name) > MAX_NAME_LENGTH
    ] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_are_one_sentence(folder: str) -> None:
    """Every test has a docstring of one sentence."""
    docstrings = {place: ast.get_docstring(test) or "" for place, test in functions(folder).items()}

    assert [place for place, text in docstrings.items() if not is_one_sentence(text)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_test_module_is_imported(folder: str) -> None:
    """No test module imports another one."""
    imports = [
        (path, node.module)
        for path, module in parsed(folder).items()
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    ]

    assert [found for found in imports if ".test_" in found[1]] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("It works.", True), ("", False), ("It works", False), ("It works. It does.", False)],
)
def test_one_sentence_is_recognised(text: str, expected: bool) -> None:
    """One sentence differs from none, from an unfinished one and from two."""
    assert is_one_sentence(text) == expected
