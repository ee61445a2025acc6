"""The comparison of what the templates set with what is registered in AppFlow.

The states are those of CloudFormation's drift detection, plus UNMANAGED. Source: StackResourceDrift
in the CloudFormation API Reference.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .appflow import Connector
from .aws import Unknown
from .cloudformation import Registration

_COMPARE_MANUALLY = "Compare the registered values with the app manually."
_RUN_AGAIN = "Run this command again."


class State(enum.Enum):
    """How a registration in AppFlow compares with the template."""

    IN_SYNC = "IN_SYNC"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"
    UNMANAGED = "UNMANAGED"


class Difference(NamedTuple):
    """A property whose registered value differs from the template's."""

    name: str
    expected: str
    actual: str


class Finding(NamedTuple):
    """The result for one connector and one registration of it.

    ``label`` is None if it is not known. ``registration`` is None if no stack manages the
    connector, and ``connector`` if none is registered. ``reason`` is empty for IN_SYNC, and
    ``next_step`` if none is needed.
    """

    label: str | None
    state: State
    registration: Registration | None
    connector: Connector | Unknown | None
    differences: Sequence[Difference] = ()
    reason: str = ""
    next_step: str = ""

    @property
    def name(self) -> str:
        """The label; if it is not known, the resource, or else the stack."""
        if self.registration is None or self.label:
            return self.label or ""
        if self.registration.logical_id:
            return f"resource {self.registration.logical_id}"
        return f"stack {self.registration.stack}"


def compare(
    registrations: Sequence[Registration], connectors: Mapping[str, Connector | Unknown | None]
) -> list[Finding]:
    """Compare the registrations in the templates with the connectors in AppFlow.

    Args:
        registrations: the registrations in the templates.
        connectors: the registered connector by label; None if there is none, Unknown if it cannot
            be read.

    Returns:
        A finding for each registration, and one for each connector without a registration, sorted
        by label.
    """
    stacks: dict[str | None, list[str]] = {}
    for registration in registrations:
        stacks.setdefault(registration.label, [])
        if registration.problem is None:
            stacks[registration.label].append(registration.stack)
    findings = [
        _compare_one(
            registration,
            connectors[registration.label] if registration.label else Unknown("no label is known"),
            stacks[registration.label],
        )
        for registration in registrations
    ]
    findings += [
        _unmanaged(label, connector)
        for label, connector in connectors.items()
        if connector is not None and label not in stacks
    ]
    return sorted(findings, key=lambda finding: finding.name)


def exit_code(findings: Sequence[Finding]) -> int:
    """0 for no drift, 1 for drift, 2 if no drift was found but a state is UNKNOWN."""
    states = {finding.state for finding in findings}
    if states & {State.MODIFIED, State.DELETED}:
        return 1
    return 2 if State.UNKNOWN in states else 0


def _unmanaged(label: str, connector: Connector | Unknown) -> Finding:
    reason, next_step = "no ConnectorRegistration has this label", ""
    if isinstance(connector, Unknown):
        reason = f"{reason}, and {connector.reason}"
        next_step = connector.next_step or _RUN_AGAIN
    return Finding(label, State.UNMANAGED, None, connector, reason=reason, next_step=next_step)


def _compare_one(
    registration: Registration, connector: Connector | Unknown | None, stacks: Sequence[str]
) -> Finding:
    def finding(state: State, reason: str = "", next_step: str = "") -> Finding:
        label = registration.label
        return Finding(label, state, registration, connector, differences, reason, next_step)

    differences: Sequence[Difference] = ()
    if registration.problem:
        next_step = registration.problem.next_step or _COMPARE_MANUALLY
        return finding(State.UNKNOWN, registration.problem.reason, next_step)
    if registration.unstable_status:
        reason = f"stack {registration.stack} is {registration.unstable_status}"
        return finding(State.UNKNOWN, reason, _how_to_stabilize(registration.unstable_status))
    if connector is None:
        reason = "no connector is registered under this label"
        return finding(State.DELETED, reason, _how_to_register(registration))
    if isinstance(connector, Unknown):
        return finding(State.UNKNOWN, connector.reason, connector.next_step or _RUN_AGAIN)
    differences = list(_differences(registration, connector))
    if differences:
        names = " and ".join(difference.name for difference in differences)
        template = f"the template of stack {registration.stack}"
        reason = f"the registration differs from {template} in its {names}"
        return finding(State.MODIFIED, reason, _how_to_restore(registration, stacks))
    unknown = list(_unknown_values(registration, connector))
    if unknown:
        # Both values can be unknown for the same reason.
        reason = "; ".join(dict.fromkeys(value.reason for value in unknown))
        return finding(State.UNKNOWN, reason, unknown[0].next_step or _COMPARE_MANUALLY)
    return finding(State.IN_SYNC)


def _unknown_values(registration: Registration, connector: Connector) -> Iterator[Unknown]:
    for value in (registration.lambda_arn, registration.description):
        if isinstance(value, Unknown):
            yield value
    if connector.lambda_arn is None:
        yield Unknown("AppFlow shows no Lambda ARN of the connector")


def _differences(registration: Registration, connector: Connector) -> Iterator[Difference]:
    for name, expected, actual in (
        ("Lambda ARN", registration.lambda_arn, connector.lambda_arn),
        # A deployment does not change a description that the template leaves out.
        ("description", registration.description, connector.description),
    ):
        if isinstance(expected, str) and actual is not None and expected != actual:
            yield Difference(name, expected, actual)


def _how_to_stabilize(status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        return "Run this command again when the operation has ended."
    return "Deploy the stack, or finish its rollback or deletion. Then run this command again."


def _how_to_register(registration: Registration) -> str:
    return (
        f"To register it again, {_deploy_again(registration)}. If the connector is no longer"
        " needed, remove its ConnectorRegistration from the app."
    )


def _how_to_restore(registration: Registration, stacks: Sequence[str]) -> str:
    if len(stacks) > 1:
        return (
            f"{len(stacks)} stacks manage this label and overwrite each other's registration:"
            f" {', '.join(sorted(stacks))}. Keep its ConnectorRegistration in one of them only."
        )
    return (
        f"To restore the template's values, {_deploy_again(registration)}. To keep the registered"
        " values, set them in the app and deploy it."
    )


def _deploy_again(registration: Registration) -> str:
    return (
        f"deploy stack {registration.root_stack} with a changed value in `triggers` of its"
        " ConnectorRegistration"
    )
