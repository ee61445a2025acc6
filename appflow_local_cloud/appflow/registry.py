"""What AppFlow holds in one account and Region: connectors and their profiles."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .errors import ConflictException, ResourceNotFoundException, ValidationException, error


@dataclass(frozen=True)
class Connector:
    """One registered connector; ``configuration`` is in the terms of DescribeConnector."""

    label: str
    arn: str
    lambda_arn: str
    description: str | None
    registered_at: datetime
    registered_by: str
    configuration: Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """One connector profile; its credentials are nobody's business here."""

    name: str
    arn: str
    connector_label: str
    connection_mode: str
    created_at: datetime


class Registry:
    """The connectors of one account and Region."""

    def __init__(self) -> None:
        self._connectors: dict[str, Connector] = {}
        self._profiles: dict[str, Profile] = {}
        self._lock = threading.RLock()

    def get(self, label: str) -> Connector:
        """The connector under a label.

        Raises:
            ResourceNotFoundException: there is none.
        """
        try:
            return self._connectors[label]
        except KeyError:
            raise ResourceNotFoundException(f"Connector {label} is not registered.") from None

    def connectors(self) -> list[Connector]:
        """All connectors."""
        with self._lock:
            return list(self._connectors.values())

    def add(self, connector: Connector, *, if_taken: str) -> None:
        """Store a connector under a free label.

        Args:
            connector: what to store.
            if_taken: the code of the error if the label is taken.

        Raises:
            AppFlowError: the label is taken.
        """
        with self._lock:
            if connector.label in self._connectors:
                raise error(if_taken, f"Connector {connector.label} is registered already.")
            self._connectors[connector.label] = connector

    def change(self, label: str, **members: Any) -> Connector:
        """Change a connector, and leave alone what another call has changed meanwhile.

        Raises:
            ResourceNotFoundException: there is none under the label.
        """
        with self._lock:
            changed = replace(self.get(label), **members)
            self._connectors[label] = changed
            return changed

    def remove(self, label: str, *, force: bool) -> None:
        """Forget a connector.

        Raises:
            ResourceNotFoundException: there is none under the label.
            ConflictException: a profile uses it, and ``force`` is false.
        """
        with self._lock:
            self.get(label)
            users = [p.name for p in self._profiles.values() if p.connector_label == label]
            if users and not force:
                raise ConflictException(
                    f"Connector {label} is in use by connector profiles: {', '.join(users)}."
                )
            del self._connectors[label]

    def profiles(self) -> list[Profile]:
        """All connector profiles."""
        with self._lock:
            return list(self._profiles.values())

    def add_profile(self, profile: Profile) -> None:
        """Store a connector profile.

        Raises:
            ConflictException: there is one of this name.
            ValidationException: its connector is not registered.
        """
        with self._lock:
            if profile.connector_label not in self._connectors:
                raise ValidationException(
                    f"Connector:{profile.connector_label} is not registered. Please register it"
                    " first before creating ConnectorProfile."
                )
            if profile.name in self._profiles:
                raise ConflictException(f"Connector profile {profile.name} exists already.")
            self._profiles[profile.name] = profile

    def remove_profile(self, name: str) -> None:
        """Forget a connector profile.

        Raises:
            ResourceNotFoundException: there is none of this name.
        """
        with self._lock:
            if name not in self._profiles:
                raise ResourceNotFoundException(f"Connector profile {name} does not exist.")
            del self._profiles[name]
