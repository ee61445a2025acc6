"""Stacks with many connectors stay within the limits of CloudFormation and IAM.

Sources of the limits: "CloudFormation quotas" in the CloudFormation User Guide and "IAM and AWS STS
quotas" in the IAM User Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

from tests.synth.policies import ACCOUNT, REGION, policies
from tests.synth.support import make_function, register


def connectors(stack: cdk.Stack, number: int, *, label_length: int = 18, **arguments: Any) -> None:
    """Register a number of imported functions whose names have the maximum length."""
    for n in range(number):
        name = f"connector-{n:03d}-".ljust(64, "x")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        ConnectorRegistration(
            stack,
            f"Registration{n}",
            connector_label=f"acme-connector-{n:03d}".ljust(label_length, "x"),
            connector_function=lambda_.Function.from_function_arn(stack, f"Function{n}", arn),
            triggers={"Release": "1"},
            **arguments,
        )


def template(app: cdk.App, stack: cdk.Stack) -> Path:
    """The synthesised template of a stack."""
    app.synth()
    return Path(app.outdir, f"{stack.stack_name}.template.json")


def connectors_by_policy(resources: Mapping[str, Any]) -> list[int]:
    """The number of connectors in each managed policy."""
    found = [one for one in resources.values() if one["Type"] == "AWS::IAM::ManagedPolicy"]
    statements = [one["Properties"]["PolicyDocument"]["Statement"] for one in found]
    return [len(arns(connectors["Resource"])) for connectors, *_ in statements]


def arns(resource: Any) -> list[Any]:
    return resource if isinstance(resource, list) else [resource]


def test_200_connectors_fit_into_one_stack(app: cdk.App, stack: cdk.Stack) -> None:
    """200 connectors stay within the limits of a template and of IAM policies."""
    connectors(stack, 200)

    file = template(app, stack)
    resources = json.loads(file.read_text())["Resources"]
    assert file.stat().st_size < 1_000_000
    assert len(resources) < 500
    # Each connector has a registration and a permission for AppFlow.
    assert len(resources) <= 2 * 200 + 20
    assert sum(policies(resources, "Policy")) <= 10_240
    managed = policies(resources, "ManagedPolicy")
    assert len(managed) <= 10
    assert max(managed) <= 6_144


def test_40_connectors_may_be_destroyed(app: cdk.App, stack: cdk.Stack) -> None:
    """The inline policies of 40 connectors with RemovalPolicy.DESTROY fit into a role."""
    connectors(stack, 40, removal_policy=cdk.RemovalPolicy.DESTROY)

    resources = json.loads(template(app, stack).read_text())["Resources"]
    assert sum(policies(resources, "Policy")) <= 10_240


@pytest.mark.parametrize("label_length", [63, 100, 256])
def test_long_labels_need_more_policies(app: cdk.App, stack: cdk.Stack, label_length: int) -> None:
    """With long labels each managed policy stays within its size limit."""
    connectors(stack, 50, label_length=label_length)

    resources = json.loads(template(app, stack).read_text())["Resources"]
    managed = policies(resources, "ManagedPolicy")
    assert len(managed) <= 10
    assert max(managed) <= 6_144


def test_alias_counts_with_the_longest_name(app: cdk.App, stack: cdk.Stack) -> None:
    """The ARN of an alias in the app counts with the longest possible name."""
    version = make_function(stack, "Connector").current_version
    for n in range(24):
        alias = lambda_.Alias(stack, f"Alias{n}", alias_name=f"live-{n}", version=version)
        register(stack, alias, f"Registration{n}", connector_label=f"acme-connector-{n:03d}")

    resources = json.loads(template(app, stack).read_text())["Resources"]
    of_alias = len(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:") + 64 + 1 + 128
    of_connector = len(f"arn:aws:appflow:{REGION}:{ACCOUNT}:connector/acme-connector-000")
    assert max(connectors_by_policy(resources)) * (of_alias + of_connector) <= 6_144


def test_functions_and_their_aliases_fit(app: cdk.App, stack: cdk.Stack) -> None:
    """The policies of functions that are registered twice, also by an alias, stay within limits."""
    for n in range(20):
        name = f"connector-{n:03d}-".ljust(64, "x")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        for label, registered in ((f"plain-{n}", arn), (f"alias-{n}", f"{arn}:{'a' * 128}")):
            function = lambda_.Function.from_function_arn(stack, label, registered)
            register(
                stack,
                function,
                f"Register-{label}",
                connector_label=label.ljust(60, "x"),
                triggers={"Release": "1"},
            )

    managed = policies(json.loads(template(app, stack).read_text())["Resources"], "ManagedPolicy")
    assert max(managed) <= 6_144


def test_policy_holds_24_functions_of_the_app(app: cdk.App, stack: cdk.Stack) -> None:
    """A managed policy has room for 24 functions of the app."""
    for n in range(25):
        function = make_function(stack, f"Connector{n}")
        register(stack, function, f"Registration{n}", connector_label=f"acme-connector-{n:03d}")

    resources = json.loads(template(app, stack).read_text())["Resources"]
    assert connectors_by_policy(resources) == [24, 1]


def role_with(stack: cdk.Stack, managed_policies: int) -> iam.Role:
    return iam.Role(
        stack,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_managed_policy_name(stack, f"Policy{n}", f"policy-{n}")
            for n in range(managed_policies)
        ],
    )


@pytest.mark.parametrize("managed_policies", [9, 15])
def test_policies_above_the_quota_get_one_warning(stack: cdk.Stack, managed_policies: int) -> None:
    """An account may have a raised quota, so more than 10 managed policies only warn."""
    role = role_with(stack, managed_policies)
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)

    connectors(stack, 49, provider=provider)

    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    [warning] = [str(message.entry.data) for message in found]
    count = max(11, managed_policies + 1)
    assert warning.startswith(
        f"the permissions for the connectors need {count} or more managed policies on role"
        " Stack/Role, but IAM attaches 10 to a role unless the account's quota is raised. Request"
        " an increase of the quota 'Managed policies per role', or move some of the stack's"
        " connectors to another stack or another provider"
    )


def test_managed_policies_at_the_quota_get_no_warning(stack: cdk.Stack) -> None:
    """Ten managed policies fit into the default quota."""
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role_with(stack, 9))

    connectors(stack, 24, provider=provider)

    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_policies_above_the_maximum_are_refused(stack: cdk.Stack) -> None:
    """IAM raises the quota to at most 20 managed policies for a role."""
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role_with(stack, 19))
    message = (
        "with the permissions for this connector, role Stack/Role would have 21 managed policies,"
        " but IAM accepts at most 20, also with a raised quota. Move some of the stack's connectors"
        " to another stack or another provider"
    )

    connectors(stack, 24, provider=provider)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, make_function(stack, "Connector"), provider=provider)


def test_too_many_inline_policies_are_refused(stack: cdk.Stack) -> None:
    """Inline policies beyond the limit of a role raise an error at synthesis."""
    message = (
        "with the permission to unregister this connector, the inline policies of role"
        " Stack/AppFlowConnectorRegistrationProvider/Role can reach 10,274 characters, but IAM"
        " accepts 10,240 for a role. Move some of the connectors with RemovalPolicy.DESTROY to"
        " another stack or another provider, or keep them with RemovalPolicy.RETAIN"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        connectors(stack, 60, removal_policy=cdk.RemovalPolicy.DESTROY)


@pytest.mark.parametrize("label_length", [18, 63, 256])
def test_inline_policies_fill_the_limit(stack: cdk.Stack, label_length: int) -> None:
    """The connectors before the refused one use most of the limit and stay within it."""
    with pytest.raises(ValueError, match="inline policies"):
        connectors(stack, 60, label_length=label_length, removal_policy=cdk.RemovalPolicy.DESTROY)

    inline = policies(Template.from_stack(stack).to_json()["Resources"], "Policy")
    # The rest is reserved for the longest names of the stack, its log group and the partition.
    assert 8_500 < sum(inline) <= 10_240


def test_second_provider_takes_more(stack: cdk.Stack) -> None:
    """A second provider has its own limits."""
    connectors(stack, 40, removal_policy=cdk.RemovalPolicy.DESTROY)

    ConnectorRegistration(
        stack,
        "OneMore",
        connector_label="one-more",
        connector_function=lambda_.Function.from_function_name(stack, "Connector", "crm"),
        removal_policy=cdk.RemovalPolicy.DESTROY,
        provider=ConnectorRegistrationProvider(stack, "Second"),
    )
