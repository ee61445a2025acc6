"""Updates that CloudFormation no longer waits for, while their invocations are still running.

When CloudFormation cancels an update (a user cancels it, or another resource of the stack fails),
the invocation that works on it continues. CloudFormation rolls the update back by a second Update
with the properties exchanged. Two rules keep the first from undoing the second:

- An invocation stops itself. Before each call that changes something, except in the first seconds
  after its event, it reads from the stack events whether CloudFormation still waits for it.
- A rollback makes its changes after the last call that such an invocation can have begun.
"""

from __future__ import annotations

import logging

from . import sdk
from .errors import CancelledEventError, LateEventError
from .request import Request
from .stack_events import StackEvents
from .time_budget import UNCHECKED_SECONDS, TimeBudget

logger = logging.getLogger(__name__)


class PendingCheck:
    """Stops an invocation when CloudFormation no longer waits for its response."""

    def __init__(self, request: Request, stack_events: StackEvents) -> None:
        self._request = request
        self._stack_events = stack_events
        self._was_late = request.age(sdk.now()) >= UNCHECKED_SECONDS
        self._is_rollback = False

    def __call__(self, *, has_changed: bool, is_slow: bool = False) -> None:
        """Read the stack events, unless the event is a few seconds old and the call was not slow.

        Args:
            has_changed: whether the invocation may have changed something.
            is_slow: whether it ends a call during which the update may have been rolled back.

        Raises:
            StaleEventError: CloudFormation no longer waits.
        """
        is_young = self._request.age(sdk.now()) < UNCHECKED_SECONDS
        if self._is_rollback or (is_young and not is_slow):
            return
        if self._stack_events.is_pending() is False:
            error = CancelledEventError if has_changed else LateEventError
            raise error(self._request.desired)

    def check_rollback(self) -> None:
        """Check for the last time, if the event was late: a rollback cannot be cancelled.

        Raises:
            StaleEventError: CloudFormation no longer waits.
        """
        if self._was_late:
            self(has_changed=False)
        self._is_rollback = True


def pause_until_earlier_calls_end(
    request: Request, stack_events: StackEvents, budget: TimeBudget, check_pending: PendingCheck
) -> bool:
    """Pause while an earlier invocation for the resource may still change its registration.

    If the stack events do not tell, one may run until its time is up.

    Returns:
        Whether there may have been such an invocation.

    Raises:
        StaleEventError: CloudFormation no longer waits for the response to the request.
    """
    end = stack_events.earlier_effects_end()
    seconds = budget.earlier_calls_seconds() if end is None else end - sdk.now()
    if seconds <= 0:
        return False
    check_pending.check_rollback()
    logger.info(
        {
            "decision": "pause: a cancelled update may still be running",
            "label": request.desired.connector_label,
            "lambda_arn": request.desired.lambda_arn,
            "seconds": round(seconds),
        }
    )
    budget.extend()
    budget.pause_for(seconds)
    return True
