"""Which connector profiles and flows use what of a connector.

Source: ConnectorProfile, DescribeFlow and their shapes in the AppFlow API Reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_COUNTED = ("Active", "Suspended", "Errored", "Draft")

_MODES = ("SOURCE", "DESTINATION")

_FREQUENCIES = {
    "minute": "BYMINUTE",
    "hour": "HOURLY",
    "day": "DAILY",
    "week": "WEEKLY",
    "month": "MONTHLY",
}


class Usage(NamedTuple):
    """What uses a connector.

    Attributes:
        profiles: ``connectorProfileDetails`` of DescribeConnectorProfiles for the label.
        flows: responses of DescribeFlow, for the flows with the label as source or destination.
            Flows that are deleted or deprecated do not count.
    """

    profiles: Sequence[Mapping[str, Any]] = ()
    flows: Sequence[Mapping[str, Any]] = ()


class Use(NamedTuple):
    """One use of a connector by a connector profile or a flow.

    Attributes:
        value: what is used; None if AppFlow does not show it.
        profile: the name of the profile, or empty.
        flow: the name of the flow, or empty.
        is_certain: whether AppFlow shows that it is used.
    """

    value: Any
    profile: str = ""
    flow: str = ""
    is_certain: bool = True


def oauth2(usage: Usage) -> Iterator[Use]:
    """The OAuth 2.0 properties of the profiles that have some."""
    for profile in usage.profiles:
        if found := _properties(profile).get("oAuth2Properties"):
            yield Use(found, profile=profile["connectorProfileName"])


def without_oauth2(usage: Usage) -> Iterator[Use]:
    """The profiles with another authentication, which AppFlow does not show."""
    for profile in usage.profiles:
        if not _properties(profile).get("oAuth2Properties"):
            yield Use(None, profile=profile["connectorProfileName"], is_certain=False)


def grant_types(usage: Usage) -> Iterator[Use]:
    """The grant types of profiles."""
    return _members(oauth2(usage), "oAuth2GrantType")


def token_urls(usage: Usage) -> Iterator[Use]:
    """The token URLs of profiles."""
    return _members(oauth2(usage), "tokenUrl")


def token_url_properties(usage: Usage) -> Iterator[Use]:
    """The properties for token URLs of profiles, by their keys."""
    for use in oauth2(usage):
        yield use._replace(value=use.value.get("tokenUrlCustomProperties") or {})


def settings(usage: Usage, place: str) -> Iterator[Use]:
    """The values of runtime settings by their keys.

    Args:
        usage: what uses the connector.
        place: ``CONNECTOR_PROFILE``, ``SOURCE`` or ``DESTINATION``; another place has no values.
    """
    if place == "CONNECTOR_PROFILE":
        for profile in usage.profiles:
            values = _properties(profile).get("profileProperties") or {}
            yield Use(values, profile=profile["connectorProfileName"])
    elif place in _MODES:
        for end in ends(usage, place):
            yield end.uses(end.properties.get("customProperties") or {})


def modes(usage: Usage) -> Iterator[Use]:
    """What flows use the connector as."""
    for mode in _MODES:
        for end in ends(usage, mode):
            yield end.uses(mode)


def api_versions(usage: Usage) -> Iterator[Use]:
    """The API versions of flows."""
    for mode in _MODES:
        for end in ends(usage, mode):
            if version := end.config.get("apiVersion"):
                yield end.uses(version)


def write_operations(usage: Usage) -> Iterator[Use]:
    """The write operations of flows. A flow that names none inserts; AWS does not document it."""
    for end in ends(usage, "DESTINATION"):
        operation = end.properties.get("writeOperationType") or "INSERT"
        yield end.uses(operation)


def operators(usage: Usage) -> Iterator[Use]:
    """The operators in the tasks of flows."""
    for end in ends(usage, "SOURCE"):
        for task in end.flow.get("tasks") or []:
            if operator := (task.get("connectorOperator") or {}).get("CustomConnector"):
                yield end.uses(operator)


def trigger_types(usage: Usage) -> Iterator[Use]:
    """The trigger types of flows."""
    for end in ends(usage, "SOURCE"):
        if kind := _trigger(end).get("triggerType"):
            yield end.uses(kind)


def scheduling_frequencies(usage: Usage) -> Iterator[Use]:
    """How often scheduled flows run. A cron expression does not show it."""
    for end in ends(usage, "SOURCE"):
        trigger = _trigger(end)
        if trigger.get("triggerType") == "Scheduled":
            scheduled = (trigger.get("triggerProperties") or {}).get("Scheduled") or {}
            frequency = _frequency(scheduled.get("scheduleExpression") or "")
            yield end.uses(frequency, is_certain=frequency is not None)


def data_transfer_apis(usage: Usage) -> Iterator[Use]:
    """The data transfer APIs of flows."""
    for end in ends(usage, "SOURCE"):
        if api := end.properties.get("dataTransferApi"):
            yield end.uses(api)


def flows(usage: Usage) -> Iterator[Use]:
    """All flows. AppFlow does not show what they use."""
    for mode in _MODES:
        for end in ends(usage, mode):
            yield end.uses(None, is_certain=False)


class End(NamedTuple):
    """A source or a destination of a flow.

    Attributes:
        flow: the flow.
        config: its member of the flow.
        properties: its properties for custom connectors.
    """

    flow: Mapping[str, Any]
    config: Mapping[str, Any]
    properties: Mapping[str, Any]

    def uses(self, value: Any, *, is_certain: bool = True) -> Use:
        """The use of a value by the flow."""
        return Use(value, flow=self.flow["flowName"], is_certain=is_certain)


def ends(usage: Usage, mode: str) -> Iterator[End]:
    """The ends of flows that use a profile of the connector.

    DescribeFlow returns no connector label.

    Args:
        usage: what uses the connector.
        mode: ``SOURCE`` or ``DESTINATION``.
    """
    names = {profile["connectorProfileName"] for profile in usage.profiles}
    for flow in usage.flows:
        if flow.get("flowStatus", "Active") not in _COUNTED:
            continue
        if mode == "SOURCE":
            configs = [flow.get("sourceFlowConfig") or {}]
        else:
            configs = flow.get("destinationFlowConfigList") or []
        for config in configs:
            if config.get("connectorProfileName") in names:
                of_type = config.get(f"{mode.lower()}ConnectorProperties") or {}
                yield End(flow, config, of_type.get("CustomConnector") or {})


def _properties(profile: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (profile.get("connectorProfileProperties") or {}).get("CustomConnector")
    return found or {}


def _members(uses: Iterator[Use], name: str) -> Iterator[Use]:
    return (use._replace(value=use.value[name]) for use in uses if use.value.get(name))


def _trigger(end: End) -> Mapping[str, Any]:
    return end.flow.get("triggerConfig") or {}


def _frequency(expression: str) -> str | None:
    if not expression:
        return "ONCE"
    found = re.fullmatch(r"rate\(\s*\d+\s*([a-z]+?)s?\s*\)", expression)
    return _FREQUENCIES.get(found[1]) if found else None
