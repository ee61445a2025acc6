"""CloudFormation's types for AppFlow: connectors, connector profiles and flows in stacks.

Each test also fails if a newer MiniStack changes what the local cloud builds on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.stacks import Stack
from tests.local_cloud.support import LABEL
from tests.support import BROKEN_CONNECTOR, Account, connector

EXAMPLE = Path(__file__).parents[2] / "examples" / "connector" / "crm.py"

# A resource that fails when it is created, after the native connector has been updated.
FAILURE = {
    "Type": "AWS::AppFlow::Connector",
    "DependsOn": "Native",
    "Properties": {
        "ConnectorLabel": "missing",
        "ConnectorProvisioningType": "LAMBDA",
        "ConnectorProvisioningConfig": {
            "Lambda": {"LambdaArn": "arn:aws:lambda:us-east-1:111122223333:function:missing"}
        },
    },
}


def native(arn: str, label: str = LABEL, **properties: Any) -> dict[str, Any]:
    """A native connector."""
    return {
        "Type": "AWS::AppFlow::Connector",
        "Properties": {
            "ConnectorLabel": label,
            "ConnectorProvisioningType": "LAMBDA",
            "ConnectorProvisioningConfig": {"Lambda": {"LambdaArn": arn}},
            **properties,
        },
    }


def profile(
    password: str = "p", url: str | None = "https://crm.example", **properties: Any
) -> dict[str, Any]:
    """A connector profile for the native connector of its stack, with its setting."""
    basic = {"Username": "u", "Password": password}
    credentials = {"AuthenticationType": "BASIC", "Basic": basic}
    settings = {"ProfileProperties": {} if url is None else {"url": url}}
    return {
        "Type": "AWS::AppFlow::ConnectorProfile",
        "Properties": {
            "ConnectorProfileName": "acme",
            "ConnectorType": "CustomConnector",
            "ConnectorLabel": {"Ref": "Native"},
            "ConnectionMode": "Public",
            "ConnectorProfileConfig": {
                "ConnectorProfileProperties": {"CustomConnector": settings},
                "ConnectorProfileCredentials": {"CustomConnector": credentials},
            },
            **properties,
        },
    }


def outputs_of(**values: Any) -> dict[str, Any]:
    """The outputs of a template."""
    return {"Outputs": {name: {"Value": value} for name, value in values.items()}}


@pytest.mark.rule("registry")
def test_native_connector_is_registered(account: Account, stack: Stack, arn: str) -> None:
    """`AWS::AppFlow::Connector` registers its label; Ref is the label, `ConnectorArn` its ARN."""
    outputs = outputs_of(Ref={"Ref": "Native"}, Arn={"Fn::GetAtt": "Native.ConnectorArn"})

    assert stack.deploy({"Native": native(arn, Description="CRM")}, **outputs) == ""

    registered_arn = f"arn:aws:appflow:us-east-1:{account.id}:connector/{LABEL}"
    assert stack.outputs() == {"Ref": LABEL, "Arn": registered_arn}
    assert stack.resource("Native")["PhysicalResourceId"] == LABEL
    assert account.registered_values(LABEL) == (arn, "CRM")


@pytest.mark.rule("registry")
def test_native_connector_is_unregistered(account: Account, stack: Stack, arn: str) -> None:
    """Deleting an `AWS::AppFlow::Connector` unregisters its label."""
    stack.deploy({"Native": native(arn)})

    assert stack.delete() == ""
    assert account.registered(LABEL) is None
    assert account.operations() == ["RegisterConnector", "UnregisterConnector"]


@pytest.mark.rule("contract")
def test_missing_connector_is_deleted(account: Account, stack: Stack, arn: str) -> None:
    """Deleting a resource that does not exist in AppFlow any more succeeds."""
    stack.deploy({"Native": native(arn)})
    account.clear()

    assert stack.delete() == ""


@pytest.mark.rule("registry")
def test_new_code_does_not_refresh_native(account: Account, stack: Stack, arn: str) -> None:
    """An update without a changed property of `AWS::AppFlow::Connector` calls nothing."""
    stack.deploy({"Native": native(arn)})
    account.change_code("crm", connector("2.0"))
    topic = {"Type": "AWS::SNS::Topic"}

    assert stack.deploy({"Native": native(arn), "Topic": topic}) == ""
    assert account.operations() == ["RegisterConnector"]
    registered = account.registered(LABEL)
    assert registered is not None
    assert registered["connectorVersion"] == "1.0"


@pytest.mark.rule("registry")
def test_property_refreshes_native(account: Account, stack: Stack, arn: str) -> None:
    """A changed description or function of `AWS::AppFlow::Connector` refreshes it."""
    other = account.make_function("other", connector("2.0"))
    stack.deploy({"Native": native(arn)})

    assert stack.deploy({"Native": native(other, Description="CRM")}) == ""
    assert account.registered_values(LABEL) == (other, "CRM")
    assert account.operations() == ["RegisterConnector", "UpdateConnectorRegistration"]


@pytest.mark.rule("registry")
def test_changed_label_replaces_native(account: Account, stack: Stack, arn: str) -> None:
    """A changed label replaces an `AWS::AppFlow::Connector`: the old one goes last."""
    stack.deploy({"Native": native(arn)})

    assert stack.deploy({"Native": native(arn, "acme-other")}) == ""
    assert stack.resource("Native")["PhysicalResourceId"] == "acme-other"
    assert account.operations() == [
        "RegisterConnector",
        "RegisterConnector",
        "UnregisterConnector",
    ]
    assert account.registered(LABEL) is None


@pytest.mark.rule("contract", "handler errors")
def test_taken_label_fails(account: Account, stack: Stack, arn: str) -> None:
    """Creating an `AWS::AppFlow::Connector` whose label is registered: `AlreadyExists`."""
    account.register(LABEL, arn)

    reason = stack.deploy({"Native": native(arn)})

    assert reason.startswith(
        f'Resource handler returned message: "Connector {LABEL} is already registered.'
        " (Service: Appflow, Status Code: 409, Request ID: "
    )
    assert reason.endswith("HandlerErrorCode: AlreadyExists)")
    assert account.registered_arn(LABEL) == arn


@pytest.mark.rule("contract", "handler errors")
def test_failed_update_reverts_native(account: Account, stack: Stack, arn: str) -> None:
    """An `AWS::AppFlow::Connector` that was updated returns to its old function at a rollback."""
    other = account.make_function("other", connector("2.0"))
    stack.deploy({"Native": native(arn)})

    reason = stack.deploy({"Native": native(other), "Failure": FAILURE})

    assert reason.endswith("HandlerErrorCode: AccessDenied)")
    assert account.registered_arn(LABEL) == arn


@pytest.mark.rule("contract", "handler errors")
def test_broken_update_keeps_native(account: Account, stack: Stack, arn: str) -> None:
    """An update that AppFlow refuses leaves an `AWS::AppFlow::Connector` as it was."""
    broken = account.make_function("broken", BROKEN_CONNECTOR)
    stack.deploy({"Native": native(arn)})

    reason = stack.deploy({"Native": native(broken)})

    assert "Error while communicating to connector" in reason
    assert reason.endswith("HandlerErrorCode: GeneralServiceException)")
    assert account.registered_arn(LABEL) == arn


@pytest.mark.rule("contract", "handler errors")
def test_connector_in_use_is_not_deleted(account: Account, stack: Stack, arn: str) -> None:
    """An `AWS::AppFlow::Connector` that a profile uses: `ResourceConflict`, `DELETE_FAILED`."""
    stack.deploy({"Native": native(arn)})
    account.make_profile("acme", LABEL)

    reason = stack.delete()

    assert f"Connector {LABEL} is in use by connector profiles: acme." in reason
    assert reason.endswith("HandlerErrorCode: ResourceConflict)")
    assert account.registered_arn(LABEL) == arn


@pytest.mark.rule("contract", "registry")
@pytest.mark.parametrize(
    ("changed", "violation"),
    [
        ({"Label": "x"}, "#: extraneous key [Label] is not permitted"),
        (
            {"ConnectorProvisioningConfig": {"Lambda": {"Arn": "x"}}},
            "#/ConnectorProvisioningConfig/Lambda: extraneous key [Arn] is not permitted",
        ),
        (
            {"ConnectorProvisioningConfig": "x"},
            "#/ConnectorProvisioningConfig: expected type: JSONObject, found: String",
        ),
        (
            {"Description": ["x"]},
            "#/Description: expected type: String, found: JSONArray",
        ),
        (
            {"ConnectorProvisioningType": {"Ref": "AWS::NoValue"}},
            "#: required key [ConnectorProvisioningType] not found",
        ),
    ],
)
def test_wrong_property_fails(
    account: Account, stack: Stack, arn: str, changed: dict[str, Any], violation: str
) -> None:
    """A property that is not in the schema of its type fails the resource before any call."""
    reason = stack.deploy({"Native": native(arn, **changed)})

    assert reason == f"Properties validation failed for resource Native with message:\n{violation}"
    assert account.operations() == []


@pytest.mark.rule("registry")
def test_profile_of_native_connector(account: Account, stack: Stack, arn: str) -> None:
    """`AWS::AppFlow::ConnectorProfile` is created and deleted; Ref is its name."""
    outputs = outputs_of(Ref={"Ref": "Profile"}, Arn={"Fn::GetAtt": "Profile.ConnectorProfileArn"})

    assert stack.deploy({"Native": native(arn), "Profile": profile()}, **outputs) == ""
    created = account.client("appflow").describe_connector_profiles()["connectorProfileDetails"]
    assert stack.delete() == ""

    profile_arn = f"arn:aws:appflow:us-east-1:{account.id}:connectorprofile/acme"
    assert [(one["connectorProfileName"], one["connectorLabel"]) for one in created] == [
        ("acme", LABEL)
    ]
    assert created[0]["connectorProfileArn"] == profile_arn
    assert account.operations() == [
        "RegisterConnector",
        "CreateConnectorProfile",
        "DeleteConnectorProfile",
        "UnregisterConnector",
    ]


@pytest.mark.rule("registry")
def test_changed_name_replaces_profile(account: Account, stack: Stack, arn: str) -> None:
    """A changed name replaces an `AWS::AppFlow::ConnectorProfile`."""
    stack.deploy({"Native": native(arn), "Profile": profile()})

    renamed = profile(ConnectorProfileName="other")
    assert stack.deploy({"Native": native(arn), "Profile": renamed}) == ""

    profiles = account.client("appflow").describe_connector_profiles()["connectorProfileDetails"]
    assert [one["connectorProfileName"] for one in profiles] == ["other"]
    assert account.operations()[2:] == ["CreateConnectorProfile", "DeleteConnectorProfile"]


def flow(**properties: Any) -> dict[str, Any]:
    """A flow from the profile of its stack to a bucket of its stack."""
    return {
        "Type": "AWS::AppFlow::Flow",
        "DependsOn": "Policy",
        "Properties": {
            "FlowName": "accounts",
            "TriggerConfig": {"TriggerType": "OnDemand"},
            "SourceFlowConfig": {
                "ConnectorType": "CustomConnector",
                "ApiVersion": "v1",
                "ConnectorProfileName": {"Ref": "Profile"},
                "SourceConnectorProperties": {"CustomConnector": {"EntityName": "account"}},
            },
            "DestinationFlowConfigList": [
                {
                    "ConnectorType": "S3",
                    "DestinationConnectorProperties": {"S3": {"BucketName": {"Ref": "Bucket"}}},
                }
            ],
            "Tasks": [
                {
                    "TaskType": "Map_all",
                    "SourceFields": [],
                    "TaskProperties": [{"Key": "EXCLUDE_SOURCE_FIELDS_LIST", "Value": "[]"}],
                }
            ],
            "Tags": [{"Key": "team", "Value": "crm"}],
            **properties,
        },
    }


def resources_with_flow(arn: str, **properties: Any) -> dict[str, Any]:
    """A native connector, a profile, and a flow into a bucket."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "appflow.amazonaws.com"},
        "Action": ["s3:PutObject", "s3:GetBucketAcl", "s3:PutObjectAcl"],
        "Resource": [
            {"Fn::GetAtt": "Bucket.Arn"},
            {"Fn::Sub": "${Bucket.Arn}/*"},
        ],
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Native": native(arn),
        "Profile": profile(url=None),
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document},
        },
        "Flow": flow(**properties),
    }


@pytest.mark.rule("registry")
def test_flow_is_created_changed_deleted(account: Account, stack: Stack) -> None:
    """`AWS::AppFlow::Flow` is created, changed in place and deleted; Ref is its name."""
    # This connector has entities.
    arn = account.make_function("with-entities", EXAMPLE.read_text())
    outputs = outputs_of(Ref={"Ref": "Flow"}, Arn={"Fn::GetAtt": "Flow.FlowArn"})
    appflow = account.client("appflow")

    assert stack.deploy(resources_with_flow(arn), **outputs) == ""
    flow_arn = f"arn:aws:appflow:us-east-1:{account.id}:flow/accounts"
    assert stack.outputs() == {"Ref": "accounts", "Arn": flow_arn}
    assert appflow.describe_flow(flowName="accounts")["tags"] == {"team": "crm"}
    changed = resources_with_flow(arn, Description="all", Tags=[{"Key": "owner", "Value": "x"}])
    assert stack.deploy(changed, **outputs) == ""
    described = appflow.describe_flow(flowName="accounts")
    assert (described["description"], described["tags"]) == ("all", {"owner": "x"})
    assert stack.deploy({"Native": native(arn), "Profile": profile(url=None)}) == ""
    assert appflow.list_flows()["flows"] == []


@pytest.mark.rule("registry", "choice")
def test_flow_status_activates_schedule(account: Account, stack: Stack) -> None:
    """`FlowStatus` activates and suspends a scheduled flow; an active flow is deleted, too."""
    arn = account.make_function("with-entities", EXAMPLE.read_text())
    schedule = {"ScheduleExpression": "rate(1days)"}
    trigger = {"TriggerType": "Scheduled", "TriggerProperties": schedule}
    appflow = account.client("appflow")

    for status in ("Active", "Suspended", "Active"):
        resources = resources_with_flow(arn, TriggerConfig=trigger, FlowStatus=status)
        assert stack.deploy(resources) == ""
        assert appflow.describe_flow(flowName="accounts")["flowStatus"] == status

    assert stack.deploy({"Native": native(arn), "Profile": profile(url=None)}) == ""
    assert appflow.list_flows()["flows"] == []


@pytest.mark.rule("registry")
def test_changed_password_updates_profile(account: Account, stack: Stack, arn: str) -> None:
    """Changed credentials update an `AWS::AppFlow::ConnectorProfile` in place."""
    stack.deploy({"Native": native(arn), "Profile": profile()})
    before = len(account.operations())

    changed = profile(password="new")
    assert stack.deploy({"Native": native(arn), "Profile": changed}) == ""
    assert account.operations()[before:] == ["UpdateConnectorProfile"]
