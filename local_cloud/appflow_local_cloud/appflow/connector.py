"""The configuration that the Lambda function of a connector returns, in AppFlow's terms.

Sources: Amazon's SDKs for custom connectors, in Python and Java, for what the function returns; the
ConnectorConfiguration of the AppFlow API for what AppFlow shows. AWS does not document the mapping
between them; it follows from the names on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from .invocation import Invoke, failure_in, invalid_response, response_to, server_error
from .model import configuration_shape, configuration_violations

_REQUEST = {"type": "DescribeConnectorConfigurationRequest"}

LISTED = ("connectorOwner", "connectorName", "connectorVersion", "connectorModes")
"""The members that every configuration must have, since lists show them."""

# The members that a connector decides. All others are those of its registration.
_DECIDED_BY_CONNECTOR = (
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

# Source: ConnectorModes of the SDKs. The service model allows any string.
_MODES = ("SOURCE", "DESTINATION")


def configuration_of(lambda_arn: str, invoke: Invoke) -> dict[str, Any]:
    """Request the configuration of a connector, in the terms of DescribeConnector.

    Raises:
        ConnectorServerException: the function failed, or its response is not a valid configuration.
    """
    configuration = _in_appflow_terms(_invoke_connector(lambda_arn, invoke))
    if violations := _violations(configuration):
        raise invalid_response(_REQUEST["type"], violations)
    return {**configuration, **_derived(configuration)}


def _violations(configuration: Mapping[str, Any]) -> list[str]:
    missing = [f"{name} is missing" for name in LISTED if name not in configuration]
    empty = [f"{name} is empty" for name in LISTED if configuration.get(name) in ("", [])]
    if violations := [*missing, *empty, *configuration_violations(configuration)]:
        return violations
    modes = configuration["connectorModes"]
    if not any(mode in _MODES for mode in modes):
        return [f"connectorModes is {modes}, without any of {', '.join(_MODES)}"]
    return []


def _invoke_connector(lambda_arn: str, invoke: Invoke) -> Mapping[str, Any]:
    response = response_to(_REQUEST, lambda_arn, invoke)
    if failure := failure_in(response):
        raise server_error(failure.message)
    return response


def _in_appflow_terms(response: Mapping[str, Any]) -> dict[str, Any]:
    translated = _translated(response, configuration_shape())
    return {name: translated[name] for name in _DECIDED_BY_CONNECTOR if name in translated}


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


def _derived(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The members that AppFlow always shows, for a valid configuration."""
    modes = configuration["connectorModes"]
    return {
        "canUseAsSource": "SOURCE" in modes,
        "canUseAsDestination": "DESTINATION" in modes,
        "authenticationConfig": {
            **dict.fromkeys(_AUTHENTICATION_TYPES, False),
            **configuration.get("authenticationConfig", {}),
        },
    }
