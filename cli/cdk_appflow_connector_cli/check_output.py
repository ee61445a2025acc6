"""The output of ``check``: text, or JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from appflow_connector_configuration.findings import Finding, Severity

from .check_connector import Refusal
from .check_metadata import Entity
from .check_result import Reason, Result
from .configuration_table import changes_table, configuration_rows

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
_WIDTH = max(len(severity.value) for severity in Severity)
_OUTCOMES = {
    Reason.REFUSED: ("bold red", "AppFlow would refuse the connector."),
    Reason.BREAKING: ("bold red", "profiles or flows use what is gone."),
    Reason.WARNING: ("yellow", "there are warnings, and --fail-on is warning."),
    Reason.INCOMPLETE: ("yellow", "not everything could be checked."),
    Reason.PASSED: ("green", "AppFlow would accept the connector."),
}
_UNDOCUMENTED = "AWS does not document this mapping; it follows Amazon's SDKs and botocore."

# In a file or a pipe no line is folded, so that a search finds whole values.
_FILE_WIDTH = 100_000
_MOST_CHARACTERS = 60


def print_json(result: Result, reason: Reason) -> None:
    """Print the result as one JSON object, and on standard error what helps to find causes."""
    document = {
        "source": dict(result.source),
        "configuration": result.configuration,
        "refused": [_refusal_as_json(refusal) for refusal in result.refused],
        "advice": [advice._asdict() for advice in result.advice],
        "against": result.against,
        "findings": _optional(_finding_as_json, result.findings),
        "entities": _optional(_entity_as_json, result.entities),
        "unchecked": list(result.unchecked),
        "notes": list(result.notes),
        "exitReason": reason.value,
    }
    print(json.dumps(document, indent=2, default=str))
    _print_details(result)


def print_text(result: Result, reason: Reason) -> None:
    """Print the result for a reader, and on standard error what helps to find causes."""
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    console = Console(width=width, highlight=False, emoji=False)
    if result.configuration is not None:
        before = None if result.before is None else configuration_rows(result.before)
        title = f"{_name(result)}, as AppFlow would show it"
        now = configuration_rows(result.configuration)
        console.print(changes_table("Configuration", escape(title), now, before))
        _print_paragraph(console, f"[dim]{_UNDOCUMENTED}[/]")
    _print_refusals(console, result)
    _print_advice(console, result)
    _print_findings(console, result)
    _print_entities(console, result)
    for text in (*result.unchecked, *result.notes):
        _print_paragraph(console, f"{escape(text)}.")
    console.print(_summary(result, reason))
    _print_details(result)


def _summary(result: Result, reason: Reason) -> str:
    counts = Counter(finding.severity for finding in result.findings or ())
    counted = [f"{counts[severity]} {severity.value}" for severity in Severity if counts[severity]]
    if result.advice:
        counted.append(f"{len(result.advice)} advice")
    numbers = f" ({', '.join(counted)})" if counted else ""
    colour, words = _OUTCOMES[reason]
    return f"[{colour}]{reason.value}[/]{numbers}: {words}"


def _name(result: Result) -> str:
    return str(result.source["handler"] or result.source["function"])


def _print_refusals(console: Console, result: Result) -> None:
    if not result.refused:
        return
    _print_paragraph(console, f"AppFlow would refuse {escape(_name(result))}:")
    for refusal in result.refused:
        # Of the configuration's request, the path says enough.
        request = refusal.request if refusal.entity or not refusal.path else ""
        where = " ".join(filter(None, [request, refusal.entity, refusal.path]))
        value = f" is {_short(refusal.value)}" if refusal.path else ""
        reported = refusal.path in ("", "isSuccess")
        line = refusal.message if reported else refusal.rule
        _print_item(console, f"[bold red]{escape(where)}[/]{escape(value)}", [line])
    console.print()


def _print_advice(console: Console, result: Result) -> None:
    if not result.advice:
        return
    _print_paragraph(console, "AppFlow would accept this, and it is better changed:")
    for advice in result.advice:
        head = f"[yellow]{escape(advice.path)}[/] is {escape(_short(advice.value))}"
        _print_item(console, head, [advice.rule, f"Source: {advice.source}"])
    console.print()


def _print_findings(console: Console, result: Result) -> None:
    if result.findings is None:
        return
    label = escape(str(result.against))
    if not result.findings:
        _print_paragraph(console, f"Nothing differs from what is registered under {label}.")
        return
    _print_paragraph(console, f"What changes for those who use {label}:")
    for finding in result.findings:
        colour = _COLOURS[finding.severity]
        head = f"[{colour}]{finding.severity.value:{_WIDTH}}[/] {escape(finding.id)}"
        _print_item(console, head, [finding.text, *_users(finding)], indent=3 + _WIDTH)
    console.print()


def _users(finding: Finding) -> Iterable[str]:
    for heading, names in (("Flows", finding.flows), ("Profiles", finding.profiles)):
        if names:
            yield f"{heading}: {', '.join(names)}"


def _print_entities(console: Console, result: Result) -> None:
    if result.entities is None:
        return
    if not result.entities:
        _print_paragraph(console, "The connector has no entities.")
        return
    _print_paragraph(console, "The entities of the connector:")
    for entity in result.entities:
        label = f" ({entity.label})" if entity.label else ""
        nested = ", has nested entities" if entity.has_nested_entities else ""
        head = f"[bold]{escape(entity.name)}[/]{escape(label)}{nested}"
        if entity.fields is None:
            _print_item(console, head, [])
        else:
            fields = [_field(field) for field in entity.fields]
            _print_item(console, head, [", ".join(fields) or "no fields"])
    console.print()


def _field(field: Mapping[str, Any]) -> str:
    details = [field["supportedFieldTypeDetails"]["v1"]["fieldType"]]
    if field.get("isPrimaryKey"):
        details.append("primary key")
    return f"{field['identifier']} ({', '.join(details)})"


def _print_details(result: Result) -> None:
    """Print what helps to find the causes of failures, once each."""
    for details in dict.fromkeys(refusal.details for refusal in result.refused):
        if details:
            print(details, file=sys.stderr)


def _print_paragraph(console: Console, markup: str) -> None:
    console.print(markup)
    console.print()


def _print_item(console: Console, head: str, lines: list[str], indent: int = 4) -> None:
    _print_indented(console, Text.from_markup(head), 2)
    for line in lines:
        _print_indented(console, Text(line), indent)


def _print_indented(console: Console, text: Text, indent: int) -> None:
    """Print a text without blanks at the ends of its lines, so that it can be copied."""
    for line in text.wrap(console, console.width - indent):
        line.rstrip()
        console.print(Text(" " * indent) + line, soft_wrap=True)


def _short(value: Any) -> str:
    text = "missing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


def _optional(as_json: Any, items: Iterable[Any] | None) -> list[Any] | None:
    return None if items is None else [as_json(item) for item in items]


def _refusal_as_json(refusal: Refusal) -> Mapping[str, Any]:
    """A refusal without its details, which are for a reader."""
    return {name: value for name, value in refusal._asdict().items() if name != "details"}


def _finding_as_json(finding: Finding) -> Mapping[str, Any]:
    return {**finding._asdict(), "severity": finding.severity.value}


def _entity_as_json(entity: Entity) -> Mapping[str, Any]:
    return {
        "name": entity.name,
        "label": entity.label,
        "hasNestedEntities": entity.has_nested_entities,
        "fields": entity.fields,
    }
