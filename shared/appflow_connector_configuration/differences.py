"""What differs between two configurations of a connector.

AWS does not document how AppFlow changes what a connector returns. Therefore only what a connector
decides is compared, null, false and empty values count as absent, and the order of lists does not
count.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .response import DECIDED_BY_CONNECTOR

# The members that identify a structure in a list, and those that tell structures apart whose first
# member is equal, for example the settings of one key in two scopes.
_IDENTITIES = ("key", "customAuthenticationType", "Name")
_DISTINCTIONS = ("scope", "type", "Type")


class Difference(NamedTuple):
    """A member that differs.

    Attributes:
        path: the member, for example ``connectorRuntimeSettings.instanceUrl.isRequired``. A
            structure in a list is named by its key.
        before: the value in the first configuration; None if it is absent.
        after: the value in the second configuration; None if it is absent.
    """

    path: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The differences between two configurations, in the terms of DescribeConnector.

    Args:
        before: a configuration that AppFlow shows, or a connector's response in AppFlow's terms.
        after: another one.
    """
    first, second = decided(before), decided(after)
    return [
        difference
        for name in DECIDED_BY_CONNECTOR
        for difference in _between(first.get(name), second.get(name), name)
    ]


def is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two configurations differ in nothing that a connector decides."""
    return not differences(before, after)


def decided(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the modes of :func:`modes_of`."""
    return {**configuration, "connectorModes": modes_of(configuration)}


def modes_of(configuration: Mapping[str, Any]) -> list[Any]:
    """The modes of a connector, also if only the members that follow from them are shown."""
    modes = configuration.get("connectorModes")
    if modes is not None:
        return modes if isinstance(modes, list) else [modes]
    derived = {"SOURCE": "canUseAsSource", "DESTINATION": "canUseAsDestination"}
    return [mode for mode, name in derived.items() if configuration.get(name)]


def is_absent(value: Any) -> bool:
    """Whether a value counts as absent: null, false, empty, or with nothing inside but such."""
    if isinstance(value, Mapping):
        return all(is_absent(member) for member in value.values())
    if isinstance(value, list):
        return all(is_absent(member) for member in value)
    return value is None or value is False or value == ""


def by_name(*lists: Any) -> list[dict[str, Any]] | None:
    """The structures of lists by their names, or None if one of them has none.

    The name of a structure is its key, with its scope or type behind an ``@`` where one list has
    the key more than once.
    """
    found = [
        [] if is_absent(items) else [one for one in items if not is_absent(one)] for items in lists
    ]
    keys = [[_identity(item) for item in items] for items in found]
    if any(key is None for some in keys for key in some):
        return None
    repeated = {key for some in keys for key, count in Counter(some).items() if count > 1}
    return [
        {
            _name(item, str(key), key in repeated): item
            for item, key in zip(items, some, strict=True)
        }
        for items, some in zip(found, keys, strict=True)
    ]


def _between(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if is_absent(before) and is_absent(after):
        return
    if _is_all(Mapping, before, after):
        first, second = ({} if is_absent(side) else side for side in (before, after))
        for name in dict.fromkeys([*first, *second]):
            yield from _between(first.get(name), second.get(name), f"{path}.{name}")
    elif _is_all(list, before, after) and (named := by_name(before, after)):
        first, second = named
        for name in dict.fromkeys([*first, *second]):
            yield from _between_items(first.get(name), second.get(name), f"{path}.{name}")
    elif _canonical(before) != _canonical(after):
        yield Difference(path, before, after)


def _between_items(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before is None or after is None:
        yield Difference(path, before, after)
    else:
        yield from _between(before, after, path)


def _is_all(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) or is_absent(value) for value in values)


def _identity(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    found = (item[name] for name in _IDENTITIES if isinstance(item.get(name), str))
    return next(found, None)


def _name(item: Mapping[str, Any], key: str, is_repeated: bool) -> str:
    found = (item[name] for name in _DISTINCTIONS if item.get(name))
    distinction = next(found, None) if is_repeated else None
    return key if distinction is None else f"{key}@{distinction}"


def _canonical(value: Any) -> Any:
    """A value that is equal for values that count as the same."""
    if is_absent(value):
        return None
    if isinstance(value, list):
        return sorted({json.dumps(_canonical(one)) for one in value if not is_absent(one)})
    if isinstance(value, Mapping):
        return {
            name: _canonical(value[name]) for name in sorted(value) if not is_absent(value[name])
        }
    return value
