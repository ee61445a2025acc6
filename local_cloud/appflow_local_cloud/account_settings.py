"""Settings of an account: dataclasses whose fields state the values that they allow.

In the control API the names of settings are in camelCase.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


def number(default: float | None, *, least: float) -> Any:
    """A field for a number of at least ``least``."""
    return field(default=default, metadata={"least": least})


def choice(default: str, *others: str) -> Any:
    """A field for one of several texts."""
    return field(default=default, metadata={"choices": (default, *others)})


def optional_text() -> Any:
    """A field for a text, which is None by default."""
    return field(default=None)


def settings_from(kind: type[_T], members: Any) -> _T:
    """The settings in a JSON object; settings that are left out have their defaults.

    Args:
        kind: the dataclass of the settings.
        members: the JSON object, with names in camelCase.

    Raises:
        ValueError: a setting does not exist, or its value is not allowed.
    """
    if not isinstance(members, dict):
        raise ValueError("The settings must be a JSON object.")
    # A dataclass, which the type of a class cannot express.
    by_name = {_in_camel_case(one.name): one for one in fields(kind)}  # type: ignore[arg-type]
    for name, value in members.items():
        if name not in by_name:
            raise ValueError(f"{name!r} is not a setting. The settings are {', '.join(by_name)}.")
        _check(name, value, **by_name[name].metadata)
    return kind(**{by_name[name].name: value for name, value in members.items()})


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _check(
    name: str, value: Any, *, choices: tuple[str, ...] = (), least: float | None = None
) -> None:
    if choices:
        if value not in choices:
            raise ValueError(f"{name} is {value!r}, not one of {', '.join(choices)}.")
    elif least is not None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not value >= least:
            raise ValueError(f"{name} is {value!r}, not a number of at least {least}.")
    elif value is not None and not (isinstance(value, str) and value):
        raise ValueError(f"{name} is {value!r}, not a text of at least one character.")
