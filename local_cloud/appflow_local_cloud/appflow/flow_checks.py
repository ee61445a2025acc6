"""What AppFlow checks before it accepts a flow, and what the local cloud does not serve.

Sources: CreateFlow and its shapes in the AppFlow API Reference. The README of Amazon's SDK for
custom connectors says that AppFlow asks the connector for its entities while a flow is created. AWS
does not list the other checks: those here are the ones that a flow needs in order to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .buckets import Buckets
from .connection import Connection
from .ends import CUSTOM, S3, End, ends_of
from .entities import check_api_version
from .errors import ValidationException
from .metadata import data_types, describe_entity
from .model import invalid, missing
from .runtime_settings import check_required, declared
from .state import Context
from .tasks import Tasks, fields_in, filter_operators_in, tasks_in

DEFAULT_WRITE_OPERATION = "INSERT"
"""The write operation of a flow that names none. A choice."""


def check_flow(
    context: Context, name: str, definition: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Check a flow.

    Args:
        context: the call.
        name: the name of the flow.
        definition: the members of CreateFlow that describe the flow.

    Returns:
        The labels of the connectors at both ends; None for a bucket.

    Raises:
        AppFlowError: the flow cannot run, or the local cloud does not serve it.
    """
    _check_served(definition)
    tasks = tasks_in(definition["tasks"])
    source, destination = ends_of(definition)
    if (source.kind, destination.kind) == (S3, S3):
        raise ValidationException(
            "The local cloud serves flows with a CustomConnector as source, destination or both,"
            " not flows from S3 to S3."
        )
    buckets = Buckets(context.client("s3"), context.access, context.arn("flow", name))
    labels = (
        _check_end(context, source, definition, buckets),
        _check_end(context, destination, definition, buckets),
    )
    if source.kind == CUSTOM:
        _check_source_fields(context, source, definition["tasks"])
    if destination.kind == CUSTOM:
        _check_destination_fields(context, destination, tasks)
    return labels


def _check_served(definition: Mapping[str, Any]) -> None:
    destinations = definition["destinationFlowConfigList"]
    if len(destinations) != 1:
        # Source: the description of CreateFlow.
        raise invalid(
            "destinationFlowConfigList", destinations, "Member must have exactly one destination"
        )
    if "metadataCatalogConfig" in definition:
        raise ValidationException(
            "The local cloud does not serve metadataCatalogConfig: it has no Glue Data Catalog for"
            " flows. Leave it out."
        )
    trigger = definition["triggerConfig"]
    if trigger["triggerType"] == "Event":
        raise ValidationException(
            "The local cloud does not serve the triggerType Event at 'triggerConfig.triggerType'."
            " It serves OnDemand and Scheduled."
        )
    scheduled = (trigger.get("triggerProperties") or {}).get("Scheduled")
    if trigger["triggerType"] == "Scheduled" and scheduled is None:
        raise missing("triggerConfig.triggerProperties.Scheduled")


def _check_end(
    context: Context, end: End, definition: Mapping[str, Any], buckets: Buckets
) -> str | None:
    if end.kind not in (CUSTOM, S3):
        raise ValidationException(
            f"The local cloud does not serve the connectorType {end.kind} at"
            f" '{end.path}.connectorType'. It serves {CUSTOM} and {S3}."
        )
    if end.properties is None:
        raise missing(end.properties_path)
    if end.kind == S3:
        _check_bucket(end, buckets)
        return None
    return _check_connector(context, end, definition)


def _check_bucket(end: End, buckets: Buckets) -> None:
    properties = end.properties or {}
    bucket = properties["bucketName"]
    if not end.is_source:
        file_type = (properties.get("s3OutputFormatConfig") or {}).get("fileType")
        if file_type == "PARQUET":
            raise ValidationException(
                "The local cloud does not serve the fileType PARQUET at"
                f" '{end.properties_path}.s3OutputFormatConfig.fileType'. It serves CSV and JSON."
            )
        buckets.check_destination(bucket)
        return
    if not properties.get("bucketPrefix"):
        # Source: "Amazon S3" in the AppFlow User Guide: source files are inside a folder.
        raise missing(f"{end.properties_path}.bucketPrefix")
    buckets.check_source(bucket)


def _check_connector(context: Context, end: End, definition: Mapping[str, Any]) -> str:
    if "connectorProfileName" not in end.config:
        raise missing(f"{end.path}.connectorProfileName")
    name = end.config["connectorProfileName"]
    context.access.authorize("appflow:UseConnectorProfile", context.arn("connectorprofile", name))
    connection = end.connection(context)
    connector = connection.connector
    mode = "Source" if end.is_source else "Destination"
    if not connector.configuration[f"canUseAs{mode}"]:
        raise ValidationException(
            f"Connector {connector.label} cannot be the {mode.lower()} of a flow: its modes are"
            f" {', '.join(connector.configuration['connectorModes'])}."
        )
    check_api_version(connector, end.config.get("apiVersion"), f"{end.path}.apiVersion")
    if end.is_source:
        trigger = definition["triggerConfig"]["triggerType"]
        _check_supported(connection, "supportedTriggerTypes", trigger, "triggerConfig.triggerType")
    else:
        _check_write_operation(connection, end)
    _check_settings(connection, end)
    return connector.label


def _check_supported(connection: Connection, member: str, value: str, path: str) -> None:
    # A connector that states nothing is not limited.
    supported = connection.connector.configuration.get(member)
    if supported and value not in supported:
        raise invalid(path, value, f"The connector supports {', '.join(supported)}")


def _check_write_operation(connection: Connection, end: End) -> None:
    properties = end.properties or {}
    operation = properties.get("writeOperationType", DEFAULT_WRITE_OPERATION)
    path = f"{end.properties_path}.writeOperationType"
    _check_supported(connection, "supportedWriteOperations", operation, path)
    # Source: "idFieldNames" of CustomConnectorDestinationProperties.
    if operation != "INSERT" and not properties.get("idFieldNames"):
        raise missing(f"{end.properties_path}.idFieldNames")


def _check_settings(connection: Connection, end: End) -> None:
    path = f"{end.properties_path}.customProperties"
    check_required(connection.connector, end.scopes, end.settings, path)
    if declared(connection.connector, end.scopes):
        connection.validate_settings(end.scopes[0], end.settings)


def _entity(context: Context, end: End) -> dict[str, str]:
    """The data types of the fields of the entity."""
    name = (end.properties or {})["entityName"]
    cache = context.state.entities
    return data_types(describe_entity(end.connection(context), name, cache, context.now))


def _check_source_fields(context: Context, end: End, tasks: list[Mapping[str, Any]]) -> None:
    connection = end.connection(context)
    for path, operator in filter_operators_in(tasks):
        _check_supported(connection, "supportedOperators", operator, path)
    fields = _entity(context, end)
    for path, name in fields_in(tasks):
        if name not in fields:
            raise invalid(path, name, f"The entity has the fields {', '.join(fields)}")


def _check_destination_fields(context: Context, end: End, tasks: Tasks) -> None:
    fields = _entity(context, end)
    properties = end.properties or {}
    named = [*(to for _, to in tasks.mappings), *properties.get("idFieldNames", [])]
    for name in named:
        if name not in fields:
            raise ValidationException(
                f"Entity {properties['entityName']} of the destination has no field {name}. It has"
                f" the fields {', '.join(fields)}."
            )
