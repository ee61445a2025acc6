"""How AppFlow behaves in one account, as far as AWS leaves it open or changes it by the day.

AWS publishes no figure for the rate of calls, none for how long IAM takes to spread a permission,
and does not say what becomes of several things. The defaults are the stricter readings: code that
works with them works with the others, or fails in a way that its author should know of.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from .errors import ValidationException


@dataclass(frozen=True)
class Settings:
    """The settings of one account; over HTTP their names are in camelCase.

    Attributes:
        calls_per_second: the rate at which a bucket of tokens fills in each Region, and its size
            (1 at least): as many calls come through at once. None: as many as one likes.
        permission_delay_seconds: for how long a permission is not known after the first call that
            finds it, as if IAM had just spread it: the caller's for the action and for the
            connector's function, and AppFlow's own for that function, version or alias. One that
            was taken away, and missed by a call, is a new one when it is back.
        clock_ahead_seconds: how far AppFlow's clock is ahead, to see client tokens expire and
            permissions spread.
        token_scope: whether a client token that was used for one operation is free for another one
            (``operation``) or not (``account``). The documentation of each operation speaks of
            itself only.
        token_misuse: the error for a token that comes with other parameters. The documentation says
            that there is one, not which.
        failed_tokens: whether a repeated token repeats a failure (``remembered``) or tries again
            (``forgotten``).
        omitted_description: whether an update without a description leaves the old one (``kept``)
            or removes it (``cleared``).
        registered_at: whether an update leaves the time of the registration (``kept``) or sets it
            to its own (``renewed``).
        taken_label: the error for registering a label that is taken.
        missing_function: the error for a function that does not exist.
        qualified_functions: whether the ARN of a version or alias is ``accepted`` or ``refused``.
            The documented pattern admits both.
        caller_permission: whether the caller needs lambda:InvokeFunction on the connector
            (``required``), as the native AWS::AppFlow::Connector asks of its callers, or not
            (``ignored``).
    """

    calls_per_second: float | None = None
    permission_delay_seconds: float = 0
    clock_ahead_seconds: float = 0
    token_scope: str = "account"
    token_misuse: str = "ConflictException"
    failed_tokens: str = "forgotten"
    omitted_description: str = "kept"
    registered_at: str = "kept"
    taken_label: str = "ConflictException"
    missing_function: str = "AccessDeniedException"
    qualified_functions: str = "accepted"
    caller_permission: str = "required"


_LEAST = {"calls_per_second": 0.001, "permission_delay_seconds": 0, "clock_ahead_seconds": 0}
_CHOICES = {
    "token_scope": ("account", "operation"),
    "token_misuse": ("ConflictException", "ValidationException"),
    "failed_tokens": ("forgotten", "remembered"),
    "omitted_description": ("kept", "cleared"),
    "registered_at": ("kept", "renewed"),
    "taken_label": ("ConflictException", "ValidationException"),
    "missing_function": (
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ConnectorServerException",
    ),
    "qualified_functions": ("accepted", "refused"),
    "caller_permission": ("required", "ignored"),
}


def settings_from(members: Any) -> Settings:
    """The settings that a JSON object names; the others have their defaults.

    Raises:
        ValidationException: a setting is unknown, or its value makes no sense.
    """
    if not isinstance(members, dict):
        raise ValidationException("The settings must be a JSON object.")
    names = {_in_camel_case(field.name): field.name for field in fields(Settings)}
    for given, value in members.items():
        if given not in names:
            raise ValidationException(f"There is no setting {given}; there are {', '.join(names)}.")
        _check(given, names[given], value)
    return Settings(**{names[given]: value for given, value in members.items()})


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _check(given: str, name: str, value: Any) -> None:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValidationException(
                f"{given} is {value!r}, not one of {', '.join(_CHOICES[name])}."
            )
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or value < _LEAST[name]:
        raise ValidationException(f"{given} is {value!r}, not a number of at least {_LEAST[name]}.")
