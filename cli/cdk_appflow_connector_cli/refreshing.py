"""The refresh of one connector, from the state of its function to the check that it took effect.

Source of the errors: UpdateConnectorRegistration in the AppFlow API Reference.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from appflow_connector_configuration.differences import differences

from .appflow import AppFlow, Connector
from .aws import SDK_ERRORS, Session, Unknown, error_code, explained
from .drift import CONFIGURATION, Difference, configuration_differences
from .function_state import FunctionState, NotReadyError
from .functions import LOG_GROUP_ADVICE, Functions, NotInvoked, Returned, names
from .polling import polls

# How long AppFlow may take to show a change.
_VISIBLE_SECONDS = 30

# The errors with which AppFlow refuses a refresh, and the next step for each.
_ADVICE = {
    "AccessDeniedException": (
        "Allow appflow.amazonaws.com to invoke exactly {arn}, and allow yourself"
        " appflow:UpdateConnectorRegistration and lambda:InvokeFunction"
    ),
    "ConflictException": (
        "Another update of this connector is in progress. Refresh it again when that has ended"
    ),
    "ConnectorAuthenticationException": LOG_GROUP_ADVICE,
    "ConnectorServerException": LOG_GROUP_ADVICE,
    "ResourceNotFoundException": "Check that {arn} exists, and that the label is still registered",
    "ValidationException": "Correct the value that AppFlow names",
}


class Outcome(enum.Enum):
    """What became of the refresh of a connector."""

    REFRESHED = "REFRESHED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"
    STALE = "STALE"
    FAILED = "FAILED"


class Result(NamedTuple):
    """The outcome for one label.

    ``changes`` are those in the configuration that AppFlow shows: the value before the refresh, and
    the one after it. ``remaining`` is what the connector returns otherwise after the refresh.
    ``label`` is None if it is not known; ``name`` is then the resource or the stack.
    """

    name: str
    label: str | None
    outcome: Outcome
    reason: str
    next_step: str = ""
    changes: Sequence[tuple[str, Any, Any]] = ()
    remaining: Sequence[Difference] = ()
    notes: Sequence[Unknown] = ()


def failed(label: str, unknown: Unknown) -> Result:
    """The result for a connector that was not refreshed, or of which that is not known."""
    next_step = unknown.next_step or "Run this command again"
    return Result(label, label, Outcome.FAILED, unknown.reason, next_step)


def exit_code(results: Sequence[Result]) -> int:
    """0 if all are refreshed or unchanged, 1 if AppFlow refused one or a difference remains.

    Otherwise 2, if a refresh failed.
    """
    outcomes = {result.outcome for result in results}
    if outcomes & {Outcome.REFUSED, Outcome.STALE}:
        return 1
    return 2 if Outcome.FAILED in outcomes else 0


class Refreshes:
    """Refreshes of connectors.

    Args:
        session: a session in the account and Region.
    """

    def __init__(self, session: Session) -> None:
        self._appflow = AppFlow(session.client("appflow"))
        self._state = FunctionState(session)
        self._functions = Functions(session)

    def refresh(self, label: str) -> Result:
        """Have AppFlow read a connector's configuration again, when its function is ready."""
        try:
            before = self._appflow.describe(label)
            if before is None:
                return failed(label, _NOT_REGISTERED)
            if before.lambda_arn is None:
                return failed(label, Unknown("AppFlow shows no Lambda ARN of the connector"))
            return self._refresh(before, before.lambda_arn)
        except NotReadyError as error:
            return failed(label, error.unknown)
        except SDK_ERRORS as error:
            return failed(label, explained(error))

    def _refresh(self, before: Connector, lambda_arn: str) -> Result:
        unread = self._state.wait_until_ready(lambda_arn)
        notes = [_note("state of the function not checked", unread)] if unread else []
        try:
            self._appflow.refresh(before.label)
        except ClientError as error:
            return _refusal(before.label, lambda_arn, error)._replace(notes=notes)
        returned = self._functions.configuration(lambda_arn)
        if not isinstance(returned, Mapping):
            notes.append(_note("configuration not compared", returned))
        after = self._shown_after(before, returned)
        if after and before.description and not after.description:
            # AWS does not document what an update without a description does to a registered one.
            self._appflow.refresh(before.label, description=before.description)
        return _result(before, after, returned)._replace(notes=notes)

    def _shown_after(self, before: Connector, returned: Returned) -> Connector | None:
        """The connector, as soon as AppFlow shows the refresh."""
        after = None
        for _ in polls(_VISIBLE_SECONDS):
            after = self._appflow.describe(before.label)
            if after is None or after.lambda_arn != before.lambda_arn:
                break
            if isinstance(returned, Mapping):
                is_shown = not configuration_differences(after, returned)
            else:
                is_shown = bool(differences(before.configuration, after.configuration))
            if is_shown:
                break
        return after


_NOT_REGISTERED = Unknown(
    "no connector is registered under this label",
    "Check the label, --region and --profile. This command registers no connector",
)


def _note(what: str, why: Unknown | NotInvoked) -> Unknown:
    return Unknown(f"{what}: {why.reason}", why.next_step)


def _refusal(label: str, lambda_arn: str, error: ClientError) -> Result:
    unknown, advice = explained(error), _ADVICE.get(error_code(error))
    if advice is None:
        return failed(label, unknown)
    next_step = advice.format(**names(lambda_arn))
    return Result(label, label, Outcome.REFUSED, unknown.reason, next_step)


def _result(before: Connector, after: Connector | None, returned: Returned) -> Result:
    label = before.label
    if after is None or after.lambda_arn != before.lambda_arn:
        now = f"registered with {after.lambda_arn}" if after else "not registered"
        reason = f"the registration was changed during the refresh; the label is now {now}"
        return failed(label, Unknown(reason))
    changes = [
        (f"{CONFIGURATION}{path}", old, new)
        for path, old, new in differences(before.configuration, after.configuration)
    ]
    remaining = configuration_differences(after, returned)
    if remaining:
        return Result(
            label,
            label,
            Outcome.STALE,
            "AppFlow accepted the refresh, and still shows another configuration than the"
            f" connector returns after {_VISIBLE_SECONDS} seconds",
            "Run this command again. If the difference remains, AppFlow keeps what the connector"
            " returns in another form: AWS does not document the form",
            changes,
            remaining,
        )
    if changes:
        reason = "AppFlow shows a changed configuration"
        return Result(label, label, Outcome.REFRESHED, reason, changes=changes)
    if isinstance(returned, Mapping):
        reason = "AppFlow has read the configuration again, which is the same as before"
        return Result(label, label, Outcome.UNCHANGED, reason)
    return failed(
        label,
        Unknown(
            "AppFlow accepted the refresh and shows the same configuration as before; whether the"
            " connector returns another one is not known",
            returned.next_step,
        ),
    )
