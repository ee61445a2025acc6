"""What to ask of AppFlow for a request, and what to leave alone.

CloudFormation rolls an update back by sending a second Update with the properties exchanged. It is
an update like any other, with one exception. When CloudFormation gives an update up (somebody
cancels it, or another resource of the stack fails), it does not stop the invocation that works on
it, and that one may still move the registration after the rollback has taken it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from .appflow import AppFlow, Connector, LabelTakenError
from .errors import NotRegisteredError, existing, missing
from .request import Registration, Request

logger = logging.getLogger(__name__)


class Watch(NamedTuple):
    """Whether an update that may still run has to be watched, and AppFlow with the time for it."""

    is_needed: Callable[[], bool]
    appflow: AppFlow


def register_or_adopt(desired: Registration, appflow: AppFlow) -> bool:
    """Make AppFlow hold a label it may hold already.

    Registering comes first and not a look at what exists: AppFlow remembers the token, so an event
    delivered late for a second time changes nothing.

    Returns:
        Whether this call registered the label; False if it was there and has been adopted.

    Raises:
        AppFlowError: AppFlow refused, or the template does not want what would have to be done.
    """
    if not desired.register_missing:
        held = appflow.find(desired)
        if held is None:
            raise missing(desired)
        _adopt(held, desired, appflow)
        return False
    try:
        appflow.register(desired)
    except LabelTakenError as taken:
        if not desired.adopt_existing:
            raise existing(desired, taken.held.lambda_arn) from taken
        _adopt(taken.held, desired, appflow)
        return False
    _log("registered", desired)
    return True


def register_in_place_of_another(desired: Registration, appflow: AppFlow) -> None:
    """Make AppFlow hold another label than before; raises as ``register_or_adopt`` does.

    The rollback of such a change is one itself, and comes back to a label that is registered for
    its own function still: no stranger's.
    """
    held = None if desired.adopt_existing else appflow.find(desired)
    is_ours = held is not None and held.lambda_arn == desired.lambda_arn
    register_or_adopt(desired._replace(adopt_existing=True) if is_ours else desired, appflow)


def refresh(request: Request, appflow: AppFlow, watch: Watch) -> Connector:
    """Bring a label that this resource registered before up to date, and return what AppFlow holds.

    AppFlow is told only if what the template asks of it changed, or if it does not hold the Lambda
    it should. A label that somebody unregistered meanwhile is registered again.

    If this takes back an update that may still be running, AppFlow is kept to what was asked for as
    long as the invocation lasts.
    """
    desired, previous = request.desired, request.previous
    if previous is not None and desired.asks_the_same_of_appflow(previous):
        held = appflow.find(desired)
        if held is not None and held.lambda_arn == desired.lambda_arn:
            _log("nothing to announce", desired)
            return held
    held = appflow.find(desired) if _differ_visibly(desired, previous) else None
    description = _description_to_send(desired, previous, held)
    _announce(desired, description, appflow)
    if held is not None and not _shows(held, previous) and watch.is_needed():
        _log("keep it so: an update that was given up may still be running", desired)
        kept = held.description if description is None else description
        return watch.appflow.keep(desired, description=kept)
    return appflow.read_back(desired)


def _adopt(held: Connector, desired: Registration, appflow: AppFlow) -> None:
    # The one record of what the label pointed to before.
    _log(f"adopt: it belonged to {held.lambda_arn}", desired)
    appflow.update(desired, description=desired.description)


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


def _announce(desired: Registration, description: str | None, appflow: AppFlow) -> None:
    _log("announce", desired)
    try:
        appflow.update(desired, description=description)
    except NotRegisteredError:
        # AppFlow uses the same error for a Lambda it cannot find.
        if appflow.find(desired) is not None:
            raise
        _log("register again", desired)
        appflow.register(desired)


def _differ_visibly(desired: Registration, previous: Registration | None) -> bool:
    """Whether DescribeConnector can tell which of the two AppFlow holds."""
    return previous is not None and (
        (desired.lambda_arn, desired.description) != (previous.lambda_arn, previous.description)
    )


def _shows(held: Connector, previous: Registration | None) -> bool:
    """Whether the update to be taken back has come to AppFlow: it has not failed, and is over."""
    return previous is not None and held.shows(
        previous.lambda_arn,
        held.description if previous.description is None else previous.description,
    )


def _description_to_send(
    desired: Registration, previous: Registration | None, held: Connector | None
) -> str | None:
    if desired.description is not None or previous is None or not previous.description:
        return desired.description
    # A description that has been taken out of the template is cleared. Another one than the
    # template's was written by hand and stays. One that is cleared is cleared again, since the same
    # event may come a second time, and AppFlow refuses its token with other parameters.
    if held is None or held.description not in (previous.description, ""):
        return None
    # One that is like it, of an update that has never come to AppFlow, is no less written by hand.
    never_came = held.lambda_arn == desired.lambda_arn != previous.lambda_arn
    return None if never_came and held.description else ""


def _log(decision: str, registration: Registration) -> None:
    logger.info(
        {
            "decision": decision,
            "label": registration.connector_label,
            "lambda_arn": registration.lambda_arn,
        }
    )
