"""A stranger who follows the README gets what it says."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from appflow_local_cloud.process import LocalCloud

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def section(title: str) -> str:
    return re.split(r"^##+ ", README.partition(f" {title}\n")[2], maxsplit=1, flags=re.M)[0]


def commands(text: str) -> list[str]:
    return re.findall(r"^\$ (.*(?:\\\n.*)*)$", text, re.M)


def test_its_app_is_the_smallest_example() -> None:
    [app] = blocks("python")
    example = (ROOT / "examples" / "smallest.py").read_text()

    docstring = ast.get_docstring(ast.parse(example), clean=False)
    assert example == f'"""{docstring}"""\n\n{app}'


def test_an_empty_local_cloud_gets_a_registered_connector(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    serve, *steps = commands(section("From an empty folder to a registered connector"))
    account = "000000000000"

    result = subprocess.run(
        ["bash", "-e", "-c", "\n".join(steps)],
        cwd=ROOT,
        # Somebody else may be using the checkout's own cdk.out.
        env={**cloud.environment(account), "CDK_OUTPUT": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert serve == "make cloud"
    assert result.returncode == 0, result.stdout + result.stderr
    described = json.loads(result.stdout[result.stdout.index("{") :])
    assert described["connectorConfiguration"]["connectorVersion"] == "1.0"


def test_its_make_targets_exist() -> None:
    named = set(re.findall(r"`make (\w+)", README))
    named |= {command.split()[1] for command in commands(README) if command.startswith("make ")}

    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert named <= targets


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_its_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_messages_are_those_of_the_handler_and_the_construct() -> None:
    sources = [*(ROOT / "handler").rglob("*.py"), *(ROOT / "constructs").rglob("*.py")]
    # Texts that stand on several lines are joined, and what is filled in is left open.
    said = re.sub(r'"\s+f?"', "", " ".join(source.read_text() for source in sources))
    said = re.sub(r"\{[^}]*\}", "...", said)

    rows = re.findall(
        r"^\| (`.*?`)(?: \(at synthesis\))? \|", section("When something goes wrong"), re.M
    )
    for message in re.findall(r"`([^`]+)`", " ".join(rows)):
        for words in re.split(r" from |<\w+>|\.\.\.", message):
            assert words.strip() in said, message
