"""The rate of calls that AppFlow accepts, and how long a permission takes to become effective.

Calls are limited by a token bucket in each account and Region: other AWS services document token
buckets, and ThrottlingException's documentation names account and Region. Permissions take time to
become effective because IAM is eventually consistent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from .errors import ThrottlingException


class TokenBucket:
    """Limits calls: each call takes one token, and the bucket is full at the start."""

    def __init__(
        self, calls_per_second: float | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = calls_per_second
        self._now = now
        self._size = max(1, calls_per_second or 0)
        self._left = self._size
        self._filled_at = now()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take the token of one call.

        Raises:
            ThrottlingException: there is no token.
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


class PermissionPropagation:
    """How the permissions of an account become effective, each some time after it is first found.

    IAM does not report when a policy changes. The age of a permission therefore starts with the
    first call that finds it, and starts again after a call that does not find it.
    """

    def __init__(self) -> None:
        self._found_at: dict[tuple[str, str, str], datetime] = {}
        self._lock = threading.Lock()

    def is_effective(
        self,
        permission: tuple[str, str, str],
        *,
        found: bool,
        now: datetime,
        delay: timedelta,
    ) -> bool:
        """Whether a permission is effective.

        Args:
            permission: the principal, the action and the resource.
            found: whether the policies contain the permission now.
            now: the time.
            delay: the age from which on the permission is effective.
        """
        with self._lock:
            if not found:
                self._found_at.pop(permission, None)
                return False
            return now - self._found_at.setdefault(permission, now) >= delay
