"""What CloudFormation has recorded about the resource that an event is about.

An event does not say whether it rolls another one back, still less whether that one has ended; the
events of the stack do. Source: DescribeStackEvents in the AWS CloudFormation API Reference.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .request import Request

logger = logging.getLogger(__name__)

# The resource's last events may stand behind those of every other resource of a large stack.
_READ_EVENTS = 1000


def last_update_has_ended(request: Request, client: Any) -> bool:
    """Whether the event of this resource before the current one has been answered.

    CloudFormation writes an answered failure's reason into the stack's events, and every failure of
    a call to AppFlow names the connector in its reason. An update that was cancelled has another
    reason, and its invocation may still be running. So may one that ran out of time.

    Returns:
        False also if the stack's events cannot be read.
    """
    try:
        for event in _events_of_the_resource(request, client):
            if not event["ResourceStatus"].endswith("_IN_PROGRESS"):
                reason = event.get("ResourceStatusReason", "")
                label = request.desired.connector_label
                return event["ResourceStatus"] != "UPDATE_FAILED" or f"connector {label}:" in reason
    except (ClientError, BotoCoreError) as error:
        logger.warning({"stack_events": "unreadable", "error": str(error)})
    return False


def _events_of_the_resource(request: Request, client: Any) -> Iterator[Mapping[str, Any]]:
    """The resource's events, newest first."""
    pages = client.get_paginator("describe_stack_events").paginate(
        StackName=request.stack_id, PaginationConfig={"MaxItems": _READ_EVENTS}
    )
    for page in pages:
        for event in page["StackEvents"]:
            if event["LogicalResourceId"] == request.logical_resource_id:
                yield event
