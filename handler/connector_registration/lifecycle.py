"""What the handler does in AppFlow for a Create, an Update and a Delete."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from . import cancelled_update, sdk, time_budget
from .appflow import AppFlow, Connector
from .errors import (
    AlreadyRegisteredError,
    MissingRegistrationError,
    NotRegisteredError,
    StaleEventError,
)
from .function_state import FunctionState
from .request import Adoption, Registration, Request
from .stack_events import StackEvents
from .time_budget import TimeBudget

logger = logging.getLogger(__name__)

# An older event has waited in Lambda's queue, or is delivered for a second time: Lambda retries a
# failed invocation after a minute. By then the stack events show what happened to it.
_LATE_SECONDS = 30.0

_MAX_SHOWN_LENGTH = 200


def create(
    request: Request, context: Any, on_registered: Callable[[str], None]
) -> Mapping[str, str]:
    """Register or adopt the connector, and return the attributes of the resource.

    ``on_registered`` is called with the label as soon as this request has registered it.
    """
    _check_not_stale(request)
    appflow = _appflow(request, context)
    if _register_or_adopt(appflow, request.desired.adoption):
        on_registered(request.desired.connector_label)
    return _attributes(appflow.wait_until_updated())


def update(request: Request, context: Any) -> Mapping[str, str]:
    """Refresh the registration or replace its label, and return the attributes of the resource."""
    _check_not_stale(request)
    appflow = _appflow(request, context)
    if request.physical_resource_id == request.desired.connector_label:
        return _attributes(_refresh(request, appflow))
    _replace_label(appflow)
    return _attributes(appflow.wait_until_updated())


def delete(request: Request, context: Any) -> None:
    """Unregister the connector if the registration still has the Lambda ARN of this resource."""
    _check_not_stale(request)
    appflow = _appflow(request, context)
    registered = appflow.describe()
    if registered is None:
        _log("nothing to unregister", request.desired)
    elif registered.lambda_arn != request.desired.lambda_arn:
        _log(f"not unregistered: the registered ARN is {registered.lambda_arn}", request.desired)
    else:
        _log("unregister", request.desired)
        appflow.unregister()


def _check_not_stale(request: Request) -> None:
    """Raise StaleEventError for an event whose response CloudFormation no longer waits for.

    The client token stops an event that took effect from taking effect again. It does not stop an
    event that failed and was rolled back, nor one that had nothing to do.
    """
    if request.issued_at is None or time_budget.clock.time() - request.issued_at < _LATE_SECONDS:
        return
    if not StackEvents(request).is_pending(request.issued_at):
        raise StaleEventError(request.desired)


def _register_or_adopt(appflow: AppFlow, adoption: Adoption) -> bool:
    """Register the connector, or adopt an existing registration.

    RegisterConnector comes before DescribeConnector: AppFlow remembers the token, so an event that
    is delivered twice changes nothing the second time.

    Returns:
        Whether this call registered the label.

    Raises:
        AppFlowError: AppFlow refused, or the adoption that would be needed is not allowed.
    """
    if adoption is Adoption.REQUIRED:
        registered = appflow.describe()
        if registered is None:
            raise MissingRegistrationError(appflow.registration)
        _adopt(appflow, registered.lambda_arn)
        return False
    try:
        appflow.register()
    except AlreadyRegisteredError as error:
        if adoption is Adoption.FORBIDDEN:
            raise
        _adopt(appflow, error.lambda_arn)
        return False
    _log("registered", appflow.registration)
    return True


def _adopt(appflow: AppFlow, lambda_arn: str) -> None:
    # No other record of the ARN that was registered before exists.
    _log(f"adopt: the registered ARN was {lambda_arn}", appflow.registration)
    appflow.update(description=appflow.registration.description)


def _replace_label(appflow: AppFlow) -> None:
    """Register or adopt the new label of a resource; the errors are ``_register_or_adopt``'s.

    The rollback of such a change is a change of the label too. It returns to a label that is still
    registered with the function of this resource, so adopting it takes it from no other owner.
    """
    adoption = appflow.registration.adoption
    if adoption is Adoption.FORBIDDEN:
        registered = appflow.describe()
        if registered is not None and registered.lambda_arn == appflow.registration.lambda_arn:
            adoption = Adoption.ALLOWED
    _register_or_adopt(appflow, adoption)


def _refresh(request: Request, appflow: AppFlow) -> Connector:
    """Refresh the registration if the request changes it, and return it.

    A label that was unregistered in the meantime is registered again.
    """
    desired, previous = request.desired, request.previous
    before = appflow.describe()
    if before is not None and not _needs_refresh(request, before):
        _log("no refresh needed", desired)
        return before
    description = _description_to_send(desired, previous, before)
    _update_or_register(appflow, description)
    if (
        previous is not None
        and before is not None
        and cancelled_update.may_still_run(previous, before, StackEvents(request))
    ):
        _log("restore until the time is up: a cancelled update may still run", desired)
        return cancelled_update.restore_until_deadline(
            appflow, description=before.description if description is None else description
        )
    after = appflow.wait_until_updated()
    if before is not None:
        _log("refreshed", desired, changes=_changes(before, after))
    return after


def _needs_refresh(request: Request, before: Connector) -> bool:
    """Whether AppFlow may show something else than the template and the function say."""
    return (
        request.previous is None
        or request.is_repeated
        or not request.desired.same_in_appflow(request.previous)
        or before.lambda_arn != request.desired.lambda_arn
    )


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
    desired: Registration, previous: Registration | None, before: Connector | None
) -> str | None:
    """Return the description for the update, or None to keep the registered one.

    A description that left the template is cleared, unless it was set manually. An event that is
    delivered twice sends the same value, because AppFlow refuses a token with other parameters.
    """
    if desired.description is not None or previous is None or not previous.description:
        return desired.description
    if before is None or before.description not in (previous.description, ""):
        return None
    # If the update to revert never took effect, an equal description was set manually.
    took_no_effect = before.lambda_arn == desired.lambda_arn != previous.lambda_arn
    return None if took_no_effect and before.description else ""


def _appflow(request: Request, context: Any) -> AppFlow:
    budget = TimeBudget(context)
    return AppFlow(
        sdk.client("appflow"),
        request.desired,
        request_id=request.request_id,
        budget=budget,
        wait_until_ready=FunctionState(request, budget).wait_until_ready,
    )


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
