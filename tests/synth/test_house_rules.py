"""Aspects, property injectors and escape hatches that change the handler's function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_signer as signer
from aws_cdk.assertions import Template
from cdk_appflow_connector import ConnectorRegistrationProvider

from constructs import IConstruct
from tests.synth.support import TYPE, register

NETWORK_ACTIONS = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


@jsii.implements(cdk.IAspect)
class FunctionRule:
    """An aspect that sets properties of every function."""

    def __init__(self, **properties: Any) -> None:
        self._properties = properties

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, lambda_.CfnFunction):
            for name, value in self._properties.items():
                setattr(node, name, value)


@jsii.implements(cdk.IPropertyInjector)
class FunctionInjector:
    """A property injector that gives every function arguments, by the names of Node.js."""

    def __init__(self, make: Callable[[Any], Mapping[str, Any]]) -> None:
        self._make = make

    @property
    def construct_unique_id(self) -> str:
        return lambda_.Function.PROPERTY_INJECTION_ID

    # The name of the CDK's parameter.
    def inject(self, original_props: Any, *, id: str, scope: Any) -> Any:  # noqa: A002
        return {**original_props, **self._make(scope)}


def injected(folder: Any, make: Callable[[Any], Mapping[str, Any]]) -> cdk.Stack:
    """A stack with a property injector for functions."""
    return cdk.Stack(
        cdk.App(outdir=str(folder)), "Stack", property_injectors=[FunctionInjector(make)]
    )


def imported(stack: cdk.Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(
        stack, "Imported", "arn:aws:lambda:us-east-1:111122223333:function:crm"
    )


def provided_function(stack: cdk.Stack) -> lambda_.CfnFunction:
    """The resource of the handler's function of a new provider."""
    function = ConnectorRegistrationProvider(stack, "Provider").handler.node.default_child
    assert isinstance(function, lambda_.CfnFunction)
    return function


def vpc_of(scope: Any) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id="vpc-0a1b2c3d4e5f60718",
        availability_zones=["us-east-1a"],
        private_subnet_ids=["subnet-0a1b2c3d4e5f60718"],
    )


NETWORK = lambda_.CfnFunction.VpcConfigProperty(
    subnet_ids=["subnet-0a1b2c3d4e5f60718"], security_group_ids=["sg-0a1b2c3d4e5f60718"]
)


def actions_on_everything(stack: cdk.Stack) -> list[str]:
    """The actions that the inline policies of a stack allow on all resources, each as often."""
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [
        action
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Resource"] == "*"
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]


REFUSED = [
    (
        {"timeout": 30},
        "timeout is 30 seconds, but must be 240 to 900: the handler reserves the last 160 seconds"
        " of an invocation for calls in progress and for its response, and Lambda ends an"
        " invocation after 15 minutes. Choose a value in this range",
    ),
    ({"timeout": None}, "timeout is 3 seconds, but must be 240 to 900"),
    ({"timeout": 901}, "timeout is 901 seconds, but must be 240 to 900"),
    (
        {"timeout": 900},
        "max_event_age is 300 seconds and timeout is 900, together 1200, but CloudFormation waits"
        " for at most 600: an event that runs later would undo a rollback. Shorten one of them",
    ),
    (
        {"memory_size": 64},
        "memory_size is 64 MiB, but Lambda accepts 128 to 10240. Choose a value in this range",
    ),
    (
        {"runtime": "python3.9"},
        "runtime is python3.9, but the handler needs Python 3.10 or newer. Choose a newer runtime,"
        " for example Runtime.PYTHON_3_13",
    ),
    ({"runtime": "nodejs22.x"}, "runtime is nodejs22.x, but the handler needs Python 3.10"),
    (
        {"reserved_concurrent_executions": 0},
        "reserved_concurrent_executions is 0, but must be at least 1: with 0, Lambda never runs the"
        " handler, so that every deployment waits until its service timeout. Choose a greater"
        " number, or omit it",
    ),
    (
        {"handler": "wrapper.handler"},
        "handler is wrapper.handler, but must be connector_registration.function.handler",
    ),
    (
        {"code": lambda_.CfnFunction.CodeProperty(zip_file="version = 1")},
        "code is {'ZipFile': 'version = 1'}, but must be the handler's asset or, with"
        " code_signing_config, a signed copy of it in S3",
    ),
    (
        {"code": lambda_.CfnFunction.CodeProperty(s3_bucket="releases", s3_key="1.zip")},
        "code is {'S3Bucket': 'releases', 'S3Key': '1.zip'}, but must be the handler's asset",
    ),
    (
        {"architectures": ["arm64", "x86_64"]},
        "architectures is ['arm64', 'x86_64'], but Lambda accepts one, arm64 or x86_64",
    ),
    (
        {"layers": [f"arn:aws:lambda:us-east-1:1:layer:l:{n}" for n in range(6)]},
        "layers has 6 members, but Lambda accepts at most 5",
    ),
]

REMEDY = (
    "An aspect, a property injector or an escape hatch of the app has set this, since the arguments"
    " of ConnectorRegistrationProvider did not. Exclude this function from it"
)


@pytest.mark.parametrize(
    ("properties", "problem"),
    REFUSED,
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_unusable_function_of_an_aspect_is_refused(
    stack: cdk.Stack, properties: dict[str, Any], problem: str
) -> None:
    """What an aspect has set outside the handler's limits is refused, with the remedy."""
    register(stack, imported(stack))

    cdk.Aspects.of(stack).add(FunctionRule(**properties))

    with pytest.raises(RuntimeError) as caught:
        Template.from_stack(stack)
    function = "Stack/AppFlowConnectorRegistrationProvider/Function"
    assert f"{function} cannot run the handler: {problem}" in str(caught.value)
    assert REMEDY in str(caught.value)


def test_deploy_time_timeout_of_an_aspect_is_refused(stack: cdk.Stack) -> None:
    """A timeout that only the deployment knows is refused."""
    register(stack, imported(stack))
    parameter = cdk.CfnParameter(stack, "Seconds", type="Number")

    cdk.Aspects.of(stack).add(FunctionRule(timeout=parameter.value_as_number))

    with pytest.raises(RuntimeError, match="timeout is a token, whose value is only known at"):
        Template.from_stack(stack)


def test_escape_hatch_is_refused(stack: cdk.Stack) -> None:
    """A property that the app sets on the function itself is checked like that of an aspect."""
    function = provided_function(stack)

    function.memory_size = 64

    with pytest.raises(RuntimeError, match="Stack/Provider/Function cannot run the handler: memo"):
        Template.from_stack(stack)


def test_removed_provider_is_not_checked(stack: cdk.Stack) -> None:
    """A provider that the app has removed again leaves nothing to check."""
    ConnectorRegistrationProvider(stack, "Provider")

    stack.node.try_remove_child("Provider")

    Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 0)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("MemorySize", 64, "memory_size is 64 MiB"),
        ("MemorySize", "64", "memory_size is 64 MiB"),
        ("Timeout", "30", "timeout is 30 seconds"),
        ("Timeout", {"Ref": "AWS::NoValue"}, "timeout is a token"),
        ("Runtime", "nodejs22.x", "runtime is nodejs22.x"),
        ("ReservedConcurrentExecutions", 0, "reserved_concurrent_executions is 0"),
        ("Handler", "wrapper.handler", "handler is wrapper.handler"),
        ("Code.S3Key", "1.zip", "code is {'S3Bucket': "),
    ],
)
def test_override_is_refused(stack: cdk.Stack, path: str, value: object, problem: str) -> None:
    """An override that only the template shows is checked like a property."""
    function = provided_function(stack)

    function.add_property_override(path, value)

    with pytest.raises(RuntimeError) as caught:
        Template.from_stack(stack)
    assert f"Stack/Provider/Function cannot run the handler: {problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"), [("Timeout", "300"), ("MemorySize", "256"), ("Runtime", "python3.13")]
)
def test_usable_override_is_kept(stack: cdk.Stack, path: str, value: str) -> None:
    """An override that the handler can run with stays, also a number as text."""
    function = provided_function(stack)

    function.add_property_override(path, value)

    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Function", {path: value})


@pytest.mark.parametrize(
    "properties",
    [
        {"timeout": 300},
        {"memory_size": 3008},
        {"runtime": "python3.13"},
        {"reserved_concurrent_executions": 5},
        {"architectures": ["x86_64"]},
        {"layers": ["arn:aws:lambda:us-east-1:111122223333:layer:insights:1"]},
        {"tracing_config": lambda_.CfnFunction.TracingConfigProperty(mode="Active")},
        {"kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/acme"},
    ],
    ids=lambda properties: next(iter(properties)),
)
def test_usable_function_of_an_aspect_is_accepted(
    stack: cdk.Stack, properties: dict[str, Any]
) -> None:
    """What an aspect has set within the handler's limits is accepted and changes no permission."""
    register(stack, imported(stack))

    cdk.Aspects.of(stack).add(FunctionRule(**properties))

    assert actions_on_everything(stack) == ["appflow:RegisterConnector"]


def test_deploy_time_size_of_an_aspect_is_accepted(stack: cdk.Stack) -> None:
    """A memory size that only the deployment knows is left to Lambda's own check."""
    register(stack, imported(stack))
    parameter = cdk.CfnParameter(stack, "Size", type="Number")

    cdk.Aspects.of(stack).add(FunctionRule(memory_size=parameter.value_as_number))

    assert "'MemorySize': {'Ref': 'Size'}" in str(Template.from_stack(stack).to_json())


def test_signed_copy_is_accepted(stack: cdk.Stack) -> None:
    """With a code signing configuration, the code may be a signed copy elsewhere in S3."""
    profile = signer.SigningProfile(
        stack, "Profile", platform=signer.Platform.AWS_LAMBDA_SHA384_ECDSA
    )
    config = lambda_.CodeSigningConfig(stack, "Signing", signing_profiles=[profile])
    ConnectorRegistrationProvider(stack, "Provider", code_signing_config=config)
    signed = lambda_.CfnFunction.CodeProperty(s3_bucket="signed", s3_key="signed/1.zip")

    cdk.Aspects.of(stack).add(FunctionRule(code=signed))

    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function", {"Code": {"S3Bucket": "signed", "S3Key": "signed/1.zip"}}
    )


def test_shorter_service_timeout_counts(stack: cdk.Stack) -> None:
    """The longest life of an event is compared with each registration's service timeout."""
    function = imported(stack)
    register(stack, function, "One", connector_label="acme-one")
    long = cdk.Duration.minutes(30)
    register(stack, function, "Two", connector_label="acme-two", service_timeout=long)

    cdk.Aspects.of(stack).add(FunctionRule(timeout=600))

    with pytest.raises(RuntimeError, match="together 900, but CloudFormation waits for at most 60"):
        Template.from_stack(stack)


def test_longer_service_timeout_covers_an_aspect(stack: cdk.Stack) -> None:
    """A service timeout that is long enough for the aspect's timeout is accepted."""
    register(stack, imported(stack), service_timeout=cdk.Duration.minutes(20))

    cdk.Aspects.of(stack).add(FunctionRule(timeout=900))

    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Function", {"Timeout": 900})


@pytest.mark.parametrize("role", ["its own", "the app's", "the argument's"])
def test_network_of_an_aspect_gets_permissions(stack: cdk.Stack, role: str) -> None:
    """An aspect that puts the handler into a VPC gets the permissions for it, once."""
    arguments: dict[str, Any] = {}
    if role == "the app's":
        principal = iam.ServicePrincipal("lambda.amazonaws.com")
        arguments["role"] = iam.Role(stack, "Mine", assumed_by=principal)
    elif role == "the argument's":
        arguments["vpc"] = vpc_of(stack)
    provider = ConnectorRegistrationProvider(stack, "Provider", **arguments)
    register(stack, imported(stack), provider=provider)

    cdk.Aspects.of(stack).add(FunctionRule(vpc_config=NETWORK))

    actions = actions_on_everything(stack)
    assert {*actions} == {"appflow:RegisterConnector", *NETWORK_ACTIONS}
    assert len(actions) == len({*actions})


def test_network_of_an_aspect_leaves_imported_role(stack: cdk.Stack) -> None:
    """An imported role gets no permissions for a VPC either."""
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/handler")
    ConnectorRegistrationProvider(stack, "Provider", role=role)

    cdk.Aspects.of(stack).add(FunctionRule(vpc_config=NETWORK))

    assert actions_on_everything(stack) == []


def test_network_of_an_injector_gets_permissions(tmp_path: Any) -> None:
    """A property injector that puts the handler into a VPC gets the permissions for it."""
    stack = injected(tmp_path, lambda scope: {"vpc": vpc_of(scope)})

    register(stack, imported(stack))

    assert {*actions_on_everything(stack)} == {"appflow:RegisterConnector", *NETWORK_ACTIONS}


def test_short_timeout_of_an_injector_is_refused(tmp_path: Any) -> None:
    """A timeout that a property injector has set outside the handler's limits is refused."""
    stack = injected(tmp_path, lambda _: {"timeout": cdk.Duration.seconds(30)})

    register(stack, imported(stack))

    with pytest.raises(RuntimeError, match=re.escape(REMEDY)):
        Template.from_stack(stack)


def test_other_code_of_an_injector_is_refused(tmp_path: Any) -> None:
    """A property injector that replaces the handler's code is refused."""
    stack = injected(
        tmp_path,
        lambda _: {
            "code": lambda_.Code.from_inline("def handler(*_): ..."),
            "runtime": lambda_.Runtime.PYTHON_3_13,
        },
    )
    register(stack, imported(stack))

    with pytest.raises(RuntimeError, match=r"code is \{'ZipFile': 'def handler"):
        Template.from_stack(stack)


def test_long_timeout_of_an_injector_is_followed(tmp_path: Any) -> None:
    """The service timeout covers a longer timeout that a property injector has set."""
    stack = injected(tmp_path, lambda _: {"timeout": cdk.Duration.minutes(15)})

    register(stack, imported(stack))

    Template.from_stack(stack).has_resource_properties(TYPE, {"ServiceTimeout": "1200"})
