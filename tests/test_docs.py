"""What the documents say can be run can be run, and what they say about the tests is true."""

from __future__ import annotations

import argparse
import ast
import functools
import re
import shlex
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from appflow_local_cloud.process import search_path

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
LOCAL_CLOUD = (ROOT / "docs" / "local-cloud.md").read_text()
RULES = ["test_appflow.py", "test_appflow_members.py", "test_appflow_settings.py"]

# Tests in the files of the rules that are about something else: how the limits count, and what
# settings there are.
NOT_OF_RULES = {
    "TestCalls::test_are_free_by_default",
    "TestCalls::test_come_through_at_their_rate",
    "TestPermissions::test_are_known_at_once_by_default",
    "TestPermissions::test_are_known_after_a_while",
    "TestPermissions::test_that_were_missed_are_new_ones",
    "TestPermissions::test_spread_each_by_itself",
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
    for document in [*ROOT.glob("*.md"), *PAGES]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


@pytest.mark.parametrize(
    "package",
    [
        "constructs/cdk_appflow_connector",
        "handler/connector_registration",
        "local_cloud/appflow_local_cloud",
        "local_cloud/appflow_local_cloud/appflow",
    ],
)
def test_the_architecture_names_every_module(package: str) -> None:
    rows = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"^\| (`.*?`) \|", rows, flags=re.M))
    named = {name for cell in named for name in re.findall(r"[\w.]+", cell)}
    prefix = "appflow." if package.endswith("/appflow") else ""

    modules = {prefix + path.stem for path in (ROOT / package).glob("*.py")}
    assert modules - {f"{prefix}__init__"} - named == set()


def blocks(language: str) -> list[Any]:
    """Every block of the pages in a language, as a parameter that is named after its page."""
    return [
        pytest.param(textwrap.dedent(block), id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(
            re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S), start=1
        )
    ]


@pytest.mark.parametrize("block", blocks("python"))
def test_python_is_out_of_an_example_that_the_tests_run(block: str) -> None:
    examples = [path.read_text() for path in (ROOT / "examples").rglob("*.py")]

    # Whole lines of it.
    assert any(f"\n{block}" in f"\n{example}" for example in examples)


@functools.cache
def help_of(*command: str) -> str:
    """What a program says about itself."""
    return subprocess.run(
        [*command, "--help"],
        cwd=ROOT,
        env={"PATH": search_path()},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def check_make(target: str, *variables: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*##", makefile, flags=re.M)
    for variable in variables:
        assert f"$({variable.partition('=')[0]})" in makefile


def check_cdk(command: str, *arguments: str) -> None:
    text = help_of("cdk", command)
    # It answers with its general help if there is no such command.
    assert text.startswith(f"cdk {command}")
    for option in options(arguments):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), option
    if "--app" in arguments:
        _, app = shlex.split(arguments[arguments.index("--app") + 1])
        assert (ROOT / app).is_file()


def check_aws(service: str, operation: str, *arguments: str) -> None:
    model = botocore.session.Session().get_service_model(service)
    [name] = [name for name in model.operation_names if xform_name(name, "-") == operation]
    members = model.operation_model(name).input_shape.members
    flags = {f"--{xform_name(member, '-')}" for member in members}
    assert set(options(arguments)) <= flags


def check_cdk_appflow_connector(command: str, *arguments: str) -> None:
    text = help_of("cdk-appflow-connector", command)
    assert set(options(arguments)) <= set(re.findall(r"--[\w-]+", text))


def check_python(dash_m: str, module: str, *arguments: str) -> None:
    assert dash_m == "-m"
    assert set(options(arguments)) <= set(re.findall(r"--[\w-]+", help_of("python", "-m", module)))


def check_curl(*arguments: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-X", choices=["POST", "PUT"])
    parser.add_argument("url")
    parser.add_argument("--data")
    parser.parse_args(arguments)


def options(arguments: tuple[str, ...]) -> Iterator[str]:
    return (argument.partition("=")[0] for argument in arguments if argument.startswith("-"))


CHECKS: dict[str, Callable[..., None]] = {
    "make": check_make,
    "cdk": check_cdk,
    "cdk-appflow-connector": check_cdk_appflow_connector,
    "aws": check_aws,
    "python": check_python,
    "curl": check_curl,
}


@pytest.mark.parametrize("block", blocks("console"))
def test_commands_and_their_options_exist(block: str) -> None:
    commands = block.replace("\\\n", " ").splitlines()

    assert commands
    for command in commands:
        prompt, *words = shlex.split(command)
        assert prompt == "$"
        while re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        program, *arguments = words
        CHECKS[program](*arguments)
