"""What CloudFormation has recorded about the resource of a request.

An event does not say whether CloudFormation still waits for its response, nor whether it reverts
another update, nor whether that update has finished. The stack events do. Source:
DescribeStackEvents in the AWS CloudFormation API Reference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from . import sdk, time_budget
from .request import Request

logger = logging.getLogger(__name__)

# In a large stack, the events of all other resources may come before those of this one.
_MAX_EVENTS = 1000

# Between the signature of an event's URL and the stack event that records its beginning.
_CLOCK_TOLERANCE_SECONDS = 3.0

StackEvent = Mapping[str, Any]


class StackEvents:
    """The stack events about the resource of a request."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def is_pending(self, issued_at: float) -> bool:
        """Whether CloudFormation still waits for the response to the request.

        It does if the latest stack event about the resource is the beginning of this request, and
        not its end or a later event. True also if the stack events cannot be read.

        ``issued_at`` is the time of the request in seconds since 1970.
        """
        latest = self._latest(lambda _: True)
        if latest is None:
            return True
        is_later: bool = latest["Timestamp"].timestamp() > issued_at + _CLOCK_TOLERANCE_SECONDS
        return _is_in_progress(latest) and not is_later

    def previous_update_finished(self) -> bool:
        """Whether CloudFormation received a response to the event before this one.

        CloudFormation records the reason of a failed response in the stack events, and every reason
        of a failed call to AppFlow names the connector. A cancelled or timed-out update has another
        reason, and its invocation may still be running.

        False also if the stack events cannot be read.
        """
        latest = self._latest(lambda event: not _is_in_progress(event))
        if latest is None:
            return False
        reason = latest.get("ResourceStatusReason", "")
        label = self._request.desired.connector_label
        return latest["ResourceStatus"] != "UPDATE_FAILED" or f"connector {label}:" in reason

    def _latest(self, is_wanted: Callable[[StackEvent], bool]) -> StackEvent | None:
        """Return the latest stack event of a kind, or None if it cannot be found."""
        started, outcome = time_budget.clock.monotonic(), "OK"
        found = None
        try:
            found = next(filter(is_wanted, self._read()), None)
        except (ClientError, BotoCoreError) as error:
            outcome = str(error)
        logger.info(
            {
                "call": "DescribeStackEvents",
                "label": self._request.desired.connector_label,
                "milliseconds": round((time_budget.clock.monotonic() - started) * 1000),
                "outcome": outcome,
            }
        )
        return found

    def _read(self) -> Iterator[StackEvent]:
        """Yield the resource's stack events, newest first."""
        until = time_budget.clock.monotonic() + time_budget.STACK_EVENTS_SECONDS
        paginator = sdk.client("cloudformation").get_paginator("describe_stack_events")
        for page in paginator.paginate(
            StackName=self._request.stack_id, PaginationConfig={"MaxItems": _MAX_EVENTS}
        ):
            for event in page["StackEvents"]:
                if event["LogicalResourceId"] == self._request.logical_resource_id:
                    yield event
            if time_budget.clock.monotonic() > until:
                return


def _is_in_progress(event: StackEvent) -> bool:
    status: str = event["ResourceStatus"]
    return status.endswith("_IN_PROGRESS")
