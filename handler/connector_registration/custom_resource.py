"""crhelper, fenced.

crhelper parses no properties and makes no decisions; what it gives is the dispatch by request type,
the logging set-up, and the catching of whatever a handler raises. Its ways of answering are
replaced here, through the methods it lets subclasses override, because version 2.0.12

- puts an empty physical id into time-out and initialisation failures, and a random one elsewhere;
- answers twice when its timer and the handler finish together;
- counts any HTTP status as delivered, retries without end, and never times out;
- sends a malformed event's failure to the event before;
- waits two minutes before answering a Delete, and logs the presigned URL at its default level.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import urllib3
from crhelper import CfnResource

from .response import SLOWEST_SECONDS, ForeseenError, Response, pool

logger = logging.getLogger(__name__)

# The timer answers when only this is left: a last resort, in time for the slowest answer.
_TIMER_SECONDS = SLOWEST_SECONDS + 3

FAILED_CREATE = "FAILED-CREATE:"
"""Start of the physical id of a Create that failed. No AppFlow label may contain a colon, so the
Delete that CloudFormation sends for it cannot be taken for one of a registered connector."""


class CustomResource(CfnResource):
    """A crhelper resource that answers each event once, in time, under the right physical id.

    A handler function puts attributes into ``Data`` and returns the physical id. A failure is
    answered under the event's own id, or on Create under one that owns nothing, unless the function
    has said otherwise with ``fail_as``.
    """

    # Of the event at hand.
    _response: Response
    _invocation: Any

    def __init__(self, http: Callable[[], urllib3.PoolManager] = pool) -> None:
        # crhelper makes no clients, which nobody uses here, for SAM's local invocations.
        os.environ["AWS_SAM_LOCAL"] = "true"
        super().__init__(
            json_logging=True,
            # At DEBUG crhelper logs the event, which holds the presigned URL. It keeps the SDK's
            # loggers at ERROR by itself: below, urllib3 logs the URL with each repeated answer.
            log_level="INFO",
            # The wait is meant for logs to arrive; a stack's deletion is worth more.
            sleep_on_delete=0,
        )
        del os.environ["AWS_SAM_LOCAL"]
        self._http = http

    def __call__(self, event: Mapping[str, Any], context: Any) -> None:
        """Handle one event.

        Raises:
            KeyError: the event has no ResponseURL or ids, so that nobody can be answered. Nothing
                has been done, and no earlier event's URL is used.
            ValueError: the ResponseURL is not https.
            LostResponseError: the answer did not arrive.
        """
        failure_id = event.get("PhysicalResourceId") or f"{FAILED_CREATE}{event['RequestId']}"
        self._response = Response(event, self._http, failure_id=failure_id)
        self._invocation = context
        # OpenSSL reads the authorities for the answer without the interpreter's lock, so it can do
        # that meanwhile: an eighth of a cold Update.
        threading.Thread(target=self._http, daemon=True).start()
        try:
            super().__call__(event, context)
        except BaseException as error:
            # crhelper catches exceptions only; an exit would leave the stack waiting.
            self._response.fail(f"The handler ended early: {error!r}. Deploy again.")
            raise
        self._response.check_delivered()

    def fail_as(self, physical_id: str) -> None:
        """Answer under this physical id if the rest of the current event's work fails."""
        self._response.failure_id = physical_id

    def _wrap_function(self, func: Callable[[Mapping[str, Any], Any], str]) -> None:
        def explain(event: Mapping[str, Any], context: Any) -> str:
            try:
                return func(event, context)
            except ForeseenError:
                raise
            except Exception as error:
                raise RuntimeError(
                    f"The handler failed unexpectedly: {error!r}. Report it to"
                    " cdk-appflow-connector, with what log group"
                    f" {context.log_group_name} says of request {event['RequestId']}."
                ) from error

        super()._wrap_function(explain)  # type: ignore[misc]

    def _set_timeout(self) -> None:
        seconds = self._invocation.get_remaining_time_in_millis() / 1000 - _TIMER_SECONDS
        reason = (
            "The handler ran out of time before AppFlow answered. Deploy again; if it happens"
            f" again, see log group {self._invocation.log_group_name}."
        )
        # The timer holds its own event's response: should its thread be frozen together with the
        # container, it cannot answer a later event.
        self._timer = threading.Timer(max(seconds, 0), self._response.fail, [reason])
        self._timer.daemon = True
        self._timer.start()

    def _send(
        self,
        status: str | None = None,
        reason: str = "",
        send_response: Any = None,  # noqa: ARG002 - crhelper's signature
    ) -> None:
        if (status or self.Status) == "SUCCESS":
            self._response.succeed(self.PhysicalResourceId, self.Data)
            return
        # CloudFormation wants a reason; an exception can have an empty text.
        log_group = self._invocation.log_group_name
        self._response.fail(reason or self.Reason or f"See log group {log_group}.")
