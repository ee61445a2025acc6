"""What CloudFormation has recorded about the resource that an event is about.

An event does not say whether CloudFormation still waits for its answer, nor whether it rolls
another one back, still less whether that one has ended; the events of the stack do. Source:
DescribeStackEvents in the AWS CloudFormation API Reference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .appflow import Clock
from .request import Request

logger = logging.getLogger(__name__)

# The resource's last events may stand behind those of every other resource of a large stack.
_READ_EVENTS = 1000
_READ_SECONDS = 15.0

# Between the signing of an event's URL and the record of its beginning.
_APART_SECONDS = 3.0

StackEvent = Mapping[str, Any]


def is_awaited(request: Request, issued_at: float, client: Any, clock: Clock) -> bool:
    """Whether CloudFormation still waits for the answer to an event that it has issued long ago.

    It does if the last thing that it has recorded about the resource is the beginning of this
    event, and not its end or something later. True also if nothing is found out.
    """
    last = _newest(request, client, clock, lambda _: True)
    if last is None:
        return True
    is_later: bool = last["Timestamp"].timestamp() > issued_at + _APART_SECONDS
    return _is_in_progress(last) and not is_later


def last_update_has_ended(request: Request, client: Any, clock: Clock) -> bool:
    """Whether the event of this resource before the current one has been answered.

    CloudFormation writes an answered failure's reason into the stack's events, and every failure of
    a call to AppFlow names the connector in its reason. An update that was cancelled has another
    reason, and its invocation may still be running. So may one that ran out of time.

    False also if nothing is found out.
    """
    last = _newest(request, client, clock, lambda event: not _is_in_progress(event))
    if last is None:
        return False
    reason = last.get("ResourceStatusReason", "")
    label = request.desired.connector_label
    return last["ResourceStatus"] != "UPDATE_FAILED" or f"connector {label}:" in reason


def _is_in_progress(event: StackEvent) -> bool:
    status: str = event["ResourceStatus"]
    return status.endswith("_IN_PROGRESS")


def _newest(
    request: Request, client: Any, clock: Clock, is_wanted: Callable[[StackEvent], bool]
) -> StackEvent | None:
    """The resource's newest event of a kind, if it is among the stack's last and can be read."""
    started, outcome = clock.monotonic(), "OK"
    found = None
    try:
        events = _events_of_the_resource(request, client, clock)
        found = next(filter(is_wanted, events), None)
    except (ClientError, BotoCoreError) as error:
        outcome = str(error)
    logger.info(
        {
            "call": "DescribeStackEvents",
            "label": request.desired.connector_label,
            "milliseconds": round((clock.monotonic() - started) * 1000),
            "outcome": outcome,
        }
    )
    return found


def _events_of_the_resource(request: Request, client: Any, clock: Clock) -> Iterator[StackEvent]:
    """The resource's events, newest first."""
    until = clock.monotonic() + _READ_SECONDS
    pages = client.get_paginator("describe_stack_events").paginate(
        StackName=request.stack_id, PaginationConfig={"MaxItems": _READ_EVENTS}
    )
    for page in pages:
        for event in page["StackEvents"]:
            if event["LogicalResourceId"] == request.logical_resource_id:
                yield event
        if clock.monotonic() > until:
            return
