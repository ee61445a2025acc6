"""Faults between the handler and AppFlow, which calls of an operation meet on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

Fault = Callable[[Any, Any], AWSResponse]
"""Takes the client and the request of a call; returns a response or raises an error."""


class _Body:
    """What botocore reads a response from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content

    def read(self, _: int | None = None) -> bytes:
        """What botocore calls if the response of an operation is a stream."""
        content, self._content = self._content, b""
        return content


def error_response(status: int, code: str | None) -> Fault:
    """An error of AppFlow, or of what stands in front of it if there is no code."""

    def respond(client: Any, request: Any) -> AWSResponse:
        headers = {"x-amzn-ErrorType": code} if code else {}
        return AWSResponse(request.url, status, headers, _Body(b'{"message": "Not now"}'))

    return respond


def cloudformation_error(status: int, code: str) -> Fault:
    """An error of CloudFormation, whose protocol is another than AppFlow's."""
    error = f"<Error><Code>{code}</Code><Message>Not now</Message></Error>"
    body = f"<ErrorResponse>{error}</ErrorResponse>"

    def respond(client: Any, request: Any) -> AWSResponse:
        return AWSResponse(request.url, status, {}, _Body(body.encode()))

    return respond


def success_response(body: bytes) -> Fault:
    """A response with status 200 and a body that AppFlow would not send."""

    def respond(client: Any, request: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, _Body(body))

    return respond


def refuse_connection(client: Any, request: Any) -> AWSResponse:
    raise EndpointConnectionError(endpoint_url=request.url)


def _reset(client: Any, request: Any) -> AWSResponse:
    raise ConnectionClosedError(endpoint_url=request.url)


def _hang(client: Any, request: Any) -> AWSResponse:
    raise ReadTimeoutError(endpoint_url=request.url)


def _after_commit(fault: Fault) -> Fault:
    def send_first(client: Any, request: Any) -> AWSResponse:
        client._endpoint.http_session.send(request)
        return fault(client, request)

    return send_first


_unreadable = success_response(b"<html>")

_CONNECTION_ERROR = "ConnectionError"

FAULTS: dict[str, tuple[Fault, str]] = {
    code: (error_response(status, code), code)
    for code, status in {
        "ThrottlingException": 429,
        "InternalServerException": 500,
        "ConflictException": 409,
        "ConnectorServerException": 400,
        "AccessDeniedException": 403,
        "ServiceQuotaExceededException": 402,
        "ConnectorAuthenticationException": 401,
        "ValidationException": 400,
        "ResourceNotFoundException": 404,
    }.items()
} | {
    "429": (error_response(429, None), "ThrottlingException"),
    "502": (error_response(502, None), "InternalServerException"),
    "503": (error_response(503, None), "InternalServerException"),
    "504": (error_response(504, None), "InternalServerException"),
    "refused": (refuse_connection, _CONNECTION_ERROR),
    "reset before commit": (_reset, _CONNECTION_ERROR),
    "hang before commit": (_hang, _CONNECTION_ERROR),
    "unreadable before commit": (_unreadable, _CONNECTION_ERROR),
    "unreadable list": (success_response(b"[]"), _CONNECTION_ERROR),
    "unreadable text": (success_response(b'"x"'), _CONNECTION_ERROR),
    "null": (success_response(b"null"), _CONNECTION_ERROR),
    "reset after commit": (_after_commit(_reset), _CONNECTION_ERROR),
    "hang after commit": (_after_commit(_hang), _CONNECTION_ERROR),
    "unreadable after commit": (_after_commit(_unreadable), _CONNECTION_ERROR),
}
"""By name: the fault, and the code under which the handler reports it."""

_first_of_each_code = {code: name for name, (_, code) in reversed(FAULTS.items())}


def is_typical(fault: str) -> bool:
    """Whether a fault is the first one with its code, or the one that takes long."""
    return fault == "hang before commit" or fault in _first_of_each_code.values()


class InjectedFault:
    """A fault that the next calls of an operation meet.

    Attributes:
        operation: the operation.
        tokens: the client tokens of the calls that have met it.
    """

    def __init__(self, operation: str, fault: Fault, times: int) -> None:
        self.operation = operation
        self.tokens: list[str] = []
        self._fault = fault
        self._left = times

    @property
    def is_over(self) -> bool:
        """Whether no more call will meet it."""
        return self._left == 0

    def end(self) -> None:
        """Let no more call meet it."""
        self._left = 0

    def apply(self, client: Any, request: Any) -> AWSResponse:
        """Let a call meet it."""
        self._left -= 1
        self.tokens.append(_token(request))
        return self._fault(client, request)


def _token(request: Any) -> str:
    try:
        token: str = json.loads(request.body or "{}").get("clientToken", "")
    except ValueError:
        # The requests of CloudFormation are no JSON.
        return ""
    return token


Inject = Callable[[str, Fault, int], InjectedFault]
"""Makes the next calls of an operation meet a fault, as often as the number says."""
