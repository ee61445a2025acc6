"""What the command prints: a table for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table

from .appflow import Connector
from .cloudformation import CannotTell, Registration
from .drift import Finding, State

_COLOURS = {
    State.IN_SYNC: "green",
    State.MODIFIED: "bold red",
    State.DELETED: "bold red",
    State.UNKNOWN: "yellow",
    State.UNMANAGED: "dim",
}

# In a file or a pipe nothing is folded, so that whole ARNs can be searched for.
_WIDTH_OF_A_FILE = 100_000


def print_json(findings: Sequence[Finding], *, account: str, region: str) -> None:
    """Print everything there is to know as one JSON object."""
    document = {
        "account": account,
        "region": region,
        "connectors": [_as_json(finding) for finding in findings],
    }
    print(json.dumps(document, indent=2))


def print_table(findings: Sequence[Finding], *, where: str) -> None:
    """Print a table of all connectors, then what to do about those that need something done.

    Args:
        findings: what to print.
        where: what has been looked at, for instance ``stack Crm``.
    """
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    # A word between colons is part of an ARN here, and no emoji.
    console = Console(width=width, highlight=False, emoji=False)
    if not findings:
        console.print(f"No AppFlow connectors in {escape(where)}.", soft_wrap=True)
        return
    console.print(_table(findings, console.width))
    console.print()
    for finding in findings:
        if finding.next_step:
            _print_advice(console, finding)
    counts = Counter(finding.state for finding in findings)
    if counts[State.UNMANAGED]:
        console.print(
            "UNMANAGED: no ConnectorRegistration asks for it. One with its label takes it over."
        )
    counted = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    console.print(f"In {escape(where)}: {counted}", soft_wrap=True)


def progress(text: str) -> AbstractContextManager[object]:
    """Say what is going on, as long as it goes on and if a person is watching."""
    return Console(stderr=True).status(escape(text)) if sys.stderr.isatty() else nullcontext()


def _table(findings: Sequence[Finding], width: int) -> Table:
    table = Table(
        # The ARNs beside it need the room more.
        Column("Connector", overflow="fold", max_width=width // 3),
        Column("State", no_wrap=True),
        Column("AppFlow holds", overflow="fold"),
        show_lines=True,
    )
    for finding in findings:
        name = escape(finding.label)
        if finding.registration:
            name += f"\n[dim]stack {escape(finding.registration.stack)}[/]"
        table.add_row(name, _coloured(finding.state), _held(finding.connector))
    return table


def _held(connector: Connector | None) -> str:
    if connector is None:
        return "[dim]nothing[/]"
    version = connector.version and f"version {connector.version}"
    return escape("\n".join(filter(None, [connector.lambda_arn, version, connector.description])))


def _print_advice(console: Console, finding: Finding) -> None:
    console.print(f"[bold]{escape(finding.label)}[/] is {_coloured(finding.state)}:", end=" ")
    console.print(f"{escape(finding.reason)}.", soft_wrap=True)
    for name, asked_for, held in finding.differences:
        # The terminal breaks these, and not we, so that whole ARNs can be copied.
        console.print(f"  {name} asked for  {_shown(asked_for)}", soft_wrap=True)
        console.print(f"  {name} held       {_shown(held)}", soft_wrap=True)
    console.print(Padding(escape(finding.next_step), (0, 0, 0, 2), expand=False))
    console.print()


def _coloured(state: State) -> str:
    return f"[{_COLOURS[state]}]{state.value}[/]"


def _shown(value: str) -> str:
    return escape(value) or "[dim]none[/]"


def _as_json(finding: Finding) -> Mapping[str, Any]:
    registration, connector = finding.registration, finding.connector
    return {
        "connectorLabel": finding.label,
        "state": finding.state.value,
        "stack": registration.stack if registration else None,
        "logicalResourceId": registration.logical_id if registration else None,
        "expected": _expected(registration) if registration else None,
        "actual": _actual(connector) if connector else None,
        "reason": finding.reason or None,
        "nextStep": finding.next_step or None,
    }


def _expected(registration: Registration) -> Mapping[str, str | None]:
    """What a stack asks for; None for what it leaves open and what cannot be told."""
    return {
        "lambdaArn": _known(registration.lambda_arn),
        "description": _known(registration.description),
    }


def _known(value: str | CannotTell | None) -> str | None:
    return None if isinstance(value, CannotTell) else value


def _actual(connector: Connector) -> Mapping[str, str]:
    return {
        "lambdaArn": connector.lambda_arn,
        "description": connector.description,
        "connectorVersion": connector.version,
    }
