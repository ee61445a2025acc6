"""The connectors that are registered in AppFlow.

Sources: DescribeConnector and ListConnectors in the AppFlow API Reference. ListConnectors returns
custom connectors only, and botocore has no paginator for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_PAGE_SIZE = 100
"""The maximum number of connectors in one response of ListConnectors."""


class Connector(NamedTuple):
    """A custom connector, as DescribeConnector returns it.

    ``description`` is empty if none is registered. ``version`` is the version that the connector
    returned when AppFlow last read its configuration.
    """

    label: str
    lambda_arn: str
    description: str
    version: str


class AppFlow:
    """The registered connectors of an account and Region.

    Args:
        client: a boto3 client of AppFlow.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def list_labels(self) -> list[str]:
        """The labels of all custom connectors."""
        labels: list[str] = []
        parameters: dict[str, Any] = {"maxResults": MAX_PAGE_SIZE}
        while True:
            page = self._client.list_connectors(**parameters)
            labels += [connector["connectorLabel"] for connector in page.get("connectors", [])]
            if "nextToken" not in page:
                return labels
            parameters["nextToken"] = page["nextToken"]

    def describe(self, label: str) -> Connector | None:
        """The connector that is registered under a label, or None."""
        try:
            response = self._client.describe_connector(
                connectorType="CustomConnector", connectorLabel=label
            )
        except self._client.exceptions.ResourceNotFoundException:
            return None
        configuration = response["connectorConfiguration"]
        return Connector(
            label=label,
            lambda_arn=configuration["connectorProvisioningConfig"]["lambda"]["lambdaArn"],
            description=configuration.get("connectorDescription", ""),
            version=configuration.get("connectorVersion", ""),
        )
