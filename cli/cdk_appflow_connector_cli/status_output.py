"""The output of ``status``: a table, or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from . import output
from .appflow import Connector
from .aws import Unknown
from .cloudformation import Registration
from .drift import CONFIGURATION, PROPERTIES, Difference, Finding, State
from .output import changes, indented, sentence

_COLOURS = {
    State.IN_SYNC: "green",
    State.MODIFIED: "bold red",
    State.DELETED: "bold red",
    State.STALE: "bold red",
    State.UNKNOWN: "yellow",
    State.UNMANAGED: "dim",
}


def print_json(findings: Sequence[Finding], *, account: str, region: str) -> None:
    """Print all findings as one JSON object."""
    output.print_connectors(map(_as_json, findings), account=account, region=region)


def print_table(findings: Sequence[Finding], *, scope: str) -> None:
    """Print a table of all connectors, then the next step for each one that needs it.

    Args:
        findings: the findings to print.
        scope: what was compared, for instance ``stack Crm``.
    """
    console = output.console()
    if not findings:
        console.print(f"No AppFlow connectors in {escape(scope)}.", soft_wrap=True)
        return
    console.print(_table(findings, console.width))
    console.print()
    for finding in findings:
        if finding.next_step:
            _print_next_step(console, finding)
    _print_notes(console, findings)
    if any(finding.state is State.UNMANAGED for finding in findings):
        console.print(
            "UNMANAGED: no stack has a registration with this label. Adding one adopts the"
            " connector."
        )
    summary = output.counted((finding.state for finding in findings), State)
    console.print(f"In {escape(scope)}: {summary}", soft_wrap=True)


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
    console.print(sentence(finding.reason), soft_wrap=True)
    for path, expected, actual in finding.differences:
        if name := PROPERTIES.get(path):
            # The terminal wraps these lines, and not rich, so that whole ARNs can be copied.
            console.print(f"  template {name}    {_value(expected)}", soft_wrap=True)
            console.print(f"  registered {name}  {_value(actual)}", soft_wrap=True)
    print_remaining(console, finding.differences)
    console.print(indented(sentence(finding.next_step)))
    console.print()


def print_remaining(console: Console, differences: Sequence[Difference]) -> None:
    """Print what AppFlow shows in a configuration and the connector returns otherwise."""
    rows = [
        (path.removeprefix(CONFIGURATION), actual, expected)
        for path, expected, actual in differences
        if path.startswith(CONFIGURATION)
    ]
    if rows:
        console.print("  [dim]AppFlow -> connector:[/]")
    for line in changes(rows):
        console.print(line)


def _print_notes(console: Console, findings: Sequence[Finding]) -> None:
    """Print each kind of note once, with the connectors that it is about."""
    notes: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.note:
            notes.setdefault(finding.note.next_step or finding.note.reason, []).append(finding)
    for alike in notes.values():
        labels = escape(", ".join(finding.name for finding in alike))
        reason, next_step = alike[0].note or ("", "")
        console.print(f"[bold]{labels}[/]: configuration not compared:", end=" ")
        console.print(sentence(reason), soft_wrap=True)
        if next_step:
            console.print(indented(sentence(next_step)))
        console.print()


def _coloured(state: State) -> str:
    return f"[{_COLOURS[state]}]{state.value}[/]"


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
        "differences": [difference_as_json(difference) for difference in finding.differences],
        "reason": finding.reason or None,
        "nextStep": finding.next_step or None,
        "note": finding.note and f"configuration not compared: {finding.note.reason}",
    }


def difference_as_json(difference: Difference) -> Mapping[str, Any]:
    """A difference, in the terms of CloudFormation's PropertyDifference."""
    return {
        "propertyPath": difference.path,
        "expectedValue": difference.expected,
        "actualValue": difference.actual,
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
