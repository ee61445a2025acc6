"""Client tokens: a call that is repeated takes effect once.

Source: "ClientToken" of RegisterConnector and UpdateConnectorRegistration in the AppFlow API
Reference. What it leaves open is in the settings.
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
    """What is asked of AppFlow: two requests are equal if they ask for the same."""

    operation: str
    parameters: Mapping[str, Any]

    def scope(self, settings: Settings) -> tuple[str, str]:
        """What the token stands for; two calls of one scope are the same call."""
        operation = self.operation if settings.token_scope == "operation" else ""
        return operation, self.parameters["clientToken"]


@dataclass(frozen=True)
class Answer:
    """What became of a call.

    Attributes:
        result: what it returns, or the refusal.
        remembered: whether this is the answer to an earlier call with the same token, so that this
            one had no effect.
    """

    result: Result | AppFlowError
    remembered: bool = False


@dataclass(frozen=True)
class _Used:
    request: Request
    result: Result | AppFlowError
    at: datetime


class Tokens:
    """The tokens that one account and Region has used, and the answers to them."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], _Used] = {}
        self._lock = threading.Lock()
        # One lock a token, so that a repeated call waits for the first one, and no other call does.
        self._locks: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    def once(
        self, request: Request, effect: Callable[[], Result], now: datetime, settings: Settings
    ) -> Answer:
        """Carry out a call, unless its client token has carried it out before.

        Args:
            request: the call.
            effect: carries it out; raises AppFlowError if it is refused.
            now: the time, for the token to expire.
            settings: those of the account.
        """
        if "clientToken" not in request.parameters:
            return Answer(_outcome(effect))
        scope = request.scope(settings)
        with self._lock:
            lock = self._locks[scope]
        with lock:
            used = self._used.get(scope)
            if used is not None and now - used.at < TOKEN_LIFETIME:
                return _repeated(used, request, settings)
            result = _outcome(effect)
            if settings.failed_tokens == "remembered" or not isinstance(result, AppFlowError):
                self._used[scope] = _Used(request, result, now)
            return Answer(result)


def _repeated(used: _Used, request: Request, settings: Settings) -> Answer:
    if used.request == request:
        return Answer(used.result, remembered=True)
    return Answer(error(settings.token_misuse, "The client token was used with other parameters."))


def _outcome(effect: Callable[[], Result]) -> Result | AppFlowError:
    try:
        return effect()
    except AppFlowError as refusal:
        return refusal
