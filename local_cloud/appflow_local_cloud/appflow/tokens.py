"""Client tokens: a repeated call takes effect only once.

Source: "ClientToken" of RegisterConnector and UpdateConnectorRegistration in the AppFlow API
Reference. The settings decide what it leaves open.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .errors import AppFlowError, error
from .settings import Settings

TOKEN_LIFETIME = timedelta(hours=8)

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A call of an operation; two requests are equal if operation and parameters are."""

    operation: str
    parameters: Mapping[str, Any]

    def scope(self, settings: Settings) -> tuple[str, str]:
        """What identifies the call: two requests with the same scope are the same call."""
        operation = self.operation if settings.token_scope == "operation" else ""
        return operation, self.parameters["clientToken"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call.

    Attributes:
        result: what the call returns, or its error.
        remembered: whether the result is that of an earlier call with the same client token, so
            that this call had no effect.
    """

    result: Result | AppFlowError
    remembered: bool = False


@dataclass(frozen=True)
class _Used:
    request: Request
    result: Result | AppFlowError
    at: datetime


class ClientTokens:
    """The client tokens used in one account and Region, and the results of their calls."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], _Used] = {}
        self._lock = threading.Lock()
        # One lock for each token: a repeated call waits for the first one, other calls do not wait.
        self._locks: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    def execute_once(
        self, request: Request, effect: Callable[[], Result], now: datetime, settings: Settings
    ) -> Outcome:
        """Carry out a call, unless a call with the same client token was carried out before.

        Args:
            request: the call.
            effect: carries the call out; raises AppFlowError if the call fails.
            now: the time, which decides whether the token has expired.
            settings: the settings of the account.
        """
        if "clientToken" not in request.parameters:
            return Outcome(_result(effect))
        scope = request.scope(settings)
        with self._lock:
            lock = self._locks[scope]
        with lock:
            used = self._used.get(scope)
            if used is not None and now - used.at < TOKEN_LIFETIME:
                return _repeated(used, request, settings)
            result = _result(effect)
            if settings.failed_tokens == "remembered" or not isinstance(result, AppFlowError):
                self._used[scope] = _Used(request, result, now)
            return Outcome(result)


def _repeated(used: _Used, request: Request, settings: Settings) -> Outcome:
    if used.request == request:
        return Outcome(used.result, remembered=True)
    return Outcome(error(settings.token_misuse, "The client token was used with other parameters."))


def _result(effect: Callable[[], Result]) -> Result | AppFlowError:
    try:
        return effect()
    except AppFlowError as refused:
        return refused
