"""The output of ``refresh``: text, or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from . import output
from .drift import CONFIGURATION
from .output import changes, indented, sentence
from .refreshing import Outcome, Result
from .status_output import difference_as_json, print_remaining

_COLOURS = {
    Outcome.REFRESHED: "green",
    Outcome.UNCHANGED: "green",
    Outcome.REFUSED: "bold red",
    Outcome.STALE: "bold red",
    Outcome.FAILED: "yellow",
}


def print_json(results: Sequence[Result], *, account: str, region: str) -> None:
    """Print all results as one JSON object."""
    output.print_connectors(map(_as_json, results), account=account, region=region)


def print_result(result: Result) -> None:
    """Print the outcome for one label, what changed in AppFlow, and the next step."""
    console = output.console()
    console.print(f"[bold]{escape(result.name)}[/] is {_coloured(result.outcome)}:", end=" ")
    console.print(sentence(result.reason), soft_wrap=True)
    for line in changes(
        (path.removeprefix(CONFIGURATION), before, after) for path, before, after in result.changes
    ):
        console.print(line)
    print_remaining(console, result.remaining)
    for note in result.notes:
        console.print(indented(sentence(note.reason)))
        if note.next_step:
            console.print(indented(sentence(note.next_step)))
    if result.next_step:
        console.print(indented(sentence(result.next_step)))
    console.print()


def print_summary(results: Sequence[Result], *, scope: str) -> None:
    """Print how many connectors have each outcome.

    Args:
        results: the results of all connectors.
        scope: where they are, for instance an account and Region.
    """
    console = output.console()
    summary = output.counted((result.outcome for result in results), Outcome)
    text = summary or "no connectors to refresh"
    console.print(f"In {escape(scope)}: {text}", soft_wrap=True)


def _coloured(outcome: Outcome) -> str:
    return f"[{_COLOURS[outcome]}]{outcome.value}[/]"


def _as_json(result: Result) -> Mapping[str, Any]:
    return {
        "connectorLabel": result.label,
        "outcome": result.outcome.value,
        "changes": [
            {"propertyPath": path, "before": before, "after": after}
            for path, before, after in result.changes
        ],
        "differences": [difference_as_json(difference) for difference in result.remaining],
        "reason": result.reason,
        "nextStep": result.next_step or None,
        "notes": [note.reason for note in result.notes],
    }
