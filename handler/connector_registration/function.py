"""The Lambda entry point: one function for each request type of CloudFormation.

``lifecycle`` imports the SDK. Only an event that calls AppFlow imports it; the others take two
thirds of the time without it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .custom_resource import CustomResource
from .request import InvalidPropertyError, Request

logger = logging.getLogger(__name__)

resource = CustomResource()


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Handle one event."""
    resource(event, context)


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
