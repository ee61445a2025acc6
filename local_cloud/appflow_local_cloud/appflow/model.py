"""The rules of botocore's service model for AppFlow's requests and errors."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from botocore.model import OperationModel

from appflow_connector_configuration.model import (
    NULL,
    Violation,
    service_model,
    violations,
    violations_with_text,
)

from .errors import ValidationException

_TAGS_PATH = "/tags/"


@functools.cache
def _operations() -> Mapping[tuple[str, str], OperationModel]:
    model = service_model()
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
    for shape in service_model().error_shapes:
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
    if found := list(violations_with_text(body, shape)):
        raise _invalid(found)
    return {
        name: value for name, value in body.items() if name in shape.members and value is not None
    }


def missing(path: str) -> ValidationException:
    """The error for a request that lacks the member at a path."""
    return _invalid([Violation(path, None, NULL)])


def violations_of(shape: str, value: Any, path: str) -> list[str]:
    """The types, lengths and required members of a shape that the value at a path violates.

    Patterns and enums do not count, as in a connector's configuration.
    """
    return [str(found) for found in violations(value, service_model().shape_for(shape), path)]


def invalid(path: str, value: Any, constraint: str) -> ValidationException:
    """The error for a value that breaks a rule outside the model, in the words of the model's."""
    return _invalid([Violation(path, value, constraint)])


def _invalid(found: list[Violation]) -> ValidationException:
    plural = "error" if len(found) == 1 else "errors"
    return ValidationException(
        f"{len(found)} validation {plural} detected: {'; '.join(map(str, found))}"
    )
