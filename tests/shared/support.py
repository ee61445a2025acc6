"""A configuration in the terms of DescribeConnector, and profiles and flows that use it."""

from __future__ import annotations

import copy
from typing import Any

CONFIGURATION: dict[str, Any] = {
    "connectorOwner": "Acme",
    "connectorName": "Acme CRM",
    "connectorVersion": "1.0",
    "connectorModes": ["SOURCE", "DESTINATION"],
    "canUseAsSource": True,
    "canUseAsDestination": True,
    "authenticationConfig": {
        "isBasicAuthSupported": True,
        "isApiKeyAuthSupported": True,
        "isOAuth2Supported": True,
        "isCustomAuthSupported": True,
        "oAuth2Defaults": {
            "oauthScopes": ["read"],
            "tokenUrls": ["https://crm.example/token", "https://{{SITE}}.crm.example/token"],
            "authCodeUrls": ["https://crm.example/authorize"],
            "oauth2GrantTypesSupported": ["AUTHORIZATION_CODE", "CLIENT_CREDENTIALS"],
            "oauth2CustomProperties": [
                {"key": "tenant", "type": "TOKEN_URL"},
                {"key": "prompt", "type": "AUTH_URL"},
            ],
        },
        "customAuthConfigs": [
            {
                "customAuthenticationType": "HMAC",
                "authParameters": [{"key": "secret", "isRequired": True}, {"key": "nonce"}],
            },
            {"customAuthenticationType": "Kerberos"},
        ],
    },
    "connectorRuntimeSettings": [
        {"key": "instanceUrl", "scope": "CONNECTOR_PROFILE", "dataType": "String"},
        {
            "key": "region",
            "scope": "CONNECTOR_PROFILE",
            "dataType": "String",
            "connectorSuppliedValueOptions": ["eu", "us"],
        },
        {"key": "pageSize", "scope": "SOURCE", "dataType": "String"},
        {"key": "batchSize", "scope": "DESTINATION", "dataType": "String"},
        {"key": "locale", "scope": "SOURCE_AND_DESTINATION", "dataType": "String"},
    ],
    "supportedApiVersions": ["v1", "v2"],
    "supportedOperators": ["PROJECTION", "EQUAL_TO", "CONTAINS"],
    "supportedWriteOperations": ["INSERT", "UPSERT"],
    "supportedSchedulingFrequencies": ["HOURLY", "DAILY", "ONCE"],
    "supportedTriggerTypes": ["Scheduled", "OnDemand"],
    "supportedDataTransferTypes": ["RECORD", "FILE"],
    "supportedDataTransferApis": [
        {"Name": "bulk", "Type": "ASYNC"},
        {"Name": "rest", "Type": "SYNC"},
    ],
}


def configuration(**members: Any) -> dict[str, Any]:
    """A configuration with the values at paths; ``__`` separates members, and None removes one.

    A structure in a list is named by its key, for example
    ``connectorRuntimeSettings__region__isRequired``.
    """
    changed = copy.deepcopy(CONFIGURATION)
    for path, value in members.items():
        *names, last = path.split("__")
        found: Any = changed
        for name in names:
            found = _member(found, name)
        _put(found, last, value)
    return changed


def profile(name: str = "prod", **members: Any) -> dict[str, Any]:
    """A connector profile, with members of its properties for custom connectors."""
    return {
        "connectorProfileName": name,
        "connectorProfileProperties": {"CustomConnector": members},
    }


def oauth2_profile(name: str = "prod", **members: Any) -> dict[str, Any]:
    """A connector profile with OAuth 2.0, and members of its properties for it."""
    properties = {
        "tokenUrl": "https://crm.example/token",
        "oAuth2GrantType": "AUTHORIZATION_CODE",
        **members,
    }
    return profile(name, oAuth2Properties=properties)


def flow(name: str = "nightly", **members: Any) -> dict[str, Any]:
    """A flow from another application to another application, with other members as given."""
    return {
        "flowName": name,
        "flowStatus": "Active",
        "sourceFlowConfig": {"connectorType": "S3"},
        "destinationFlowConfigList": [{"connectorType": "S3"}],
        "triggerConfig": {"triggerType": "OnDemand"},
        "tasks": [],
        **members,
    }


def source_flow(name: str = "nightly", version: str = "v2", **members: Any) -> dict[str, Any]:
    """A flow whose source is the connector, with members of its properties."""
    end = _end("source", version, members)
    return flow(name, sourceFlowConfig=end)


def destination_flow(name: str = "nightly", version: str = "v2", **members: Any) -> dict[str, Any]:
    """A flow whose destination is the connector, with members of its properties."""
    end = _end("destination", version, members)
    return flow(name, destinationFlowConfigList=[{"connectorType": "S3"}, end])


def _end(kind: str, version: str, members: dict[str, Any]) -> dict[str, Any]:
    return {
        "connectorType": "CustomConnector",
        "connectorProfileName": "prod",
        "apiVersion": version,
        f"{kind}ConnectorProperties": {"CustomConnector": {"entityName": "order", **members}},
    }


def _member(parent: Any, name: str) -> Any:
    if isinstance(parent, list):
        return next(one for one in parent if name in one.values())
    return parent.setdefault(name, {})


def _put(parent: Any, name: str, value: Any) -> None:
    if isinstance(parent, list):
        parent[:] = [one for one in parent if name not in one.values()]
        if value is not None:
            parent.append(value)
    elif value is None:
        parent.pop(name, None)
    else:
        parent[name] = value
