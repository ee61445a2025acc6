"""What the handler does in AppFlow for a Create, an Update and a Delete."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from . import cancelled_update, sdk
from .appflow import AppFlow, Connector
from .errors import (
    AlreadyRegisteredError,
    AppFlowError,
    MissingRegistrationError,
    NotRegisteredError,
    StaleEventError,
)
from .function_state import FunctionState
from .request import Adoption, Registration, Request
from .stack_events import StackEvents
from .time_budget import UNCHECKED_SECONDS, TimeBudget

logger = logging.getLogger(__name__)

_MAX_SHOWN_LENGTH = 200


def create(
    request: Request, context: Any, on_registered: Callable[[str], None]
) -> Mapping[str, str]:
    """Register or adopt the connector, and return the attributes of the resource.

    ``on_registered`` is called with the label as soon as this request is known to have registered
    it, also if the request fails.
    """
    appflow, stack_events = _appflow(request, context)
    try:
        _register_or_adopt(appflow, request.desired.adoption)
    except StaleEventError:
        # The Delete that CloudFormation has sent does not know the label.
        _undo_registration(appflow, stack_events)
        raise
    finally:
        if appflow.has_registered:
            on_registered(request.desired.connector_label)
    return _attributes(appflow.wait_until_updated())


def update(request: Request, context: Any) -> Mapping[str, str]:
    """Refresh the registration or replace its label, and return the attributes of the resource."""
    appflow, stack_events = _appflow(request, context)
    if request.physical_resource_id == request.desired.connector_label:
        return _attributes(_refresh(request, appflow, stack_events))
    return _attributes(_replace_label(appflow, stack_events))


def delete(request: Request, context: Any) -> None:
    """Unregister the connector if this resource owns the registration."""
    appflow, stack_events = _appflow(request, context)
    registered = appflow.describe()
    if registered is None:
        _log("nothing to unregister", request.desired)
        return
    reason = f"the registered ARN is {registered.lambda_arn}"
    if registered.lambda_arn == request.desired.lambda_arn:
        reason = stack_events.reason_to_retain(registered.registered_at) or ""
    if reason:
        _log(f"not unregistered: {reason}", request.desired)
        return
    _log("unregister", request.desired)
    appflow.unregister(registered)


def _register_or_adopt(appflow: AppFlow, adoption: Adoption) -> None:
    """Register the connector, or adopt an existing registration.

    RegisterConnector comes before DescribeConnector: AppFlow remembers the token, so an event that
    is delivered twice changes nothing the second time.

    Raises:
        AppFlowError: AppFlow refused, or the adoption that would be needed is not allowed.
    """
    if adoption is Adoption.REQUIRED:
        registered = appflow.describe()
        if registered is None:
            raise MissingRegistrationError(appflow.registration)
        _adopt(appflow, registered.lambda_arn)
        return
    try:
        appflow.register()
    except AlreadyRegisteredError as error:
        if adoption is Adoption.FORBIDDEN:
            raise
        _adopt(appflow, error.lambda_arn)
    else:
        _log("registered", appflow.registration)


def _adopt(appflow: AppFlow, lambda_arn: str) -> None:
    # No other record of the ARN that was registered before exists.
    _log(f"adopt: the registered ARN was {lambda_arn}", appflow.registration)
    appflow.update(description=appflow.registration.description)


def _replace_label(appflow: AppFlow, stack_events: StackEvents) -> Connector:
    """Register or adopt the new label of a resource, and return the registration.

    A failed Update keeps the former label as the physical id, so that CloudFormation sends no
    Delete for the new one. What this request has registered is therefore unregistered here.
    """
    try:
        _register_or_adopt_on_way(appflow, stack_events)
        registered = appflow.wait_until_updated()
        if _is_to_be_undone(appflow):
            appflow.check_pending(has_changed=True, is_slow=True)
    except Exception:
        _undo_registration(appflow, stack_events)
        raise
    return registered


def _register_or_adopt_on_way(appflow: AppFlow, stack_events: StackEvents) -> None:
    """Register or adopt a new label; on the way back to the former label, in whatever state it is.

    A rollback may neither fail because its label is still registered, nor because an operator has
    unregistered it.
    """
    try:
        _register_or_adopt(appflow, appflow.registration.adoption)
    except (AlreadyRegisteredError, MissingRegistrationError):
        if not (stack_events.is_rollback() or stack_events.has_had_label()):
            raise
        _register_or_adopt(appflow, Adoption.ALLOWED)


def _is_to_be_undone(appflow: AppFlow) -> bool:
    return appflow.has_registered and appflow.registration.unregister_on_delete


def _undo_registration(appflow: AppFlow, stack_events: StackEvents) -> None:
    """Unregister a label that this request has registered, unless the removal policy is RETAIN.

    If another delivery of the event has succeeded, the resource has the label.
    """
    if not _is_to_be_undone(appflow):
        return
    appflow.budget.extend()
    try:
        if stack_events.has_owner():
            return
        _log("unregister: this request registered the label and failed", appflow.registration)
        registered = appflow.describe()
        if registered and registered.lambda_arn == appflow.registration.lambda_arn:
            appflow.unregister(registered, even_if_stale=True)
    except AppFlowError as error:
        _log(f"still registered: {error}", appflow.registration)


def _refresh(request: Request, appflow: AppFlow, stack_events: StackEvents) -> Connector:
    """Refresh the registration if the request changes it, and return it.

    A label that was unregistered in the meantime is registered again.
    """
    desired = request.desired
    was_skipped = functools.cache(stack_events.was_skipped)
    first = before = appflow.describe()
    has_paused = not _previous_is_registered(request, first) and (
        cancelled_update.pause_until_earlier_calls_end(
            request, stack_events, appflow.budget, appflow.check_pending
        )
    )
    if has_paused:
        before = appflow.describe()
    elif before is not None and not _needs_refresh(request, before, was_skipped):
        _log("no refresh needed", desired)
        return before
    description = _description_to_send(request, first, stack_events, was_skipped)
    if description is None and first and before and before.description != first.description:
        # The cancelled update has set its own during the pause.
        description = first.description
    try:
        _update_or_register(appflow, description)
    except StaleEventError:
        _refresh_again(appflow)
        raise
    after = appflow.wait_until_updated()
    if before is not None:
        _log("refreshed", desired, changes=_changes(before, after))
    return after


def _previous_is_registered(request: Request, before: Connector | None) -> bool:
    """Whether AppFlow shows what the request replaces, so that no earlier call is outstanding.

    It does in an ordinary update. In the rollback of an update that was cancelled, it does once the
    update has taken effect.
    """
    previous = request.previous
    if previous is None or before is None:
        return previous is None
    if previous.description is not None:
        description = previous.description
    else:
        # An update that removes the description from the template clears it.
        description = "" if request.desired.description else before.description
    return previous.connector_label == request.desired.connector_label and before.matches(
        previous.lambda_arn, description
    )


def _needs_refresh(
    request: Request, before: Connector, was_skipped: Callable[[], bool | None]
) -> bool:
    """Whether AppFlow may show something else than the template and the function say."""
    desired, previous = request.desired, request.previous
    return (
        previous is None
        or request.is_repeated
        or not desired.same_in_appflow(previous)
        or before.lambda_arn != desired.lambda_arn
        or desired.description not in (None, before.description)
        or was_skipped() is not False
    )


def _refresh_again(appflow: AppFlow) -> None:
    """Have AppFlow read the connector again after a call that ended late.

    Under an unchanged ARN, the call may have read the configuration of code that CloudFormation has
    rolled back meanwhile, after the rollback has refreshed the registration.
    """
    if appflow.may_have_changed:
        _log("refresh again: the update was cancelled", appflow.registration)
        appflow.refresh_registered()


def _changes(before: Connector, after: Connector) -> Mapping[str, str]:
    """Return what AppFlow shows otherwise than before, by its names."""
    old, new = before.configuration, after.configuration
    return {
        name: f"{_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in sorted({*old, *new} - {"registeredAt"})
        if old.get(name) != new.get(name)
    }


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_SHOWN_LENGTH else text[:_MAX_SHOWN_LENGTH] + "..."


def _update_or_register(appflow: AppFlow, description: str | None) -> None:
    _log("refresh", appflow.registration)
    try:
        appflow.update(description=description)
    except NotRegisteredError:
        # AppFlow returns the same error for a Lambda function that it cannot find.
        if appflow.describe() is not None:
            raise
        _log("register again", appflow.registration)
        appflow.register()


def _description_to_send(
    request: Request,
    before: Connector | None,
    stack_events: StackEvents,
    was_skipped: Callable[[], bool | None],
) -> str | None:
    """Return the description for the update, or None to keep the registered one.

    A description that left the template is cleared, unless it was set manually.
    """
    desired, previous = request.desired, request.previous
    if desired.description is not None or previous is None or before is None:
        return desired.description
    if not before.description:
        return None
    if not previous.description:
        return "" if was_skipped() else None
    if before.description != previous.description:
        return None
    # If the update to revert never took effect, an equal description was set manually.
    took_no_effect = before.lambda_arn == desired.lambda_arn != previous.lambda_arn
    return None if took_no_effect and stack_events.is_rollback() else ""


def _appflow(request: Request, context: Any) -> tuple[AppFlow, StackEvents]:
    age = request.age(sdk.now())
    budget = TimeBudget(context, delay=age if age < UNCHECKED_SECONDS else 0)
    stack_events = StackEvents(request, budget)
    appflow = AppFlow(
        sdk.client("appflow"),
        request.desired,
        request_id=request.request_id,
        budget=budget,
        wait_until_ready=FunctionState(request, budget, stack_events).wait_until_ready,
        check_pending=cancelled_update.PendingCheck(request, stack_events),
    )
    return appflow, stack_events


def _attributes(registered: Connector) -> Mapping[str, str]:
    return {
        "ConnectorArn": registered.connector_arn,
        "ConnectorLabel": registered.connector_label,
        "LambdaArn": registered.lambda_arn,
        "ConnectorVersion": registered.version,
    }


def _log(decision: str, registration: Registration, **members: object) -> None:
    logger.info(
        {
            "decision": decision,
            "label": registration.connector_label,
            "lambda_arn": registration.lambda_arn,
            **members,
        }
    )
