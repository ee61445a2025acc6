"""What the events of a resource ask of AppFlow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import registration, sdk, stack_events
from .appflow import AppFlow, Clock, Connector
from .custom_resource import CustomResource
from .request import Request
from .response import SLOWEST_SECONDS

# When less than this is left of the invocation, no call to AppFlow begins: one that did could still
# be running when the failure is answered, and take effect after CloudFormation has rolled back.
_RESERVED_SECONDS = sdk.CONNECT_TIMEOUT_SECONDS + sdk.READ_TIMEOUT_SECONDS + SLOWEST_SECONDS + 5

clock: Clock = time
"""Time, for the waits between the tries of a call."""


def create(request: Request, resource: CustomResource, context: Any) -> Mapping[str, str]:
    """Register the connector, or adopt one that is registered under the label already."""
    appflow = _appflow(request, context)
    if registration.register_or_adopt(request.desired, appflow):
        # Should anything fail from here on, the Delete that follows finds what was registered.
        resource.fail_as(request.desired.connector_label)
    return _attributes(appflow.read_back(request.desired))


def update(request: Request, context: Any) -> Mapping[str, str]:
    """Bring the registration up to date, or register a new label in place of the old one."""
    appflow = _appflow(request, context)
    if request.physical_resource_id == request.desired.connector_label:

        def last_update_has_ended() -> bool:
            client = sdk.client("cloudformation", attempts=3)
            return stack_events.last_update_has_ended(request, client)

        return _attributes(registration.refresh(request, appflow, last_update_has_ended))
    registration.register_or_adopt(request.desired, appflow)
    return _attributes(appflow.read_back(request.desired))


def delete(request: Request, context: Any) -> None:
    """Unregister the connector if it is this resource's own."""
    registration.unregister_if_ours(request, _appflow(request, context))


def _attributes(held: Connector) -> Mapping[str, str]:
    return {
        "ConnectorArn": held.connector_arn,
        "ConnectorLabel": held.connector_label,
        "LambdaArn": held.lambda_arn,
        "ConnectorVersion": held.version,
    }


def _appflow(request: Request, context: Any) -> AppFlow:
    def seconds_left() -> float:
        left: float = context.get_remaining_time_in_millis() / 1000
        return left - _RESERVED_SECONDS

    return AppFlow(
        sdk.client("appflow", attempts=1),
        request_id=request.request_id,
        seconds_left=seconds_left,
        clock=clock,
    )
