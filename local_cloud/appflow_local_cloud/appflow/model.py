"""The rules of botocore's service model for AppFlow's requests and errors."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from .errors import ValidationException

# The Python types of JSON for the types of the model's requests and of a connector's metadata.
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

_TAGS_PATH = "/tags/"


@functools.cache
def _service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")


@functools.cache
def _operations() -> Mapping[tuple[str, str], OperationModel]:
    model = _service_model()
    operations = (model.operation_model(name) for name in model.operation_names)
    return {(one.http["method"], one.http["requestUri"]): one for one in operations}


def operation_at(method: str, path: str) -> OperationModel | None:
    """The operation with a method and a path, or None."""
    uri = f"{_TAGS_PATH}{{resourceArn}}" if path.startswith(_TAGS_PATH) else path
    return _operations().get((method, uri))


def members_of(path: str, query: Mapping[str, Any], body: Any) -> Any:
    """The members of a request, from its path, its query and its parsed body.

    Only the operations on tags have members outside the body.
    """
    if not path.startswith(_TAGS_PATH) or not isinstance(body, dict):
        return body
    members = {**body, "resourceArn": unquote(path.removeprefix(_TAGS_PATH))}
    keys = query.get("tagKeys")
    return members if keys is None else {**members, "tagKeys": keys}


def http_status(error_code: str) -> int:
    """The HTTP status of an error code."""
    for shape in _service_model().error_shapes:
        if shape.name == error_code:
            return int(shape.metadata["error"]["httpStatusCode"])
    return 400


def checked_input(operation: OperationModel, body: Any) -> dict[str, Any]:
    """The members of a request's body that the operation has.

    Raises:
        ValidationException: the body is not an object, lacks a required member, or has a member
            whose type, length, pattern or value the model does not allow.
    """
    if not isinstance(body, dict):
        raise ValidationException("The request body must be a JSON object.")
    shape = operation.input_shape
    violations = list(_violations(body, shape, ""))
    if violations:
        raise _invalid(violations)
    return {
        name: value for name, value in body.items() if name in shape.members and value is not None
    }


def missing(path: str) -> ValidationException:
    """The error for a request that lacks the member at a path."""
    return _invalid([_null_violation(path)])


def violations_of(shape: str, value: Any, path: str) -> list[str]:
    """The types, lengths and required members of a shape that the value at a path violates.

    Patterns and enums do not count, as in :func:`configuration_violations`.
    """
    return list(_violations(value, _service_model().shape_for(shape), path, with_text=False))


def invalid(path: str, value: Any, constraint: str) -> ValidationException:
    """The error for a value that breaks a rule outside the model, in the words of the model's."""
    return _invalid([_violation(value, path, constraint)])


def configuration_shape() -> Shape:
    """The shape of a connector's configuration in DescribeConnector's response."""
    return _service_model().shape_for("ConnectorConfiguration")


def configuration_violations(configuration: Mapping[str, Any]) -> list[str]:
    """The types and lengths in DescribeConnector's response that a configuration violates.

    Patterns and enums do not count: published connectors have labels and URLs that the patterns do
    not allow, and a connector may be newer than the model.
    """
    return list(_violations(configuration, configuration_shape(), "", with_text=False))


def _invalid(violations: list[str]) -> ValidationException:
    plural = "error" if len(violations) == 1 else "errors"
    return ValidationException(
        f"{len(violations)} validation {plural} detected: {'; '.join(violations)}"
    )


def _violations(value: Any, shape: Shape, path: str, *, with_text: bool = True) -> Iterator[str]:
    if value is None:
        yield _null_violation(path)
    elif type(value) not in _TYPES[shape.type_name]:
        yield _violation(value, path, f"Member must be of type {shape.type_name}")
    else:
        yield from _size_violations(value, shape, path)
        if with_text:
            yield from _text_violations(value, shape, path)
        yield from _inner_violations(value, shape, path, with_text=with_text)


def _inner_violations(value: Any, shape: Shape, path: str, *, with_text: bool) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            inner = f"{path}.{name}".lstrip(".")
            # Null means that the member is left out.
            if value.get(name) is not None:
                yield from _violations(value[name], member, inner, with_text=with_text)
            elif name in shape.required_members:
                yield _null_violation(inner)
    elif isinstance(shape, ListShape):
        for index, member in enumerate(value):
            inner = f"{path}.{index + 1}.member"
            yield from _violations(member, shape.member, inner, with_text=with_text)
    elif isinstance(shape, MapShape):
        for key, member in value.items():
            yield from _violations(key, shape.key, f"{path}.key", with_text=with_text)
            yield from _violations(member, shape.value, f"{path}.{key}.member", with_text=with_text)


def _size_violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    has_length = isinstance(value, (str, list, dict))
    size = len(value) if has_length else value
    what = "have length" if has_length else "have value"
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _violation(value, path, f"Member must {what} greater than or equal to {least}")
    if most is not None and size > most:
        yield _violation(value, path, f"Member must {what} less than or equal to {most}")


def _text_violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern.replace(_JAVA_PAIRS, _PYTHON_PAIRS), value, re.ASCII):
        yield _violation(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _violation(value, path, f"Member must satisfy enum value set: {allowed}")


def _null_violation(path: str) -> str:
    return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _violation(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
