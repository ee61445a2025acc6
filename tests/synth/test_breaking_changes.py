"""What the handler may read if a registration fails on breaking changes, and otherwise may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_appflow_connector import ConnectorRegistrationProvider, OnBreakingChange

from tests.synth.policies import policies
from tests.synth.support import TYPE, appflow_arn, make_function, register

FAIL = OnBreakingChange.FAIL
READS = {
    "appflow:DescribeConnectorProfiles",
    "appflow:DescribeFlow",
    "appflow:ListFlows",
}


def statements(template: Template) -> Iterator[dict[str, Any]]:
    """The statements of all policies of all roles."""
    for kind in ("Policy", "ManagedPolicy"):
        for policy in template.find_resources(f"AWS::IAM::{kind}").values():
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


def reads(template: Template) -> list[dict[str, Any]]:
    """The statements by which the handler may read profiles and flows."""
    return [found for found in statements(template) if READS.intersection(actions_of(found))]


def actions_of(statement: dict[str, Any]) -> list[str]:
    actions = statement["Action"]
    return actions if isinstance(actions, list) else [actions]


def register_many(stack: cdk.Stack, number: int, *, first: int = 0, **arguments: Any) -> None:
    """Register connectors of functions of their own."""
    for n in range(first, first + number):
        register(
            stack,
            make_function(stack, f"Connector{n}"),
            f"Registration{n}",
            connector_label=f"acme-connector-{n:03d}".ljust(28, "x"),
            **arguments,
        )


@pytest.mark.parametrize("number", [1, 3])
def test_handler_may_read_what_uses_connectors(stack: cdk.Stack, number: int) -> None:
    """With FAIL, one policy allows the three reads on the narrowest resources of IAM."""
    register_many(stack, number, on_breaking_change=FAIL)

    assert reads(Template.from_stack(stack)) == [
        {"Action": "appflow:DescribeConnectorProfiles", "Effect": "Allow", "Resource": "*"},
        {
            "Action": ["appflow:DescribeFlow", "appflow:ListFlows"],
            "Effect": "Allow",
            "Resource": appflow_arn("flow/*"),
        },
    ]


def test_handler_may_not_read_secrets(stack: cdk.Stack, function: lambda_.Function) -> None:
    """With FAIL, the handler reads no credentials and changes no flow."""
    register(stack, function, on_breaking_change=FAIL)

    actions = {a for found in statements(Template.from_stack(stack)) for a in actions_of(found)}
    assert {action for action in actions if action.startswith("appflow:")} == READS | {
        "appflow:DescribeConnector",
        "appflow:RegisterConnector",
        "appflow:UpdateConnectorRegistration",
    }
    assert not any(action.startswith("secretsmanager:") for action in actions)


@pytest.mark.parametrize("number", [1, 40])
def test_ignore_allows_no_read(stack: cdk.Stack, number: int) -> None:
    """By default, the handler may read no profile and no flow."""
    register_many(stack, number)

    template = Template.from_stack(stack)
    assert reads(template) == []
    assert "flow/" not in json.dumps(template.to_json())


def test_registration_waits_for_the_permission(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """CloudFormation updates a registration with FAIL after its permission, and no other."""
    register(stack, function, on_breaking_change=FAIL)
    register(stack, function, "Other", connector_label="acme-erp")

    template = Template.from_stack(stack)
    [policy] = [
        name
        for name, found in template.find_resources("AWS::IAM::Policy").items()
        if "ListFlows" in str(found)
    ]
    waits = {
        found["Properties"]["ConnectorLabel"]: policy in found["DependsOn"]
        for found in template.find_resources(TYPE).values()
    }
    assert policy == "AppFlowConnectorRegistrationProviderUsagePolicy5150017E"
    assert waits == {"acme-crm": True, "acme-erp": False}


def test_given_role_gets_the_permission(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A role of the app gets the permission, and an imported role does not."""
    theirs = iam.Role.from_role_arn(stack, "Theirs", "arn:aws:iam::111122223333:role/handler")
    ours = iam.Role(stack, "Ours", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    for name, role in (("theirs", theirs), ("ours", ours)):
        register(
            stack,
            function,
            name,
            connector_label=name,
            provider=ConnectorRegistrationProvider(stack, f"Provider-{name}", role=role),
            on_breaking_change=FAIL,
        )

    template = Template.from_stack(stack)
    [policy] = [
        found["Properties"]
        for found in template.find_resources("AWS::IAM::Policy").values()
        if "ListFlows" in str(found)
    ]
    assert policy["Roles"] == [stack.resolve(ours.role_name)]


def test_refused_registration_leaves_no_permission(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """A registration that is refused leaves the permission only if another one needs it."""
    destroy: dict[str, Any] = {"removal_policy": cdk.RemovalPolicy.DESTROY}
    register_many(stack, 40, **destroy)

    with pytest.raises(ValueError, match="IAM accepts 10,240 for a role"):
        register(stack, function, on_breaking_change=FAIL, **destroy)

    assert reads(Template.from_stack(stack)) == []


def test_permission_counts_for_the_limits_of_iam(stack: cdk.Stack) -> None:
    """The permission counts as an inline policy of the role, so that one connector less fits."""
    destroy: dict[str, Any] = {"removal_policy": cdk.RemovalPolicy.DESTROY}
    register_many(stack, 39, on_breaking_change=FAIL, **destroy)

    resources = Template.from_stack(stack).to_json()["Resources"]
    assert sum(policies(resources, "Policy")) <= 10_240
    with pytest.raises(ValueError, match="IAM accepts 10,240 for a role"):
        register_many(stack, 1, first=39, **destroy)
