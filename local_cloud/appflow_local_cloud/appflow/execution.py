"""One run of a flow, in the background of the server."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .buckets import Buckets
from .ends import CUSTOM, End, ends_of
from .errors import AppFlowError
from .flows import Flow, Run
from .metadata import describe_entity
from .state import Context
from .tasks import Tasks, tasks_in
from .transfers import (
    Asking,
    BucketDestination,
    BucketSource,
    CancelledError,
    ConnectorDestination,
    ConnectorSource,
)

logger = logging.getLogger("appflow")


def execute(context: Context, flow: Flow, run: Run) -> None:
    """Transfer the records of a flow, and end its run with the outcome."""
    status: str
    message: str | None
    status, message = "Successful", None
    try:
        _transfer(context, flow, run)
    except Exception as error:  # noqa: BLE001 - a run that fails ends with a message.
        status, message = _failure(flow, run, error)
    run.end(status, message, context.clock())
    outcome = f"{status}, {run.counts.records} records" + (f": {message}" if message else "")
    logger.info("%s run of flow %s: %s", context.caller.account, flow.name, outcome)


def _failure(flow: Flow, run: Run, error: Exception) -> tuple[str, str | None]:
    # What ends because the run is cancelled, or because the local cloud stops, has not failed.
    if run.cancelled.is_set():
        return "Canceled", None
    if isinstance(error, AppFlowError):
        return "Error", str(error)
    logger.error("The local AppFlow failed in a run of flow %s", flow.name, exc_info=error)
    return "Error", "The local AppFlow failed. The log of the local cloud has the traceback."


def _transfer(context: Context, flow: Flow, run: Run) -> None:
    tasks = tasks_in(flow.definition["tasks"])
    from_, to = ends_of(flow.definition)
    buckets = Buckets(context.client("s3"), context.access, flow.arn)
    source = _source(context, from_, tasks, buckets, run)
    destination = _destination(context, to, tasks.columns(source.fields), buckets, flow, run)
    for records in source.pages(run):
        if run.cancelled.is_set():
            raise CancelledError
        destination.write([tasks.mapped(record) for record in records], run)
    destination.finish(run)


def _source(
    context: Context, end: End, tasks: Tasks, buckets: Buckets, run: Run
) -> ConnectorSource | BucketSource:
    properties = end.properties or {}
    if end.kind != CUSTOM:
        return BucketSource(buckets, properties, tasks)
    asking = Asking(end.connection(context), run.cancelled)
    return ConnectorSource(asking, properties, _definition(context, asking, properties), tasks)


def _destination(
    context: Context, end: End, columns: list[str], buckets: Buckets, flow: Flow, run: Run
) -> ConnectorDestination | BucketDestination:
    properties = end.properties or {}
    if end.kind != CUSTOM:
        return BucketDestination(buckets, properties, flow, columns)
    asking = Asking(end.connection(context), run.cancelled)
    definition = _definition(context, asking, properties)
    return ConnectorDestination(asking, properties, definition, buckets, flow)


def _definition(context: Context, asking: Asking, properties: Mapping[str, Any]) -> dict[str, Any]:
    name = properties["entityName"]
    return describe_entity(asking.connection, name, context.state.entities, context.clock())
