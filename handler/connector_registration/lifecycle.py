"""What the handler does in AppFlow for a Create, an Update and a Delete."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from . import cancelled_update, sdk
from .appflow import AppFlow
from .appflow_calls import Connector
from .breaking_change_check import BreakingChangeCheck
from .decision_log import changes, log_decision
from .errors import (
    AlreadyRegisteredError,
    AppFlowError,
    MissingRegistrationError,
    NotRegisteredError,
    StaleEventError,
)
from .function_state import FunctionState
from .request import Adoption, Request
from .stack_events import StackEvents
from .time_budget import UNCHECKED_SECONDS, TimeBudget


def create(
    request: Request, context: Any, on_registered: Callable[[str], None]
) -> Mapping[str, str]:
    """Register or adopt the connector, and return the attributes of the resource.

    ``on_registered`` is called with the label as soon as this request is known to have registered
    it, also if the request fails.
    """
    appflow, stack_events = _appflow(request, context)
    check = BreakingChangeCheck(appflow, stack_events, context.log_group_name)
    try:
        former = _register_or_adopt(appflow, request.desired.adoption, check)
    except StaleEventError:
        # The Delete that CloudFormation has sent does not know the label.
        _undo_registration(appflow, stack_events)
        raise
    finally:
        if appflow.has_registered:
            on_registered(request.desired.connector_label)
    return _attributes(check.adopted(former))


def update(request: Request, context: Any) -> Mapping[str, str]:
    """Refresh the registration or replace its label, and return the attributes of the resource."""
    appflow, stack_events = _appflow(request, context)
    check = BreakingChangeCheck(appflow, stack_events, context.log_group_name)
    if request.physical_resource_id == request.desired.connector_label:
        return _attributes(_refresh(request, appflow, stack_events, check))
    return _attributes(_replace_label(appflow, stack_events, check))


def delete(request: Request, context: Any) -> None:
    """Unregister the connector if this resource owns the registration."""
    appflow, stack_events = _appflow(request, context)
    registered = appflow.describe()
    if registered is None:
        log_decision("nothing to unregister", request.desired)
        return
    reason = f"the registered ARN is {registered.lambda_arn}"
    if registered.lambda_arn == request.desired.lambda_arn:
        reason = stack_events.reason_to_retain(registered.registered_at) or ""
    if reason:
        log_decision(f"not unregistered: {reason}", request.desired)
        return
    log_decision("unregister", request.desired)
    appflow.unregister(registered)


def _register_or_adopt(
    appflow: AppFlow, adoption: Adoption, check: BreakingChangeCheck
) -> Connector | None:
    """Register the connector, or adopt an existing registration, and return what it was before.

    RegisterConnector comes before DescribeConnector: AppFlow remembers the token, so an event that
    is delivered twice changes nothing the second time.

    Raises:
        AppFlowError: AppFlow refused, or the adoption that would be needed is not allowed.
    """
    if adoption is Adoption.REQUIRED:
        registered = appflow.describe()
        if registered is None:
            raise MissingRegistrationError(appflow.registration)
        return _adopt(appflow, registered, check)
    try:
        appflow.register()
    except AlreadyRegisteredError as error:
        if adoption is Adoption.FORBIDDEN:
            raise
        return _adopt(appflow, error.registered, check)
    log_decision("registered", appflow.registration)
    return None


def _adopt(appflow: AppFlow, registered: Connector, check: BreakingChangeCheck) -> Connector:
    check.before_adoption(registered)
    # No other record of the ARN that was registered before exists.
    log_decision(f"adopt: the registered ARN was {registered.lambda_arn}", appflow.registration)
    appflow.update(description=appflow.registration.description)
    return registered


def _replace_label(
    appflow: AppFlow, stack_events: StackEvents, check: BreakingChangeCheck
) -> Connector:
    """Register or adopt the new label of a resource, and return the registration.

    A failed Update keeps the former label as the physical id, so that CloudFormation sends no
    Delete for the new one. What this request has registered is therefore unregistered here.
    """
    try:
        former = _register_or_adopt_on_way(appflow, stack_events, check)
        registered = check.adopted(former)
        if _is_to_be_undone(appflow):
            appflow.check_pending(has_changed=True, is_slow=True)
    except Exception:
        _undo_registration(appflow, stack_events)
        raise
    return registered


def _register_or_adopt_on_way(
    appflow: AppFlow, stack_events: StackEvents, check: BreakingChangeCheck
) -> Connector | None:
    """Register or adopt a new label; on the way back to the former label, in whatever state it is.

    A rollback may neither fail because its label is still registered, nor because an operator has
    unregistered it.
    """
    try:
        return _register_or_adopt(appflow, appflow.registration.adoption, check)
    except (AlreadyRegisteredError, MissingRegistrationError):
        # The stack also rolls back while a cancelled update runs on, which may not adopt.
        is_way_back = stack_events.has_had_label()
        if is_way_back is None:
            is_way_back = stack_events.is_rollback()
        if not is_way_back:
            raise
        return _register_or_adopt(appflow, Adoption.ALLOWED, check)


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
        log_decision(
            "unregister: this request registered the label and failed", appflow.registration
        )
        registered = appflow.describe()
        if registered and registered.lambda_arn == appflow.registration.lambda_arn:
            appflow.unregister(registered, even_if_stale=True)
    except AppFlowError as error:
        log_decision(f"still registered: {error}", appflow.registration)


def _refresh(
    request: Request, appflow: AppFlow, stack_events: StackEvents, check: BreakingChangeCheck
) -> Connector:
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
        log_decision("no refresh needed", desired)
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
    after = check.shown_after(before)
    if before is not None:
        log_decision("refreshed", desired, changes=changes(before, after))
    check(before, after)
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
        log_decision("refresh again: the update was cancelled", appflow.registration)
        appflow.refresh_again()


def _update_or_register(appflow: AppFlow, description: str | None) -> None:
    log_decision("refresh", appflow.registration)
    try:
        appflow.update(description=description)
    except NotRegisteredError:
        # AppFlow returns the same error for a Lambda function that it cannot find.
        if appflow.describe() is not None:
            raise
        log_decision("register again", appflow.registration)
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
        wait_until_ready=FunctionState(
            # A rollback can restore the code from before a failed update.
            request.desired,
            budget,
            accepts_old_code=stack_events.is_rollback,
        ).wait_until_ready,
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
