"""The operations on flows and their runs.

Source: the AppFlow API Reference. AWS does not document the status of a new flow, the order of
execution records, nor what happens to a run when its flow changes: those are choices.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from .errors import UnsupportedOperationException
from .execution import execute
from .flow_checks import check_flow
from .flows import Flow, Run
from .state import Context
from .tokens import Request

# The members of a request that describe a flow.
_DEFINITION = (
    "description",
    "kmsArn",
    "triggerConfig",
    "sourceFlowConfig",
    "destinationFlowConfigList",
    "tasks",
    "metadataCatalogConfig",
)


def create_flow(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """CreateFlow."""
    name = parameters["flowName"]
    definition = _definition(parameters)
    on_demand = definition["triggerConfig"]["triggerType"] == "OnDemand"
    flow = Flow(
        name=name,
        arn=context.arn("flow", name),
        definition=definition,
        labels=check_flow(context, name, definition),
        # A flow with another trigger is inactive until it is started.
        status="Active" if on_demand else "Draft",
        tags=parameters.get("tags", {}),
        created_at=context.now,
        created_by=context.caller.arn,
        updated_at=context.now,
        updated_by=context.caller.arn,
    )
    context.state.flows.add(flow)
    return {"flowArn": flow.arn, "flowStatus": flow.status}


def update_flow(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """UpdateFlow; a run that is in progress keeps the old definition."""
    former = context.state.flows.get(parameters["flowName"])
    definition = _definition(parameters)
    # UpdateFlow has no member for it.
    if "kmsArn" in former.definition:
        definition["kmsArn"] = former.definition["kmsArn"]
    is_new_schema = definition["tasks"] != former.definition["tasks"]
    flow = context.state.flows.change(
        former.name,
        definition=definition,
        labels=check_flow(context, former.name, definition),
        updated_at=context.now,
        updated_by=context.caller.arn,
        schema_version=former.schema_version + int(is_new_schema),
    )
    return {"flowStatus": flow.status}


def describe_flow(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """DescribeFlow."""
    flow = context.state.flows.get(parameters["flowName"])
    return {
        **flow.definition,
        **_common(flow),
        "schemaVersion": flow.schema_version,
    }


def list_flows(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """ListFlows."""
    listed = {flow.name: _listed(flow) for flow in context.state.flows.all()}
    request = Request("ListFlows", parameters)
    return context.state.paginator.page("flows", listed, request)


def delete_flow(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """DeleteFlow."""
    context.state.flows.remove(parameters["flowName"], force=parameters.get("forceDelete", False))
    return {}


def start_flow(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """StartFlow: run a flow with the trigger OnDemand, and activate any other."""
    flow = context.state.flows.get(parameters["flowName"])
    if flow.trigger != "OnDemand":
        flow = context.state.flows.change(flow.name, status="Active")
        return {"flowArn": flow.arn, "flowStatus": flow.status}
    run = Run(id=str(uuid.uuid4()), started_at=context.now, updated_at=context.now)
    flow = context.state.flows.begin_run(flow.name, run)
    context.start(lambda: execute(context, flow, run))
    return {"flowArn": flow.arn, "flowStatus": flow.status, "executionId": run.id}


def stop_flow(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """StopFlow."""
    flow = context.state.flows.get(parameters["flowName"])
    if flow.trigger == "OnDemand":
        raise UnsupportedOperationException(
            f"Flow {flow.name} has the trigger OnDemand, so that it cannot be stopped. Cancel a run"
            " of it with CancelFlowExecutions."
        )
    flow = context.state.flows.change(flow.name, status="Suspended")
    return {"flowArn": flow.arn, "flowStatus": flow.status}


def cancel_executions(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """CancelFlowExecutions."""
    flow = context.state.flows.get(parameters["flowName"])
    active = {run.id: run for run in flow.runs if run.in_progress}
    wanted = parameters.get("executionIds") or list(active)
    for name in wanted:
        if name in active:
            active[name].cancel()
    return {"invalidExecutions": [name for name in wanted if name not in active]}


def describe_executions(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """DescribeFlowExecutionRecords, the newest first."""
    flow = context.state.flows.get(parameters["flowName"])
    # Pages are in the order of names, so that the newest run has the smallest one.
    records = {f"{2**32 - index:010d}": _record(run) for index, run in enumerate(flow.runs)}
    request = Request("DescribeFlowExecutionRecords", parameters)
    return context.state.paginator.page("flowExecutions", records, request)


def tag_resource(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """TagResource, for flows."""
    flow = context.state.flows.with_arn(parameters["resourceArn"])
    context.state.flows.change(flow.name, tags={**flow.tags, **parameters["tags"]})
    return {}


def untag_resource(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """UntagResource, for flows."""
    flow = context.state.flows.with_arn(parameters["resourceArn"])
    kept = {key: value for key, value in flow.tags.items() if key not in parameters["tagKeys"]}
    context.state.flows.change(flow.name, tags=kept)
    return {}


def list_tags(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """ListTagsForResource, for flows."""
    return {"tags": context.state.flows.with_arn(parameters["resourceArn"]).tags}


def _definition(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in _DEFINITION if name in parameters}


def _common(flow: Flow) -> dict[str, Any]:
    shown = {
        "flowArn": flow.arn,
        "flowName": flow.name,
        "flowStatus": flow.status,
        "createdAt": flow.created_at.timestamp(),
        "createdBy": flow.created_by,
        "lastUpdatedAt": flow.updated_at.timestamp(),
        "lastUpdatedBy": flow.updated_by,
        "tags": flow.tags,
    }
    if flow.runs:
        shown["lastRunExecutionDetails"] = _details(flow.runs[-1])
    return shown


def _listed(flow: Flow) -> dict[str, Any]:
    source, destination = flow.labels
    members = {
        "description": flow.definition.get("description"),
        "sourceConnectorType": flow.definition["sourceFlowConfig"]["connectorType"],
        "sourceConnectorLabel": source,
        "destinationConnectorType": flow.definition["destinationFlowConfigList"][0][
            "connectorType"
        ],
        "destinationConnectorLabel": destination,
        "triggerType": flow.trigger,
    }
    return {**_common(flow), **{name: one for name, one in members.items() if one is not None}}


def _details(run: Run) -> dict[str, Any]:
    details: dict[str, Any] = {
        "mostRecentExecutionTime": run.started_at.timestamp(),
        "mostRecentExecutionStatus": run.shown_status(),
    }
    return {**details, "mostRecentExecutionMessage": run.message} if run.message else details


def _record(run: Run) -> dict[str, Any]:
    # The status first: the rest is complete once the run has ended.
    status = run.shown_status()
    result: dict[str, Any] = {
        "recordsProcessed": run.counts.records,
        "bytesProcessed": run.counts.bytes_processed,
        "bytesWritten": run.counts.bytes_written,
    }
    if run.message or run.counts.failures:
        words = {"executionMessage": run.message} if run.message else {}
        result["errorInfo"] = {"putFailuresCount": run.counts.failures, **words}
    return {
        "executionId": run.id,
        "executionStatus": status,
        "executionResult": result,
        "startedAt": run.started_at.timestamp(),
        "lastUpdatedAt": run.updated_at.timestamp(),
    }
