"""Pagination of lists."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from .errors import ValidationException
from .tokens import Request

# Source: "maxResults" in the AppFlow API Reference, "The default is 20".
_DEFAULT_SIZE = 20

# The members that select a page of a list. All others select the list.
_PAGE_MEMBERS = ("maxResults", "nextToken")


class Paginator:
    """Pages of the lists of one account and Region, and the tokens of their next pages."""

    def __init__(self) -> None:
        # For each token the list, and the name after which the next page begins.
        self._positions: dict[str, tuple[Request, str]] = {}

    def page(self, member: str, found: Mapping[str, Any], request: Request) -> dict[str, Any]:
        """One page of a list, ordered by name.

        A token stands for a name, not for a position: changes between two pages do not cause
        entries to be skipped or repeated.

        Args:
            member: the name of the list in the response.
            found: all entries of the list, by name.
            request: the call; its members ``maxResults`` and ``nextToken`` select the page.

        Raises:
            ValidationException: the token is not from a page of this list.
        """
        filters = {k: value for k, value in request.parameters.items() if k not in _PAGE_MEMBERS}
        listed = Request(request.operation, filters)
        token = request.parameters.get("nextToken")
        after = "" if token is None else self._position(listed, token)
        size = request.parameters.get("maxResults", _DEFAULT_SIZE)
        rest = sorted(name for name in found if name > after)
        page: dict[str, Any] = {member: [found[name] for name in rest[:size]]}
        if len(rest) > size:
            page["nextToken"] = next_token = secrets.token_urlsafe()
            self._positions[next_token] = (listed, rest[size - 1])
        return page

    def _position(self, listed: Request, token: str) -> str:
        of, after = self._positions.get(token, (None, ""))
        if of != listed:
            raise ValidationException(
                f"The nextToken {token} is not from a page of this list. Send the nextToken that"
                f" {listed.operation} returned for the same parameters, or leave it out for the"
                " first page."
            )
        return after
