"""The connectors that are registered in AppFlow.

Sources: DescribeConnector, ListConnectors, RegisterConnector and UpdateConnectorRegistration in the
AppFlow API Reference.
ListConnectors returns custom connectors only, and botocore has no paginator for it. Every member of
its response and of DescribeConnector's is optional.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import CommandError

MAX_PAGE_SIZE = 100
"""The maximum number of connectors in one response of ListConnectors."""

# Source: RegisterConnector in the AppFlow API Reference.
_LABEL_RULE = (
    "A label has 2 to 256 characters: it begins with a letter or a digit, and has letters, digits"
    " and _!@#.- only"
)
_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]{1,255}", re.ASCII)


class Connector(NamedTuple):
    """A custom connector, as DescribeConnector returns it.

    ``lambda_arn`` is None if AppFlow shows none. ``description`` is empty if none is registered.
    ``version`` is the version that the connector returned when AppFlow last read its configuration,
    which ``configuration`` contains.
    """

    label: str
    lambda_arn: str | None
    description: str
    version: str
    configuration: Mapping[str, Any]


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
            labels += [
                connector["connectorLabel"]
                for connector in page.get("connectors", [])
                if "connectorLabel" in connector
            ]
            if not page.get("nextToken"):
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
        configuration = response.get("connectorConfiguration", {})
        provisioning = configuration.get("connectorProvisioningConfig", {})
        return Connector(
            label=label,
            lambda_arn=provisioning.get("lambda", {}).get("lambdaArn"),
            description=configuration.get("connectorDescription", ""),
            version=configuration.get("connectorVersion", ""),
            configuration=configuration,
        )

    def refresh(self, label: str, *, description: str | None = None) -> None:
        """Have AppFlow read the configuration of the connector's function again.

        The label stays with its function, whichever it is. All tries of this call have one client
        token, and each call has another one: AppFlow ignores a token that it knows.

        Args:
            label: the label of a registered connector.
            description: a new description, or None to keep the registered one.
        """
        members = {} if description is None else {"description": description}
        self._client.update_connector_registration(
            connectorLabel=label, clientToken=str(uuid.uuid4()), **members
        )


def is_label(text: str) -> bool:
    """Whether a connector can be registered under a text."""
    return _LABEL.fullmatch(text) is not None


def check_label(text: str) -> None:
    """Raise CommandError for a text under which no connector can be registered."""
    if not is_label(text):
        raise CommandError(f"{text!r} is not a connector label. {_LABEL_RULE}")
