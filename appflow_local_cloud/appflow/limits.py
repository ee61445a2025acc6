"""How many calls AppFlow takes at a time, and how soon it knows of a permission.

The first is a token bucket, as other AWS services describe theirs, in each account and Region, as
ThrottlingException's documentation has it; the second stands for IAM, which is eventually
consistent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from .errors import ThrottlingException


class Rate:
    """How many calls come through: a bucket of tokens, which is full at the start."""

    def __init__(
        self, calls_per_second: float | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = calls_per_second
        self._now = now
        self._size = max(1, calls_per_second or 0)
        self._left = self._size
        self._filled_at = now()
        self._lock = threading.Lock()

    def take_call(self) -> None:
        """Count a call.

        Raises:
            ThrottlingException: there have been too many.
        """
        if self._rate is None:
            return
        with self._lock:
            now = self._now()
            self._left = min(self._size, self._left + (now - self._filled_at) * self._rate)
            self._filled_at = now
            if self._left < 1:
                raise ThrottlingException("Rate exceeded")
            self._left -= 1


class Permissions:
    """Since when each permission of an account has been found."""

    def __init__(self) -> None:
        self._found_at: dict[tuple[str, str, str], datetime] = {}
        self._lock = threading.Lock()

    def is_known(
        self,
        permission: tuple[str, str, str],
        *,
        found: bool,
        now: datetime,
        delay: timedelta,
    ) -> bool:
        """Whether a permission counts, which has just been looked up.

        Nobody tells when a policy changes. So a permission is as old as the time when it was first
        found, and one that was missed in between is a new one.

        Args:
            permission: the principal, the action and the resource.
            found: whether there is one.
            now: the time.
            delay: how old it has to be.
        """
        with self._lock:
            if not found:
                self._found_at.pop(permission, None)
                return False
            return now - self._found_at.setdefault(permission, now) >= delay
