"""Whether a refresh has taken away what connector profiles and flows use.

What AppFlow showed before the refresh is compared with what it shows after it. Connector profiles
and flows are read only if something is gone, within a fixed number of calls.

Only a registration that fails on breaking changes imports this module and the shared package.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from appflow_connector_configuration.findings import (
    Finding,
    Severity,
    Usage,
    findings,
    losses,
)

from .appflow_calls import AppFlowCalls
from .decision_log import log_decision
from .errors import AppFlowError, BreakingChangeError, NotRegisteredError
from .request import Registration

# The maximum of the API. AppFlow's quota of flows is 1,000 in an account and Region, and can be
# raised. Sources: ListFlows and DescribeConnectorProfiles in the AppFlow API Reference, and "Quotas
# for Amazon AppFlow" in its User Guide.
_PAGE_SIZE = 100
_MAX_PAGES = 50
_MAX_FLOWS = 1_000

# The rest of the 4,096 bytes is for the ids of the event and for what becomes of an adoption.
_MAX_REASON_BYTES = 2_500

# The names of one finding; at least one is shown, whatever its length.
_MAX_NAMES_BYTES = 200

Configuration = Mapping[str, Any]


def possible(
    registration: Registration, before: Configuration, after: Configuration
) -> list[Finding]:
    """What may break, and is not acknowledged, as far as the configurations alone tell.

    Args:
        registration: has the ids of the acknowledged changes.
        before: the configuration that DescribeConnector showed before a refresh.
        after: the same after it.
    """
    return [
        finding
        for finding in losses(before, after)
        if finding.id not in registration.acknowledged_changes
    ]


def in_use(appflow: AppFlowCalls, before: Configuration, after: Configuration) -> list[Finding]:
    """What certainly breaks a connector profile or a flow, and is not acknowledged.

    It makes no call if nothing can break, and it writes what it finds into the log.

    Args:
        appflow: reads what uses the connector.
        before: the configuration that DescribeConnector showed before a refresh.
        after: the same after it.

    Raises:
        BreakingChangeError: something may break, and what uses the connector cannot be read.
    """
    registration = appflow.registration
    suspects = possible(registration, before, after)
    if not suspects:
        return []
    try:
        usage = _usage(appflow)
    except AppFlowError as error:
        raise _unknown_usage(registration, suspects, error) from error
    found = [
        finding
        for finding in findings(before, after, usage)
        if finding.severity is Severity.ERROR
        and finding.id not in registration.acknowledged_changes
    ]
    if found:
        _log(registration, found)
    return found


def error_about(
    registration: Registration, found: list[Finding], log_group: str
) -> BreakingChangeError:
    """The reason for which a refresh fails; ``log_group`` has what is too long for it."""
    flows = {name for finding in found for name in finding.flows}
    profiles = {name for finding in found for name in finding.profiles}
    broken = " and ".join(
        _counted(len(names), noun)
        for names, noun in ((flows, "flow"), (profiles, "profile"))
        if names
    )

    def text(changes: str) -> str:
        return (
            f"connector {registration.connector_label}: the new code breaks {broken}, and"
            f" on_breaking_change is FAIL: {changes}. Keep what they use, or change them first, or"
            " add the ids to acknowledged_changes."
        )

    room = _MAX_REASON_BYTES - _size(text(""))
    return BreakingChangeError(text(_changes(found, room, log_group)))


def _unknown_usage(
    registration: Registration, suspects: list[Finding], error: AppFlowError
) -> BreakingChangeError:
    # Without the name of the connector.
    cause = str(error).partition(": ")[2]
    ids = _as_many_as_fit([finding.id for finding in suspects], ", ", _MAX_REASON_BYTES // 2)
    return BreakingChangeError(
        f"connector {registration.connector_label}: on_breaking_change is FAIL, and whether flows"
        f" or profiles break is not known for {ids}: {cause}"
    )


def _usage(appflow: AppFlowCalls) -> Usage:
    """The connector profiles of the label, and the flows that use them."""
    label = appflow.registration.connector_label
    custom = {"connectorType": "CustomConnector", "connectorLabel": label}
    profiles = [*_listed(appflow, "DescribeConnectorProfiles", "connectorProfileDetails", **custom)]
    # A flow uses a custom connector by one of its profiles.
    listed = _listed(appflow, "ListFlows", "flows") if profiles else iter(())
    names = [
        flow["flowName"]
        for flow in listed
        if label in (flow.get("sourceConnectorLabel"), flow.get("destinationConnectorLabel"))
    ]
    if len(names) > _MAX_FLOWS:
        raise _too_many(appflow.registration, f"more than {_MAX_FLOWS:,} flows use the connector")
    return Usage(profiles, [*_described(appflow, names)])


def _listed(
    appflow: AppFlowCalls, operation: str, member: str, **parameters: str
) -> Iterator[Mapping[str, Any]]:
    page: Mapping[str, Any] = {}
    for _ in range(_MAX_PAGES):
        token = {"nextToken": page["nextToken"]} if page else {}
        page = appflow.read(operation, maxResults=_PAGE_SIZE, **parameters, **token)
        yield from page[member]
        if "nextToken" not in page:
            return
    raise _too_many(appflow.registration, f"{operation} has more than {_MAX_PAGES} pages")


def _described(appflow: AppFlowCalls, names: list[str]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        try:
            yield appflow.read("DescribeFlow", flowName=name)
        except NotRegisteredError:
            # It has been deleted since.
            continue


def _too_many(registration: Registration, cause: str) -> AppFlowError:
    return AppFlowError(
        f"connector {registration.connector_label}: {cause}, and the handler reads no more. Check"
        " who uses what is gone, and add the ids to acknowledged_changes."
    )


def _changes(found: list[Finding], room: int, log_group: str) -> str:
    """Findings with the names of what they break, or as much of it as there is room for."""
    whole = "; ".join(_change(finding, room) for finding in found)
    if _size(whole) <= room:
        return whole
    changes = [_change(finding, _MAX_NAMES_BYTES) for finding in found]
    where = f", see log group {log_group}"
    return _as_many_as_fit(changes, "; ", room - _size(where)) + where


def _change(finding: Finding, room: int) -> str:
    users = ", ".join(
        f"{noun if len(names) == 1 else noun + 's'} {_as_many_as_fit(sorted(names), ', ', room)}"
        for names, noun in ((finding.flows, "flow"), (finding.profiles, "profile"))
        if names
    )
    return f"{finding.id} ({users})"


def _as_many_as_fit(parts: Sequence[str], separator: str, room: int) -> str:
    """Parts in a row within a number of bytes, at least one, and the number of the others."""
    whole = separator.join(parts)
    if _size(whole) <= room:
        return whole
    shown = list(parts)
    while len(shown) > 1 and _size(_with_rest(shown, separator, len(parts))) > room:
        shown.pop()
    return _with_rest(shown, separator, len(parts))


def _with_rest(shown: list[str], separator: str, count: int) -> str:
    return f"{separator.join(shown)} and {count - len(shown)} more"


def _size(text: str) -> int:
    """The bytes of a text in the response, where a character outside ASCII takes six or twelve."""
    return len(json.dumps(text))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _log(registration: Registration, found: list[Finding]) -> None:
    log_decision(
        "breaking changes",
        registration,
        level=logging.ERROR,
        findings=[{**finding._asdict(), "severity": finding.severity.value} for finding in found],
    )
