"""Refreshes the registrations of a function that has changed outside of a deployment.

The event is a hint. Events arrive late, more than once, in another order or not at all, and one
change sends several. So the handler looks at what is there: if AppFlow shows another configuration
than the function responds, AppFlow is to read it again. Nothing else is changed: a label that is
not registered with the function is left alone.

No response is sent. An exception makes Lambda run the event again, and after the last time sends it
to the provider's ``on_failure``.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from appflow_connector_configuration.differences import differences, is_same

from . import sdk
from .appflow_calls import AppFlowCalls, Connector
from .breaking_change_metric import report_breaking_changes
from .connector_configuration import read_configuration
from .decision_log import changes, log_decision
from .errors import (
    AppFlowError,
    FunctionFailedError,
    NotRegisteredError,
    RefreshFailedError,
    TrafficShiftError,
)
from .function_state import FunctionState
from .refresh_event import OldEventError, RefreshEvent
from .request import InvalidPropertyError, Registration
from .running_deployment import RunningDeployment
from .stack_history import StackHistory
from .time_budget import REFRESH_RESERVE_SECONDS, UPDATE_VISIBLE_SECONDS, TimeBudget

logger = logging.getLogger(__name__)

# For how long to read the state of the function again. Without it the handler goes on: it may have
# no route to Lambda.
_STATE_SECONDS = 20.0

# For how long to wait for an alias that shifts traffic. A shift can take hours, and its end sends
# another event.
_SHIFT_SECONDS = 30.0

Configuration = Mapping[str, Any]


def refresh(event: Mapping[str, Any], context: Any) -> None:
    """Refresh each registration of an event that AppFlow shows otherwise than its function says.

    Raises:
        RefreshFailedError: a registration could not be refreshed. The others were.
    """
    try:
        parsed = RefreshEvent.parse(event, context.invoked_function_arn, sdk.now())
    except (InvalidPropertyError, OldEventError) as error:
        logger.info({"decision": f"event ignored: {error}"})
        return
    budget = TimeBudget(context, reserved=REFRESH_RESERVE_SECONDS)
    # Function and stack are the same for all registrations of an event.
    first = parsed.registrations[0]
    said = functools.cache(lambda: read_configuration(first, budget))
    history = None if parsed.stack_id is None else StackHistory(parsed.stack_id, first, budget)
    errors = []
    for registration in parsed.registrations:
        try:
            _Refresh(parsed.event_id, registration, budget).run(said, history)
        except AppFlowError as error:
            log_decision(f"not refreshed: {error.problem}", registration, level=logging.ERROR)
            errors.append(error)
    if errors:
        raise RefreshFailedError(errors)


class _Refresh:
    """The refresh of one registration, after an event about its function."""

    def __init__(self, event_id: str, registration: Registration, budget: TimeBudget) -> None:
        self._event_id = event_id
        self._registration = registration
        self._budget = budget
        self._state = FunctionState(
            registration,
            budget,
            # A change before the failed update may not have been read yet.
            accepts_old_code=lambda: True,
            shift_seconds=_SHIFT_SECONDS,
            client="connector",
        )
        self._appflow = AppFlowCalls(
            sdk.client("appflow"),
            registration,
            budget=budget,
            wait_until_ready=self._state.wait_until_ready,
        )

    def run(self, ask: Callable[[], Configuration | None], history: StackHistory | None) -> None:
        """Refresh the registration if it is this function's and shows something else.

        Args:
            ask: returns what the function responds, or None if that is not known.
            history: the events of the registration's stack if it has the function too.

        Raises:
            AppFlowError: it could not be refreshed.
        """
        before = self._registered()
        if before is None or self._is_left_to_deployment(history) or not self._is_usable():
            return
        if self._state.was_pending:
            # The label may have been moved during the wait.
            before = self._registered()
        if before is not None:
            self._bring_in_line(before, ask())

    def _registered(self) -> Connector | None:
        """Return what AppFlow shows, if the label is registered with this function."""
        shown = self._appflow.describe()
        if shown is None:
            self._log("left alone: the label is not registered")
        elif shown.lambda_arn != self._registration.lambda_arn:
            self._log(f"left alone: the registered ARN is {shown.lambda_arn}")
            return None
        return shown

    def _is_left_to_deployment(self, history: StackHistory | None) -> bool:
        if history is None:
            return False
        is_left = RunningDeployment(history, self._registration).refreshes_registration()
        if is_left:
            self._log("left alone: a deployment of the stack changes the function and refreshes it")
        return is_left

    def _is_usable(self) -> bool:
        """Wait until the function is ready, and return whether AppFlow can read it.

        Raises:
            FunctionNotReadyError: it is not ready when the time is up.
        """
        try:
            for _ in self._budget.polls(_STATE_SECONDS):
                self._state.wait_until_ready()
                if self._state.refusal is None or not self._state.refusal.is_transient:
                    break
        except (FunctionFailedError, TrafficShiftError) as error:
            self._log(f"left alone: {error.problem}")
            return False
        is_missing = isinstance(self._state.refusal, NotRegisteredError)
        if is_missing:
            self._log("left alone: the function or alias does not exist")
        return not is_missing

    def _bring_in_line(self, before: Connector, said: Configuration | None) -> None:
        if said is not None and is_same(before.configuration, said):
            refusal = self._state.refusal
            if refusal is not None and refusal.is_transient:
                # The response may be that of the old code, and no later event may follow.
                raise refusal
            self._log("no refresh needed: AppFlow shows what the connector responds")
            return
        after = self._refresh(self._revision_token(), said)
        if after is not None and _differs(after, said):
            # The function may have changed once more. Or an older call has taken effect after this
            # one, which AppFlow does not repeat under its token.
            said = read_configuration(self._registration, self._budget)
            if _differs(after, said):
                after = self._refresh(self._token(self._event_id), said)
        if after is not None:
            self._report(before, after, said)

    def _refresh(self, client_token: str, said: Configuration | None) -> Connector | None:
        """Have AppFlow read the connector, and return what it shows when it shows a change.

        None if the label is another function's by now.
        """
        self._log("refresh")
        try:
            self._appflow.refresh(client_token)
        except NotRegisteredError:
            # AppFlow returns the same error for a Lambda function that it cannot find.
            if self._registered() is not None:
                raise
            return None
        shown = None
        for _ in self._budget.polls(UPDATE_VISIBLE_SECONDS):
            shown = self._registered()
            if shown is None or not _differs(shown, said):
                break
        return shown

    def _report(self, before: Connector, after: Connector, said: Configuration | None) -> None:
        changed = changes(before, after)
        if _differs(after, said):
            self._log(
                "refreshed, but AppFlow shows another configuration than the connector responds",
                level=logging.WARNING,
                changes=changed,
                differences=[one.path for one in differences(after.configuration, said or {})],
            )
        else:
            self._log("refreshed", changes=changed)
        report_breaking_changes(self._appflow, before.configuration, after.configuration)

    def _revision_token(self) -> str:
        """The same token for every event about a state of the function.

        AppFlow keeps a token for eight hours, so that several events refresh once. Without the
        right to read the state, only an event that is delivered twice refreshes once.
        """
        return self._token(self._state.revision() or self._event_id)

    def _token(self, reason: str) -> str:
        registration = self._registration
        parts = (registration.connector_label, registration.lambda_arn, reason)
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def _log(self, decision: str, **members: Any) -> None:
        log_decision(decision, self._registration, **members, event=self._event_id)


def _differs(shown: Connector, said: Configuration | None) -> bool:
    """Whether AppFlow is known to show something else than the connector responds."""
    return said is not None and not is_same(shown.configuration, said)
