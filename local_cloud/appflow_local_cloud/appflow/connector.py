"""The configuration that the Lambda function of a connector returns, in AppFlow's terms.

Sources: Amazon's custom-connector-sdk (responses and settings) for what the function returns, the
ConnectorConfiguration of the AppFlow API for what AppFlow stores. AWS does not document the mapping
between them; it follows from the names on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ConnectorServerException
from .model import configuration_violations

_REQUEST = json.dumps({"type": "DescribeConnectorConfigurationRequest"}).encode()

Invoke = Callable[[str, bytes], Mapping[str, Any]]
"""Invokes the function with an ARN; takes a payload and returns the result of Lambda's Invoke."""

LISTED = ("connectorOwner", "connectorName", "connectorVersion", "connectorModes")
"""The members that every configuration must have, since lists show them."""

# Source: ConnectorModes of the SDK. The service model allows any string.
_MODES = ("SOURCE", "DESTINATION")


def configuration_of(lambda_arn: str, invoke: Invoke) -> dict[str, Any]:
    """Request the configuration of a connector, in the terms of DescribeConnector.

    Raises:
        ConnectorServerException: the function failed, or its response is not a valid configuration.
    """
    response = _invoke_connector(lambda_arn, invoke)
    try:
        stored = _stored_form(response)
    except (KeyError, TypeError, AttributeError) as error:
        raise _invalid_response(f"{type(error).__name__}: {error}") from error
    if violations := _violations(stored):
        raise _invalid_response("; ".join(violations))
    return stored


def _invalid_response(violation: str) -> ConnectorServerException:
    return ConnectorServerException(
        "Error while communicating to connector: invalid DescribeConnectorConfiguration response"
        f" ({violation})."
    )


def _violations(stored: Mapping[str, Any]) -> list[str]:
    missing = [f"{name} is missing" for name in LISTED if name not in stored]
    if violations := missing + configuration_violations(stored):
        return violations
    return [
        f"connectorModes has {mode!r}, not one of {', '.join(_MODES)}"
        for mode in stored["connectorModes"]
        if mode not in _MODES
    ]


def _invoke_connector(lambda_arn: str, invoke: Invoke) -> Mapping[str, Any]:
    result = invoke(lambda_arn, _REQUEST)
    payload = result["Payload"].read()
    if "FunctionError" in result:
        raise ConnectorServerException(
            "Error while communicating to connector: Got error from connector."
            f" {_error_message(payload)}"
        )
    try:
        response = json.loads(payload)
    except ValueError:
        response = None
    if not isinstance(response, dict) or "isSuccess" not in response:
        raise ConnectorServerException(
            "Error while communicating to connector: Got error from connector."
            " No valid response and error details found."
        )
    if response["isSuccess"] is not True:
        raise ConnectorServerException(
            f"Error while communicating to connector: {_details(response.get('errorDetails'))}"
        )
    return response


def _error_message(payload: bytes) -> str:
    try:
        return str(json.loads(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return "No valid response and error details found."


def _details(error_details: Any) -> str:
    try:
        return str(error_details["errorMessage"])
    except (KeyError, TypeError):
        return f"no errorMessage in the errorDetails, {json.dumps(error_details)}"


def _stored_form(response: Mapping[str, Any]) -> dict[str, Any]:
    modes = response["connectorModes"]
    stored = {
        "connectorOwner": response["connectorOwner"],
        "connectorName": response["connectorName"],
        "connectorVersion": response["connectorVersion"],
        "connectorModes": modes,
        "canUseAsSource": "SOURCE" in modes,
        "canUseAsDestination": "DESTINATION" in modes,
        "authenticationConfig": _authentication(response["authenticationConfig"]),
        "supportedApiVersions": response["supportedApiVersions"],
        "connectorRuntimeSettings": _settings(response.get("connectorRuntimeSetting")),
        "supportedOperators": response.get("operatorsSupported"),
        "supportedWriteOperations": response.get("supportedWriteOperations"),
        "supportedSchedulingFrequencies": response.get("triggerFrequenciesSupported"),
        "supportedTriggerTypes": _trigger_types(response.get("supportedTriggerTypes")),
        "logoURL": response.get("logoURL"),
    }
    return _without_none(stored)


def _authentication(config: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {
        name: False if config.get(name) is None else config[name]
        for name in (
            "isBasicAuthSupported",
            "isApiKeyAuthSupported",
            "isOAuth2Supported",
            "isCustomAuthSupported",
        )
    }
    if defaults := config.get("oAuth2Defaults"):
        stored["oAuth2Defaults"] = _without_none(
            {
                "oauthScopes": defaults.get("oAuthScopes"),
                "tokenUrls": defaults.get("tokenURL"),
                "authCodeUrls": defaults.get("authURL"),
                "oauth2GrantTypesSupported": defaults.get("oAuth2GrantTypesSupported"),
                "oauth2CustomProperties": _settings(defaults.get("oAuth2CustomProperties")),
            }
        )
    if custom := config.get("customAuthConfig"):
        stored["customAuthConfigs"] = [
            {
                "customAuthenticationType": entry["authenticationType"],
                "authParameters": _settings(entry.get("authParameters")) or [],
            }
            for entry in custom
        ]
    return stored


_RENAMED = {"required": "isRequired", "sensitiveField": "isSensitiveField"}


def _settings(settings: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    if settings is None:
        return None
    return [
        _without_none({_RENAMED.get(name, name): value for name, value in setting.items()})
        for setting in settings
    ]


_TRIGGER_TYPES = {"SCHEDULED": "Scheduled", "ONDEMAND": "OnDemand", "EVENT": "Event"}


def _trigger_types(types: list[str] | None) -> list[str] | None:
    return None if types is None else [_TRIGGER_TYPES.get(kind, kind) for kind in types]


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
