"""What AppFlow remembers: connectors, their profiles, and the client tokens of calls."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import ConflictException, ResourceNotFoundException, ValidationException

# Source: "ClientToken" of RegisterConnector in the AppFlow API Reference.
TOKEN_LIFETIME = timedelta(hours=8)


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


@dataclass(frozen=True)
class _Answer:
    operation: str
    parameters: Mapping[str, Any]
    result: Mapping[str, Any]
    at: datetime


@dataclass
class _Tenant:
    connectors: dict[str, Connector] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    answers: dict[str, _Answer] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    # One lock a token, so that a repeated call waits for the first one, and no other call does.
    token_locks: dict[str, threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock)
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Registry:
    """The connectors of every account and Region."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self.now = now
        self._tenants: dict[tuple[str, str], _Tenant] = defaultdict(_Tenant)

    def get(self, account: str, region: str, label: str) -> Connector:
        """The connector under a label.

        Raises:
            ResourceNotFoundException: there is none.
        """
        try:
            return self._tenants[account, region].connectors[label]
        except KeyError:
            raise ResourceNotFoundException(f"Connector {label} is not registered.") from None

    def all(self, account: str, region: str) -> list[Connector]:
        """The connectors of an account and Region, by label."""
        connectors = self._tenants[account, region].connectors
        return [connectors[label] for label in sorted(connectors)]

    def add(self, account: str, region: str, connector: Connector) -> None:
        """Store a connector under a free label.

        Raises:
            ConflictException: the label is taken.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            if connector.label in tenant.connectors:
                raise ConflictException(f"Connector {connector.label} is registered already.")
            tenant.connectors[connector.label] = connector

    def change(self, account: str, region: str, label: str, **members: Any) -> Connector:
        """Change a connector, and leave alone what another call has changed meanwhile.

        Raises:
            ResourceNotFoundException: there is none under the label.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            changed = replace(self.get(account, region, label), **members)
            tenant.connectors[label] = changed
            return changed

    def remove(self, account: str, region: str, label: str, *, force: bool) -> None:
        """Forget a connector.

        Raises:
            ResourceNotFoundException: there is none under the label.
            ConflictException: a profile uses it, and ``force`` is false.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            self.get(account, region, label)
            users = [p.name for p in tenant.profiles.values() if p.connector_label == label]
            if users and not force:
                raise ConflictException(
                    f"Connector {label} is in use by connector profiles: {', '.join(users)}."
                )
            del tenant.connectors[label]

    def profiles(self, account: str, region: str) -> list[Profile]:
        """The connector profiles of an account and Region, by name."""
        profiles = self._tenants[account, region].profiles
        return [profiles[name] for name in sorted(profiles)]

    def add_profile(self, account: str, region: str, profile: Profile) -> None:
        """Store a connector profile.

        Raises:
            ConflictException: there is one of this name.
            ValidationException: its connector is not registered.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            if profile.connector_label not in tenant.connectors:
                raise ValidationException(
                    f"Connector:{profile.connector_label} is not registered. Please register it"
                    " first before creating ConnectorProfile."
                )
            if profile.name in tenant.profiles:
                raise ConflictException(f"Connector profile {profile.name} exists already.")
            tenant.profiles[profile.name] = profile

    def remove_profile(self, account: str, region: str, name: str) -> None:
        """Forget a connector profile.

        Raises:
            ResourceNotFoundException: there is none of this name.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            if name not in tenant.profiles:
                raise ResourceNotFoundException(f"Connector profile {name} does not exist.")
            del tenant.profiles[name]

    def once(
        self,
        account: str,
        region: str,
        operation: str,
        parameters: Mapping[str, Any],
        effect: Callable[[], Mapping[str, Any]],
    ) -> Mapping[str, Any]:
        """Carry out an operation, unless its client token has carried it out before.

        A failed call is not remembered: the service documents only what a repeated token does
        after a success.

        Raises:
            ConflictException: the token came with another operation or other parameters before. The
                documentation calls this an error without naming it.
        """
        token = parameters.get("clientToken")
        if token is None:
            return effect()
        tenant = self._tenants[account, region]
        with tenant.lock:
            token_lock = tenant.token_locks[token]
        with token_lock:
            answer = tenant.answers.get(token)
            if answer is None or self.now() - answer.at >= TOKEN_LIFETIME:
                answer = _Answer(operation, parameters, effect(), self.now())
                tenant.answers[token] = answer
            elif (answer.operation, answer.parameters) != (operation, parameters):
                raise ConflictException("The client token was used with other parameters.")
            return answer.result
