"""The connector behind a label: a Lambda function that describes itself.

Source of the answer's shape: Amazon's custom-connector-sdk (responses and settings); of the stored
shape: the ConnectorConfiguration of the AppFlow API. AWS does not publish the mapping between them;
it is read off the names on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ConnectorServerException
from .model import violations_of_configuration

_REQUEST = json.dumps({"type": "DescribeConnectorConfigurationRequest"}).encode()

Invoke = Callable[[str, bytes], Mapping[str, Any]]
"""Invokes the function of an ARN; takes and gives what Lambda's Invoke operation does."""


LISTED = ("connectorOwner", "connectorName", "connectorVersion", "connectorModes")
"""What every connector has to say of itself: lists show it."""

# Source: ConnectorModes of the SDK; the model takes any word.
_MODES = ("SOURCE", "DESTINATION")


def configuration_of(lambda_arn: str, invoke: Invoke) -> dict[str, Any]:
    """Ask the connector for its configuration, in the terms of DescribeConnector.

    Raises:
        ConnectorServerException: the function failed, or its answer is no valid configuration.
    """
    answer = _ask(lambda_arn, invoke)
    try:
        stored = _stored_form(answer)
    except (KeyError, TypeError, AttributeError) as error:
        raise _invalid_response(f"{type(error).__name__}: {error}") from error
    if faults := _faults(stored):
        raise _invalid_response("; ".join(faults))
    return stored


def _invalid_response(fault: str) -> ConnectorServerException:
    return ConnectorServerException(
        "Error while communicating to connector: invalid DescribeConnectorConfiguration response"
        f" ({fault})."
    )


def _faults(stored: Mapping[str, Any]) -> list[str]:
    missing = [f"{name} is missing" for name in LISTED if name not in stored]
    if faults := missing + violations_of_configuration(stored):
        return faults
    return [
        f"connectorModes has {mode!r}, not one of {', '.join(_MODES)}"
        for mode in stored["connectorModes"]
        if mode not in _MODES
    ]


def _ask(lambda_arn: str, invoke: Invoke) -> Mapping[str, Any]:
    result = invoke(lambda_arn, _REQUEST)
    payload = result["Payload"].read()
    if "FunctionError" in result:
        raise ConnectorServerException(
            "Error while communicating to connector: Got error from connector."
            f" {_error_message(payload)}"
        )
    try:
        answer = json.loads(payload)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "isSuccess" not in answer:
        raise ConnectorServerException(
            "Error while communicating to connector: Got error from connector."
            " No valid response and error details found."
        )
    if answer["isSuccess"] is not True:
        raise ConnectorServerException(
            f"Error while communicating to connector: {_details(answer.get('errorDetails'))}"
        )
    return answer


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


def _stored_form(answer: Mapping[str, Any]) -> dict[str, Any]:
    modes = answer["connectorModes"]
    stored = {
        "connectorOwner": answer["connectorOwner"],
        "connectorName": answer["connectorName"],
        "connectorVersion": answer["connectorVersion"],
        "connectorModes": modes,
        "canUseAsSource": "SOURCE" in modes,
        "canUseAsDestination": "DESTINATION" in modes,
        "authenticationConfig": _authentication(answer["authenticationConfig"]),
        "supportedApiVersions": answer["supportedApiVersions"],
        "connectorRuntimeSettings": _settings(answer.get("connectorRuntimeSetting")),
        "supportedOperators": answer.get("operatorsSupported"),
        "supportedWriteOperations": answer.get("supportedWriteOperations"),
        "supportedSchedulingFrequencies": answer.get("triggerFrequenciesSupported"),
        "supportedTriggerTypes": _trigger_types(answer.get("supportedTriggerTypes")),
        "logoURL": answer.get("logoURL"),
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
