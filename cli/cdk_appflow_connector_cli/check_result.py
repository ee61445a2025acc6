"""The result of ``check`` and its exit code."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from appflow_connector_configuration.faults import Advice
from appflow_connector_configuration.findings import Finding, Severity

from .check_connector import Refusal
from .check_metadata import Entity


class Reason(enum.Enum):
    """Why ``check`` exits as it does, the most important first."""

    REFUSED = "REFUSED"
    """AppFlow would refuse the connector."""

    BREAKING = "BREAKING"
    """A connector profile or flow uses what is gone."""

    WARNING = "WARNING"
    """There is advice or a finding that is a warning, and ``--fail-on`` is ``warning``."""

    INCOMPLETE = "INCOMPLETE"
    """Something could not be checked."""

    PASSED = "PASSED"


_EXIT_CODES = {Reason.INCOMPLETE: 2, Reason.PASSED: 0}


class Result(NamedTuple):
    """What a check has found.

    Attributes:
        source: what was checked: ``handler`` and ``python``, or ``function``.
        configuration: what AppFlow would show, or None if it would refuse the connector.
        refused: what AppFlow would refuse.
        advice: what AppFlow would accept, and what is better changed.
        against: the label of the registered connector, or None.
        before: its configuration, or None without a label.
        findings: the differences, or None if there is nothing to compare.
        entities: the entities, or None if they were not asked for.
        unchecked: what could not be checked, and why.
        notes: what else the reader has to know.
    """

    source: Mapping[str, str | None]
    configuration: Mapping[str, Any] | None = None
    refused: tuple[Refusal, ...] = ()
    advice: tuple[Advice, ...] = ()
    against: str | None = None
    before: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] | None = None
    entities: tuple[Entity, ...] | None = None
    unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def reason_of(result: Result, *, fail_on_warning: bool) -> Reason:
    """Why ``check`` exits as it does."""
    severities = {finding.severity for finding in result.findings or ()}
    if result.refused:
        return Reason.REFUSED
    if Severity.ERROR in severities:
        return Reason.BREAKING
    if fail_on_warning and (result.advice or Severity.WARNING in severities):
        return Reason.WARNING
    return Reason.INCOMPLETE if result.unchecked else Reason.PASSED


def exit_code(reason: Reason) -> int:
    """0 if the check has passed, 2 if it is incomplete, 1 for all other reasons."""
    return _EXIT_CODES.get(reason, 1)
