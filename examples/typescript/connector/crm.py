"""The smallest connector that AppFlow registers, which has no data for flows.

AppFlow invokes the connector with a request of a ``type``. During a registration it requests the
connector's configuration.
Source: ConnectorConfigurationResponse in the AppFlow Custom Connector SDK.
"""

from typing import Any


def handler(request: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the response to a request from AppFlow."""
    if request["type"] != "DescribeConnectorConfigurationRequest":
        message = f"This example cannot {request['type']}."
        return {
            "isSuccess": False,
            "errorDetails": {"errorCode": "InvalidArgument", "errorMessage": message},
        }
    return {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "1.0",
        "connectorModes": ["SOURCE"],
        "connectorRuntimeSetting": [],
        "authenticationConfig": {"isBasicAuthSupported": True},
        "supportedApiVersions": ["v1"],
        "operatorsSupported": ["PROJECTION"],
        "triggerFrequenciesSupported": ["DAILY"],
        "supportedTriggerTypes": ["SCHEDULED", "ONDEMAND"],
    }
