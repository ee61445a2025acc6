"""Checks that are repeated until something has changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

_PAUSE_SECONDS = 2.0

clock: Any = time
"""Replaced by tests, in which time passes without waiting."""


def polls(seconds: float) -> Iterator[None]:
    """Yield at once, and again after each pause, for this many seconds at most."""
    until = clock.monotonic() + seconds
    yield
    while clock.monotonic() + _PAUSE_SECONDS <= until:
        clock.sleep(_PAUSE_SECONDS)
        yield
