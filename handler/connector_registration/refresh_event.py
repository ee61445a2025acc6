"""The event of a change outside of deployments, parsed and checked.

An EventBridge rule of the construct sends it when the connector's function has changed, and a
schedule sends the same one. It says which registrations to look at; how the function has changed is
read from Lambda. An event that cannot be used is ignored: a repetition would not make it usable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .request import InvalidPropertyError, Registration
from .response import ReportableError

_STACK_ID = re.compile(r"arn:aws:cloudformation:[a-z0-9-]+:[0-9]{12}:stack/[\w/-]+", re.ASCII)
_STACK_ID_RULE = "the id of a stack, or nothing"
_EVENT_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
_EVENT_ID_RULE = "1 to 128 letters, digits, - and _"
_REGISTRATIONS_RULE = "a list of one or more objects with a ConnectorLabel"
_MAX_AGE_RULE = "a number of seconds above 0"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_TIME_RULE = "a time such as 2026-11-27T12:00:00Z"


class OldEventError(ReportableError):
    """The event is older than Lambda keeps events of the handler."""

    def __init__(self, age: float, max_age: float) -> None:
        super().__init__(f"it is {age:.0f} s old; allowed: {max_age:g} s")


class RefreshEvent(NamedTuple):
    """An event that asks for a look at the registrations of one function.

    Attributes:
        registrations: the registrations, as their templates ask for them.
        stack_id: the stack of the registrations if it has the function too, or None.
        event_id: EventBridge's id of the event.
    """

    registrations: tuple[Registration, ...]
    stack_id: str | None
    event_id: str

    @classmethod
    def parse(cls, event: Mapping[str, Any], handler_arn: str, now: float) -> RefreshEvent:
        """Read an event.

        Args:
            event: the event.
            handler_arn: the ARN of the handler's function, in whose account and Region the
                connector's function has to be.
            now: the time in seconds since 1970.

        Raises:
            InvalidPropertyError: a member is missing or has a value that cannot be used.
            OldEventError: the event is too old.
        """
        entries = event.get("Registrations")
        is_list = isinstance(entries, list) and all(isinstance(one, dict) for one in entries)
        if not (is_list and entries):
            raise InvalidPropertyError("Registrations", entries, _REGISTRATIONS_RULE)
        lambda_arn = event.get("LambdaArn")
        parsed = cls(
            registrations=tuple(
                Registration.parse({**entry, "LambdaArn": lambda_arn}) for entry in entries
            ),
            stack_id=_optional_stack_id(event),
            event_id=_text(event, "EventId", _EVENT_ID, _EVENT_ID_RULE),
        )
        _check_place(str(lambda_arn), handler_arn)
        _check_age(event, now)
        return parsed


def _check_place(lambda_arn: str, handler_arn: str) -> None:
    region, account = handler_arn.split(":")[3:5]
    if lambda_arn.split(":")[3:5] != [region, account]:
        raise InvalidPropertyError(
            "LambdaArn", lambda_arn, f"a function of account {account} in {region}"
        )


def _check_age(event: Mapping[str, Any], now: float) -> None:
    max_age = event.get("MaxEventAgeSeconds")
    if not isinstance(max_age, (int, float)) or isinstance(max_age, bool) or not max_age > 0:
        raise InvalidPropertyError("MaxEventAgeSeconds", max_age, _MAX_AGE_RULE)
    sent = event.get("Time")
    try:
        at = datetime.strptime(sent, _TIME_FORMAT)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidPropertyError("Time", sent, _TIME_RULE) from None
    age = now - at.replace(tzinfo=timezone.utc).timestamp()
    if age > max_age:
        raise OldEventError(age, max_age)


def _optional_stack_id(event: Mapping[str, Any]) -> str | None:
    if event.get("StackId") is None:
        return None
    return _text(event, "StackId", _STACK_ID, _STACK_ID_RULE)


def _text(event: Mapping[str, Any], name: str, pattern: re.Pattern[str], rule: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidPropertyError(name, value, rule)
    return value
