"""What a connector is to ``check``: something that responds to AppFlow's requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class ConnectorFailure(Exception):
    """A connector returned no response. AppFlow would refuse it.

    Attributes:
        details: what helps to find the cause, in several lines: a traceback, a log. May be empty.
    """

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.details = details


class Refusal(NamedTuple):
    """What AppFlow would refuse in a response.

    Attributes:
        request: the type of the request.
        entity: the entity that the request names, or None.
        path: the member of the response; empty for the response itself.
        value: its value; None if it is missing.
        rule: what the value must be.
        message: the whole fault in words, or what the connector reports.
        details: what helps to find the cause, in several lines. May be empty.
    """

    request: str
    entity: str | None
    path: str
    value: Any
    rule: str
    message: str
    details: str = ""


def failed(request: str, entity: str | None, failure: ConnectorFailure) -> Refusal:
    """The refusal of a connector that returned no response."""
    rule = "The connector must return a response"
    return Refusal(request, entity, "", None, rule, str(failure), failure.details)


class Connector(Protocol):
    """A connector, on this machine or deployed."""

    def response_to(self, request: Mapping[str, Any]) -> Any:
        """The response to a request, as Lambda would return it.

        Raises:
            ConnectorFailure: the connector raised an exception, or its response is not JSON.
            CommandError: the connector could not be run, or not in time.
        """


def not_json(error: ValueError) -> str:
    """Why a response cannot be parsed."""
    return f"the response cannot be parsed as JSON: {error}"


def indented(text: str, *, most: int) -> str:
    """The last lines of a text, indented.

    Args:
        text: the text.
        most: the most lines to keep.
    """
    lines = text.strip().splitlines()
    kept = lines[-most:]
    if len(kept) < len(lines):
        kept.insert(0, f"({len(lines) - most} lines before)")
    return "\n".join(f"  {line}" for line in kept)
