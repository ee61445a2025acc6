"""What connector profiles and flows lose when the runtime settings of a connector change.

Source: ConnectorRuntimeSetting in the AppFlow API Reference, and the scopes and data types of
settings in Amazon's SDKs for custom connectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from . import usage as used
from .differences import by_name
from .loss import (
    OTHER,
    Configuration,
    Loss,
    can_be,
    id_with_key,
    lost_values,
    member_path,
    now_required,
    possible,
    structures,
    texts,
)
from .usage import Usage, Use

_PATH = "connectorRuntimeSettings"
_OPTIONS = "connectorSuppliedValueOptions"

_MODES = ("SOURCE", "DESTINATION")

_OWNERS = {
    "CONNECTOR_PROFILE": " of connector profiles",
    "SOURCE": " of sources",
    "DESTINATION": " of destinations",
}

# By data type, the pattern of its values. Values of other types are not checked.
_PATTERNS = {
    "Integer": r"\s*[-+]?\d+\s*",
    "Long": r"\s*[-+]?\d+\s*",
    "Boolean": r"(?i)\s*(true|false)\s*",
}


class _Setting(NamedTuple):
    """A setting in one of its places.

    Attributes:
        key: its key.
        place: ``CONNECTOR_PROFILE``, ``SOURCE``, ``DESTINATION`` or a scope that is not known.
        members: its members.
        path: the path of the setting.
    """

    key: str
    place: str
    members: Mapping[str, Any]
    path: str

    @property
    def words(self) -> str:
        return f"setting {self.key}{_OWNERS.get(self.place, '')}"

    def id(self, what: str, value: str = "") -> str:
        place = "" if self.place == "CONNECTOR_PROFILE" else self.place
        return id_with_key(what, self.key, place, value)


def losses_of_settings(before: Configuration, after: Configuration, usage: Usage) -> Iterator[Loss]:
    """The settings, and the values of settings, that profiles and flows may use or lack now."""
    old, new = _settings(before, after)
    paths = {setting.path for setting in new.values()}
    for identity, former in old.items():
        if identity not in new:
            uses = possible(_with_value(former, usage))
            text = f"{former.words} no longer exists"
            path = member_path(former.path, "scope", former.path not in paths)
            yield Loss(former.id("SETTING_REMOVED"), text, path, uses)
    paths = {setting.path for setting in old.values()}
    for identity in now_required(_members(old), _members(new)):
        later = new[identity]
        uses = [use for use in used.settings(usage, later.place) if not use.value.get(later.key)]
        text = f"{later.words} is now required"
        path = member_path(later.path, "isRequired", later.path not in paths)
        yield Loss(later.id("SETTING_NOW_REQUIRED"), text, path, uses)
    for identity, later in new.items():
        if identity in old:
            yield from _type(old[identity], later, usage)
            yield from _values(old[identity], later, usage)


def _settings(before: Configuration, after: Configuration) -> list[dict[tuple[str, str], _Setting]]:
    """The settings of both configurations by key and place, where both have the place."""
    named = by_name(structures(before, _PATH), structures(after, _PATH)) or []
    return [
        {
            (members["key"], place): _Setting(members["key"], place, members, f"{_PATH}.{name}")
            for name, members in settings.items()
            for place in _places(members.get("scope"))
            if place not in _MODES or (can_be(before, place) and can_be(after, place))
        }
        for settings in named
    ]


def _places(scope: Any) -> tuple[str, ...]:
    name = str(scope or "NO_SCOPE")
    return _MODES if name == "SOURCE_AND_DESTINATION" else (name,)


def _members(settings: Mapping[Any, _Setting]) -> dict[Any, Mapping[str, Any]]:
    return {identity: setting.members for identity, setting in settings.items()}


def _with_value(setting: _Setting, usage: Usage) -> Iterator[Use]:
    """The uses that have a value for a setting, each with the value."""
    for use in used.settings(usage, setting.place):
        if value := use.value.get(setting.key):
            yield use._replace(value=value)


def _type(former: _Setting, later: _Setting, usage: Usage) -> Iterator[Loss]:
    old, new = (setting.members.get("dataType") for setting in (former, later))
    if old and new and old != new:
        uses = list(_with_value(later, usage))
        wrong = [
            use for use in uses if not re.fullmatch(_PATTERNS.get(str(new), "(?s).*"), use.value)
        ]
        text = f"{later.words} is now of type {new} instead of {old}"
        found = wrong or possible(uses)
        yield Loss(later.id("SETTING_TYPE_CHANGED"), text, f"{later.path}.dataType", found)


def _values(former: _Setting, later: _Setting, usage: Usage) -> Iterator[Loss]:
    old, new = (texts(setting.members, _OPTIONS) for setting in (former, later))
    if not new:
        # Without options every value is allowed. Source: ConnectorRuntimeSetting of the SDKs.
        return
    path = f"{later.path}.{_OPTIONS}"
    for value, uses in lost_values(old, new, _with_value(later, usage)):
        if value is None:
            text = f"{later.words} allows only the values {', '.join(new)} now"
        else:
            text = f"value {value} of {later.words} is no longer allowed"
        yield Loss(later.id("SETTING_VALUE_REMOVED", value or OTHER), text, path, uses, value)
