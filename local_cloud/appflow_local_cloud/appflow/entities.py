"""The operations on the entities of a connector's application.

Source: ListConnectorEntities, DescribeConnectorEntity and ResetConnectorMetadataCache in the
AppFlow API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .connection import Connection
from .errors import ValidationException
from .metadata import Question, describe_entity, list_entities, shown_fields
from .model import invalid, missing
from .registry import Connector
from .state import Context

_GROUP = "Entities"


def list_connector_entities(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """ListConnectorEntities."""
    connection = _connection(context, parameters)
    path, size = parameters.get("entitiesPath"), parameters.get("maxResults")
    question = Question(
        profile=connection.profile.name,
        api_version=connection.api_version,
        path=path,
        page=(size or 0, None),
    )
    token = context.state.entities.connectors_token(parameters.get("nextToken"), question)
    page = (size, token)
    response = context.state.entities.response(
        question.at(token), lambda: list_entities(connection, path, page), context.now
    )
    found: dict[str, Any] = {"connectorEntityMap": {_GROUP: response["entities"]}}
    if response["nextToken"]:
        found["nextToken"] = context.state.entities.own_token(response["nextToken"], question)
    return found


def describe_connector_entity(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """DescribeConnectorEntity."""
    connection = _connection(context, parameters)
    name = parameters["connectorEntityName"]
    definition = describe_entity(connection, name, context.state.entities, context.now)
    return {"connectorEntityFields": shown_fields(definition)}


def reset_cache(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """ResetConnectorMetadataCache."""
    connection = _connection(context, parameters)
    entity, path = parameters.get("connectorEntityName"), parameters.get("entitiesPath")

    def is_reset(question: Question) -> bool:
        same = (question.profile, question.api_version) == (
            connection.profile.name,
            connection.api_version,
        )
        if entity is not None:
            return same and question.entity == entity
        return same and question.entity is None and path in (None, question.path)

    context.state.entities.forget(is_reset)
    return {}


def check_api_version(connector: Connector, api_version: str | None, path: str) -> str:
    """The version of the application's API that a request names.

    Raises:
        ValidationException: the request names none, or one that the connector does not support.
    """
    if api_version is None:
        raise missing(path)
    supported = connector.configuration.get("supportedApiVersions") or []
    if api_version not in supported:
        raise invalid(path, api_version, f"The connector supports {', '.join(supported) or 'none'}")
    return api_version


def _connection(context: Context, parameters: Mapping[str, Any]) -> Connection:
    kind = parameters.get("connectorType", "CustomConnector")
    if kind != "CustomConnector":
        raise ValidationException(
            f"The local cloud serves entities of type CustomConnector only, not {kind}."
        )
    if "connectorProfileName" not in parameters:
        raise missing("connectorProfileName")
    connection = context.connection(parameters["connectorProfileName"])
    version = check_api_version(connection.connector, parameters.get("apiVersion"), "apiVersion")
    return Connection(connection.connector, connection.profile, context.functions, version)
