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
import threading
from collections.abc import Mapping
from typing import Any

import urllib3
from crhelper import CfnResource

from .response import Response, pool

logger = logging.getLogger(__name__)

RESERVED_SECONDS = 50.0
"""When so little of the invocation is left, no new call begins and the timer answers.

Longer than an answer takes, and longer than a call that began just before: the invocation ends by
itself. Should Lambda have to end it, it would run the same event again minutes later, and bring a
change back that has been rolled back meanwhile."""

FAILED_CREATE = "FAILED-CREATE:"
"""Start of the physical id of a Create that failed. No AppFlow label may contain a colon, so the
Delete that CloudFormation sends for it cannot be taken for one of a registered connector."""


class CustomResource(CfnResource):
    """A crhelper resource that answers each event once, in time, under the right physical id.

    A handler function sets ``PhysicalResourceId`` as soon as a failure has to be answered under
    another id than the event's own, puts attributes into ``Data``, and returns the physical id.
    """

    def __init__(self, http: urllib3.PoolManager | None = None) -> None:
        super().__init__(
            json_logging=True,
            # At DEBUG crhelper logs the event, which holds the presigned URL.
            log_level="INFO",
            boto_level="CRITICAL",
            # The wait is meant for logs to arrive; a stack's deletion is worth more.
            sleep_on_delete=0,
        )
        self._http = http or pool()
        self._response: Response | None = None
        self._invocation: Any = None
        self._fallback_id = ""

    def __call__(self, event: Mapping[str, Any], context: Any) -> None:
        """Handle one event.

        Raises:
            KeyError: the event has no ResponseURL or ids, so that nobody can be answered. Nothing
                has been done, and no earlier event's URL is used.
        """
        self._response = Response(event, self._http)
        self._invocation = context
        self._fallback_id = _fallback_id(event)
        super().__call__(event, context)

    def generate_physical_id(self, event: Mapping[str, Any]) -> str:  # noqa: ARG002
        """The id that crhelper answers under if a Create failed before it had one.

        The same for every delivery of the event, unlike crhelper's random one.
        """
        return self._fallback_id

    def _set_timeout(self) -> None:
        seconds = self._invocation.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS
        # The timer keeps its own event's response: should its thread be frozen together with the
        # container, it cannot answer a later event.
        arguments = (self._response, self._invocation.log_group_name)
        self._timer = threading.Timer(max(seconds, 0), self._time_is_up, arguments)
        self._timer.daemon = True
        self._timer.start()

    def _time_is_up(self, response: Response, log_group: str) -> None:
        reason = (
            "The handler ran out of time before AppFlow answered. Deploy again; if it happens"
            f" again, see log group {log_group}."
        )
        response.send("FAILED", reason, self.PhysicalResourceId or self._fallback_id, {})

    def _send(
        self,
        status: str | None = None,
        reason: str = "",
        send_response: Any = None,  # noqa: ARG002 - crhelper's signature
    ) -> None:
        assert self._response is not None
        status = status or self.Status
        failed = status == "FAILED"
        if failed:
            # CloudFormation wants a reason; an exception can have an empty text.
            reason = reason or self.Reason or f"See log group {self._invocation.log_group_name}."
        physical_id = self.PhysicalResourceId or self._fallback_id
        self._response.send(status, reason, physical_id, {} if failed else self.Data)


def _fallback_id(event: Mapping[str, Any]) -> str:
    """The id to answer a failure with: CloudFormation's own, or one that owns nothing."""
    given: str | None = event.get("PhysicalResourceId")
    return given or f"{FAILED_CREATE}{event['RequestId']}"
