"""What AppFlow holds.

Sources: DescribeConnector and ListConnectors in the AppFlow API Reference; ListConnectors lists
custom connectors only, and botocore has no paginator for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LARGEST_PAGE = 100
"""How many connectors AppFlow lists in one answer at most."""


class Connector(NamedTuple):
    """A custom connector, as AppFlow holds it.

    ``description`` is empty if there is none. ``version`` is what the connector itself said when
    AppFlow last read its configuration.
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

    def labels(self) -> list[str]:
        """The labels of all custom connectors."""
        found: list[str] = []
        parameters: dict[str, Any] = {"maxResults": LARGEST_PAGE}
        while True:
            page = self._client.list_connectors(**parameters)
            found += [one["connectorLabel"] for one in page.get("connectors", [])]
            if "nextToken" not in page:
                return found
            parameters["nextToken"] = page["nextToken"]

    def connector(self, label: str) -> Connector | None:
        """What is registered under a label, or None."""
        try:
            answer = self._client.describe_connector(
                connectorType="CustomConnector", connectorLabel=label
            )
        except self._client.exceptions.ResourceNotFoundException:
            return None
        held = answer["connectorConfiguration"]
        return Connector(
            label=label,
            lambda_arn=held["connectorProvisioningConfig"]["lambda"]["lambdaArn"],
            description=held.get("connectorDescription", ""),
            version=held.get("connectorVersion", ""),
        )
