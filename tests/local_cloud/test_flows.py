"""Flows: what AppFlow keeps, shows and refuses."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from tests.local_cloud.flow_support import MAP_ALL, Sales, connector, end, task
from tests.local_cloud.support import refusal, user_client

SCHEDULED = {
    "triggerType": "Scheduled",
    "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1days)"}},
}


def members_of(response: dict[str, Any], *left_out: str) -> dict[str, Any]:
    """A response without its metadata, its times and some members."""
    ignored = {"ResponseMetadata", "createdAt", "lastUpdatedAt", *left_out}
    return {name: value for name, value in response.items() if name not in ignored}


@pytest.mark.rule("API", "choice")
def test_flow_is_shown_as_created(sales: Sales) -> None:
    """DescribeFlow shows the members of the request, the status, the tags and the creator."""
    flow = sales.reading()
    flow["description"] = "All orders, daily"

    created = sales.appflow.create_flow(**flow, tags={"team": "sales"})

    arn = f"arn:aws:appflow:us-east-1:{sales.account.id}:flow/orders"
    assert members_of(created) == {"flowArn": arn, "flowStatus": "Active"}
    root = f"arn:aws:iam::{sales.account.id}:root"
    assert members_of(sales.appflow.describe_flow(flowName="orders")) == {
        **flow,
        "flowArn": arn,
        "flowStatus": "Active",
        "schemaVersion": 1,
        "tags": {"team": "sales"},
        "createdBy": root,
        "lastUpdatedBy": root,
    }


@pytest.mark.rule("API")
def test_list_has_labels(sales: Sales) -> None:
    """ListFlows shows the label of the connector at either end."""
    sales.appflow.create_flow(**sales.reading())
    sales.appflow.create_flow(**{**sales.writing(), "flowName": "back"})

    back, orders = sales.appflow.list_flows()["flows"]

    assert (orders["sourceConnectorType"], orders["sourceConnectorLabel"]) == (
        "CustomConnector",
        "acme-crm",
    )
    assert orders["destinationConnectorType"] == "S3"
    assert "destinationConnectorLabel" not in orders
    assert back["destinationConnectorLabel"] == "acme-crm"
    assert "sourceConnectorLabel" not in back
    assert {flow["triggerType"] for flow in (back, orders)} == {"OnDemand"}


@pytest.mark.rule("API")
def test_list_of_flows_has_pages(sales: Sales) -> None:
    """ListFlows returns pages."""
    for name in ("aa", "bb", "cc"):
        sales.appflow.create_flow(**{**sales.reading(), "flowName": name})

    first = sales.appflow.list_flows(maxResults=2)
    second = sales.appflow.list_flows(maxResults=2, nextToken=first["nextToken"])

    names = [flow["flowName"] for page in (first, second) for flow in page["flows"]]
    assert names == ["aa", "bb", "cc"]


@pytest.mark.rule("API", "choice")
def test_update_replaces_flow(sales: Sales) -> None:
    """UpdateFlow replaces the definition; other tasks make another schema version."""
    flow = sales.reading()
    sales.appflow.create_flow(**flow, tags={"team": "sales"}, description="Old")

    for tasks in ([task("Map", ["id"], destinationField="key")], flow["tasks"], flow["tasks"]):
        sales.appflow.update_flow(**{**flow, "tasks": tasks})

    shown = sales.appflow.describe_flow(flowName="orders")
    assert "description" not in shown
    assert shown["tasks"] == flow["tasks"]
    assert shown["schemaVersion"] == 3
    assert shown["tags"] == {"team": "sales"}


@pytest.mark.rule("API")
def test_refused_update_changes_nothing(sales: Sales) -> None:
    """An update that is refused leaves the flow as it is."""
    flow = sales.reading()
    sales.appflow.create_flow(**flow)

    refusal(sales.appflow.update_flow, **{**flow, "tasks": []})

    assert sales.appflow.describe_flow(flowName="orders")["tasks"] == flow["tasks"]


@pytest.mark.rule("model")
@pytest.mark.parametrize(
    "operation",
    [
        "describe_flow",
        "delete_flow",
        "start_flow",
        "stop_flow",
        "describe_flow_execution_records",
        "cancel_flow_executions",
    ],
)
def test_unknown_flow_is_refused(appflow: Any, operation: str) -> None:
    """An operation on a flow that does not exist: `ResourceNotFoundException`, 404."""
    assert refusal(getattr(appflow, operation), flowName="orders") == (
        "ResourceNotFoundException",
        404,
        "Flow orders does not exist.",
    )


@pytest.mark.rule("model")
def test_flow_name_is_unique(sales: Sales) -> None:
    """A flow with the name of another one: `ConflictException`, 409."""
    sales.appflow.create_flow(**sales.reading())

    assert refusal(sales.appflow.create_flow, **sales.reading()) == (
        "ConflictException",
        409,
        "Flow orders already exists.",
    )


@pytest.mark.rule("API", "choice")
def test_scheduled_flow_is_activated(sales: Sales) -> None:
    """A scheduled flow is a draft until StartFlow activates it; no schedule runs it."""
    appflow = sales.appflow
    created = appflow.create_flow(**{**sales.reading(), "triggerConfig": SCHEDULED})
    started = appflow.start_flow(flowName="orders")

    assert created["flowStatus"] == "Draft"
    assert started["flowStatus"] == "Active"
    assert "executionId" not in started
    with pytest.raises(appflow.exceptions.ConflictException, match="in use: it is active"):
        appflow.delete_flow(flowName="orders")
    assert appflow.stop_flow(flowName="orders")["flowStatus"] == "Suspended"
    appflow.delete_flow(flowName="orders")
    assert appflow.list_flows()["flows"] == []


@pytest.mark.rule("API")
def test_on_demand_flow_cannot_be_stopped(sales: Sales) -> None:
    """StopFlow for a flow with the trigger OnDemand: `UnsupportedOperationException`, 400."""
    sales.appflow.create_flow(**sales.reading())

    code, status, message = refusal(sales.appflow.stop_flow, flowName="orders")

    assert (code, status) == ("UnsupportedOperationException", 400)
    assert message == (
        "Flow orders has the trigger OnDemand, so that it cannot be stopped. Cancel a run of it"
        " with CancelFlowExecutions."
    )


@pytest.mark.rule("API")
def test_flow_keeps_its_profile(sales: Sales) -> None:
    """Deleting a profile that a flow uses needs `forceDelete`: `ConflictException`, 409."""
    appflow = sales.appflow
    appflow.create_flow(**sales.reading())

    code, status, message = refusal(appflow.delete_connector_profile, connectorProfileName="sales")

    assert (code, status) == ("ConflictException", 409)
    assert message == (
        "Connector profile sales is in use by flows: orders. Delete the flows first, or set"
        " forceDelete."
    )
    appflow.delete_connector_profile(connectorProfileName="sales", forceDelete=True)
    assert appflow.describe_connector_profiles()["connectorProfileDetails"] == []


@pytest.mark.rule("API")
def test_flow_has_tags(sales: Sales) -> None:
    """The tags of a flow can be listed, added and removed."""
    arn = sales.appflow.create_flow(**sales.reading(), tags={"team": "sales", "a": "1"})["flowArn"]

    sales.appflow.tag_resource(resourceArn=arn, tags={"a": "2", "b": "3"})
    sales.appflow.untag_resource(resourceArn=arn, tagKeys=["team", "none"])

    assert sales.appflow.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2", "b": "3"}
    assert sales.appflow.describe_flow(flowName="orders")["tags"] == {"a": "2", "b": "3"}


@pytest.mark.rule("model", "choice")
def test_tags_need_a_flow(sales: Sales) -> None:
    """Tags of anything but a flow: `ResourceNotFoundException`, 404."""
    arn = f"arn:aws:appflow:us-east-1:{sales.account.id}:connector/acme-crm"

    code, status, message = refusal(sales.appflow.list_tags_for_resource, resourceArn=arn)

    assert (code, status) == ("ResourceNotFoundException", 404)
    assert message == f"There is no flow with the ARN {arn}."


@pytest.mark.rule("IAM")
def test_flow_actions_can_be_limited(sales: Sales) -> None:
    """A policy can limit actions on flows to one flow, and profiles to use to one profile."""
    sales.appflow.create_flow(**sales.reading())
    prefix = f"arn:aws:appflow:us-east-1:{sales.account.id}:"
    clerk = user_client(sales.account, ["appflow:*"], resource=f"{prefix}flow/orders")

    assert clerk.describe_flow(flowName="orders")["flowName"] == "orders"
    clerk.start_flow(flowName="orders")
    code, _, message = refusal(clerk.describe_flow, flowName="other")
    assert code == "AccessDeniedException"
    assert f"perform: appflow:DescribeFlow on resource: {prefix}flow/other" in message
    code, _, message = refusal(clerk.update_flow, **sales.reading())
    assert code == "AccessDeniedException"
    assert (
        f"perform: appflow:UseConnectorProfile on resource: {prefix}connectorprofile/sales"
        in message
    )


def changed(flow: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A flow with one member changed, or left out if the value is None."""
    flow = copy.deepcopy(flow)
    holder: Any = flow
    *parents, name = path.split(".")
    for parent in parents:
        holder = holder[int(parent)] if parent.isdigit() else holder[parent]
    if value is None:
        del holder[name]
    else:
        holder[name] = value
    return flow


NULL = "failed to satisfy constraint: Member must not be null"
NOT_SERVED = "The local cloud does not serve the "
SOURCE = "sourceFlowConfig.sourceConnectorProperties"
DESTINATION = "destinationFlowConfigList.0.destinationConnectorProperties"
DESTINATION_SHOWN = "destinationFlowConfigList.1.member.destinationConnectorProperties"

REFUSED_READING: dict[str, tuple[str, Any, str]] = {
    "no destination": (
        "destinationFlowConfigList",
        [],
        "Value '[]' at 'destinationFlowConfigList' failed to satisfy constraint: Member must have"
        " exactly one destination",
    ),
    "two destinations": (
        "destinationFlowConfigList",
        [end("S3", source=False, properties={"bucketName": "abc"})] * 2,
        "at 'destinationFlowConfigList' failed to satisfy constraint: Member must have exactly one",
    ),
    "event": (
        "triggerConfig.triggerType",
        "Event",
        f"{NOT_SERVED}triggerType Event at 'triggerConfig.triggerType'. It serves OnDemand and"
        " Scheduled.",
    ),
    "schedule is missing": (
        "triggerConfig.triggerType",
        "Scheduled",
        f"Value null at 'triggerConfig.triggerProperties.Scheduled' {NULL}",
    ),
    "catalog": (
        "metadataCatalogConfig",
        {"glueDataCatalog": {"roleArn": "arn:aws:iam::111122223333:role/r", "databaseName": "d",
                             "tablePrefix": "p"}},
        "The local cloud does not serve metadataCatalogConfig: it has no Glue Data Catalog for"
        " flows. Leave it out.",
    ),
    "other source": (
        "sourceFlowConfig",
        end("Zendesk", source=True, properties={"object": "tickets"}),
        f"{NOT_SERVED}connectorType Zendesk at 'sourceFlowConfig.connectorType'. It serves"
        " CustomConnector and S3.",
    ),
    "other destination": (
        "destinationFlowConfigList",
        [end("EventBridge", source=False, properties={"object": "bus"})],
        f"{NOT_SERVED}connectorType EventBridge at 'destinationFlowConfigList.1.member"
        ".connectorType'. It serves CustomConnector and S3.",
    ),
    "properties of another type": (
        SOURCE,
        {"S3": {"bucketName": "abc"}},
        f"Value null at '{SOURCE}.CustomConnector' {NULL}",
    ),
    "no profile": (
        "sourceFlowConfig.connectorProfileName",
        None,
        f"Value null at 'sourceFlowConfig.connectorProfileName' {NULL}",
    ),
    "no version": (
        "sourceFlowConfig.apiVersion",
        None,
        f"Value null at 'sourceFlowConfig.apiVersion' {NULL}",
    ),
    "other version": (
        "sourceFlowConfig.apiVersion",
        "v9",
        "Value 'v9' at 'sourceFlowConfig.apiVersion' failed to satisfy constraint: The connector"
        " supports v1, v2",
    ),
    "parquet": (
        f"{DESTINATION}.S3.s3OutputFormatConfig",
        {"fileType": "PARQUET"},
        f"{NOT_SERVED}fileType PARQUET at '{DESTINATION_SHOWN}.S3.s3OutputFormatConfig.fileType'."
        " It serves CSV and JSON.",
    ),
    "missing bucket": (
        f"{DESTINATION}.S3.bucketName",
        "no-such-bucket-at-all",
        "Bucket no-such-bucket-at-all does not exist.",
    ),
    "no task": (
        "tasks",
        [],
        "Value '[]' at 'tasks' failed to satisfy constraint: Member must map or project at least"
        " one field",
    ),
    **{
        f"task {kind}": (
            "tasks",
            [MAP_ALL, task(kind, ["id"], "NO_OP")],
            f"{NOT_SERVED[:-4]}the task {kind} at 'tasks.2.member.taskType'. It serves Filter, Map,"
            " Map_all.",
        )
        for kind in ("Arithmetic", "Mask", "Merge", "Passthrough", "Truncate", "Validate")
    },
    "operator of a mapping": (
        "tasks",
        [task("Map", ["id"], "MASK_ALL", destinationField="id")],
        f"{NOT_SERVED}operator MASK_ALL of the task Map at 'tasks.1.member.connectorOperator'. It"
        " serves NO_OP.",
    ),
    "mapping without destination": (
        "tasks",
        [task("Map", ["id"])],
        f"Value null at 'tasks.1.member.destinationField' {NULL}",
    ),
    "mapping of two fields": (
        "tasks",
        [task("Map", ["id", "paid"], destinationField="x")],
        "at 'tasks.1.member.sourceFields' failed to satisfy constraint: Member must have exactly"
        " one field",
    ),
    "mapping of an unknown field": (
        "tasks",
        [task("Map", ["name"], destinationField="x")],
        "Value 'name' at 'tasks.1.member.sourceFields.1.member' failed to satisfy constraint: The"
        " entity has the fields id, amount, price, paid",
    ),
    "filter without operator": (
        "tasks",
        [MAP_ALL, task("Filter", ["id"])],
        "at 'tasks.2.member.connectorOperator' failed to satisfy constraint: Member must have"
        " exactly one operator",
    ),
    "filter that maps": (
        "tasks",
        [MAP_ALL, task("Filter", ["id"], "NO_OP")],
        f"{NOT_SERVED}operator NO_OP of the task Filter at 'tasks.2.member.connectorOperator'. It"
        " serves PROJECTION, EQUAL_TO,",
    ),
    "filter without value": (
        "tasks",
        [MAP_ALL, task("Filter", ["id"], "EQUAL_TO")],
        f"Value null at 'tasks.2.member.taskProperties.VALUE.member' {NULL}",
    ),
    "filter without bound": (
        "tasks",
        [MAP_ALL, task("Filter", ["id"], "BETWEEN", taskProperties={"LOWER_BOUND": "1"})],
        f"Value null at 'tasks.2.member.taskProperties.UPPER_BOUND.member' {NULL}",
    ),
    "invalid exclusion": (
        "tasks",
        [task("Map_all", [], taskProperties={"EXCLUDE_SOURCE_FIELDS_LIST": "id"})],
        "Value 'id' at 'tasks.1.member.taskProperties.EXCLUDE_SOURCE_FIELDS_LIST.member' failed to"
        " satisfy constraint: Member must be a JSON list of fields",
    ),
}  # fmt: skip


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("path", "value", "message"), REFUSED_READING.values(), ids=REFUSED_READING
)
def test_flow_that_cannot_run_is_refused(sales: Sales, path: str, value: Any, message: str) -> None:
    """A flow that cannot run, or is not served: `ValidationException` with member and rule."""
    flow = changed(sales.reading(), path, value)

    code, status, found = refusal(sales.appflow.create_flow, **flow)

    assert (code, status) == ("ValidationException", 400)
    assert message in found
    assert sales.appflow.list_flows()["flows"] == []


REFUSED_WRITING: dict[str, tuple[str, Any, str]] = {
    "bucket to bucket": (
        "destinationFlowConfigList",
        [end("S3", source=False, properties={"bucketName": "abc"})],
        "The local cloud serves flows with a CustomConnector as source, destination or both, not"
        " flows from S3 to S3.",
    ),
    "no prefix": (
        f"{SOURCE}.S3.bucketPrefix",
        None,
        f"Value null at '{SOURCE}.S3.bucketPrefix' {NULL}",
    ),
    "no ids": (
        f"{DESTINATION}.CustomConnector.writeOperationType",
        "UPDATE",
        f"Value null at '{DESTINATION_SHOWN}.CustomConnector.idFieldNames' {NULL}",
    ),
    "unknown id": (
        f"{DESTINATION}.CustomConnector.idFieldNames",
        ["key"],
        "Entity order of the destination has no field key. It has the fields id, amount, price,",
    ),
    "unknown field": (
        "tasks",
        [task("Map", ["a"], destinationField="b")],
        "Entity order of the destination has no field b. It has the fields id, amount, price, paid",
    ),
}


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("path", "value", "message"), REFUSED_WRITING.values(), ids=REFUSED_WRITING
)
def test_flow_to_connector_is_checked(sales: Sales, path: str, value: Any, message: str) -> None:
    """A flow to a connector needs a prefix, the ids of its operation, and fields of the entity."""
    flow = changed(sales.writing(), path, value)

    code, status, found = refusal(sales.appflow.create_flow, **flow)

    assert (code, status) == ("ValidationException", 400)
    assert message in found


LIMITS = {
    "mode": (
        {'["SOURCE", "DESTINATION"]': '["SOURCE"]'},
        "Connector acme-crm cannot be the destination of a flow: its modes are SOURCE.",
    ),
    "write operation": (
        {'"supportedWriteOperations": ["INSERT", ': '"supportedWriteOperations": ['},
        f"Value 'INSERT' at '{DESTINATION_SHOWN}.CustomConnector.writeOperationType' failed to"
        " satisfy constraint: The connector supports UPDATE, UPSERT, DELETE",
    ),
    "destination only": (
        {'"connectorModes": ["SOURCE", "DESTINATION"]': '"connectorModes": ["DESTINATION"]'},
        None,
    ),
    "required setting": (
        {
            '"connectorRuntimeSetting": []': '"connectorRuntimeSetting": [{"key": "depth",'
            ' "dataType": "Integer", "required": True, "scope": "DESTINATION"}]'
        },
        f"Value null at '{DESTINATION_SHOWN}.CustomConnector.customProperties.depth' {NULL}",
    ),
}


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(("changes", "message"), LIMITS.values(), ids=LIMITS)
def test_flow_obeys_configuration(
    sales: Sales, changes: dict[str, str], message: str | None
) -> None:
    """A flow uses what the connector's registered configuration supports."""
    source = connector()
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    sales.account.change_code("crm", source)
    sales.appflow.update_connector_registration(connectorLabel="acme-crm")

    if message is None:
        sales.appflow.create_flow(**sales.writing())
    else:
        assert message in refusal(sales.appflow.create_flow, **sales.writing())[2]


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("changes", "path", "value", "message"),
    [
        (
            {'"supportedTriggerTypes": ["SCHEDULED", "ONDEMAND"]': '"supportedTriggerTypes":'
             ' ["ONDEMAND"]'},
            "triggerConfig",
            SCHEDULED,
            "Value 'Scheduled' at 'triggerConfig.triggerType' failed to satisfy constraint: The"
            " connector supports OnDemand",
        ),
        (
            {'"operatorsSupported": ["PROJECTION", "EQUAL_TO", ': '"operatorsSupported": ['},
            "tasks",
            [MAP_ALL, task("Filter", ["id"], "EQUAL_TO", taskProperties={"VALUE": "a"})],
            "Value 'EQUAL_TO' at 'tasks.2.member.connectorOperator' failed to satisfy constraint:"
            " The connector supports NOT_EQUAL_TO, ",
        ),
    ],
    ids=["trigger", "operator"],
)  # fmt: skip
def test_source_obeys_configuration(
    sales: Sales, changes: dict[str, str], path: str, value: Any, message: str
) -> None:
    """A flow uses the triggers and operators that the connector supports as a source."""
    source = connector()
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    sales.account.change_code("crm", source)
    sales.appflow.update_connector_registration(connectorLabel="acme-crm")

    code, _, found = refusal(sales.appflow.create_flow, **changed(sales.reading(), path, value))

    assert code == "ValidationException"
    assert message in found


@pytest.mark.rule("SDK")
def test_connector_checks_settings_of_flow(sales: Sales) -> None:
    """The settings of a flow are sent with ValidateConnectorRuntimeSettings, which may refuse."""
    source = connector(
        "def validate_settings(event):\n"
        "    if event['scope'] == 'CONNECTOR_PROFILE': return {'isSuccess': True}\n"
        "    return {**failed('InvalidArgument', 'no'),\n"
        "            'errorsByInputField': {'depth': json.dumps(event)}}\n"
    ).replace(
        '"connectorRuntimeSetting": []',
        '"connectorRuntimeSetting": [{"key": "depth", "dataType": "Integer", "required": False,'
        ' "scope": "SOURCE"}]',
    )
    sales.account.change_code("crm", source)
    sales.appflow.update_connector_registration(connectorLabel="acme-crm")
    settings = {"depth": "2"}
    path = f"{SOURCE}.CustomConnector.customProperties"

    code, _, message = refusal(
        sales.appflow.create_flow, **changed(sales.reading(), path, settings)
    )

    assert code == "ValidationException"
    assert message == (
        "The connector refuses the runtime settings: depth: "
        '{"type": "ValidateConnectorRuntimeSettingsRequest", "scope": "SOURCE",'
        ' "connectorRuntimeSettings": {"depth": "2"}}'
    )


@pytest.mark.rule("SDK", "choice")
def test_flow_needs_known_entity(sales: Sales) -> None:
    """A flow whose entity the connector cannot describe is refused with the connector's words."""
    sales.use("def entity(event):\n    return failed('ResourceNotFoundError', 'no such entity')")

    code, status, message = refusal(sales.appflow.create_flow, **sales.reading())

    assert (code, status) == ("ConnectorServerException", 400)
    assert message == (
        "Error while communicating to connector: ResourceNotFoundError: no such entity"
    )


@pytest.mark.rule("model")
def test_flow_needs_profile(sales: Sales) -> None:
    """A flow with a profile that does not exist: `ResourceNotFoundException`, 404."""
    flow = changed(sales.reading(), "sourceFlowConfig.connectorProfileName", "other")

    assert refusal(sales.appflow.create_flow, **flow) == (
        "ResourceNotFoundException",
        404,
        "Connector profile other does not exist.",
    )


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("actions", "direction", "missing"),
    [
        (["s3:GetBucketAcl"], "reading", "s3:PutObject"),
        (["s3:GetObject"], "writing", "s3:ListBucket"),
        (["s3:ListBucket"], "writing", "s3:GetObject"),
    ],
)
def test_bucket_needs_policy(
    sales: Sales, actions: list[str], direction: str, missing: str
) -> None:
    """The policy of a bucket has to allow AppFlow what the flow does: `ValidationException`."""
    sales.s3.delete_bucket(Bucket=sales.bucket)
    sales.make_bucket(*actions)

    code, status, message = refusal(sales.appflow.create_flow, **getattr(sales, direction)())

    assert (code, status) == ("ValidationException", 400)
    assert re.fullmatch(
        rf"The policy of bucket {sales.bucket} does not allow appflow.amazonaws.com to perform"
        rf" {missing} on arn:aws:s3:::{sales.bucket}(/\*)?\. Add a statement that allows it\.",
        message,
    )
