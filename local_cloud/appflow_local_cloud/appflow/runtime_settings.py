"""The runtime settings that a connector declares, and those that a profile or a flow must have.

Source: ConnectorRuntimeSetting in the AppFlow API Reference and ConnectorRuntimeSettingScope of
Amazon's SDKs for custom connectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .model import missing
from .registry import Connector


def declared(connector: Connector, scopes: Iterable[str]) -> list[Mapping[str, Any]]:
    """The settings with one of some scopes that a connector declares."""
    settings = connector.configuration.get("connectorRuntimeSettings") or []
    return [setting for setting in settings if setting.get("scope") in scopes]


def check_required(
    connector: Connector, scopes: Iterable[str], values: Mapping[str, str], path: str
) -> None:
    """Check that all required settings with one of some scopes have values.

    Args:
        connector: the connector.
        scopes: for example ``CONNECTOR_PROFILE``.
        values: the values by the keys of settings.
        path: the member of the request with the values, for the message.

    Raises:
        ValidationException: a required setting has no value.
    """
    for setting in declared(connector, scopes):
        if setting.get("isRequired") and not values.get(setting.get("key", "")):
            raise missing(f"{path}.{setting.get('key')}")
