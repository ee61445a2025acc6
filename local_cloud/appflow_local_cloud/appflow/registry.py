"""The registered connectors and the connector profiles of one account and Region."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .errors import ConflictException, ResourceNotFoundException, ValidationException, error


@dataclass(frozen=True)
class Connector:
    """A registered connector; ``configuration`` is in the terms of DescribeConnector."""

    label: str
    arn: str
    lambda_arn: str
    description: str | None
    registered_at: datetime
    registered_by: str
    configuration: Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """A connector profile, without its credentials.

    Attributes:
        properties: the connector's properties of the profile, as the request has them.
        credentials_arn: the ARN of the secret with the credentials.
        authentication_type: the type of the credentials, as the SDKs spell it.
    """

    name: str
    arn: str
    connector_label: str
    connection_mode: str
    properties: Mapping[str, Any]
    credentials_arn: str
    authentication_type: str
    created_at: datetime
    updated_at: datetime

    @property
    def settings(self) -> Mapping[str, str]:
        """The values of the connector's runtime settings."""
        settings: Mapping[str, str] = self.properties.get("profileProperties") or {}
        return settings


class Registry:
    """The connectors and connector profiles of one account and Region."""

    def __init__(self) -> None:
        self._connectors: dict[str, Connector] = {}
        self._profiles: dict[str, Profile] = {}
        self._lock = threading.RLock()

    def get(self, label: str) -> Connector:
        """The connector with a label.

        Raises:
            ResourceNotFoundException: the label is not registered.
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
        """Add a connector.

        Args:
            connector: the connector.
            if_taken: the code of the error if the label is already registered.

        Raises:
            AppFlowError: the label is already registered.
        """
        with self._lock:
            if connector.label in self._connectors:
                raise error(if_taken, f"Connector {connector.label} is already registered.")
            self._connectors[connector.label] = connector

    def change(self, label: str, **members: Any) -> Connector:
        """Change members of a connector; the others keep what another call has set meanwhile.

        Raises:
            ResourceNotFoundException: the label is not registered.
        """
        with self._lock:
            changed = replace(self.get(label), **members)
            self._connectors[label] = changed
            return changed

    def remove(self, label: str, *, force: bool) -> None:
        """Remove a connector.

        Raises:
            ResourceNotFoundException: the label is not registered.
            ConflictException: a connector profile uses it, and ``force`` is false.
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

    def profile(self, name: str) -> Profile:
        """The connector profile with a name.

        Raises:
            ResourceNotFoundException: no profile has this name.
        """
        try:
            return self._profiles[name]
        except KeyError:
            raise ResourceNotFoundException(f"Connector profile {name} does not exist.") from None

    def check_new_profile(self, name: str, label: str) -> Connector:
        """The connector of a profile that may be added.

        Raises:
            ConflictException: a profile with this name exists.
            ValidationException: the connector is not registered.
        """
        with self._lock:
            if label not in self._connectors:
                raise ValidationException(
                    # AppFlow's own words, as quoted in a Terraform issue.
                    f"Connector:{label} is not registered. Please register it first before creating"
                    " ConnectorProfile."
                )
            if name in self._profiles:
                raise ConflictException(f"Connector profile {name} already exists.")
            return self._connectors[label]

    def add_profile(self, profile: Profile) -> None:
        """Add a connector profile.

        Raises:
            ConflictException: a profile with this name exists.
            ValidationException: the connector is not registered.
        """
        with self._lock:
            self.check_new_profile(profile.name, profile.connector_label)
            self._profiles[profile.name] = profile

    def change_profile(self, profile: Profile) -> None:
        """Replace the connector profile of the same name.

        Raises:
            ResourceNotFoundException: no profile has this name.
        """
        with self._lock:
            self.profile(profile.name)
            self._profiles[profile.name] = profile

    def remove_profile(self, name: str) -> Profile:
        """Remove a connector profile and return it.

        Raises:
            ResourceNotFoundException: no profile has this name.
        """
        with self._lock:
            profile = self.profile(name)
            del self._profiles[name]
            return profile
