"""Restoring the registration while a cancelled update may still be running.

CloudFormation rolls an update back by sending a second Update with the properties exchanged. The
handler treats it like any other update, with one exception. When CloudFormation cancels an update
(a user cancels it, or another resource of the stack fails), the invocation that works on that
update goes on. It can still change the registration after the rollback has restored it.
"""

from __future__ import annotations

import itertools

from .appflow import AppFlow, Connector
from .request import Registration
from .stack_events import StackEvents


def may_still_run(previous: Registration, before: Connector, stack_events: StackEvents) -> bool:
    """Whether the update to ``previous``, which a request reverts, may still take effect.

    ``before`` was registered when the request began.
    """
    description = before.description if previous.description is None else previous.description
    has_taken_effect = before.matches(previous.lambda_arn, description)
    return not has_taken_effect and not stack_events.previous_update_finished()


def restore_until_deadline(appflow: AppFlow, *, description: str) -> Connector:
    """Update the registration whenever AppFlow shows another state, until the time is up.

    Raises:
        AppFlowError: AppFlow refused, or shows another state in the end.
    """
    appflow.budget.extend()
    repetitions = itertools.count(1)
    pauses = appflow.budget.pauses()
    while appflow.budget.pause(next(pauses)):
        registered = appflow.describe()
        if registered is not None and not registered.matches(
            appflow.registration.lambda_arn, description
        ):
            operation = f"update-again-{next(repetitions)}"
            appflow.update(description=description, operation=operation)
    return appflow.wait_until_updated()
