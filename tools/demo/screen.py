"""How the demo looks in a terminal."""

from __future__ import annotations

import itertools
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from cdk_appflow_connector_cli.configuration_table import changes_table
from rich.console import Console
from rich.markup import escape
from rich.text import Text

# A line of `cdk --progress events`: stack | 4/10 | time | status | type | logical id
_EVENT = re.compile(
    r"\S+ \|\s*\d+/\d+ \|[^|]*\| (?P<status>\S+)\s*\| (?P<type>\S+)\s*\| (?P<id>\S+)"
)


class Screen:
    """Prints steps, commands, tables and checks; shows progress in a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    @property
    def width(self) -> int:
        """The columns of the terminal."""
        return self._console.width

    def step(self, title: str) -> None:
        """Begin a step."""
        self._steps += 1
        self._console.print()
        self._console.rule(f"[bold]{self._steps}. {escape(title)}", align="left")

    def edit(self, file: str, old: str, new: str) -> None:
        """Show an edit of a source file."""
        self._print(f"edit {file}: [red]{escape(old)}[/] -> [green]{escape(new)}[/]")

    @contextmanager
    def command(self, *words: str) -> Iterator[Callable[[str], None]]:
        """Show a command, and what CloudFormation does while it runs."""
        # An option stays with its value.
        command = f"$ {shlex.join(words)}".replace(" -c ", " -c\N{NO-BREAK SPACE}")
        lines = textwrap.wrap(
            command,
            self._console.width - len("   \\"),
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        copyable = " \\\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")
        self._print(f"[bold cyan]{escape(copyable)}[/]")
        with self._console.status("  starting") as status:

            def on_line(printed: str) -> None:
                if event := _EVENT.match(printed):
                    text = f"  {event['status']}  {event['type']}  {event['id']}"
                    status.update(escape(text))

            yield on_line

    def registration(
        self, label: str, before: Mapping[str, str], now: Mapping[str, str], calls: list[str]
    ) -> None:
        """Show what is registered, what of it is new, and which calls changed it."""
        if now:
            self._console.print(changes_table("Registered", label, now, before))
        else:
            self._print(f"Not registered: {label}")
        counted = (
            f"{call} x{len(times)}" if len(times := list(group)) > 1 else call
            for call, group in itertools.groupby(calls)
        )
        self._print(f"Calls to AppFlow: {', '.join(counted) or 'none'}")

    def rows(self, lines: list[str]) -> None:
        """Show the rows that a flow has written."""
        for line in lines:
            self._print(escape(line))

    def note(self, text: str) -> None:
        """Show what happens without a command."""
        self._print(escape(text))

    def output(self, text: str) -> None:
        """Show what a command has printed."""
        self._console.print(Text.from_ansi(text.rstrip()), soft_wrap=True)

    def reason(self, text: str) -> None:
        """Show CloudFormation's reason of a failed deployment."""
        self._print(f"[yellow]{escape(text)}[/]")

    def check(self, what: str, is_so: bool) -> None:
        """Show an expectation and whether it is met."""
        mark = "[green]ok[/]" if is_so else "[bold red]WRONG[/]"
        self._print(f"{mark} {escape(what)}")

    def _print(self, markup: str) -> None:
        for line in Text.from_markup(markup).wrap(self._console, self._console.width - 2):
            line.rstrip()
            self._console.print(Text("  ") + line, soft_wrap=True)
