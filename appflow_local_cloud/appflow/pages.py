"""Lists that come in pages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from .errors import ValidationException

# Source: the AppFlow API Reference gives a maximum of 100 and says that less may come.
_DEFAULT_SIZE = 20


class Pages:
    """The places in its lists that one account and Region has been given tokens for."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, str]] = {}

    def page(
        self, member: str, found: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """One page of what was found, ordered by name.

        A token stands for a name and not for a number, so that nothing is skipped or repeated when
        something comes or goes between two pages.

        Args:
            member: the name that the list has in the answer.
            found: everything there is, by name.
            parameters: those of the call: ``maxResults``, ``nextToken``.

        Raises:
            ValidationException: the token was not given for this list.
        """
        after = self._place(member, parameters["nextToken"]) if "nextToken" in parameters else ""
        size = parameters.get("maxResults", _DEFAULT_SIZE)
        rest = sorted(name for name in found if name > after)
        page: dict[str, Any] = {member: [found[name] for name in rest[:size]]}
        if len(rest) > size:
            page["nextToken"] = token = secrets.token_urlsafe()
            self._places[token] = (member, rest[size - 1])
        return page

    def _place(self, member: str, token: str) -> str:
        of, after = self._places.get(token, ("", ""))
        if of != member:
            raise ValidationException("The nextToken is not one that this service gave.")
        return after
