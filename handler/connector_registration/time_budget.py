"""How one invocation of the handler spends its time.

Counted from the end of the invocation, whose length is the provider's ``timeout``::

    start          160 s left                102 s left                           end
      |  any call may  |  only calls that follow    |  the last call ends, and the  |
      |  begin         |  an earlier invocation's   |  response is sent             |

A call that begins in time ends before the response is sent, so it cannot take effect after the
rollback. A rollback begins later than the update that it reverts, so it has time for its own calls
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

UNCHECKED_SECONDS = 30.0
"""How long after its event was issued an invocation changes a registration without reading from the
stack events whether CloudFormation still waits for its response. Lambda delivers an event again
after a minute."""

CLOCK_TOLERANCE_SECONDS = 3.0
"""Between the signature of an event's URL and the stack event that records its beginning."""

SLOW_CALL_SECONDS = 10.0
"""AppFlow gives a connector ten seconds, so few calls take longer. By the end of a call that does,
CloudFormation may have rolled back the function and the registration."""

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
"""No call begins when only this is left, unless it follows an earlier invocation's."""

REFRESH_RESERVE_SECONDS = _CALL_SECONDS + _MARGIN_SECONDS
"""What a refresh after an external change, which has no response, leaves for its last call."""

LAST_CALLS_SECONDS = 10.0
"""What an invocation keeps for its own calls when it pauses until an earlier one has ended."""


clock = time
"""Replaced by tests, in which time passes without waiting."""


def last_effect_at(issued_at: float, ended_at: float) -> float:
    """Until when an invocation may change a registration although CloudFormation does not wait.

    Its last call began before it had to ask, or while CloudFormation still waited.

    Args:
        issued_at: the time of its event, in seconds since 1970.
        ended_at: the time at which CloudFormation stopped waiting for it.
    """
    last_call_at = max(issued_at + UNCHECKED_SECONDS, ended_at + STACK_EVENTS_SECONDS)
    return last_call_at + _CALL_SECONDS + CLOCK_TOLERANCE_SECONDS


class TimeBudget:
    """The time that one invocation may spend on calls, and its pauses between them.

    Args:
        context: Lambda's context object.
        delay: the seconds between the event and this invocation. They count as spent.
        reserved: the seconds at the end in which no call begins.
        jitter: returns a number between two others.
    """

    def __init__(
        self,
        context: Any,
        *,
        delay: float = 0.0,
        reserved: float = RESERVED_SECONDS,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._context = context
        self._jitter = jitter
        self._reserved_seconds = reserved + delay
        self._ends_at = clock.monotonic() + self._remaining() - delay

    def seconds_left(self) -> float:
        """The seconds in which a call may still begin; zero or less if there are none."""
        return self._remaining() - self._reserved_seconds

    def extend(self) -> None:
        """Let calls begin until only the time for the last call and the response is left."""
        self._reserved_seconds = RESPONSE_RESERVE_SECONDS

    def earlier_calls_seconds(self) -> float:
        """For how many seconds an invocation that began before this one may go on with calls."""
        return self._ends_at - clock.monotonic() - RESERVED_SECONDS + _CALL_SECONDS

    def pause_for(self, seconds: float) -> None:
        """Sleep, but leave time for a few calls."""
        clock.sleep(max(0.0, min(seconds, self.seconds_left() - LAST_CALLS_SECONDS)))

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

    def _remaining(self) -> float:
        remaining: float = self._context.get_remaining_time_in_millis() / 1000
        return remaining
