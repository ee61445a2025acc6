"""The two ends of a flow, its source and its destination, each a connector or a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .connection import Connection
from .state import Context

CUSTOM = "CustomConnector"
S3 = "S3"


@dataclass(frozen=True)
class End:
    """The source or the destination of a flow.

    Attributes:
        config: the member of the flow's definition.
        path: the path of the member, for messages.
        is_source: whether it is the source.
    """

    config: Mapping[str, Any]
    path: str
    is_source: bool

    @property
    def kind(self) -> str:
        """The type of the connector."""
        return str(self.config["connectorType"])

    @property
    def properties_path(self) -> str:
        """The path of the properties of its type."""
        return f"{self.path}.{self._member}.{self.kind}"

    @property
    def properties(self) -> Mapping[str, Any] | None:
        """The properties of its type, or None."""
        properties: Mapping[str, Any] | None = self.config[self._member].get(self.kind)
        return properties

    @property
    def settings(self) -> Mapping[str, str]:
        """The values of the connector's runtime settings."""
        settings: Mapping[str, str] = (self.properties or {}).get("customProperties") or {}
        return settings

    @property
    def scopes(self) -> tuple[str, str]:
        """The scopes of the runtime settings that belong to it."""
        return "SOURCE" if self.is_source else "DESTINATION", "SOURCE_AND_DESTINATION"

    @property
    def _member(self) -> str:
        return "sourceConnectorProperties" if self.is_source else "destinationConnectorProperties"

    def connection(self, context: Context) -> Connection:
        """The connection of its connector profile.

        Raises:
            ResourceNotFoundException: the profile or its connector does not exist.
        """
        return context.connection(
            self.config["connectorProfileName"],
            api_version=self.config.get("apiVersion"),
            settings=self.settings,
        )


def ends_of(definition: Mapping[str, Any]) -> tuple[End, End]:
    """The source and the first destination of a flow."""
    destination = definition["destinationFlowConfigList"][0]
    return (
        End(definition["sourceFlowConfig"], "sourceFlowConfig", is_source=True),
        End(destination, "destinationFlowConfigList.1.member", is_source=False),
    )
