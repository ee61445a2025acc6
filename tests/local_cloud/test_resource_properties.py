"""The properties of CloudFormation's AppFlow types, compared with the registry's schemas."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from appflow_local_cloud.appflow_resources import TYPES, ResourceType
from appflow_local_cloud.resource_properties import PropertiesError, request_members


def input_shape(operation: str) -> Any:
    """The members of a request, by botocore's service model."""
    model = botocore.session.Session().get_service_model("appflow")
    return model.operation_model(operation).input_shape


def test_flow_properties_become_members() -> None:
    """A flow's properties become AppFlow's members where the two differ in more than case."""
    trigger = {"ScheduleExpression": "rate(1hours)", "ScheduleStartTime": "1767225600"}
    destination = {
        "CustomConnector": {
            "EntityName": "account",
            "ErrorHandlingConfig": {"FailOnFirstError": "true", "BucketName": "errors"},
        }
    }
    properties = {
        "FlowName": "f",
        "TriggerConfig": {"TriggerType": "Scheduled", "TriggerProperties": trigger},
        "DestinationFlowConfigList": [
            {"ConnectorType": "CustomConnector", "DestinationConnectorProperties": destination}
        ],
        "Tasks": [{"TaskType": "Map", "TaskProperties": [{"Key": "DATA_TYPE", "Value": 5}]}],
        "Tags": [{"Key": "team", "Value": "crm"}],
    }

    assert request_members(properties, input_shape("CreateFlow")) == {
        "flowName": "f",
        "triggerConfig": {
            "triggerType": "Scheduled",
            "triggerProperties": {
                "Scheduled": {
                    "scheduleExpression": "rate(1hours)",
                    "scheduleStartTime": 1767225600.0,
                }
            },
        },
        "destinationFlowConfigList": [
            {
                "connectorType": "CustomConnector",
                "destinationConnectorProperties": {
                    "CustomConnector": {
                        "entityName": "account",
                        "errorHandlingConfig": {
                            "failOnFirstDestinationError": True,
                            "bucketName": "errors",
                        },
                    }
                },
            }
        ],
        "tasks": [{"taskType": "Map", "taskProperties": {"DATA_TYPE": "5"}}],
        "tags": {"team": "crm"},
    }


def schema_of(name: str) -> Any:
    """The schema of a type in the CloudFormation registry, as cfn-lint has it."""
    return PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema


@pytest.mark.parametrize("one", TYPES, ids=lambda one: one.name)
def test_types_agree_with_their_schemas(one: ResourceType) -> None:
    """The identifier, the required and the replacing properties are those of the registry."""
    schema = schema_of(one.name)

    assert set(schema["required"]) == set(one.required)
    assert schema["createOnlyProperties"] == [f"/properties/{name}" for name in one.replacing]
    assert schema["primaryIdentifier"] == [f"/properties/{one.identifier}"]


# Attributes, which no template sets, and what CloudFormation itself carries out.
NOT_SENT = {"ConnectorArn", "ConnectorProfileArn", "CredentialsArn", "FlowArn", "FlowStatus"}


def example(schema: Any, node: Any) -> Any:
    """Properties with every property of a part of a schema, except those that are not sent."""
    while "$ref" in node:
        node = schema["definitions"][node["$ref"].rpartition("/")[2]]
    if "properties" in node:
        return {
            name: example(schema, inner)
            for name, inner in node["properties"].items()
            if name not in NOT_SENT
        }
    kinds: dict[str, Any] = {"boolean": True, "integer": 1, "number": 1, "object": {"k": "v"}}
    if node["type"] == "array":
        return [example(schema, node["items"])]
    return kinds.get(node["type"], "text")


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("AWS::AppFlow::Connector", "RegisterConnector"),
        ("AWS::AppFlow::ConnectorProfile", "CreateConnectorProfile"),
        ("AWS::AppFlow::Flow", "CreateFlow"),
    ],
)
def test_every_property_is_understood(name: str, operation: str) -> None:
    """Every property of the registry's schema is a member of AppFlow's request."""
    schema = schema_of(name)
    properties = example(schema, schema)
    if name == "AWS::AppFlow::Flow":
        for destination in properties["DestinationFlowConfigList"]:
            # AppFlow's API has no member for its only property.
            del destination["DestinationConnectorProperties"]["LookoutMetrics"]

    members = request_members(properties, input_shape(operation))

    assert {member.lower() for member in members} == {key.lower() for key in properties}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"ScheduleStartTime": "soon"}, "expected type: Timestamp, found: String"),
        ({"ScheduleOffset": [1]}, "expected type: Long, found: JSONArray"),
        ({"DataPullMode": {}}, "expected type: String, found: JSONObject"),
    ],
)
def test_wrong_kind_of_value_is_refused(properties: dict[str, Any], message: str) -> None:
    """A value that AppFlow cannot take is refused with its place and both kinds."""
    trigger = {"TriggerType": "Scheduled", "TriggerProperties": properties}
    [name] = properties

    with pytest.raises(PropertiesError) as error:
        request_members({"TriggerConfig": trigger}, input_shape("CreateFlow"))

    assert str(error.value) == f"#/TriggerConfig/TriggerProperties/{name}: {message}"
