"""What to ask of AppFlow for a request, and what to leave alone.

CloudFormation rolls an update back by sending a second Update with the properties exchanged, so
there is no code for rollbacks here: going back is an update like any other.
"""

from __future__ import annotations

import logging

from .appflow import AppFlow, Connector, LabelTakenError
from .errors import NotRegisteredError
from .request import Registration, Request

logger = logging.getLogger(__name__)


def register_or_adopt(desired: Registration, appflow: AppFlow) -> bool:
    """Make AppFlow hold a label it may hold already.

    Registering comes first and not a look at what exists: AppFlow remembers the token, so an event
    delivered late for a second time changes nothing.

    Returns:
        Whether this call registered the label; False if it was there and has been adopted.
    """
    try:
        appflow.register(desired)
    except LabelTakenError as taken:
        # The one record of what the label pointed to before.
        _log(f"adopt: it belonged to {taken.held.lambda_arn}", desired)
        appflow.update(desired, description=desired.description)
        return False
    _log("registered", desired)
    return True


def refresh(request: Request, appflow: AppFlow) -> Connector:
    """Bring a label that this resource registered before up to date, and return what AppFlow holds.

    AppFlow is told only if what the template asks of it changed, or if it does not hold the Lambda
    it should. A label that somebody unregistered meanwhile is registered again.
    """
    desired, previous = request.desired, request.previous
    if previous is not None and desired.asks_the_same_of_appflow(previous):
        held = appflow.find(desired)
        if held is not None and held.lambda_arn == desired.lambda_arn:
            _log("nothing to announce", desired)
            return held
    _log("announce", desired)
    try:
        appflow.update(desired, description=_description_to_send(desired, previous, appflow))
    except NotRegisteredError:
        # AppFlow uses the same error for a Lambda it cannot find.
        if appflow.find(desired) is not None:
            raise
        _log("register again", desired)
        appflow.register(desired)
    return appflow.read_back(desired)


def unregister_if_ours(request: Request, appflow: AppFlow) -> None:
    """Unregister what this resource registered, and nothing else."""
    desired = request.desired
    held = appflow.find(desired)
    if held is None:
        _log("nothing to unregister", desired)
    elif held.lambda_arn != desired.lambda_arn:
        _log(f"left alone: it now belongs to {held.lambda_arn}", desired)
    else:
        _log("unregister", desired)
        appflow.unregister(desired)


def _description_to_send(
    desired: Registration, previous: Registration | None, appflow: AppFlow
) -> str | None:
    if desired.description is not None or previous is None or not previous.description:
        return desired.description
    # A description that has been taken out of the template is cleared. Another one than the
    # template's was written by hand and stays.
    held = appflow.find(desired)
    return "" if held is not None and held.description == previous.description else None


def _log(decision: str, registration: Registration) -> None:
    logger.info(
        {
            "decision": decision,
            "label": registration.connector_label,
            "lambda_arn": registration.lambda_arn,
        }
    )
