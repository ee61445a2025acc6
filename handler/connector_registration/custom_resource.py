"""crhelper, with its responses replaced.

crhelper dispatches by request type, sets up logging and catches the exceptions of a handler. It
parses no properties and makes no decisions. This module replaces its responses through the methods
that subclasses may override, because version 2.0.12

- sends an empty physical id with time-outs and initialisation failures, and a random one elsewhere;
- sends two responses when its timer and the handler finish together;
- counts any HTTP status as delivered, retries without end, and never times out;
- sends the failure of a malformed event to the URL of the event before;
- waits two minutes before the response to a Delete, and logs the presigned URL by default.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import urllib3
from crhelper import CfnResource, log_helper

from .delivery import pool
from .response import ReportableError, Response
from .time_budget import TIMER_SECONDS

logger = logging.getLogger(__name__)

# At DEBUG crhelper logs the event, which contains the presigned URL. Below ERROR, urllib3 logs the
# URL with each retry.
_LOG_LEVEL = "INFO"
_SDK_LOG_LEVEL = "ERROR"

FAILED_CREATE = "FAILED-CREATE:"
"""Prefix of the physical id of a failed Create. AppFlow's labels contain no colon, so the Delete
that CloudFormation sends for this id cannot be mistaken for one of a registered connector."""


def set_up_log(context: Any, **members: str) -> None:
    """Log as for a request of CloudFormation, during an event that is none.

    Each line contains the members, and the id of the invocation.
    """
    log_helper.setup(
        _LOG_LEVEL, boto_level=_SDK_LOG_LEVEL, aws_request_id=context.aws_request_id, **members
    )


class CustomResource(CfnResource):
    """A crhelper resource that sends one response to each event, in time, with the right id.

    A handler function puts attributes into ``Data`` and returns the physical id. A failure carries
    the event's physical id, or on Create an id that owns nothing, unless the function has set
    another one in ``response``.
    """

    # Of the current event.
    response: Response
    _invocation: Any

    def __init__(self, http: Callable[[str], urllib3.PoolManager] = pool) -> None:
        # With this variable crhelper creates no boto3 clients, which the handler does not use.
        os.environ["AWS_SAM_LOCAL"] = "true"
        super().__init__(
            json_logging=True,
            log_level=_LOG_LEVEL,
            boto_level=_SDK_LOG_LEVEL,
            sleep_on_delete=0,
        )
        del os.environ["AWS_SAM_LOCAL"]
        self._http = http

    def __call__(self, event: Mapping[str, Any], context: Any) -> None:
        """Handle one event.

        Raises:
            KeyError: the event has no ResponseURL or ids, so no response can be sent. Nothing has
                been done, and no earlier event's URL is used.
            ValueError: the ResponseURL is not https.
            ResponseNotDeliveredError: the response did not reach CloudFormation.
        """
        failure_id = event.get("PhysicalResourceId") or f"{FAILED_CREATE}{event['RequestId']}"
        self.response = Response(event, self._http, failure_physical_id=failure_id)
        self._invocation = context
        try:
            super().__call__(event, context)
        except BaseException as error:
            # crhelper catches no SystemExit, which would leave the stack without a response.
            self.response.fail(f"The handler ended early: {error!r}. Deploy again.")
            raise
        self.response.check_delivered()

    def _wrap_function(self, func: Callable[[Mapping[str, Any], Any], str]) -> None:
        def report_unexpected(event: Mapping[str, Any], context: Any) -> str:
            try:
                return func(event, context)
            except ReportableError:
                raise
            except Exception as error:
                raise RuntimeError(
                    f"The handler failed unexpectedly: {error!r}. Report this bug to"
                    f" cdk-appflow-connector, with the lines of log group {context.log_group_name}"
                    f" about request {event['RequestId']}."
                ) from error

        super()._wrap_function(report_unexpected)  # type: ignore[misc]

    def _set_timeout(self) -> None:
        seconds = self._invocation.get_remaining_time_in_millis() / 1000 - TIMER_SECONDS
        reason = (
            "The handler ran out of time before AppFlow responded. Deploy again. If it happens"
            f" again, see log group {self._invocation.log_group_name}."
        )
        # The timer keeps the response of its event. If Lambda freezes its thread together with the
        # container, the timer cannot respond to a later event.
        self._timer = threading.Timer(max(seconds, 0), self.response.fail, [reason])
        self._timer.daemon = True
        self._timer.start()

    def _send(
        self,
        status: str | None = None,
        reason: str = "",
        send_response: Any = None,  # noqa: ARG002 - crhelper's signature
    ) -> None:
        if (status or self.Status) == "SUCCESS":
            self.response.succeed(self.PhysicalResourceId, self.Data)
            return
        # CloudFormation requires a reason, and an exception can have an empty text.
        log_group = self._invocation.log_group_name
        self.response.fail(reason or self.Reason or f"See log group {log_group}.")
