"""What the documents say about the tests is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCAL_CLOUD = (ROOT / "docs" / "local-cloud.md").read_text()
RULES = ["test_appflow.py", "test_appflow_members.py", "test_appflow_settings.py"]

# Tests in the files of the rules that are about something else: how the limits count, and what
# settings there are.
NOT_OF_RULES = {
    "TestCalls::test_are_free_by_default",
    "TestCalls::test_come_through_at_their_rate",
    "TestCalls::test_of_another_account_do_not_count",
    "TestPermissions::test_are_known_at_once_by_default",
    "TestPermissions::test_are_known_after_a_while",
    "test_settings_that_make_no_sense_are_refused",
    "test_what_is_not_set_goes_back_to_its_default",
}


def names_of_tests(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name.startswith("test_"):
                    yield f"{node.name}::{member.name}"


def tables(headings: list[str]) -> str:
    sections = re.split(r"^## ", LOCAL_CLOUD, flags=re.M)
    return "".join(
        section for section in sections if any(section.startswith(name) for name in headings)
    )


def test_every_rule_of_appflow_has_a_test_and_every_such_test_a_rule() -> None:
    rules = tables(["Which rules it enforces", "What AWS does not document"])

    rows = [line for line in rules.splitlines() if re.match(r"\| (?!Rule|Question|---)", line)]
    named = [re.findall(r"`((?:Test\w+::)?test_\w+)`", row) for row in rows]

    folder = ROOT / "tests" / "local_cloud"
    existing = {name for file in RULES for name in names_of_tests(folder / file)}
    assert [row for row, tests in zip(rows, named, strict=True) if len(tests) != 1] == []
    assert {name for tests in named for name in tests} == existing - NOT_OF_RULES
    assert existing > NOT_OF_RULES


def test_the_tests_that_play_cloudformation_are_where_the_table_says() -> None:
    rows = tables(["CloudFormation: where MiniStack differs"])
    named = re.findall(r"`(tests/[\w/]+\.py)`(?:: ((?:`\w+`(?:, )?)+))?", rows)

    assert len(named) > 5
    for file, names in named:
        text = (ROOT / file).read_text()
        for name in re.findall(r"\w+", names):
            assert re.search(rf"^ *(def|class) {name}\b", text, flags=re.M), f"{file}: {name}"


def test_the_links_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
