"""How many calls AppFlow takes from one account, and how soon it knows of a permission there.

The first is a token bucket, as other AWS services describe theirs; the second stands for IAM, which
is eventually consistent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .errors import ThrottlingException, not_authorized
from .settings import Settings


class Limits:
    """What has happened under the limits of an account, since they were set."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = settings.calls_per_second
        self._permission_delay = settings.permission_delay_seconds
        self._now = now
        self._size = max(1, self._rate or 0)
        self._left = self._size
        self._filled_at = now()
        self._allowed_since: dict[tuple[str, str], float] = {}
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

    def check_permission(self, principal: str, action: str, resource: str) -> None:
        """Let a permission that has been found wait until it is known here.

        Raises:
            AccessDeniedException: it is not known yet.
        """
        with self._lock:
            # By action and not by resource: it is a change of a policy that takes its time.
            since = self._allowed_since.setdefault((principal, action), self._now())
            if self._now() - since < self._permission_delay:
                raise not_authorized(principal, action, resource)
