"""The state of one account and Region, and what the operations of one call need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..clients import Clients
from .access import Access, Caller
from .connection import Connection
from .flows import Flows
from .functions import Functions
from .metadata import EntityCache
from .pages import Paginator
from .registry import Registry
from .settings import Settings
from .tokens import ClientTokens


@dataclass(frozen=True)
class RegionState:
    """AppFlow's state of one account and Region."""

    registry: Registry = field(default_factory=Registry)
    tokens: ClientTokens = field(default_factory=ClientTokens)
    paginator: Paginator = field(default_factory=Paginator)
    entities: EntityCache = field(default_factory=EntityCache)
    flows: Flows = field(default_factory=Flows)


@dataclass(frozen=True)
class Context:
    """One call of AppFlow.

    Attributes:
        start: runs a function in the background.
        clock: returns AppFlow's time.
        now: AppFlow's time at the call.
    """

    state: RegionState
    caller: Caller
    access: Access
    functions: Functions
    clients: Clients
    settings: Settings
    start: Callable[[Callable[[], None]], None]
    clock: Callable[[], datetime]
    now: datetime

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a resource of AppFlow in the called account and Region."""
        return f"arn:aws:appflow:{self.caller.region}:{self.caller.account}:{kind}/{name}"

    def client(self, service: str) -> Any:
        """A client of another service, as the root of the called account."""
        return self.clients.client(service, self.caller.account, self.caller.region)

    def connection(self, profile_name: str, **members: Any) -> Connection:
        """The connection of a connector profile.

        Raises:
            ResourceNotFoundException: the profile does not exist, or its connector is no longer
                registered.
        """
        profile = self.state.registry.profile(profile_name)
        connector = self.state.registry.get(profile.connector_label)
        return Connection(connector, profile, self.functions, **members)
