"""What AppFlow remembers: connectors, and the client tokens of the calls that made them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import ConflictException, ResourceNotFoundException

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
class _Answer:
    operation: str
    parameters: Mapping[str, Any]
    result: Mapping[str, Any]
    at: datetime


@dataclass
class _Tenant:
    connectors: dict[str, Connector] = field(default_factory=dict)
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

    def put(self, account: str, region: str, connector: Connector, *, replace: bool) -> None:
        """Store a connector.

        Raises:
            ConflictException: the label is taken, and ``replace`` is false.
            ResourceNotFoundException: the label is free, and ``replace`` is true.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            if replace:
                self.get(account, region, connector.label)
            elif connector.label in tenant.connectors:
                raise ConflictException(f"Connector {connector.label} is registered already.")
            tenant.connectors[connector.label] = connector

    def remove(self, account: str, region: str, label: str) -> None:
        """Forget a connector.

        Raises:
            ResourceNotFoundException: there is none under the label.
        """
        tenant = self._tenants[account, region]
        with tenant.lock:
            self.get(account, region, label)
            del tenant.connectors[label]

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
