"""The comparison of what is registered in AppFlow with the templates and the connectors.

The states are those of CloudFormation's drift detection, plus STALE and UNMANAGED. Source:
StackResourceDrift in the CloudFormation API Reference.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from appflow_connector_configuration.differences import differences

from .appflow import Connector
from .arguments import PROGRAM
from .aws import Unknown
from .cloudformation import Registration, how_to_stabilize
from .functions import NotInvoked, Returned

PROPERTIES = {"LambdaArn": "Lambda ARN", "Description": "description"}
"""The properties of a registration in a template that are compared, with their names in prose."""

CONFIGURATION = "connectorConfiguration."
"""Begins the path of a member of a connector's configuration, as in DescribeConnector."""

_COMPARE_MANUALLY = "Compare the registered values with the template manually."
_RUN_AGAIN = "Run this command again."


class State(enum.Enum):
    """How a registration in AppFlow compares with the template."""

    IN_SYNC = "IN_SYNC"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    STALE = "STALE"
    UNKNOWN = "UNKNOWN"
    UNMANAGED = "UNMANAGED"


class Difference(NamedTuple):
    """A value that AppFlow shows, and that differs from the expected one.

    Attributes:
        path: ``LambdaArn`` or ``Description`` for a property of the template, and
            ``connectorConfiguration`` with a member, in the terms of DescribeConnector, for what
            the connector returns.
        expected: the template's value, or what the connector returns; None if it is not set.
        actual: the value that AppFlow shows; None if it is not set.
    """

    path: str
    expected: Any
    actual: Any


class Finding(NamedTuple):
    """The result for one connector and one registration of it.

    ``label`` is None if it is not known. ``registration`` is None if no stack manages the
    connector, and ``connector`` if none is registered. ``reason`` is empty for IN_SYNC,
    ``next_step`` if none is needed, and ``note`` if nothing is left out of the comparison.
    """

    label: str | None
    state: State
    registration: Registration | None
    connector: Connector | Unknown | None
    differences: Sequence[Difference] = ()
    reason: str = ""
    next_step: str = ""
    note: Unknown | None = None

    @property
    def name(self) -> str:
        """The label; if it is not known, the resource, or else the stack."""
        if self.registration is None or self.label:
            return self.label or ""
        if self.registration.logical_id:
            return f"resource {self.registration.logical_id}"
        return f"stack {self.registration.stack}"


def is_comparable(registration: Registration) -> bool:
    """Whether the template's values of a registration are those that were deployed last."""
    return registration.problem is None and registration.unstable_status is None


def compare(
    registrations: Sequence[Registration],
    connectors: Mapping[str, Connector | Unknown | None],
    returned: Mapping[str, Returned],
) -> list[Finding]:
    """Compare the connectors in AppFlow with the templates, and with what their functions return.

    Args:
        registrations: the registrations in the templates.
        connectors: the registered connector by label; None if there is none, Unknown if it cannot
            be read.
        returned: what the function of a registered connector returns now, by label. A label that
            it lacks is compared with the template only.

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
            returned.get(registration.label or ""),
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
    if states & {State.MODIFIED, State.DELETED, State.STALE}:
        return 1
    return 2 if State.UNKNOWN in states else 0


def _unmanaged(label: str, connector: Connector | Unknown) -> Finding:
    reason, next_step = "no stack has a registration with this label", ""
    if isinstance(connector, Unknown):
        reason = f"{reason}, and {connector.reason}"
        next_step = connector.next_step or _RUN_AGAIN
    return Finding(label, State.UNMANAGED, None, connector, reason=reason, next_step=next_step)


def _compare_one(
    registration: Registration,
    connector: Connector | Unknown | None,
    returned: Returned | None,
    stacks: Sequence[str],
) -> Finding:
    finding = Finding(registration.label, State.UNKNOWN, registration, connector)
    if registration.problem:
        return _unknown(finding, registration.problem, _COMPARE_MANUALLY)
    if registration.unstable_status:
        reason = f"stack {registration.stack} is {registration.unstable_status}"
        next_step = how_to_stabilize(registration.unstable_status)
        return finding._replace(reason=reason, next_step=next_step)
    if connector is None:
        return finding._replace(
            state=State.DELETED,
            reason="no connector is registered under this label",
            next_step=_how_to_register(registration),
        )
    if isinstance(connector, Unknown):
        return _unknown(finding, connector, _RUN_AGAIN)
    return _compare_values(finding, registration, connector, returned, stacks)


def _compare_values(
    finding: Finding,
    registration: Registration,
    connector: Connector,
    returned: Returned | None,
    stacks: Sequence[str],
) -> Finding:
    of_template = list(_differences(registration, connector))
    of_connector = configuration_differences(connector, returned)
    finding = finding._replace(
        differences=[*of_template, *of_connector],
        note=Unknown(*returned) if isinstance(returned, NotInvoked) else None,
    )
    if of_template:
        names = " and ".join(PROPERTIES[difference.path] for difference in of_template)
        template = f"the template of stack {registration.stack}"
        return finding._replace(
            state=State.MODIFIED,
            reason=f"the registration differs from {template} in its {names}",
            next_step=_how_to_restore(registration, stacks),
            note=returned if isinstance(returned, Unknown) else finding.note,
        )
    if of_connector:
        return finding._replace(
            state=State.STALE,
            reason="AppFlow shows another configuration than the connector returns now",
            next_step=how_to_refresh(connector.label),
        )
    unknown = list(_unknown_values(registration, connector))
    if isinstance(returned, Unknown):
        unknown.append(returned)
    if unknown:
        # Two values can be unknown for the same reason.
        reason = "; ".join(dict.fromkeys(value.reason for value in unknown))
        return _unknown(finding, unknown[0]._replace(reason=reason), _COMPARE_MANUALLY)
    return finding._replace(state=State.IN_SYNC)


def configuration_differences(connector: Connector, returned: Returned | None) -> list[Difference]:
    """The members of the configuration in AppFlow that the connector's function returns otherwise.

    Args:
        connector: the registered connector.
        returned: what its function returns now. If that is no configuration, nothing differs.
    """
    if not isinstance(returned, Mapping):
        return []
    return [
        Difference(f"{CONFIGURATION}{path}", expected, actual)
        for path, actual, expected in differences(connector.configuration, returned)
    ]


def how_to_refresh(label: str) -> str:
    """The next step for a connector whose configuration in AppFlow is an old one."""
    return (
        "AppFlow keeps the configuration that it read when the connector was registered or last"
        f" refreshed. To refresh it, run {PROGRAM} refresh {label}"
    )


def _unknown(finding: Finding, unknown: Unknown, next_step: str) -> Finding:
    return finding._replace(reason=unknown.reason, next_step=unknown.next_step or next_step)


def _unknown_values(registration: Registration, connector: Connector) -> Iterator[Unknown]:
    for value in (registration.lambda_arn, registration.description):
        if isinstance(value, Unknown):
            yield value
    if connector.lambda_arn is None:
        yield Unknown("AppFlow shows no Lambda ARN of the connector")


def _differences(registration: Registration, connector: Connector) -> Iterator[Difference]:
    for path, expected, actual in (
        ("LambdaArn", registration.lambda_arn, connector.lambda_arn),
        # A deployment does not change a description that the template leaves out.
        ("Description", registration.description, connector.description),
    ):
        if isinstance(expected, str) and actual is not None and expected != actual:
            yield Difference(path, expected, actual)


def _how_to_register(registration: Registration) -> str:
    return (
        f"To register it again, {_deploy_again(registration)}. If the connector is no longer"
        " needed, remove its registration from the app or template."
    )


def _how_to_restore(registration: Registration, stacks: Sequence[str]) -> str:
    if len(stacks) > 1:
        return (
            f"{len(stacks)} stacks manage this label and overwrite each other's registration:"
            f" {', '.join(sorted(stacks))}. Keep its registration in one of them only."
        )
    return (
        f"To restore the template's values, {_deploy_again(registration)}. To keep the registered"
        " values, set them in the app or template, and deploy it."
    )


def _deploy_again(registration: Registration) -> str:
    return (
        f"deploy stack {registration.root_stack} with a changed value in `triggers` of its"
        " ConnectorRegistration (property `Triggers` in a template)"
    )
