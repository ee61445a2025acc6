"""Lists that come in pages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from .errors import ValidationException
from .tokens import Request

# Source: "maxResults" in the AppFlow API Reference, "The default is 20".
_DEFAULT_SIZE = 20

# The members that say which page it is to be; the others say of which list.
_OF_PAGES = ("maxResults", "nextToken")


class Pages:
    """The places in its lists that one account and Region has been given tokens for."""

    def __init__(self) -> None:
        # The list and the name after which the next page begins, by token.
        self._places: dict[str, tuple[Request, str]] = {}

    def page(self, member: str, found: Mapping[str, Any], request: Request) -> dict[str, Any]:
        """One page of what was found, ordered by name.

        A token stands for a name and not for a number, so that nothing is skipped or repeated when
        something comes or goes between two pages.

        Args:
            member: the name that the list has in the answer.
            found: everything there is, by name.
            request: the call; its members ``maxResults`` and ``nextToken`` choose the page.

        Raises:
            ValidationException: the token was not given for this list.
        """
        filters = {k: value for k, value in request.parameters.items() if k not in _OF_PAGES}
        wanted = Request(request.operation, filters)
        token = request.parameters.get("nextToken")
        after = "" if token is None else self._place(wanted, token)
        size = request.parameters.get("maxResults", _DEFAULT_SIZE)
        rest = sorted(name for name in found if name > after)
        page: dict[str, Any] = {member: [found[name] for name in rest[:size]]}
        if len(rest) > size:
            page["nextToken"] = next_token = secrets.token_urlsafe()
            self._places[next_token] = (wanted, rest[size - 1])
        return page

    def _place(self, wanted: Request, token: str) -> str:
        of, after = self._places.get(token, (None, ""))
        if of != wanted:
            raise ValidationException(
                f"The nextToken {token} was not given for this list: send the one that"
                f" {wanted.operation} answered to the same members, or none for the first page."
            )
        return after
