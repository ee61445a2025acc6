"""Stacks with many connectors stay within the limits of CloudFormation and IAM.

Sources of the limits: "CloudFormation quotas" in the CloudFormation User Guide and "IAM and AWS STS
quotas" in the IAM User Guide.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
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
    return [len(arns(connectors["Resource"])) for connectors, _ in statements]


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


def test_policy_holds_24_functions_of_the_app(app: cdk.App, stack: cdk.Stack) -> None:
    """A managed policy has room for 24 functions of the app."""
    for n in range(25):
        function = make_function(stack, f"Connector{n}")
        register(stack, function, f"Registration{n}", connector_label=f"acme-connector-{n:03d}")

    resources = json.loads(template(app, stack).read_text())["Resources"]
    assert connectors_by_policy(resources) == [24, 1]


def test_eleventh_managed_policy_is_refused(stack: cdk.Stack) -> None:
    """An eleventh managed policy on the role raises an error at synthesis."""
    theirs = [
        iam.ManagedPolicy.from_managed_policy_name(stack, f"Policy{n}", f"policy-{n}")
        for n in range(9)
    ]
    role = iam.Role(
        stack,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=theirs,
    )
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    message = (
        "with the permissions for this connector role Stack/Role would have 11 managed policies,"
        " but IAM takes 10. Move some of the stack's connectors to another stack or another"
        " provider"
    )

    connectors(stack, 24, provider=provider)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, make_function(stack, "Connector"), provider=provider)


def test_too_many_inline_policies_are_refused(stack: cdk.Stack) -> None:
    """Inline policies beyond the limit of a role raise an error at synthesis."""
    message = (
        "the inline policies of role Stack/AppFlowConnectorRegistrationProvider/Role can come to"
        " have 10,274 characters with the permission to unregister this connector, but IAM takes"
        " 10,240 for a role. Move some of the connectors with RemovalPolicy.DESTROY to another"
        " stack or another provider, or keep them with RemovalPolicy.RETAIN"
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


def test_annotations_do_not_count(stack: cdk.Stack) -> None:
    """Annotations of the provider do not count towards the limits."""
    provider = ConnectorRegistrationProvider.get_or_create(stack)
    for n in range(50):
        cdk.Annotations.of(provider).add_info_v2(f"acme:{n}", f"note {n}")

    connectors(stack, 40, removal_policy=cdk.RemovalPolicy.DESTROY)


def test_forgotten_provider_keeps_its_size(
    stack: cdk.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies of a provider that Python no longer holds still count."""
    connectors(stack, 40, removal_policy=cdk.RemovalPolicy.DESTROY)
    monkeypatch.setattr(
        "cdk_appflow_connector.connector_registration_provider._made", WeakKeyDictionary()
    )
    gc.collect()

    with pytest.raises(ValueError, match="inline policies"):
        register(
            stack,
            lambda_.Function.from_function_name(stack, "Connector", "crm"),
            connector_label="x" * 256,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )


def test_forgotten_policy_is_filled_up(
    app: cdk.App, stack: cdk.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A managed policy that Python no longer holds takes further connectors."""
    connectors(stack, 23)
    monkeypatch.setattr(
        "cdk_appflow_connector.connector_registration_provider._made", WeakKeyDictionary()
    )
    gc.collect()

    for n in range(2):
        function = lambda_.Function.from_function_name(stack, f"Connector{n}", f"crm-{n}")
        register(stack, function, f"More{n}", connector_label=f"more-{n}")

    assert connectors_by_policy(json.loads(template(app, stack).read_text())["Resources"]) == [
        24,
        1,
    ]


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
