"""How one invocation of the handler spends its time.

Counted from the end of the invocation, whose length is the provider's ``timeout``::

    start          160 s left               102 s left                           end
      |  any call may  |  only the checks after a  |  the last call ends, and the  |
      |  begin         |  cancelled update begin   |  response is sent             |

A call that begins in time ends before the response is sent, so it cannot take effect after the
rollback. A rollback begins later than the update that it reverts, so it has time for a final check
when the last call of that update has ended.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

APPFLOW_CONNECT_SECONDS = 5
APPFLOW_READ_SECONDS = 40
"""AppFlow invokes the connector during an update, and Amazon's samples have a timeout of 30 s."""

MAX_SEND_SECONDS = 52.0
"""The longest time that sending the response can take, with all its retries."""

TIMER_SECONDS = MAX_SEND_SECONDS + 3
"""crhelper's timer sends a failure when only this is left of the invocation."""

STACK_EVENTS_SECONDS = 15.0
"""The longest time that reading the stack events may take."""

UPDATE_VISIBLE_SECONDS = 30.0
"""How long AppFlow may take to show a change."""

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 8.0
"""Between two tries of a call, or two polls."""

_CALL_SECONDS = APPFLOW_CONNECT_SECONDS + APPFLOW_READ_SECONDS
_MARGIN_SECONDS = 5

RESPONSE_RESERVE_SECONDS = _CALL_SECONDS + MAX_SEND_SECONDS + _MARGIN_SECONDS
"""No call to AppFlow begins when only this is left."""

RESERVED_SECONDS = RESPONSE_RESERVE_SECONDS + _CALL_SECONDS + MAX_PAUSE_SECONDS + _MARGIN_SECONDS
"""No call begins when only this is left, except for the checks after a cancelled update."""


clock = time
"""Replaced by tests, in which time passes without waiting."""


class TimeBudget:
    """The time that one invocation may spend on calls, and its pauses between them.

    Args:
        context: Lambda's context object.
        jitter: returns a number between two others.
    """

    def __init__(
        self, context: Any, *, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._context = context
        self._jitter = jitter
        self._reserved_seconds = RESERVED_SECONDS

    def seconds_left(self) -> float:
        """The seconds in which a call may still begin; zero or less if there are none."""
        remaining: float = self._context.get_remaining_time_in_millis() / 1000
        return remaining - self._reserved_seconds

    def extend(self) -> None:
        """Let calls begin until only the time for the last call and the response is left."""
        self._reserved_seconds = RESPONSE_RESERVE_SECONDS

    def pauses(self) -> Iterator[float]:
        """The lengths of the pauses between tries, which double up to a maximum."""
        longest = FIRST_PAUSE_SECONDS
        while True:
            # Without jitter, all connectors of a large stack would retry at the same moment.
            yield self._jitter(longest / 2, longest)
            longest = min(2 * longest, MAX_PAUSE_SECONDS)

    def pause(self, seconds: float, *, until: float = math.inf) -> bool:
        """Sleep and return True, or return False at once if the pause exceeds the time left.

        ``until`` is a time of the monotonic clock, at which the pause must have ended.
        """
        fits = clock.monotonic() + seconds <= until and seconds < self.seconds_left()
        if fits:
            clock.sleep(seconds)
        return fits

    def polls(self, seconds: float = math.inf) -> Iterator[None]:
        """Yield at once, and again after each pause, for this many seconds at most."""
        until = clock.monotonic() + seconds
        pauses = self.pauses()
        yield
        while self.pause(next(pauses), until=until):
            yield
