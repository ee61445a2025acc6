"""A connector's configuration as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

_AUTHENTICATION = {
    "isBasicAuthSupported": "BASIC",
    "isApiKeyAuthSupported": "APIKEY",
    "isOAuth2Supported": "OAUTH2",
    "isCustomAuthSupported": "CUSTOM",
}


def configuration_rows(configuration: Mapping[str, Any]) -> dict[str, str]:
    """What a configuration says, by heading; a heading without a value is left out.

    Args:
        configuration: a valid configuration in the terms of DescribeConnector.
    """
    authentication = configuration.get("authenticationConfig") or {}
    defaults = authentication.get("oAuth2Defaults") or {}
    found = {
        "Connector name": configuration.get("connectorName"),
        "Connector owner": configuration.get("connectorOwner"),
        "Connector version": configuration.get("connectorVersion"),
        "Modes": _list(configuration.get("connectorModes")),
        "Authentication": _list(
            [name for flag, name in _AUTHENTICATION.items() if authentication.get(flag)]
        ),
        "Grant types": _list(defaults.get("oauth2GrantTypesSupported")),
        "Token URLs": _lines(defaults.get("tokenUrls")),
        "Authorization URLs": _lines(defaults.get("authCodeUrls")),
        "Scopes": _list(defaults.get("oauthScopes")),
        "OAuth 2.0 properties": _keys(defaults.get("oauth2CustomProperties"), "type"),
        "Custom authentication": _list(
            [
                one.get("customAuthenticationType")
                for one in authentication.get("customAuthConfigs") or []
            ]
        ),
        "Runtime settings": _keys(configuration.get("connectorRuntimeSettings"), "scope"),
        "API versions": _list(configuration.get("supportedApiVersions")),
        "Operators": _list(configuration.get("supportedOperators")),
        "Write operations": _list(configuration.get("supportedWriteOperations")),
        "Trigger types": _list(configuration.get("supportedTriggerTypes")),
        "Frequencies": _list(configuration.get("supportedSchedulingFrequencies")),
        "Data transfer types": _list(configuration.get("supportedDataTransferTypes")),
        "Data transfer APIs": _list(
            [one.get("Name") for one in configuration.get("supportedDataTransferApis") or []]
        ),
        "Logo URL": configuration.get("logoURL"),
    }
    return {heading: text for heading, text in found.items() if text}


def changes_table(
    heading: str, title: str, now: Mapping[str, str], before: Mapping[str, str] | None = None
) -> Table:
    """A table of rows, in which what has changed is marked.

    Args:
        heading: the heading of the first column.
        title: the heading of the second column.
        now: the values by name.
        before: the former values by name; None or empty if nothing is to be marked.
    """
    table = Table(Column(heading, no_wrap=True), Column(title, overflow="fold"))
    former = before or {}
    for name in [*now, *(name for name in former if name not in now)]:
        table.add_row(name, _marked(now.get(name, ""), former.get(name), bool(former)))
    return table


def _marked(value: str, before: str | None, is_compared: bool) -> str:
    if not is_compared or value == before:
        return escape(value)
    new = escape(value) or "none"
    return f"[bold green]{new}[/]\n[dim]was {escape(before or 'none')}[/]"


def _list(values: Sequence[Any] | None) -> str:
    return ", ".join(str(value) for value in values or [] if value)


def _lines(values: Sequence[Any] | None) -> str:
    return "\n".join(str(value) for value in values or [])


def _keys(parameters: Sequence[Mapping[str, Any]] | None, place: str) -> str:
    """Parameters, one a line: the key, and then where it belongs and whether it is required."""
    return "\n".join(
        f"{one.get('key')} ({_list([one.get(place), one.get('dataType'), _required(one)])})"
        for one in parameters or []
    )


def _required(parameter: Mapping[str, Any]) -> str:
    return "required" if parameter.get("isRequired") else "optional"
