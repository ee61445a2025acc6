"""The properties of CloudFormation's AppFlow resources, as the members of AppFlow's requests.

CloudFormation names them alike, in another case, and a template may write any simple value as a
string. Source of the few other differences: the schemas of the AppFlow types in the CloudFormation
registry, beside botocore's service model.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

# Properties whose names differ in more than their case, all in lower case.
_OTHER_NAMES = {
    "connectoroauthrequest": "oauthrequest",
    "failonfirsterror": "failonfirstdestinationerror",
}
_BOOLEANS = {"true": True, "false": False}
_NUMBERS: Mapping[str, Callable[[Any], Any]] = {"integer": int, "long": int, "timestamp": float}
_KINDS = {dict: "JSONObject", list: "JSONArray", str: "String", bool: "Boolean"}


class PropertiesError(ValueError):
    """Properties do not follow the schema of their type; the message is CloudFormation's."""


def request_members(properties: Any, shape: Any, path: str = "#") -> Any:
    """The members of a request that properties of a template stand for.

    Args:
        properties: the properties, without intrinsic functions.
        shape: botocore's shape of the request, or of the part of it that the properties are.
        path: where the properties are in the resource. Default: the resource itself.

    Raises:
        PropertiesError: a property does not exist, or is not an object or a list as it must be.
    """
    if shape.type_name == "structure":
        return _structure(_checked(dict, properties, path), shape, path)
    if shape.type_name == "list":
        items = _checked(list, properties, path)
        return [
            request_members(item, shape.member, f"{path}/{index}")
            for index, item in enumerate(items)
        ]
    if shape.type_name == "map":
        entries = _checked(dict, _without_keys_and_values(properties), path)
        return {
            key: request_members(value, shape.value, f"{path}/{key}")
            for key, value in entries.items()
        }
    return _simple_value(properties, shape.type_name, path)


def _structure(properties: Mapping[str, Any], shape: Any, path: str) -> dict[str, Any]:
    # CloudFormation has one kind of trigger properties, and AppFlow's request names it.
    if list(shape.members) == ["Scheduled"]:
        scheduled = request_members(dict(properties), shape.members["Scheduled"], path)
        return {"Scheduled": scheduled}
    names = {name.lower(): name for name in shape.members}
    members = {}
    for name, value in properties.items():
        key = name.lower()
        member = names.get(key) or names.get(_OTHER_NAMES.get(key, ""))
        if member is None:
            raise PropertiesError(f"{path}: extraneous key [{name}] is not permitted")
        members[member] = request_members(value, shape.members[member], f"{path}/{name}")
    return members


def _without_keys_and_values(properties: Any) -> Any:
    """A map, which CloudFormation may write as a list of keys and values."""
    if not isinstance(properties, list):
        return properties
    return {entry["Key"]: entry["Value"] for entry in properties}


def _simple_value(value: Any, kind: str, path: str) -> Any:
    """A string, a number or a Boolean, which the template may have written as another of them."""
    if kind == "string" and not isinstance(value, (dict, list)):
        return json.dumps(value) if isinstance(value, bool) else str(value)
    if kind == "boolean" and str(value).lower() in _BOOLEANS:
        return _BOOLEANS[str(value).lower()]
    if kind in _NUMBERS:
        with contextlib.suppress(TypeError, ValueError):
            return _NUMBERS[kind](value)
    raise _wrong_kind(value, kind.capitalize(), path)


def _checked(kind: type, value: Any, path: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong_kind(value, _KINDS[kind], path)
    return value


def _wrong_kind(value: Any, expected: str, path: str) -> PropertiesError:
    found = _KINDS.get(type(value), "Number")
    return PropertiesError(f"{path}: expected type: {expected}, found: {found}")
