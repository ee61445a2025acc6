"""The Lambda entry point: one function for each request type of CloudFormation."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from . import registration, stack_events
from .appflow import AppFlow, Clock, Connector
from .custom_resource import CustomResource
from .request import InvalidPropertyError, Request
from .response import SLOWEST_SECONDS

# AppFlow answers an update only after the connector's Lambda has answered it, and Amazon's samples
# give a connector 30 seconds.
_READ_TIMEOUT_SECONDS = 40
_CONNECT_TIMEOUT_SECONDS = 5

# When less than this is left of the invocation, no call to AppFlow begins: one that did could still
# be running when the failure is answered, and take effect after CloudFormation has rolled back.
_RESERVED_SECONDS = _CONNECT_TIMEOUT_SECONDS + _READ_TIMEOUT_SECONDS + SLOWEST_SECONDS + 5

handler = CustomResource()

clock: Clock = time
"""Time, for the waits between the tries of a call."""


@handler.create
def create(event: Mapping[str, Any], context: Any) -> str:
    """Register the connector, or adopt one that is registered under the label already."""
    request = Request.parse(event)
    appflow = _appflow(request, context)
    if registration.register_or_adopt(request.desired, appflow):
        # Should anything fail from here on, the Delete that follows finds what was registered.
        handler.fail_as(request.desired.connector_label)
    return _succeed(appflow.read_back(request.desired), request)


@handler.update
def update(event: Mapping[str, Any], context: Any) -> str:
    """Bring the registration up to date, or register a new label in place of the old one."""
    request = Request.parse(event)
    appflow = _appflow(request, context)
    if request.physical_resource_id == request.desired.connector_label:

        def last_update_has_ended() -> bool:
            client = _client("cloudformation", attempts=3)
            return stack_events.last_update_has_ended(request, client)

        return _succeed(registration.refresh(request, appflow, last_update_has_ended), request)
    registration.register_or_adopt(request.desired, appflow)
    return _succeed(appflow.read_back(request.desired), request)


@handler.delete
def delete(event: Mapping[str, Any], context: Any) -> str:
    """Unregister the connector if the template says so and it is this resource's own."""
    physical_id: str = event["PhysicalResourceId"]
    try:
        request = Request.parse(event)
    except InvalidPropertyError:
        # Properties that cannot be read have never been registered.
        return physical_id
    if request.desired.unregister_on_delete and physical_id == request.desired.connector_label:
        registration.unregister_if_ours(request, _appflow(request, context))
    return physical_id


def _succeed(held: Connector, request: Request) -> str:
    handler.Data.update(
        ConnectorArn=held.connector_arn,
        ConnectorLabel=held.connector_label,
        LambdaArn=held.lambda_arn,
        ConnectorVersion=held.version,
    )
    return request.desired.connector_label


def _appflow(request: Request, context: Any) -> AppFlow:
    def seconds_left() -> float:
        left: float = context.get_remaining_time_in_millis() / 1000
        return left - _RESERVED_SECONDS

    return AppFlow(
        _client("appflow", attempts=1),
        request_id=request.request_id,
        seconds_left=seconds_left,
        clock=clock,
    )


@functools.cache
def _client(service: str, attempts: int) -> Any:
    return boto3.session.Session().client(
        service,
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=_READ_TIMEOUT_SECONDS,
            # One attempt for AppFlow: its class retries; see there.
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
    )
