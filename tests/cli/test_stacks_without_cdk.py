"""``status`` and ``refresh`` on stacks that people write by hand, in YAML and with SAM.

The handler responds to the custom resources, as behind the CDK.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.handler import make_handler
from tests.cli.support import connectors, run, run_status, states, wait_for
from tests.custom_resource import EXAMPLES
from tests.support import Account, connector, zipped

Deploy = Callable[..., None]


@pytest.fixture
def handler(account: Account) -> str:
    """The service token of the handler."""
    return make_handler(account)


@pytest.fixture
def deploy(account: Account, handler: str) -> Deploy:
    """Deploys a template as the stack Crm, or another."""
    cloudformation = account.client("cloudformation")

    def create_or_update(body: str, name: str = "Crm", **parameters: str) -> None:
        listed = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
        operation = "update" if name in listed else "create"
        getattr(cloudformation, f"{operation}_stack")(
            StackName=name,
            TemplateBody=body,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        wait_for(account, f"stack_{operation}_complete", name)

    create_or_update(
        f"Resources: {{Handle: {{Type: AWS::CloudFormation::WaitConditionHandle}}}}\n"
        f"Outputs: {{Token: {{Value: {handler}, Export: {{Name: service-token}}}}}}\n",
        "Provider",
    )
    return create_or_update


BY_HAND = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Function: {Type: String}
  Stage: {Type: String, Default: live}
Conditions:
  IsLive: !Equals [!Ref Stage, live]
  HasText: !Not [!Condition IsLive]
Resources:
  Registration:
    Type: Custom::AppFlowConnectorRegistration
    Properties:
      ServiceToken: !ImportValue service-token
      ServiceTimeout: 600
      ConnectorLabel: acme-crm
      LambdaArn: !Sub
        - ${Prefix}:${AWS::Region}:${AWS::AccountId}:function:${Function}
        - Prefix: !Sub arn:${AWS::Partition}:lambda
      Description: !If [HasText, 2010-09-09, !Ref AWS::NoValue]
      RemovalPolicy: Destroy
      ForceDelete: False
"""


def test_yaml_stack_is_compared(account: Account, crm: str, deploy: Deploy) -> None:
    """A registration in a YAML template is compared, and a manual change of it is found."""
    deploy(BY_HAND, Function="crm")
    result = run_status(account, "--json")
    assert states(result) == {"acme-crm": "IN_SYNC"}
    assert connectors(result)[0]["expected"] == {"lambdaArn": crm, "description": None}

    other = account.make_function("other", connector())
    account.move("acme-crm", other)
    result = run_status(account)

    assert result.returncode == 1
    assert f"  template Lambda ARN    {crm}\n" in result.stdout
    assert f"  registered Lambda ARN  {other}\n" in result.stdout


@pytest.mark.parametrize(
    ("written", "text"), [("2010-09-09", "2010-09-09"), ("Yes", "true"), ("'Yes'", "Yes")]
)
def test_scalar_of_yaml_is_that_of_the_handler(
    account: Account, crm: str, deploy: Deploy, written: str, text: str
) -> None:
    """A date or a boolean in a YAML template is the description that the handler registers."""
    deploy(BY_HAND.replace("HasText, 2010-09-09", f"HasText, {written}"), Function="crm", Stage="b")

    result = run_status(account, "--json")

    [found] = connectors(result)
    assert found["state"] == "IN_SYNC"
    assert found["expected"]["description"] == text
    assert found["actual"]["description"] == text


def test_yaml_stack_is_refreshed(account: Account, crm: str, deploy: Deploy) -> None:
    """The connectors of a YAML stack are refreshed after new code of the function."""
    deploy(BY_HAND, Function="crm")
    account.change_code("crm", connector("1.1"))
    assert states(run_status(account, "--json")) == {"acme-crm": "STALE"}

    result = run(account, "refresh", "--stack", "Crm")

    assert "acme-crm is REFRESHED: AppFlow shows a changed configuration.\n" in result.stdout
    assert result.returncode == 0


def test_code_is_checked_against_yaml_stack(account: Account, crm: str, deploy: Deploy) -> None:
    """New code of a connector is compared with what a YAML stack has registered."""
    deploy(BY_HAND, Function="crm")
    account.make_function("next", connector("1.1"))

    result = run(account, "check", "--function", "next", "--against", "acme-crm", "--json")

    assert json.loads(result.stdout)["against"] == "acme-crm"
    assert "1.1" in result.stdout
    assert result.returncode == 0


SAM = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String}
  Key: {Type: String}
Resources:
  Connector:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      CodeUri: {Bucket: !Ref Bucket, Key: !Ref Key}
      AutoPublishAlias: live
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: TARGET
      Action: lambda:InvokeFunction
      Principal: appflow.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
  Registration:
    Type: Custom::AppFlowConnectorRegistration
    DependsOn: Permission
    Properties:
      ServiceToken: !ImportValue service-token
      ConnectorLabel: acme-crm
      LambdaArn: TARGET
"""

# How a SAM template can name the function that it registers, with the end of its ARN.
TARGETS = {
    "!GetAtt Connector.Arn": "",
    "!Ref Connector.Version": ":1",
    "!Ref Connector.Alias": ":live",
    "!Sub '${Connector.Alias}'": ":live",
}


@pytest.fixture
def release(account: Account) -> Callable[[str], Any]:
    """Uploads a release of the connector, and returns its place as parameters."""
    s3 = account.client("s3")
    s3.create_bucket(Bucket=f"releases-{account.id}")

    def upload(version: str) -> dict[str, str]:
        s3.put_object(Bucket=f"releases-{account.id}", Key=version, Body=zipped(connector(version)))
        return {"Bucket": f"releases-{account.id}", "Key": version}

    return upload


@pytest.mark.parametrize("target", TARGETS)
def test_sam_stack_is_compared(
    account: Account, deploy: Deploy, release: Callable[[str], Any], target: str
) -> None:
    """A function, version or alias of a SAM template is resolved to what is registered."""
    deploy(SAM.replace("TARGET", target), **release("1.0"))

    result = run_status(account, "--stack", "Crm", "--json")

    [found] = connectors(result)
    assert found["state"] == "IN_SYNC"
    assert found["expected"]["lambdaArn"].endswith(TARGETS[target])
    assert found["expected"]["lambdaArn"] == account.registered_arn("acme-crm")


def test_new_version_of_sam_is_registered(
    account: Account, deploy: Deploy, release: Callable[[str], Any]
) -> None:
    """New code of a SAM function registers its new version, which is compared."""
    body = SAM.replace("TARGET", "!Ref Connector.Version")
    deploy(body, **release("1.0"))

    deploy(body, **release("1.1"))

    [found] = connectors(run_status(account, "--json"))
    assert found["state"] == "IN_SYNC"
    assert found["expected"]["lambdaArn"].endswith(":2")
    assert found["actual"]["connectorVersion"] == "1.1"


AROUND_EXAMPLE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String}
  Key: {Type: String}
  ServiceToken: {Type: String}
  Commit: {Type: String}
Resources:
  Connector:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      CodeUri: {Bucket: !Ref Bucket, Key: !Ref Key}
      AutoPublishAlias: live
"""


@pytest.mark.parametrize("title", EXAMPLES)
def test_example_of_the_page_refreshes(
    account: Account, deploy: Deploy, handler: str, release: Callable[[str], Any], title: str
) -> None:
    """Each example of the reference registers the connector, and refreshes it with new code."""
    body = AROUND_EXAMPLE + EXAMPLES[title]
    deploy(body, **release("1.0"), ServiceToken=handler, Commit="a")
    [before] = connectors(run_status(account, "--json"))

    deploy(body, **release("1.1"), ServiceToken=handler, Commit="b")

    [after] = connectors(run_status(account, "--json"))
    assert (before["state"], before["actual"]["connectorVersion"]) == ("IN_SYNC", "1.0")
    assert (after["state"], after["actual"]["connectorVersion"]) == ("IN_SYNC", "1.1")


def test_merged_property_is_unknown(account: Account, crm: str, deploy: Deploy) -> None:
    """A description that a merge key of YAML may set is not taken for one that is not set."""
    shared = f"\nMetadata: {{Shared: &shared {{Description: Acme, LambdaArn: {crm}}}}}\n"
    body = re.sub("      LambdaArn: .*?NoValue]\n", "      <<: *shared\n", BY_HAND, flags=re.S)
    deploy(shared + body, Function="crm")
    account.client("appflow").update_connector_registration(
        connectorLabel="acme-crm", description="changed by hand"
    )

    result = run_status(account, "--json")

    [found] = connectors(result)
    assert found["state"] == "UNKNOWN"
    assert found["reason"] == (
        "LambdaArn cannot be resolved: the template may set it by << of the properties;"
        " Description cannot be resolved: the template may set it by << of the properties"
    )
    assert result.returncode == 2


def test_output_of_nested_stack_is_resolved(
    account: Account, crm: str, deploy: Deploy, release: Callable[[str], Any]
) -> None:
    """A function that is an output of a nested stack is compared."""
    bucket = release("1.0")["Bucket"]
    nested = (
        "Parameters: {Name: {Type: String}}\n"
        "Resources: {Handle: {Type: AWS::CloudFormation::WaitConditionHandle}}\n"
        "Outputs: {Function: {Value: !Ref Name}}\n"
    )
    account.client("s3").put_object(Bucket=bucket, Key="nested.yaml", Body=nested.encode())
    stack = (
        "Resources:\n  Nested:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n"
        f"      TemplateURL: https://s3.amazonaws.com/{bucket}/nested.yaml\n"
        f"      Parameters: {{Name: {crm}}}\n"
    )
    arn = "!GetAtt Nested.Outputs.Function"
    body = re.sub("LambdaArn: .*lambda\n", f"LambdaArn: {arn}\n", BY_HAND, flags=re.S)
    deploy(body.replace("Resources:\n", stack), Function="crm")

    result = run_status(account, "--stack", "Crm", "--json")

    [found] = connectors(result)
    assert (found["state"], found["expected"]["lambdaArn"]) == ("IN_SYNC", crm)


UNRESOLVABLE = {
    "!Select [0, [ARN]]": "LambdaArn cannot be resolved: it depends on Fn::Select",
    "!Ref Secret": (
        "LambdaArn cannot be resolved: CloudFormation does not show the value of parameter Secret"
    ),
    "!If [IsSecret, ARN, ARN]": (
        "LambdaArn cannot be resolved: condition IsSecret cannot be resolved: CloudFormation does"
        " not show the value of parameter Secret"
    ),
}


@pytest.mark.parametrize("value", UNRESOLVABLE)
def test_unresolved_value_of_yaml_is_named(
    account: Account, crm: str, deploy: Deploy, value: str
) -> None:
    """A value that only CloudFormation can evaluate is named with the reason, for refresh too."""
    lambda_arn = value.replace("ARN", crm)
    body = (
        BY_HAND.replace("Parameters:", "Parameters:\n  Secret: {Type: String, NoEcho: True}")
        .replace("Conditions:", "Conditions:\n  IsSecret: !Equals [!Ref Secret, '']")
        .replace("LambdaArn: !Sub", f"LambdaArn: {lambda_arn}\n      Triggers:")
    )
    deploy(body, Function="crm", Secret=crm)

    result = run_status(account, "--json")
    refreshed = run(account, "refresh", "--stack", "Crm")

    [found] = connectors(result)
    assert found["state"] == "UNKNOWN"
    assert found["reason"] == UNRESOLVABLE[value]
    assert found["nextStep"] == "Compare the registered values with the template manually."
    assert result.returncode == 2
    assert "acme-crm is FAILED:" in refreshed.stdout
    assert refreshed.returncode == 2
