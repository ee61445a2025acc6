"""How the demo looks in a terminal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

# A line of `cdk --progress events`: stack | 4/10 | time | status | type | logical id
_EVENT = re.compile(
    r"\S+ \|\s*\d+/\d+ \|[^|]*\| (?P<status>\S+)\s*\| (?P<type>\S+)\s*\| (?P<id>\S+)"
)


class Screen:
    """Prints steps, commands, tables and checks; shows progress if a person is watching."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self._steps += 1
        self._console.print()
        self._console.rule(f"[bold]{self._steps}. {escape(title)}", align="left")

    def edit(self, file: str, old: str, new: str) -> None:
        """Show an edit of a source file."""
        line = f"  edit {file}: [red]{escape(old)}[/] -> [green]{escape(new)}[/]"
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def command(self, *words: str) -> Iterator[Callable[[str], None]]:
        """Show a command, and what CloudFormation does while it runs."""
        line = f"$ {' '.join(words)}"
        self._console.print(f"  [bold cyan]{escape(line)}[/]", soft_wrap=True)
        with self._console.status("  starting") as status:

            def on_line(printed: str) -> None:
                if event := _EVENT.match(printed):
                    text = f"  {event['status']}  {event['type']}  {event['id']}"
                    status.update(escape(text))

            yield on_line

    def held(
        self, label: str, before: Mapping[str, str], now: Mapping[str, str], calls: list[str]
    ) -> None:
        """Show what AppFlow holds, what of it is new, and which calls made it so."""
        if now:
            table = Table(Column("AppFlow holds"), Column(label, overflow="fold"))
            for name, value in now.items():
                table.add_row(name, _marked(value, before.get(name)))
            self._console.print(table)
        else:
            self._console.print(f"  AppFlow holds nothing for {label}.")
        counted = (
            f"{call} x{len(times)}" if len(times := list(group)) > 1 else call
            for call, group in itertools.groupby(calls)
        )
        line = f"  Calls to AppFlow: {', '.join(counted) or 'none'}"
        self._console.print(line, soft_wrap=True)

    def reason(self, text: str) -> None:
        """Show why a deployment failed, in the words that CloudFormation passes on."""
        self._console.print(f"  [yellow]{escape(text)}[/]", soft_wrap=True)

    def check(self, what: str, holds: bool) -> None:
        """Show an expectation and whether it holds."""
        mark = "[green]ok[/]" if holds else "[bold red]WRONG[/]"
        self._console.print(f"  {mark} {escape(what)}")


def _marked(value: str, before: str | None) -> str:
    if before is None or value == before:
        return escape(value)
    return f"[bold green]{escape(value)}[/]\n[dim]was {escape(before)}[/]"
