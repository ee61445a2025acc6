"""What the workflow Release refuses, and the notes of a release."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = "cdk-appflow-connector/cdk-appflow-connector"

PROJECT = """
[project]
version = "1.2.0"

[project.urls]
Repository = "https://github.com/cdk-appflow-connector/cdk-appflow-connector"
"""

CHANGELOG = """
# Changelog

## 1.2.0 - 2026-11-27

### Added

- What is new.

## 1.1.0 - 2026-10-01

- What was new.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that can be released, with the program that checks it."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "docs" / "index.md").write_text("Install it from PyPI.\n")
    (tmp_path / "README.md").write_text("Install it from PyPI.\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    program = (ROOT / "tools" / "release.py").read_text()
    (tmp_path / "tools" / "release.py").write_text(program)
    return tmp_path


def release(
    checkout: Path, tag: str, repository: str = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """Run the program as the workflow does."""
    return subprocess.run(
        [sys.executable, "-m", "tools.release", tag, "notes.md"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "GITHUB_REPOSITORY": repository},
        capture_output=True,
        text=True,
    )


def test_notes_are_the_section_of_the_changelog(checkout: Path) -> None:
    """The notes of a release are what the changelog says about its version."""
    result = release(checkout, "v1.2.0")

    assert (result.stderr, result.returncode) == ("", 0)
    assert (checkout / "notes.md").read_text() == "### Added\n\n- What is new.\n"


@pytest.mark.parametrize("tag", ["v1.2.1", "1.2.0", "v1.2", "v1.1.0"])
def test_tag_of_another_version_is_refused(checkout: Path, tag: str) -> None:
    """A tag that is not the version of the project is refused with both, and writes no notes."""
    result = release(checkout, tag)

    assert result.returncode == 1
    assert result.stderr == (
        f"The tag is {tag}, and the version in pyproject.toml is 1.2.0. Tag the commit v1.2.0, or"
        " change the version before.\n"
    )
    assert not (checkout / "notes.md").exists()


@pytest.mark.parametrize("heading", ["## Unreleased", "## 1.2.0", "## 1.2.0.1 - 2026-11-27"])
def test_version_without_a_section_is_refused(checkout: Path, heading: str) -> None:
    """A version that the changelog does not describe is refused."""
    changed = CHANGELOG.replace("## 1.2.0 - 2026-11-27", heading)
    (checkout / "CHANGELOG.md").write_text(changed)

    result = release(checkout, "v1.2.0")

    assert result.returncode == 1
    assert result.stderr == (
        "CHANGELOG.md has no text under a heading '## 1.2.0 - <date>'. Change the heading"
        " Unreleased to it.\n"
    )


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_instructions_before_a_release_are_refused(checkout: Path, page: str) -> None:
    """A page that says how to install an unreleased library is refused."""
    (checkout / page).write_text("Until the\nfirst release, install it from a checkout.\n")

    result = release(checkout, "v1.2.0")

    assert result.returncode == 1
    assert result.stderr == (
        f"{page} says how to install the library until the first release. Replace it with the"
        " installation from PyPI.\n"
    )


def test_links_to_another_repository_are_refused(checkout: Path) -> None:
    """A release with links to another repository than its own is refused."""
    result = release(checkout, "v1.2.0", "acme/connectors")

    assert result.returncode == 1
    assert result.stderr == (
        "The workflow runs in acme/connectors, and the links in pyproject.toml lead to"
        f" {REPOSITORY}. Change them to acme/connectors.\n"
    )


def test_all_problems_are_listed(checkout: Path) -> None:
    """Every problem is one line, so that one run shows all of them."""
    (checkout / "CHANGELOG.md").write_text("## Unreleased\n")

    result = release(checkout, "v1.3.0", "acme/connectors")

    assert [line.split(" ")[0] for line in result.stderr.splitlines()] == [
        "The",
        "CHANGELOG.md",
        "The",
    ]


def test_actions_are_pinned_by_commit() -> None:
    """Every action of the workflows is named by the hash of its commit."""
    files = (ROOT / ".github" / "workflows").glob("*.yml")
    used = [line for file in files for line in re.findall("uses: (.*)", file.read_text())]

    assert used
    assert [line for line in used if not re.fullmatch(r"\S+@[0-9a-f]{40}  # v[\d.]+", line)] == []
