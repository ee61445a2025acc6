"""One request to the function of a connector, and its response.

Source: Amazon's SDKs for custom connectors, in Python and Java. A request has a ``type``. A
response has ``isSuccess`` and, after a failure, ``errorDetails``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from appflow_connector_configuration.faults import failure_message
from appflow_connector_configuration.response import parsed

from .errors import ConnectorServerException

Invoke = Callable[[str, bytes], Mapping[str, Any]]
"""Invokes the function with an ARN; takes a payload and returns the result of Lambda's Invoke."""


@dataclass(frozen=True)
class Failure:
    """A failure that a connector reports.

    Attributes:
        code: the ``ErrorCode`` of the SDKs, for example ``RateLimitExceeded``, or None.
        message: the connector's words.
        retry_after_seconds: after how many seconds the request may be sent again, or None.
    """

    code: str | None
    message: str
    retry_after_seconds: float | None


def response_to(request: Mapping[str, Any], lambda_arn: str, invoke: Invoke) -> dict[str, Any]:
    """Send a request to a connector and return its response, which may report a failure.

    Raises:
        ConnectorServerException: the function failed, or its response is not one of a connector.
    """
    result = invoke(lambda_arn, json.dumps(request).encode())
    payload = result["Payload"].read()
    if "FunctionError" in result:
        raise server_error(f"Got error from connector. {_error_message(payload)}")
    try:
        response = parsed(payload)
    except ValueError:
        response = None
    if not isinstance(response, dict) or "isSuccess" not in response:
        raise server_error("Got error from connector. No valid response and error details found.")
    return response


def failure_in(response: Mapping[str, Any]) -> Failure | None:
    """The failure that a response reports, or None."""
    message = failure_message(response)
    if message is None:
        return None
    found = response.get("errorDetails")
    details: Mapping[str, Any] = found if isinstance(found, dict) else {}
    code, after = details.get("errorCode"), details.get("retryAfterSeconds")
    is_number = isinstance(after, (int, float)) and not isinstance(after, bool)
    return Failure(
        code=code if isinstance(code, str) else None,
        message=message,
        retry_after_seconds=after if is_number else None,
    )


def server_error(message: str) -> ConnectorServerException:
    """The error for a connector that failed or does not respond as the SDKs do."""
    return ConnectorServerException(f"Error while communicating to connector: {message}")


def invalid_response(request_type: str, violations: list[str]) -> ConnectorServerException:
    """The error for a response whose members are not those of the SDKs."""
    name = request_type.removesuffix("Request")
    return server_error(f"invalid {name} response ({'; '.join(violations)}).")


def _error_message(payload: bytes) -> str:
    try:
        return str(parsed(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return "No valid response and error details found."
