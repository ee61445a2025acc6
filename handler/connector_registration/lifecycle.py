"""What the events of a resource ask of AppFlow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import registration, sdk, stack_events
from .appflow import LONGEST_PAUSE_SECONDS, AppFlow, Clock, Connector
from .custom_resource import CustomResource
from .errors import no_longer_awaited
from .request import Request
from .response import SLOWEST_SECONDS

_CALL_SECONDS = sdk.PATIENCE["appflow"].connect + sdk.PATIENCE["appflow"].read

# When less than this is left of the invocation, no call to AppFlow begins: one that did could still
# be running when the failure is answered, and take effect after CloudFormation has rolled back.
_LAST_LOOK_SECONDS = _CALL_SECONDS + SLOWEST_SECONDS + 5

# All other calls stop that much earlier. Should an update be given up, its rollback, which begins
# later, can so look once more when the last call of that update has ended.
_LAST_CALL_SECONDS = _LAST_LOOK_SECONDS + _CALL_SECONDS + LONGEST_PAUSE_SECONDS + 5

# An event that is older has waited in Lambda's queue, or is delivered once more: Lambda repeats an
# invocation that failed after a minute. By then the stack's events show what has become of it.
_LATE_SECONDS = 30.0

clock: Clock = time
"""Time, for the waits between the tries of a call."""


def create(request: Request, resource: CustomResource, context: Any) -> Mapping[str, str]:
    """Register the connector, or adopt one that is registered under the label already."""
    _check_awaited(request)
    appflow = _appflow(request, context)
    if registration.register_or_adopt(request.desired, appflow):
        # Should anything fail from here on, the Delete that follows finds what was registered.
        resource.fail_as(request.desired.connector_label)
    return _attributes(appflow.read_back(request.desired))


def update(request: Request, context: Any) -> Mapping[str, str]:
    """Bring the registration up to date, or register a new label in place of the old one."""
    _check_awaited(request)
    appflow = _appflow(request, context)
    if request.physical_resource_id != request.desired.connector_label:
        registration.register_in_place_of_another(request.desired, appflow)
        return _attributes(appflow.read_back(request.desired))
    watch = registration.Watch(
        is_needed=lambda: (
            not stack_events.last_update_has_ended(request, sdk.client("cloudformation"), clock)
        ),
        appflow=_appflow(request, context, reserved_seconds=_LAST_LOOK_SECONDS),
    )
    return _attributes(registration.refresh(request, appflow, watch))


def delete(request: Request, context: Any) -> None:
    """Unregister the connector if it is this resource's own."""
    _check_awaited(request)
    registration.unregister_if_ours(request, _appflow(request, context))


def _check_awaited(request: Request) -> None:
    """Raise AppFlowError for an event that CloudFormation has got its answer to, or given up.

    The token of a call keeps an event that took effect from taking effect again, but not one that
    failed, and is rolled back by now, nor one that had nothing to do.
    """
    if request.issued_at is None or clock.time() - request.issued_at < _LATE_SECONDS:
        return
    if not stack_events.is_awaited(request, request.issued_at, sdk.client("cloudformation"), clock):
        raise no_longer_awaited(request.desired)


def _attributes(held: Connector) -> Mapping[str, str]:
    return {
        "ConnectorArn": held.connector_arn,
        "ConnectorLabel": held.connector_label,
        "LambdaArn": held.lambda_arn,
        "ConnectorVersion": held.version,
    }


def _appflow(
    request: Request, context: Any, *, reserved_seconds: float = _LAST_CALL_SECONDS
) -> AppFlow:
    def seconds_left() -> float:
        left: float = context.get_remaining_time_in_millis() / 1000
        return left - reserved_seconds

    return AppFlow(
        sdk.client("appflow"),
        request_id=request.request_id,
        seconds_left=seconds_left,
        clock=clock,
    )
