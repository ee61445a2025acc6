"""Whether AppFlow holds what the stacks ask for.

The states are those of CloudFormation's own drift detection, and one more. Source:
StackResourceDrift in the CloudFormation API Reference.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .appflow import Connector
from .cloudformation import CannotTell, Registration


class State(enum.Enum):
    """How what AppFlow holds relates to what is asked for."""

    IN_SYNC = "IN_SYNC"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"
    UNMANAGED = "UNMANAGED"


class Difference(NamedTuple):
    """A property that AppFlow holds another value of."""

    name: str
    expected: str
    actual: str


class Finding(NamedTuple):
    """One connector, held against one registration of it.

    ``registration`` is None if no stack asks for the connector, ``connector`` if AppFlow holds
    none. ``reason`` is empty for IN_SYNC, and ``next_step`` if there is nothing to do.
    """

    label: str
    state: State
    registration: Registration | None
    connector: Connector | None
    differences: Sequence[Difference] = ()
    reason: str = ""
    next_step: str = ""


def compare(
    registrations: Sequence[Registration], connectors: Mapping[str, Connector | None]
) -> list[Finding]:
    """Hold what is asked for against what is there.

    Args:
        registrations: what stacks ask for.
        connectors: what AppFlow holds, or None, by every label to look at.

    Returns:
        A finding for each registration, and one for each connector that none asks for, in the
        order of their labels.
    """
    stacks: dict[str, list[str]] = {}
    for registration in registrations:
        stacks.setdefault(registration.label, []).append(registration.stack)
    findings = [
        _compared(registration, connectors[registration.label], stacks[registration.label])
        for registration in registrations
    ]
    findings += [
        Finding(
            label, State.UNMANAGED, None, connector, reason="no ConnectorRegistration asks for it"
        )
        for label, connector in connectors.items()
        if connector is not None and label not in stacks
    ]
    return sorted(findings, key=lambda finding: finding.label)


def exit_code(findings: Sequence[Finding]) -> int:
    """What a pipeline needs to know: 0 no drift, 1 drift, 2 cannot be told."""
    states = {finding.state for finding in findings}
    if states & {State.MODIFIED, State.DELETED}:
        return 1
    return 2 if State.UNKNOWN in states else 0


def _compared(
    registration: Registration, connector: Connector | None, stacks: Sequence[str]
) -> Finding:
    def finding(state: State, reason: str = "", next_step: str = "") -> Finding:
        label = registration.label
        return Finding(label, state, registration, connector, differences, reason, next_step)

    differences: Sequence[Difference] = ()
    if registration.unsettled:
        reason = f"stack {registration.stack} is {registration.unsettled}"
        return finding(State.UNKNOWN, reason, _how_to_settle(registration.unsettled))
    if connector is None:
        reason = "nothing is registered under this label"
        return finding(State.DELETED, reason, _how_to_register(registration))
    differences = list(_differences(registration, connector))
    if differences:
        names = " and ".join(difference.name for difference in differences)
        reason = f"AppFlow holds another {names} than stack {registration.stack} asks for"
        return finding(State.MODIFIED, reason, _how_to_bring_back(registration, stacks))
    unknown = [
        value.reason
        for value in (registration.lambda_arn, registration.description)
        if isinstance(value, CannotTell)
    ]
    if unknown:
        next_step = "Compare by hand what the app means with what AppFlow holds."
        # One reason may stand in the way of both.
        return finding(State.UNKNOWN, "; ".join(dict.fromkeys(unknown)), next_step)
    return finding(State.IN_SYNC)


def _differences(registration: Registration, connector: Connector) -> Iterator[Difference]:
    for name, expected, actual in (
        ("Lambda ARN", registration.lambda_arn, connector.lambda_arn),
        # One that the template does not set is left as it is by every deployment.
        ("description", registration.description, connector.description),
    ):
        if isinstance(expected, str) and expected != actual:
            yield Difference(name, expected, actual)


def _how_to_settle(status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        return "Look again when the operation has ended."
    return "Deploy the stack, or finish its rollback or deletion, and look again."


def _how_to_register(registration: Registration) -> str:
    return (
        f"{_announce(registration)}, and it is registered again. Or take its"
        " ConnectorRegistration out of the app."
    )


def _how_to_bring_back(registration: Registration, stacks: Sequence[str]) -> str:
    if len(stacks) > 1:
        return (
            f"{len(stacks)} stacks ask for this label and take it from each other:"
            f" {', '.join(sorted(stacks))}. Leave its ConnectorRegistration in one of them."
        )
    return (
        f"{_announce(registration)}, and AppFlow is told again what the stack asks for. Or, if"
        " what AppFlow holds is right, put that into the app and deploy it."
    )


def _announce(registration: Registration) -> str:
    return (
        f"Deploy stack {registration.root_stack} with a changed value in `triggers` of this"
        " connector's ConnectorRegistration"
    )
