"""Check that a tag can be released, and write the notes of its release.

    python -m tools.release v1.2.3 NOTES

The workflow Release runs it before anything else. It needs the standard library only. If something
is wrong, it prints each problem with the next step and ends with exit code 1.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The pages say how to install a library that has no release yet.
_UNRELEASED = re.compile(r"[Uu]ntil\s+the\s+first\s+release")


def main() -> None:
    """Check the tag of the first argument, and write the notes to the file of the second."""
    tag, notes = sys.argv[1:]
    found = [*problems(ROOT, tag, os.environ.get("GITHUB_REPOSITORY"))]
    if found:
        sys.exit("\n".join(found))
    Path(notes).write_text(section(ROOT, tag.removeprefix("v")))


def problems(root: Path, tag: str, repository: str | None) -> Iterator[str]:
    """What is wrong with a release of a checkout.

    Args:
        root: the folder of the checkout.
        tag: the tag that is released.
        repository: the owner and name of the repository that releases it, as GitHub writes them in
            ``GITHUB_REPOSITORY``. None: any.
    """
    project = (root / "pyproject.toml").read_text()
    [version] = re.findall(r'^version = "(.*)"$', project, re.M)
    if tag != f"v{version}":
        yield (
            f"The tag is {tag}, and the version in pyproject.toml is {version}. Tag the commit"
            f" v{version}, or change the version before."
        )
    if not section(root, version):
        yield (
            f"CHANGELOG.md has no text under a heading '## {version} - <date>'. Change the heading"
            " Unreleased to it."
        )
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if _UNRELEASED.search(page.read_text()):
            yield (
                f"{page.relative_to(root)} says how to install the library until the first release."
                " Replace it with the installation from PyPI."
            )
    [address] = re.findall(r'^Repository = "https://github.com/(.*)"$', project, re.M)
    if repository not in (None, address):
        yield (
            f"The workflow runs in {repository}, and the links in pyproject.toml lead to {address}."
            f" Change them to {repository}."
        )


def section(root: Path, version: str) -> str:
    """The text of a version in the changelog, or an empty string without one."""
    changelog = (root / "CHANGELOG.md").read_text()
    heading = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)"
    return "".join(text.strip() + "\n" for text in re.findall(heading, changelog, re.M | re.S))


if __name__ == "__main__":
    main()
