"""The entities of a connector's application: asked once, then cached for as long as it states.

Sources: the requests and responses of Amazon's SDKs for custom connectors, and their README for the
time that a response is cached by default.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from appflow_connector_configuration.entities import (
    DESCRIBE,
    LIST,
    described_fields,
    listed_entities,
    violations_in_fields,
    violations_in_list,
)

from .connection import MAX_RESULTS, Connection, error_of
from .errors import ValidationException
from .invocation import failure_in, invalid_response

DEFAULT_LIFETIME = timedelta(hours=1)
"""How long a response without a time is cached. Source: the READMEs of the SDKs."""

MIN_LIFETIME = timedelta(seconds=600)
"""The least time that a response is cached. Source: CacheControl of the SDK in Python."""

# Source: TimeUnit of the SDKs.
_UNITS = {
    "NANOSECONDS": timedelta(microseconds=0.001),
    "MICROSECONDS": timedelta(microseconds=1),
    "MILLISECONDS": timedelta(milliseconds=1),
    "SECONDS": timedelta(seconds=1),
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
}


@dataclass(frozen=True)
class Question:
    """A question about entities, whose response is cached.

    Attributes:
        profile: the name of the connector profile.
        api_version: the version of the application's API.
        entity: the entity that is described, or None for a list of entities.
        path: the parent of the listed entities, or None.
        page: the size of the page of a list and the connector's token for it.
    """

    profile: str
    api_version: str | None
    entity: str | None = None
    path: str | None = None
    page: tuple[int, str | None] = (0, None)

    def at(self, token: str | None) -> Question:
        """The question for the page with one of the connector's tokens."""
        return replace(self, page=(self.page[0], token))


class EntityCache:
    """The responses about entities in one account and Region."""

    def __init__(self) -> None:
        self._cached: dict[Question, tuple[datetime, dict[str, Any]]] = {}
        # For each token of AppFlow the list, and the connector's token for the page.
        self._tokens: dict[str, tuple[Question, str]] = {}
        self._lock = threading.Lock()

    def response(
        self, question: Question, ask: Callable[[], dict[str, Any]], now: datetime
    ) -> dict[str, Any]:
        """The cached response to a question, or else the one that ``ask`` returns."""
        with self._lock:
            until, cached = self._cached.get(question, (now, {}))
        if now < until:
            return cached
        response = ask()
        with self._lock:
            self._cached[question] = (now + _lifetime(response), response)
        return response

    def own_token(self, theirs: str, question: Question) -> str:
        """A token of AppFlow for the next page of a list.

        A token of the connector may have a form that the service model does not allow.
        """
        token = secrets.token_urlsafe()
        self._tokens[token] = (question, theirs)
        return token

    def connectors_token(self, token: str | None, question: Question) -> str | None:
        """The connector's token behind a token of AppFlow, or None for the first page.

        Raises:
            ValidationException: the token is not from a page of this list.
        """
        if token is None:
            return None
        of, theirs = self._tokens.get(token, (None, ""))
        if of != question:
            raise ValidationException(
                f"The nextToken {token} is not from a page of this list. Send the nextToken that"
                " ListConnectorEntities returned for the same parameters, or leave it out for the"
                " first page."
            )
        return theirs

    def forget(self, forgotten: Callable[[Question], bool]) -> None:
        """Forget the responses to some questions."""
        with self._lock:
            for question in [one for one in self._cached if forgotten(one)]:
                del self._cached[question]


def _lifetime(response: Mapping[str, Any]) -> timedelta:
    control = response.get("cacheControl")
    if not isinstance(control, dict):
        return DEFAULT_LIFETIME
    time, unit = control.get("timeToLive"), _UNITS.get(str(control.get("timeToLiveUnit")))
    if not isinstance(time, int) or isinstance(time, bool) or unit is None:
        return DEFAULT_LIFETIME
    # A larger number would not fit into a date.
    days = timedelta(days=36500)
    return days if time > days / unit else max(MIN_LIFETIME, time * unit)


def list_entities(
    connection: Connection, path: str | None, page: tuple[int | None, str | None]
) -> dict[str, Any]:
    """Ask a connector for a page of its entities.

    Args:
        connection: the connection.
        path: the parent of the entities, or None for the uppermost.
        page: the size of the page, or None for that of the SDKs, and the connector's token for it.

    Returns:
        ``entities`` in AppFlow's terms, the connector's ``nextToken`` or None, ``cacheControl``.

    Raises:
        AppFlowError: the connector fails, or its response is invalid.
    """
    size, token = page
    response = connection.send(
        LIST, entitiesPath=path, nextToken=token, maxResult=size or MAX_RESULTS
    )
    if failure := failure_in(response):
        raise error_of(failure)
    if violations := violations_in_list(response):
        raise invalid_response(LIST, [*map(str, violations)])
    return {
        "entities": listed_entities(response),
        "nextToken": response.get("nextToken"),
        "cacheControl": response.get("cacheControl"),
    }


def describe_entity(
    connection: Connection, entity: str, cache: EntityCache, now: datetime
) -> dict[str, Any]:
    """The definition of an entity, in the connector's own words, from the cache if possible.

    Raises:
        AppFlowError: the connector fails, or its response is invalid.
    """
    question = Question(connection.profile.name, connection.api_version, entity=entity)
    response = cache.response(question, lambda: _described(connection, entity), now)
    definition: dict[str, Any] = response["entityDefinition"]
    return definition


def shown_fields(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of an entity in the terms of DescribeConnectorEntity."""
    fields: list[dict[str, Any]] = described_fields({"entityDefinition": definition})
    return fields


def data_types(definition: Mapping[str, Any]) -> dict[str, str]:
    """The data type of each field of an entity, by the name of the field."""
    return {field["fieldName"]: field["dataType"] for field in definition["fields"]}


def _described(connection: Connection, entity: str) -> dict[str, Any]:
    response = connection.send(DESCRIBE, entityIdentifier=entity)
    if failure := failure_in(response):
        raise error_of(failure)
    if violations := violations_in_fields(response):
        raise invalid_response(DESCRIBE, [*map(str, violations)])
    return response
