"""A connector's response in AppFlow's terms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from botocore.model import ListShape, Shape, StructureShape

REQUEST = {"type": "DescribeConnectorConfigurationRequest"}
"""The request to a connector's function. Source: Amazon's SDKs for custom connectors."""

LISTED = ("connectorOwner", "connectorName", "connectorVersion", "connectorModes")
"""The members that every configuration must have, since lists show them."""

DECIDED_BY_CONNECTOR = (
    *LISTED,
    "authenticationConfig",
    "connectorRuntimeSettings",
    "supportedApiVersions",
    "supportedOperators",
    "supportedWriteOperations",
    "supportedSchedulingFrequencies",
    "supportedTriggerTypes",
    "supportedDataTransferTypes",
    "supportedDataTransferApis",
    "logoURL",
)
"""The members that a connector decides. All others are those of its registration."""

# By shape and member of the service model, the names that the SDKs use where they differ.
_SETTING_NAMES = {"isRequired": ("required",), "isSensitiveField": ("sensitiveField",)}
_SDK_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ConnectorConfiguration": {
        "connectorRuntimeSettings": ("connectorRuntimeSetting",),
        "supportedOperators": ("operatorsSupported",),
        "supportedSchedulingFrequencies": ("triggerFrequenciesSupported",),
    },
    "AuthenticationConfig": {"customAuthConfigs": ("customAuthConfig",)},
    "OAuth2Defaults": {
        "oauthScopes": ("oAuthScopes",),
        "tokenUrls": ("tokenURL",),
        "authCodeUrls": ("authURL",),
        "oauth2GrantTypesSupported": ("oAuth2GrantTypesSupported",),
        # The first is the Python SDK's name, the second the Java SDK's.
        "oauth2CustomProperties": ("oAuth2CustomProperties", "oauth2CustomProperties"),
    },
    "CustomAuthConfig": {"customAuthenticationType": ("authenticationType",)},
    "ConnectorRuntimeSetting": _SETTING_NAMES,
    "AuthParameter": _SETTING_NAMES,
    "OAuth2CustomParameter": _SETTING_NAMES,
    # No SDK has these yet. The API alone begins the names of members with a capital letter.
    "DataTransferApi": {"Name": ("name", "Name"), "Type": ("type", "Type")},
}

# The SDKs' spelling of the values that AppFlow spells differently.
_TRIGGER_TYPES = {"SCHEDULED": "Scheduled", "ONDEMAND": "OnDemand", "EVENT": "Event"}

_AUTHENTICATION_TYPES = (
    "isBasicAuthSupported",
    "isApiKeyAuthSupported",
    "isOAuth2Supported",
    "isCustomAuthSupported",
)

# No member that AppFlow knows is nested deeper, and every Python can walk these many levels.
_MAX_DEPTH = 100


def parsed(payload: bytes | str) -> Any:
    """What a connector's function returns, parsed as JSON.

    Python also writes NaN and infinite numbers, which JSON does not have.

    Raises:
        ValueError: the payload is not JSON, or it is nested more than 100 levels deep.
    """
    try:
        found = json.loads(payload, parse_constant=_refuse)
    except RecursionError:
        found, is_deep = None, True
    else:
        is_deep = _is_deep(found)
    if is_deep:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it contains {constant}")


def configuration_in(response: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The configuration in a connector's response, in the terms of DescribeConnector.

    Members that AppFlow lacks and nulls are left out. A value of a wrong type stays as it is.

    Args:
        response: the response to ``DescribeConnectorConfigurationRequest``.
        shape: ``ConnectorConfiguration`` of botocore's service model of AppFlow.
    """
    translated = _translated(response, shape)
    return {name: translated[name] for name in DECIDED_BY_CONNECTOR if name in translated}


def _translated(value: Any, shape: Shape) -> Any:
    """A value under AppFlow's names, without nulls and without members that AppFlow lacks.

    A value of a wrong type is returned as it is.
    """
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = _SDK_NAMES.get(shape.name, {})
        found = {name: _first(value, names.get(name, (name,))) for name in shape.members}
        return {
            name: _translated(member, shape.members[name])
            for name, member in found.items()
            if member is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_translated(member, shape.member) for member in value if member is not None]
    if shape.name == "TriggerType" and isinstance(value, str):
        return _TRIGGER_TYPES.get(value.upper(), value)
    return value


def _first(members: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first member that is not null, or None."""
    return next((members[name] for name in names if members.get(name) is not None), None)


def derived_members(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The members that AppFlow always shows.

    A mode or an authentication type that the configuration lacks, or states with a wrong type, is
    not supported.
    """
    modes, authentication = (
        configuration.get(name) for name in ("connectorModes", "authenticationConfig")
    )
    if not isinstance(modes, list):
        modes = []
    if not isinstance(authentication, Mapping):
        authentication = {}
    return {
        "canUseAsSource": "SOURCE" in modes,
        "canUseAsDestination": "DESTINATION" in modes,
        "authenticationConfig": {**dict.fromkeys(_AUTHENTICATION_TYPES, False), **authentication},
    }
