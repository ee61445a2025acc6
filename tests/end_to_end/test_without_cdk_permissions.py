"""The provider's template, deployed: its parameters, and what its role may do by them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError
from cdk_appflow_connector import ConnectorRegistrationProvider, OnBreakingChange
from cdk_appflow_connector._provider_template import provider_template

from tests.support import Account
from tests.synth.support import register

STACK = "appflow-connector-registration"
ARN = "arn:aws:lambda:us-east-1:111122223333:function"
LISTS = {"ConnectorLabels": "acme-crm", "FunctionArns": f"{ARN}:acme-crm", "StackNames": "crm"}
VPC = {"SubnetIds": "subnet-0a,subnet-0b", "SecurityGroupIds": "sg-0c"}

# IAM's limit on the inline policies of a role.
MAX_POLICY_SIZE = 10_240


@pytest.fixture(scope="module")
def template() -> str:
    """The template, with code that no test runs."""
    made = provider_template()
    made["Resources"]["Handler"]["Properties"]["Code"] = {"ZipFile": "def handler(*_): ..."}
    return json.dumps(made)


def create(account: Account, template: str, **parameters: str) -> None:
    """Create the stack of the provider, and wait for it."""
    cloudformation = account.client("cloudformation")
    values = {**LISTS, **parameters}
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )


def outputs(account: Account) -> dict[str, str]:
    """The outputs of the provider's stack."""
    [stack] = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def role(account: Account) -> str:
    """The name of the handler's role."""
    found = account.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId="HandlerRole"
    )
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def policy(account: Account) -> Mapping[str, Any]:
    """The only policy of the handler's role."""
    iam = account.client("iam")
    assert iam.list_attached_role_policies(RoleName=role(account))["AttachedPolicies"] == []
    [name] = iam.list_role_policies(RoleName=role(account))["PolicyNames"]
    document: Mapping[str, Any] = iam.get_role_policy(RoleName=role(account), PolicyName=name)[
        "PolicyDocument"
    ]
    return document


def allowed(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """The resources of each action in a policy."""
    found: dict[str, set[str]] = {}
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            found.setdefault(action, set()).update(listed(statement["Resource"]))
    return found


def listed(value: Any) -> list[str]:
    """A value as a list, since a policy may have one text in its place."""
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        ({}, {}),
        ({"MayUnregister": "true"}, {"removal_policy": cdk.RemovalPolicy.DESTROY}),
        ({"MayReadFlows": "true"}, {"on_breaking_change": OnBreakingChange.FAIL}),
        (VPC, {"provider": "in the VPC"}),
    ],
    ids=["default", "unregister", "flows", "vpc"],
)
def test_actions_are_those_of_the_construct(
    account: Account,
    template: str,
    app: cdk.App,
    parameters: dict[str, str],
    arguments: dict[str, Any],
) -> None:
    """The handler may call what the construct's may with the same settings, and nothing else."""
    stack = cdk.Stack(app, "Stack")
    if "provider" in arguments:
        vpc = ec2.Vpc(stack, "Vpc")
        arguments = {"provider": ConnectorRegistrationProvider(stack, "Provider", vpc=vpc)}
    function = lambda_.Function.from_function_arn(stack, "Connector", f"{ARN}:acme-crm:live")
    register(stack, function, **arguments)

    create(account, template, **parameters)

    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    documents = [found["Properties"]["PolicyDocument"] for found in policies]
    of_construct = {action for document in documents for action in _actions(document)}
    assert set(allowed(policy(account))) == of_construct


def _actions(document: Mapping[str, Any]) -> set[str]:
    return {action for statement in document["Statement"] for action in listed(statement["Action"])}


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    return cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))


def test_resources_are_those_of_the_lists(account: Account, template: str) -> None:
    """Each list becomes the resources of its actions, limited to the Region of the stack."""
    functions = [f"{ARN}:acme-crm:*", f"{ARN}:erp"]

    create(
        account,
        template,
        ConnectorLabels="acme-crm,acme-erp",
        FunctionArns=",".join(functions),
        StackNames="crm,erp-Nested-*",
        MayUnregister="true",
    )

    document = policy(account)
    connectors = {f"arn:aws:appflow:*:*:connector/{label}" for label in ("acme-crm", "acme-erp")}
    stacks = {f"arn:aws:cloudformation:*:*:stack/{name}/*" for name in ("crm", "erp-Nested-*")}
    found = allowed(document)
    assert found["appflow:DescribeConnector"] == connectors
    assert found["appflow:UpdateConnectorRegistration"] == connectors
    assert found["appflow:UnRegisterConnector"] == {
        *connectors,
        f"arn:aws:appflow:us-east-1:{account.id}:/unregister-connector",
    }
    assert found["cloudformation:DescribeStackEvents"] == stacks
    assert found["lambda:InvokeFunction"] == set(functions)
    for statement in document["Statement"]:
        anywhere = any(one.split(":")[3:5] == ["*", "*"] for one in listed(statement["Resource"]))
        condition = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
        assert statement.get("Condition") == (condition if anywhere else None)


def test_nothing_more_is_allowed_by_default(account: Account, template: str) -> None:
    """By default only RegisterConnector has no narrower resource, and nothing unregisters."""
    create(account, template)

    found = allowed(policy(account))
    assert {action for action, resources in found.items() if "*" in resources} == {
        "appflow:RegisterConnector"
    }
    assert not any(action.endswith("*") for action in found)
    assert "appflow:UnRegisterConnector" not in found
    assert "appflow:ListFlows" not in found
    assert not any(action.startswith("ec2:") for action in found)
    assert "Warning" not in outputs(account)


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("appflow:DescribeConnector", "appflow:us-east-1:{account}:connector/acme-crm", True),
        ("appflow:DescribeConnector", "appflow:us-east-1:{account}:connector/acme-crm-2", False),
        ("appflow:UnRegisterConnector", "appflow:us-east-1:{account}:connector/acme-crm", False),
        ("appflow:DescribeConnectorProfiles", "*", False),
        ("lambda:InvokeFunction", "lambda:us-east-1:111122223333:function:acme-crm", True),
        ("lambda:InvokeFunction", "lambda:us-east-1:111122223333:function:acme-crm:7", False),
        ("lambda:InvokeFunction", "lambda:us-east-1:111122223333:function:acme", False),
        ("lambda:UpdateFunctionCode", "lambda:us-east-1:111122223333:function:acme-crm", False),
        (
            "cloudformation:DescribeStackEvents",
            "cloudformation:us-east-1:{account}:stack/crm/1",
            True,
        ),
        (
            "cloudformation:DescribeStackEvents",
            "cloudformation:us-east-1:{account}:stack/crm-2/1",
            False,
        ),
        ("cloudformation:DeleteStack", "cloudformation:us-east-1:{account}:stack/crm/1", False),
    ],
)
def test_iam_decides_by_the_lists(
    account: Account, template: str, action: str, resource: str, expected: bool
) -> None:
    """IAM allows what the lists name, and denies everything else."""
    create(account, template)
    arn = resource if resource == "*" else f"arn:aws:{resource.format(account=account.id)}"

    response = account.client("iam").simulate_custom_policy(
        PolicyInputList=[json.dumps(policy(account))], ActionNames=[action], ResourceArns=[arn]
    )

    [result] = response["EvaluationResults"]
    assert (result["EvalDecision"] == "allowed") == expected


@pytest.mark.parametrize(
    ("region", "expected"),
    [("us-east-1", "ResourceNotFoundException"), ("eu-west-1", "AccessDeniedException")],
)
def test_lists_are_limited_to_the_region(
    account: Account, template: str, region: str, expected: str
) -> None:
    """A label of the lists is allowed in the Region of the stack only."""
    create(account, template)
    iam = account.client("iam")
    iam.create_user(UserName="user")
    document = json.dumps(policy(account))
    iam.put_user_policy(UserName="user", PolicyName="policy", PolicyDocument=document)
    key = iam.create_access_key(UserName="user")["AccessKey"]
    appflow = account.client(
        "appflow",
        region_name=region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    with pytest.raises(ClientError) as caught:
        appflow.describe_connector(connectorType="CustomConnector", connectorLabel="acme-crm")

    assert caught.value.response["Error"]["Code"] == expected


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("first", ["", "same,"])
def test_everything_is_allowed_with_a_warning(
    account: Account, template: str, name: str, first: str
) -> None:
    """A * alone, at any place in a list, is an output that warns of it."""
    create(account, template, **{name: first.replace("same", LISTS[name]) + "*"})

    assert outputs(account)["Warning"] == (
        "The handler may use all connectors, functions or stacks of the account and Region, because"
        " ConnectorLabels, FunctionArns or StackNames contains *. List them instead."
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"ConnectorLabels": "acme-*"},
        {"FunctionArns": f"{ARN}:acme-crm:*,{ARN}:acme-*"},
        {"StackNames": "crm-*,erp"},
    ],
)
def test_pattern_of_names_is_no_warning(
    account: Account, template: str, parameters: dict[str, str]
) -> None:
    """An asterisk at the end of a name or an ARN is what the user has chosen."""
    create(account, template, **parameters)

    assert "Warning" not in outputs(account)


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ({"ConnectorLabels": "acme crm"}, "must be labels, separated by commas: a letter or digit"),
        ({"ConnectorLabels": "acme-crm,"}, "must be labels, separated by commas: a letter or"),
        ({"ConnectorLabels": "a*b"}, "must be labels, separated by commas: a letter or digit"),
        (
            {"FunctionArns": "acme-crm"},
            "must be ARNs, separated by commas: arn:aws:lambda:<region>",
        ),
        (
            {"FunctionArns": f"{ARN}:*"},
            "must be ARNs, separated by commas: arn:aws:lambda:<region>",
        ),
        ({"StackNames": "crm/erp"}, "must be names of stacks, separated by commas: a letter, then"),
        ({"SubnetIds": "vpc-0a"}, "must be ids of subnets, separated by commas, or empty"),
        ({"SecurityGroupIds": "0a"}, "must be ids of security groups, separated by commas, or"),
        ({"PermissionsBoundaryArn": "Boundary"}, "must be the ARN of a policy, or empty"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_invalid_parameter_is_refused(
    account: Account, template: str, parameters: dict[str, str], rule: str
) -> None:
    """CloudFormation refuses a value with the template's words about what is allowed."""
    with pytest.raises(ClientError) as caught:
        create(account, template, **parameters)

    [name] = parameters
    assert re.search(rf"{name}'? {re.escape(rule)}", str(caught.value))


@pytest.mark.parametrize("name", ["MayUnregister", "MayReadFlows", "LogRetentionDays"])
def test_other_value_is_refused(account: Account, template: str, name: str) -> None:
    """CloudFormation refuses a value that is none of the template's."""
    with pytest.raises(ClientError, match=f"{name}.*AllowedValues"):
        create(account, template, **{name: "2"})


def test_log_retention_is_the_parameter(account: Account, template: str) -> None:
    """The handler logs to a log group that keeps events as long as the parameter says."""
    create(account, template, LogRetentionDays="400")

    handler = outputs(account)["ServiceToken"]
    function = account.client("lambda").get_function_configuration(FunctionName=handler)
    [group] = account.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 400
    assert function["LoggingConfig"]["LogGroup"] == group["logGroupName"]


# The local cloud deploys neither of these two properties.
@pytest.mark.parametrize(
    ("resource", "name", "condition", "value"),
    [
        ("Handler", "VpcConfig", "InVpc", {name: {"Ref": name} for name in VPC}),
        ("HandlerRole", "PermissionsBoundary", "HasBoundary", {"Ref": "PermissionsBoundaryArn"}),
    ],
)
def test_property_has_the_parameters(
    template: str, resource: str, name: str, condition: str, value: Any
) -> None:
    """VPC and permissions boundary are those of the parameters, or not set."""
    found = json.loads(template)["Resources"][resource]["Properties"][name]

    assert found == {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize("given", VPC)
def test_either_list_makes_a_vpc(account: Account, template: str, given: str) -> None:
    """Subnets or security groups alone reach Lambda, which refuses one without the other."""
    create(account, template, **{given: VPC[given]})

    assert "ec2:CreateNetworkInterface" in allowed(policy(account))


def test_service_token_is_exported(account: Account, template: str) -> None:
    """The export is named after the stack, and its value is the ARN of the handler."""
    create(account, template)

    [export] = account.client("cloudformation").list_exports()["Exports"]
    assert export["Name"] == f"{STACK}-ServiceToken"
    assert export["Value"] == outputs(account)["ServiceToken"]
    assert ":function:" in export["Value"]


def test_upgrade_keeps_the_service_token(account: Account, template: str) -> None:
    """New code and another list update the handler, whose ARN in other stacks stays valid."""
    create(account, template)
    before = outputs(account)["ServiceToken"]
    kept = [name for name in LISTS if name != "ConnectorLabels"]

    cloudformation = account.client("cloudformation")
    cloudformation.update_stack(
        StackName=STACK,
        TemplateBody=template.replace("...", "print()"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": "ConnectorLabels", "ParameterValue": "acme-crm, acme-erp"},
            *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
        ],
    )
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )

    assert outputs(account)["ServiceToken"] == before
    labels = allowed(policy(account))["appflow:DescribeConnector"]
    assert {arn.rpartition("/")[2] for arn in labels} == {"acme-crm", "acme-erp"}


def test_fifty_connectors_fit(account: Account, template: str) -> None:
    """The policy of 50 connectors with names of 12 characters is within IAM's limit."""
    names = [f"acme-crm-{number:03}" for number in range(50)]

    create(
        account,
        template,
        ConnectorLabels=",".join(names),
        FunctionArns=",".join(f"{ARN}:{name}:*" for name in names),
        StackNames=",".join(names),
        MayUnregister="true",
        MayReadFlows="true",
        **VPC,
    )

    text = json.dumps(policy(account), separators=(",", ":"))
    assert len(text) <= MAX_POLICY_SIZE
