"""The Lambda entry point: one function for each request type.

``lifecycle`` and ``external_change`` import the SDK. Only an event that calls AppFlow imports one
of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .custom_resource import CustomResource, set_up_log
from .request import InvalidPropertyError, Request

logger = logging.getLogger(__name__)

REFRESH = "Refresh"
"""The request type of a refresh event."""

REQUEST_TYPES = ("Create", "Update", "Delete", REFRESH)

resource = CustomResource()


def handler(event: Any, context: Any) -> None:
    """Handle one event: a request of CloudFormation, or a refresh event of an EventBridge rule.

    Any other event is logged and ignored.
    """
    members: Mapping[str, Any] = event if isinstance(event, dict) else {}
    request_type = members.get("RequestType")
    if request_type == REFRESH:
        set_up_log(context, RequestType=REFRESH)
        from . import external_change

        external_change.refresh(event, context)
    elif request_type in REQUEST_TYPES or "ResponseURL" in members:
        resource(event, context)
    else:
        set_up_log(context)
        reason = "it has no RequestType"
        if request_type is not None:
            reason = f"its RequestType is {request_type!r:.60}"
        logger.info({"decision": f"event ignored: {reason}", "allowed": REQUEST_TYPES})


@resource.create
def create(event: Mapping[str, Any], context: Any) -> str:
    """Register or adopt the connector."""
    request = Request.parse(event)
    from . import lifecycle

    def on_registered(connector_label: str) -> None:
        # If anything fails from here on, CloudFormation's Delete has to find the registration.
        resource.response.failure_physical_id = connector_label

    resource.Data.update(lifecycle.create(request, context, on_registered))
    return request.desired.connector_label


@resource.update
def update(event: Mapping[str, Any], context: Any) -> str:
    """Refresh the registration, or replace its label."""
    request = Request.parse(event)
    from . import lifecycle

    resource.Data.update(lifecycle.update(request, context))
    return request.desired.connector_label


@resource.delete
def delete(event: Mapping[str, Any], context: Any) -> str:
    """Unregister the connector if the removal policy is DESTROY and this resource owns it."""
    physical_id: str = event["PhysicalResourceId"]
    try:
        request = Request.parse(event)
    except InvalidPropertyError as error:
        # A resource with invalid properties was never registered.
        logger.info({"decision": f"nothing to unregister: {error}"})
        return physical_id
    if request.retain_reason is not None:
        label = request.desired.connector_label
        logger.info({"decision": f"not unregistered: {request.retain_reason}", "label": label})
        return physical_id
    from . import lifecycle

    lifecycle.delete(request, context)
    return physical_id
