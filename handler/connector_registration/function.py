"""The Lambda entry point: one function for each request type of CloudFormation.

``lifecycle`` brings the SDK with it, so it is imported by the first event that calls AppFlow; one
that calls nobody takes two thirds of the time without it.
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
    """Handle one event; the errors are those of ``CustomResource``."""
    resource(event, context)


@resource.create
def create(event: Mapping[str, Any], context: Any) -> str:
    """Register or adopt the connector."""
    request = Request.parse(event)
    from . import lifecycle

    resource.Data.update(lifecycle.create(request, resource, context))
    return request.desired.connector_label


@resource.update
def update(event: Mapping[str, Any], context: Any) -> str:
    """Bring the registration up to date, or register a new label in place of the old one."""
    request = Request.parse(event)
    from . import lifecycle

    resource.Data.update(lifecycle.update(request, context))
    return request.desired.connector_label


@resource.delete
def delete(event: Mapping[str, Any], context: Any) -> str:
    """Unregister the connector if the template says so and it is this resource's own."""
    physical_id: str = event["PhysicalResourceId"]
    try:
        request = Request.parse(event)
    except InvalidPropertyError as error:
        # Properties that cannot be read have never been registered.
        logger.info({"decision": f"nothing to unregister: {error}"})
        return physical_id
    if request.why_kept is not None:
        label = request.desired.connector_label
        logger.info({"decision": f"left alone: {request.why_kept}", "label": label})
        return physical_id
    from . import lifecycle

    lifecycle.delete(request, context)
    return physical_id
