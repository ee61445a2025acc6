"""The output of the command: a table, or JSON."""

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
from .aws import Unknown
from .cloudformation import Registration
from .drift import Finding, State

_COLOURS = {
    State.IN_SYNC: "green",
    State.MODIFIED: "bold red",
    State.DELETED: "bold red",
    State.UNKNOWN: "yellow",
    State.UNMANAGED: "dim",
}

# In a file or a pipe no cell is folded, so that a search finds whole ARNs.
_FILE_WIDTH = 100_000


def print_json(findings: Sequence[Finding], *, account: str, region: str) -> None:
    """Print all findings as one JSON object."""
    document = {
        "account": account,
        "region": region,
        "connectors": [_as_json(finding) for finding in findings],
    }
    print(json.dumps(document, indent=2))


def print_table(findings: Sequence[Finding], *, scope: str) -> None:
    """Print a table of all connectors, then the next step for each one that needs it.

    Args:
        findings: the findings to print.
        scope: what was compared, for instance ``stack Crm``.
    """
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    # Rich would replace a word between two colons of an ARN by an emoji.
    console = Console(width=width, highlight=False, emoji=False)
    if not findings:
        console.print(f"No AppFlow connectors in {escape(scope)}.", soft_wrap=True)
        return
    console.print(_table(findings, console.width))
    console.print()
    for finding in findings:
        if finding.next_step:
            _print_next_step(console, finding)
    counts = Counter(finding.state for finding in findings)
    if counts[State.UNMANAGED]:
        console.print(
            "UNMANAGED: no ConnectorRegistration has this label. Adding one adopts the connector."
        )
    summary = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    console.print(f"In {escape(scope)}: {summary}", soft_wrap=True)


def progress(text: str) -> AbstractContextManager[object]:
    """Show a spinner while the context is active, on an interactive terminal only."""
    return Console(stderr=True).status(escape(text)) if sys.stderr.isatty() else nullcontext()


def _table(findings: Sequence[Finding], width: int) -> Table:
    table = Table(
        # The ARNs in the last column need more room.
        Column("Connector", overflow="fold", max_width=width // 3),
        Column("State", no_wrap=True),
        Column("Registered", overflow="fold"),
        show_lines=True,
    )
    for finding in findings:
        name = escape(finding.name)
        if finding.registration and (finding.label or finding.registration.logical_id):
            name += f"\n[dim]stack {escape(finding.registration.stack)}[/]"
        table.add_row(name, _coloured(finding.state), _registered(finding.connector))
    return table


def _registered(connector: Connector | Unknown | None) -> str:
    if connector is None:
        return "[dim]nothing[/]"
    if isinstance(connector, Unknown):
        return "[dim]unknown[/]"
    arn = escape(connector.lambda_arn) if connector.lambda_arn else "[dim]no Lambda ARN[/]"
    version = connector.version and f"version {connector.version}"
    return "\n".join(filter(None, [arn, escape(version), escape(connector.description)]))


def _print_next_step(console: Console, finding: Finding) -> None:
    console.print(f"[bold]{escape(finding.name)}[/] is {_coloured(finding.state)}:", end=" ")
    console.print(_sentence(finding.reason), soft_wrap=True)
    for name, expected, actual in finding.differences:
        # The terminal wraps these lines, and not rich, so that whole ARNs can be copied.
        console.print(f"  template {name}    {_value(expected)}", soft_wrap=True)
        console.print(f"  registered {name}  {_value(actual)}", soft_wrap=True)
    console.print(Padding(_sentence(finding.next_step), (0, 0, 0, 2), expand=False))
    console.print()


def _coloured(state: State) -> str:
    return f"[{_COLOURS[state]}]{state.value}[/]"


def _sentence(text: str) -> str:
    """A text on one line with a full stop; the messages of services have both or neither."""
    return escape(" ".join(text.split()).removesuffix(".")) + "."


def _value(text: str) -> str:
    return escape(text) or "[dim]none[/]"


def _as_json(finding: Finding) -> Mapping[str, Any]:
    registration, connector = finding.registration, finding.connector
    return {
        "connectorLabel": finding.label,
        "state": finding.state.value,
        "stack": registration.stack if registration else None,
        "logicalResourceId": registration.logical_id if registration else None,
        "expected": _expected(registration) if registration else None,
        "actual": _actual(connector) if isinstance(connector, Connector) else None,
        "reason": finding.reason or None,
        "nextStep": finding.next_step or None,
    }


def _expected(registration: Registration) -> Mapping[str, str | None]:
    """The template's values; None for one that is not set or unknown."""
    return {
        "lambdaArn": _known(registration.lambda_arn),
        "description": _known(registration.description),
    }


def _known(value: str | Unknown | None) -> str | None:
    return None if isinstance(value, Unknown) else value


def _actual(connector: Connector) -> Mapping[str, str | None]:
    return {
        "lambdaArn": connector.lambda_arn,
        "description": connector.description,
        "connectorVersion": connector.version,
    }
