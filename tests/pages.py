"""The code blocks of a page of the documentation, and the commands in them."""

from __future__ import annotations

import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in a language, also those in lists."""
    pattern = rf"^ *```{language}\n(.*?)^ *```$"
    return [textwrap.dedent(block) for block in re.findall(pattern, page.read_text(), re.M | re.S)]


def run_steps(
    text: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, list[str], str]]:
    """Run the commands, files and changes of a page in their order, in one shell.

    Yields:
        The commands of each step, the lines that they must print, and what they print.
    """
    steps = steps_of(text)
    script = "".join(f"{commands}echo '=== {n}'\n" for n, (commands, _) in enumerate(steps))
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    *printed, _ = re.split(r"^=== \d+\n", result.stdout, flags=re.M)
    for (commands, expected), shown in zip(steps, printed, strict=True):
        yield commands, expected, shown


def steps_of(text: str) -> list[tuple[str, list[str]]]:
    """Shell commands for each step of a page, and the lines that they must print."""
    steps: list[tuple[str, list[str]]] = []
    file = ""
    for prose, language, block in re.findall(r"(.*?)^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        file = [file, *re.findall(r"`([\w/]+\.(?:py|json|yaml))`", prose)][-1]
        if language in ("python", "json", "yaml"):
            steps.append((f"mkdir -p connector && cat > {file} <<'END'\n{block}END\n", []))
        elif language == "diff":
            [old] = re.findall(r"^-\s*(.*)$", block, re.M)
            [new] = re.findall(r"^\+\s*(.*)$", block, re.M)
            steps.append((replacement(file, old, new), ["1"]))
        elif block != "$ make cloud\n":
            commands = re.findall(r"^\$ ((?:.*\\\n)*.*\n)", block, re.M)
            printed = re.sub(r"^\$ (?:.*\\\n)*.*\n", "", block, flags=re.M).splitlines()
            steps.append(("".join(commands), [line for line in printed if line != "..."]))
    return steps


def replacement(file: str, old: str, new: str) -> str:
    """A command that replaces a line, and prints how many there are."""
    script = (
        "import sys; from pathlib import Path; path = Path(sys.argv[1]); text = path.read_text();"
        " print(text.count(sys.argv[2])); path.write_text(text.replace(*sys.argv[2:]))"
    )
    return shlex.join(["python", "-c", script, file, old, new]) + "\n"
