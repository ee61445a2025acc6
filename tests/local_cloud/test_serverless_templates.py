"""SAM templates, with the shape of the templates of published connectors.

Each test also fails if a newer MiniStack changes what the local cloud builds on.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local_cloud.stacks import Stack
from tests.local_cloud.support import LABEL, refusal
from tests.support import Account, connector, zipped

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String}
  Key: {Type: String}
  Alias: {Type: String, Default: latest}
Globals:
  Function: {Runtime: python3.13, Timeout: 30, MemorySize: 256}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      CodeUri: {Bucket: !Ref Bucket, Key: !Ref Key}
      AutoPublishAlias: !Ref Alias
      Policies:
        Version: "2012-10-17"
        Statement:
          Effect: Allow
          Action: secretsmanager:GetSecretValue
          Resource: !Sub "arn:aws:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:appflow!*"
  PolicyPermission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref Function.Alias
      Action: lambda:InvokeFunction
      Principal: appflow.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
      SourceArn: !Sub "arn:aws:appflow:${AWS::Region}:${AWS::AccountId}:*"
  Native:
    Type: AWS::AppFlow::Connector
    DependsOn: PolicyPermission
    Properties:
      ConnectorLabel: acme-crm
      ConnectorProvisioningType: LAMBDA
      ConnectorProvisioningConfig: {Lambda: {LambdaArn: !Ref Function.Alias}}
Outputs:
  Alias: {Value: !Ref Function.Alias}
  Version: {Value: !Ref Function.Version}
  Role: {Value: !GetAtt FunctionRole.Arn}
"""

# A template with its code in it, and a policy of AWS by its name.
INLINE = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "InlineCode": "def handler(event, context):\n    return event",
                "Policies": ["AmazonS3ReadOnlyAccess"],
            },
        }
    },
    "Outputs": {"Name": {"Value": {"Ref": "Function"}}},
}


class Release:
    """The parameters of the template, with the code of a release in a bucket."""

    def __init__(self, account: Account) -> None:
        self._bucket = f"code-{account.id}"
        self._s3 = account.client("s3")
        self._s3.create_bucket(Bucket=self._bucket)

    def parameters(self, version: str, **others: str) -> dict[str, Any]:
        """The member of a request that names the code of a version."""
        key = f"{version}.zip"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=zipped(connector(version)))
        values = {"Bucket": self._bucket, "Key": key, **others}
        return {
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
            ]
        }


@pytest.fixture
def release(account: Account) -> Release:
    """Puts releases of the connector into a bucket."""
    return Release(account)


@pytest.mark.rule("SAM")
def test_connector_of_sam_template(account: Account, stack: Stack, release: Release) -> None:
    """A SAM template deploys a function with its role, version and alias, by its parameters."""
    assert stack.deploy_template(TEMPLATE, **release.parameters("1.0", Alias="live")) == ""

    outputs = stack.outputs()
    assert outputs["Alias"].endswith(":live")
    assert outputs["Version"].endswith(":1")
    assert account.registered_arn(LABEL) == outputs["Alias"]
    function = account.client("lambda").get_function_configuration(FunctionName=outputs["Alias"])
    assert (function["Timeout"], function["MemorySize"]) == (30, 256)
    assert function["Role"] == outputs["Role"]


@pytest.mark.rule("SAM")
def test_new_code_publishes_a_version(account: Account, stack: Stack, release: Release) -> None:
    """New code of a function with `AutoPublishAlias` publishes a version and moves the alias."""
    stack.deploy_template(TEMPLATE, **release.parameters("1.0"))
    before = stack.outputs()

    assert stack.deploy_template(TEMPLATE, **release.parameters("1.1")) == ""

    after = stack.outputs()
    assert after["Alias"] == before["Alias"]
    assert (before["Version"][-2:], after["Version"][-2:]) == (":1", ":2")
    alias = account.client("lambda").get_alias(
        FunctionName=after["Alias"].removesuffix(":latest"), Name="latest"
    )
    assert alias["FunctionVersion"] == "2"
    # The alias is the same, so that no property of the native connector has changed.
    assert account.operations() == ["RegisterConnector"]


@pytest.mark.rule("SAM")
def test_inline_code_of_sam_template(account: Account, stack: Stack) -> None:
    """A SAM template may contain the code of a function, and name a policy of AWS."""
    assert stack.deploy_template(json.dumps(INLINE)) == ""

    name = stack.outputs()["Name"]
    response = account.client("lambda").invoke(FunctionName=name, Payload=b"[1]")
    assert json.load(response["Payload"]) == [1]


@pytest.mark.rule("SAM")
def test_change_set_transforms_sam(account: Account, release: Release) -> None:
    """A change set of a SAM template shows the resources that the template becomes."""
    cloudformation = account.client("cloudformation")
    cloudformation.create_change_set(
        StackName="sam",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=TEMPLATE,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        **release.parameters("1.0", Alias="live"),
    )

    found = cloudformation.describe_change_set(StackName="sam", ChangeSetName="first")

    types = {change["ResourceChange"]["ResourceType"] for change in found["Changes"]}
    assert types == {
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::IAM::Role",
        "AWS::Lambda::Permission",
        "AWS::AppFlow::Connector",
    }
    names = {change["ResourceChange"]["LogicalResourceId"] for change in found["Changes"]}
    assert "FunctionAliaslive" in names


@pytest.mark.rule("SAM")
@pytest.mark.parametrize("change_set", [False, True])
def test_invalid_sam_template_is_refused(account: Account, change_set: bool) -> None:
    """A SAM template that cannot be transformed: `ValidationError`, with each mistake."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.13"}}
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"One": function, "Two": {"Type": "AWS::Serverless::Function"}},
    }
    cloudformation = account.client("cloudformation")
    call = cloudformation.create_change_set if change_set else cloudformation.create_stack
    members = {"ChangeSetName": "first", "ChangeSetType": "CREATE"} if change_set else {}

    code, status, message = refusal(
        call,
        StackName="sam",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        **members,
    )

    assert (code, status) == ("ValidationError", 400)
    assert message.startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application"
        " Specification document. Number of errors found: 2. Resource with id [One] is invalid."
    )
    assert "Resource with id [Two] is invalid." in message
