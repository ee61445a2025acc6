"""The entities that a connector lists and describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from appflow_connector_configuration.entities import (
    DESCRIBE,
    LIST,
    described_fields,
    listed_entities,
    violations_in_fields,
    violations_in_list,
)
from appflow_connector_configuration.faults import failure_message
from appflow_connector_configuration.model import Violation

from .check_connector import Connector, ConnectorFailure, Refusal, failed
from .check_context import Context

MOST_DESCRIBED = 25
"""The most entities that are described, besides those that the context or a flow names."""

_PAGE_SIZE = 1000
_MOST_PAGES = 50
_NOT_FOUND = "ResourceNotFoundError"


class Entity(NamedTuple):
    """An entity of the connector's application.

    Attributes:
        name: the name.
        label: the label, or None.
        has_nested_entities: whether other entities are below it.
        fields: the fields in the terms of DescribeConnectorEntity, or None if not described.
    """

    name: str
    label: str | None = None
    has_nested_entities: bool = False
    fields: tuple[Mapping[str, Any], ...] | None = None


class Metadata(NamedTuple):
    """What a connector says about its entities.

    Attributes:
        entities: the entities, those that are described with their fields.
        missing: the names of entities that flows use and that do not exist.
        refused: what AppFlow would refuse.
        notes: what is not asked for.
    """

    entities: tuple[Entity, ...]
    missing: tuple[str, ...]
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...]


class _RefusedError(Exception):
    """AppFlow would refuse a response; ``code`` is the connector's ``errorCode``, or None."""

    def __init__(self, *refusals: Refusal, code: str | None = None) -> None:
        super().__init__(refusals)
        self.refusals = refusals
        self.code = code


def metadata_of(
    connector: Connector,
    context: Context,
    configuration: Mapping[str, Any],
    used: Sequence[str],
) -> Metadata:
    """List the uppermost entities, and describe some.

    Args:
        connector: the connector.
        context: the context of the requests. The entity that it names is described.
        configuration: the connector's configuration.
        used: the names of the entities that flows use, which are described as well.

    Raises:
        CommandError: the connector could not be run, or not in time.
    """
    requests = _Requests(connector, context, configuration)
    entities: dict[str, Entity] = {}
    refused: list[Refusal] = []
    missing: list[str] = []
    notes: list[str] = []
    try:
        listed, is_longer = requests.entities()
        entities = {entity.name: entity for entity in listed}
        if is_longer:
            notes.append(f"only {_MOST_PAGES} pages of the list of entities are read")
    except _RefusedError as error:
        refused += error.refusals
    named = list(dict.fromkeys([*([context.entity] if context.entity else []), *used]))
    # An entity with nested ones can be a mere group of them.
    rest = [
        entity.name
        for entity in entities.values()
        if not entity.has_nested_entities and entity.name not in named
    ]
    for name in [*named, *rest[:MOST_DESCRIBED]]:
        try:
            fields = requests.fields(name)
        except _RefusedError as error:
            if error.code == _NOT_FOUND and name in used:
                missing.append(name)
            else:
                refused += error.refusals
        else:
            entities[name] = entities.get(name, Entity(name))._replace(fields=fields)
    left = len(rest) - MOST_DESCRIBED
    if left > 0:
        notes.append(f"{left} more entities are listed and not described")
    return Metadata(tuple(entities.values()), tuple(missing), tuple(refused), tuple(notes))


class _Requests:
    """The requests about entities. A method raises _RefusedError if AppFlow would refuse."""

    def __init__(
        self, connector: Connector, context: Context, configuration: Mapping[str, Any]
    ) -> None:
        self._connector = connector
        self._connector_context = context.as_request(configuration)

    def entities(self) -> tuple[list[Entity], bool]:
        """The uppermost entities of some pages, and whether there are more pages."""
        entities: list[Entity] = []
        tokens: list[str | None] = [None]
        while len(tokens) <= _MOST_PAGES:
            page = self._response(LIST, None, nextToken=tokens[-1], maxResult=_PAGE_SIZE)
            _check(violations_in_list(page), LIST, None)
            entities += [
                Entity(one["name"], one.get("label"), one.get("hasNestedEntities", False))
                for one in listed_entities(page)
            ]
            token = page.get("nextToken")
            if not token:
                return entities, False
            if token in tokens:
                rule = "Must not be the token of an earlier page"
                raise _RefusedError(Refusal(LIST, None, "nextToken", token, rule, rule))
            tokens.append(token)
        return entities, True

    def fields(self, entity: str) -> tuple[Mapping[str, Any], ...]:
        """The fields of an entity."""
        response = self._response(DESCRIBE, entity, entityIdentifier=entity)
        _check(violations_in_fields(response), DESCRIBE, entity)
        return tuple(described_fields(response))

    def _response(self, request: str, entity: str | None, **members: Any) -> Mapping[str, Any]:
        given = {name: value for name, value in members.items() if value is not None}
        try:
            response = self._connector.response_to(
                {"type": request, "connectorContext": self._connector_context, **given}
            )
        except ConnectorFailure as failure:
            raise _RefusedError(failed(request, entity, failure)) from failure
        if not isinstance(response, Mapping) or "isSuccess" not in response:
            rule = "Must be an object with isSuccess"
            raise _RefusedError(Refusal(request, entity, "", response, rule, rule))
        message = failure_message(response)
        if message is not None:
            details = response.get("errorDetails")
            found = details.get("errorCode") if isinstance(details, Mapping) else None
            code = found if isinstance(found, str) else None
            words = ": ".join(filter(None, [code, message]))
            value, rule = response["isSuccess"], "Member must be true"
            refusal = Refusal(request, entity, "isSuccess", value, rule, words)
            raise _RefusedError(refusal, code=code)
        return response


def _check(found: Sequence[Violation], request: str, entity: str | None) -> None:
    """Raise _RefusedError for what AppFlow would refuse."""
    if found:
        raise _RefusedError(*(Refusal(request, entity, *one, str(one)) for one in found))
