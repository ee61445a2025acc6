"""What CloudFormation has recorded about the resource of a request.

An event does not say whether CloudFormation still waits for its response, nor whether it reverts
another update, nor whether that update has finished. The stack events do. Source:
DescribeStackEvents in the AWS CloudFormation API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import sdk, time_budget
from .request import Request

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
        latest = self._latest(self._is_about_resource)
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
        latest = self._latest(
            lambda event: self._is_about_resource(event) and not _is_in_progress(event)
        )
        if latest is None:
            return False
        reason = latest.get("ResourceStatusReason", "")
        label = self._request.desired.connector_label
        return latest["ResourceStatus"] != "UPDATE_FAILED" or f"connector {label}:" in reason

    def is_rollback(self) -> bool:
        """Whether CloudFormation rolls the stack back. False if the stack events cannot be read."""
        latest = self._latest(
            lambda event: event.get("PhysicalResourceId") == self._request.stack_id
        )
        return latest is not None and "ROLLBACK" in latest["ResourceStatus"]

    def _is_about_resource(self, event: StackEvent) -> bool:
        found: bool = event["LogicalResourceId"] == self._request.logical_resource_id
        return found

    def _latest(self, is_wanted: Callable[[StackEvent], bool]) -> StackEvent | None:
        """Return the latest stack event of a kind, or None if it cannot be found."""
        started, outcome = time_budget.clock.monotonic(), "OK"
        found = None
        try:
            found = next(filter(is_wanted, self._read()), None)
        except sdk.CALL_ERRORS as error:
            outcome = str(error)
        label = self._request.desired.connector_label
        sdk.log_call("DescribeStackEvents", label, started, outcome)
        return found

    def _read(self) -> Iterator[StackEvent]:
        """Yield the stack events, newest first."""
        until = time_budget.clock.monotonic() + time_budget.STACK_EVENTS_SECONDS
        paginator = sdk.client("cloudformation").get_paginator("describe_stack_events")
        for page in paginator.paginate(
            StackName=self._request.stack_id, PaginationConfig={"MaxItems": _MAX_EVENTS}
        ):
            yield from page["StackEvents"]
            if time_budget.clock.monotonic() > until:
                return


def _is_in_progress(event: StackEvent) -> bool:
    status: str = event["ResourceStatus"]
    return status.endswith("_IN_PROGRESS")
