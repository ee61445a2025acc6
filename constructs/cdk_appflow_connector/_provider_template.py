"""The provider as a CloudFormation template, for stacks that the CDK does not make.

The construct makes the resources and the permissions in stacks with a placeholder of a connector.
This module replaces what those stacks know, such as labels, by parameters of the template. So the
template has what the construct has.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_

from ._provider_parameters import CONDITIONS, HANDLER_FOLDER, OUTPUTS, PARAMETERS
from ._provider_permissions import PLACEHOLDER_FUNCTION, PLACEHOLDER_LABEL, Permissions
from .connector_registration import ConnectorRegistration, OnBreakingChange
from .connector_registration_provider import ConnectorRegistrationProvider

# Logical ids of deployed stacks: CloudFormation refuses a custom resource whose provider is
# replaced, so none of them may ever change.
_NAMES = {
    "AWS::Lambda::Function": "Handler",
    "AWS::Lambda::EventInvokeConfig": "HandlerEvents",
    "AWS::IAM::Role": "HandlerRole",
    "AWS::Logs::LogGroup": "HandlerLogs",
}

_POLICY_NAME = "Handler"

_NO_VALUE = {"Ref": "AWS::NoValue"}


def provider_template() -> dict[str, Any]:
    """The template, whose function has the code in the folder ``handler`` beside the template.

    The template is equal in each process, and contains texts, numbers, lists and dictionaries only.
    """
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, analytics_reporting=False)
        # The permissions that only some registrations need, by the condition of the template.
        kinds: Mapping[str, Callable[[cdk.Stack], None]] = {
            "": _register,
            "MayUnregister": _register_until_removal,
            "MayReadFlows": _register_with_checks,
            "InVpc": _register_in_vpc,
        }
        stacks = {}
        for condition, register in kinds.items():
            stacks[condition] = cdk.Stack(app, f"Registration{condition}")
            register(stacks[condition])
        assembly = app.synth()
        resources = {
            condition: _named(assembly.get_stack_by_name(stack.stack_name).template["Resources"])
            for condition, stack in stacks.items()
        }
        permissions = Permissions(stacks[""], resources)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Keeps the registrations of Amazon AppFlow connectors current"
        " (cdk-appflow-connector)",
        "Parameters": PARAMETERS,
        "Conditions": CONDITIONS,
        "Resources": _resources(resources[""], permissions),
        "Outputs": OUTPUTS,
    }


def _register(
    stack: cdk.Stack,
    provider: ConnectorRegistrationProvider | None = None,
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
    on_breaking_change: OnBreakingChange = OnBreakingChange.IGNORE,
) -> None:
    # An alias needs the permissions of functions and versions, and one more.
    function = lambda_.Function.from_function_arn(
        stack, "Connector", f"{PLACEHOLDER_FUNCTION}:alias"
    )
    ConnectorRegistration(
        stack,
        "Registration",
        connector_label=PLACEHOLDER_LABEL,
        connector_function=function,
        removal_policy=removal_policy,
        on_breaking_change=on_breaking_change,
        provider=provider,
    )


def _register_until_removal(stack: cdk.Stack) -> None:
    _register(stack, removal_policy=cdk.RemovalPolicy.DESTROY)


def _register_with_checks(stack: cdk.Stack) -> None:
    _register(stack, on_breaking_change=OnBreakingChange.FAIL)


def _register_in_vpc(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-00000000",
        availability_zones=["us-east-1a"],
        private_subnet_ids=["subnet-00000000"],
    )
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-00000000")
    provider = ConnectorRegistrationProvider(stack, "Provider", vpc=vpc, security_groups=[group])
    _register(stack, provider)


def _named(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """The resources of a stack, of which those of the provider have the names of this template."""
    names = {
        logical_id: _NAMES.get(resource["Type"], logical_id)
        for logical_id, resource in resources.items()
    }
    return {
        names[logical_id]: _with_names(resource, names)
        for logical_id, resource in resources.items()
    }


def _resources(synthesised: Mapping[str, Any], permissions: Permissions) -> dict[str, Any]:
    """The resources of the provider, which put themselves in order by their references."""
    resources = {
        name: {
            member: value
            for member, value in synthesised[name].items()
            if member not in ("DependsOn", "Metadata")
        }
        for name in _NAMES.values()
    }
    _configure(resources, permissions.statements())
    return resources


def _configure(resources: Mapping[str, Any], statements: list[Any]) -> None:
    """Let parameters decide what arguments of the construct decide."""
    # The code is a path until it is packaged, of which cfn-lint would warn.
    resources["Handler"]["Metadata"] = {"cfn-lint": {"config": {"ignore_checks": ["W3002"]}}}
    function = resources["Handler"]["Properties"]
    function["Code"] = HANDLER_FOLDER
    function["VpcConfig"] = _if(
        "InVpc",
        {
            "SubnetIds": {"Ref": "SubnetIds"},
            "SecurityGroupIds": {"Ref": "SecurityGroupIds"},
        },
    )
    resources["HandlerLogs"]["Properties"]["RetentionInDays"] = {"Ref": "LogRetentionDays"}
    role = resources["HandlerRole"]["Properties"]
    role["PermissionsBoundary"] = _if("HasBoundary", {"Ref": "PermissionsBoundaryArn"})
    # In the role, so that the function waits for its permissions.
    document = {"Version": "2012-10-17", "Statement": statements}
    role["Policies"] = [{"PolicyName": _POLICY_NAME, "PolicyDocument": document}]


def _with_names(value: Any, names: Mapping[str, str]) -> Any:
    """A value whose references to resources have other names."""
    match value:
        case {"Ref": str(logical_id)}:
            return {"Ref": names.get(logical_id, logical_id)}
        case {"Fn::GetAtt": [str(logical_id), attribute]}:
            return {"Fn::GetAtt": [names.get(logical_id, logical_id), attribute]}
        case dict():
            return {name: _with_names(member, names) for name, member in value.items()}
        case list():
            return [_with_names(member, names) for member in value]
    return value


def _if(condition: str, value: Any) -> dict[str, Any]:
    return {"Fn::If": [condition, value, _NO_VALUE]}
