"""How many calls AppFlow takes, and how soon it knows of a permission: by account, off by default.

AWS publishes no figure for either. The first is a token bucket, as other AWS services describe
theirs; the second stands for IAM, which is eventually consistent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ThrottlingException, ValidationException, not_authorized

# The settings there are, and the least value of each.
_LEAST = {"callsPerSecond": 1, "permissionDelaySeconds": 0}


@dataclass
class _Account:
    """The limits of one account, and what has happened under them."""

    calls_per_second: float | None = None
    permission_delay_seconds: float = 0
    left: float = 0
    filled_at: float = 0
    allowed_since: dict[tuple[str, str], float] = field(default_factory=dict)


class Limits:
    """The limits of all accounts."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._accounts: dict[str, _Account] = {}
        self._lock = threading.Lock()

    def set(self, account: str, settings: Mapping[str, Any]) -> None:
        """Begin anew with other limits.

        ``callsPerSecond`` is the rate at which the bucket fills, and its size: as many calls as
        that come through at once. ``permissionDelaySeconds`` is for how long a permission is not
        known after the first call that needs it.

        Raises:
            ValidationException: a setting is unknown, or no number that makes sense.
        """
        for name, least in _LEAST.items():
            value = settings.get(name, least)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
                raise ValidationException(f"{name} is {value!r}, not a number of at least {least}.")
        unknown = sorted(settings.keys() - _LEAST.keys())
        if unknown:
            raise ValidationException(
                f"There is no limit {unknown[0]}, only {' and '.join(_LEAST)}."
            )
        rate = settings.get("callsPerSecond")
        with self._lock:
            self._accounts[account] = _Account(
                calls_per_second=rate,
                permission_delay_seconds=settings.get("permissionDelaySeconds", 0),
                left=rate or 0,
                filled_at=self._now(),
            )

    def take_call(self, account: str) -> None:
        """Count a call.

        Raises:
            ThrottlingException: there have been too many.
        """
        with self._lock:
            limits = self._accounts.get(account)
            if limits is None or limits.calls_per_second is None:
                return
            now, rate = self._now(), limits.calls_per_second
            limits.left = min(rate, limits.left + (now - limits.filled_at) * rate)
            limits.filled_at = now
            if limits.left < 1:
                raise ThrottlingException("Rate exceeded")
            limits.left -= 1

    def check_permission(self, account: str, principal: str, action: str, resource: str) -> None:
        """Let a permission that has been found wait until it is known here.

        Raises:
            AccessDeniedException: it is not known yet.
        """
        with self._lock:
            limits = self._accounts.get(account)
            if limits is None:
                return
            # By action and not by resource: it is a change of a policy that takes its time.
            since = limits.allowed_since.setdefault((principal, action), self._now())
            if self._now() - since < limits.permission_delay_seconds:
                raise not_authorized(principal, action, resource)
