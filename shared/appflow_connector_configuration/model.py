"""botocore's service model of AppFlow, and what violates it.

The model is loaded at the first use. The handler does not use this module: its client has a model.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

# The Python types of JSON for the types of the model's requests and of a connector's responses.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    # The protocol sends a time as the seconds since 1970.
    "timestamp": (int, float),
    "boolean": (bool,),
}

# A pattern of the model writes the characters above U+FFFF as Java does, in pairs.
_JAVA_PAIRS = r"\uD800\uDC00-\uDBFF\uDFFF"
_PYTHON_PAIRS = r"\U00010000-\U0010FFFF"


class Violation(NamedTuple):
    """A value that the model does not allow.

    Attributes:
        path: the member, for example ``connectorModes.1.member``.
        value: its value; None if it is missing.
        constraint: what the model requires, in AppFlow's words.
    """

    path: str
    value: Any
    constraint: str

    def __str__(self) -> str:
        value = "null" if self.value is None else f"'{self.value}'"
        return f"Value {value} at '{self.path}' failed to satisfy constraint: {self.constraint}"


NULL = "Member must not be null"
"""The constraint that a missing member violates."""


@functools.cache
def service_model() -> ServiceModel:
    """The service model of AppFlow."""
    return ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")


def configuration_shape() -> Shape:
    """The shape of a connector's configuration in DescribeConnector's response."""
    return service_model().shape_for("ConnectorConfiguration")


def violations(value: Any, shape: Shape, path: str = "") -> Iterator[Violation]:
    """The types, lengths and required members of a shape that the value at a path violates."""
    return _violations(value, shape, path, with_text=False)


def violations_with_text(value: Any, shape: Shape, path: str = "") -> Iterator[Violation]:
    """Everything in a shape that the value at a path violates, patterns and enums included."""
    return _violations(value, shape, path, with_text=True)


def _violations(value: Any, shape: Shape, path: str, *, with_text: bool) -> Iterator[Violation]:
    if value is None:
        yield Violation(path, value, NULL)
    elif type(value) not in _TYPES[shape.type_name]:
        yield Violation(path, value, f"Member must be of type {shape.type_name}")
    else:
        yield from _size_violations(value, shape, path)
        if with_text:
            yield from _text_violations(value, shape, path)
        for inner, member, member_shape in _members(value, shape, path):
            yield from _violations(member, member_shape, inner, with_text=with_text)


def _members(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, Any, Shape]]:
    """The members of a value with their paths and shapes, and null for those that must be there."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            # Null means that the member is left out.
            if value.get(name) is not None or name in shape.required_members:
                yield f"{path}.{name}".lstrip("."), value.get(name), member
    elif isinstance(shape, ListShape):
        for index, member in enumerate(value):
            yield f"{path}.{index + 1}.member", member, shape.member
    elif isinstance(shape, MapShape):
        for key, member in value.items():
            yield f"{path}.key", key, shape.key
            yield f"{path}.{key}.member", member, shape.value


def _size_violations(value: Any, shape: Shape, path: str) -> Iterator[Violation]:
    has_length = isinstance(value, (str, list, dict))
    size = len(value) if has_length else value
    what = "have length" if has_length else "have value"
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield Violation(path, value, f"Member must {what} greater than or equal to {least}")
    if most is not None and size > most:
        yield Violation(path, value, f"Member must {what} less than or equal to {most}")


def _text_violations(value: Any, shape: Shape, path: str) -> Iterator[Violation]:
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern.replace(_JAVA_PAIRS, _PYTHON_PAIRS), value, re.ASCII):
        constraint = f"Member must satisfy regular expression pattern: {pattern}"
        yield Violation(path, value, constraint)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield Violation(path, value, f"Member must satisfy enum value set: {allowed}")
