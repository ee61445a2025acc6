"""Stacks with many connectors stay within the limits of CloudFormation and IAM.

Sources of the limits: "CloudFormation quotas" in the CloudFormation User Guide and "IAM and AWS STS
quotas" in the IAM User Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

from tests.synth.policies import ACCOUNT, REGION, policies
from tests.synth.support import make_function, register


def connectors(
    stack: cdk.Stack, number: int, *, first: int = 0, label_length: int = 18, **arguments: Any
) -> None:
    """Register a number of imported functions whose names have the maximum length."""
    for n in range(first, first + number):
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


@pytest.mark.parametrize("label_length", [18, 28])
def test_200_connectors_fit_into_one_stack(
    app: cdk.App, stack: cdk.Stack, label_length: int
) -> None:
    """200 connectors stay within the limits of a template and of IAM policies."""
    connectors(stack, 200, label_length=label_length)

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


def test_160_rules_fit_into_one_stack(app: cdk.App, stack: cdk.Stack) -> None:
    """160 functions with refresh_on_external_change stay within the limits of a template."""
    connectors(stack, 160, label_length=28, refresh_on_external_change=True)

    file = template(app, stack)
    assert file.stat().st_size < 1_000_000
    assert len(json.loads(file.read_text())["Resources"]) <= 500


def hardened(stack: cdk.Stack) -> ConnectorRegistrationProvider:
    """A provider whose role needs every permission that its arguments can add."""
    return ConnectorRegistrationProvider(
        stack,
        "Provider",
        vpc=ec2.Vpc(stack, "Vpc"),
        tracing=lambda_.Tracing.ACTIVE,
        on_failure=destinations.SqsDestination(sqs.Queue(stack, "DeadLetters")),
    )


def settings(stack: cdk.Stack, kind: str) -> dict[str, Any]:
    return {"provider": hardened(stack)} if kind == "hardened" else {}


@pytest.mark.parametrize(("kind", "number"), [("default", 40), ("hardened", 36)])
def test_connectors_may_be_destroyed(
    app: cdk.App, stack: cdk.Stack, kind: str, number: int
) -> None:
    """The documented number of connectors with RemovalPolicy.DESTROY fits, and no more."""
    destroy = {"removal_policy": cdk.RemovalPolicy.DESTROY, **settings(stack, kind)}
    connectors(stack, number, label_length=28, **destroy)

    resources = json.loads(template(app, stack).read_text())["Resources"]
    assert sum(policies(resources, "Policy")) <= 10_240
    with pytest.raises(ValueError, match="IAM accepts 10,240 for a role"):
        register(stack, make_function(stack, "More"), connector_label="x" * 28, **destroy)


@pytest.mark.parametrize(("kind", "number"), [("default", 16), ("hardened", 14), ("alias", 10)])
def test_connectors_have_policies_of_their_own(stack: cdk.Stack, kind: str, number: int) -> None:
    """The documented number of connectors share no policy, and the next ones do."""
    arguments = settings(stack, kind)
    version = make_function(stack, "Connector").current_version

    def function(n: int) -> lambda_.IFunction:
        if kind == "alias":
            return lambda_.Alias(stack, f"Alias{n}", alias_name=f"live-{n}", version=version)
        return make_function(stack, f"Connector{n}")

    for n in range(number + 1):
        label = f"acme-connector-{n:03d}".ljust(28, "x")
        register(stack, function(n), f"Registration{n}", connector_label=label, **arguments)
        assert len(managed_policies(stack)) == (1 if n == number else 0)


def managed_policies(stack: cdk.Stack) -> list[iam.CfnManagedPolicy]:
    return [one for one in stack.node.find_all() if isinstance(one, iam.CfnManagedPolicy)]


def test_130_aliases_fit_into_one_stack(app: cdk.App, stack: cdk.Stack) -> None:
    """130 aliases of a function stay within ten managed policies, and one more does not."""
    version = make_function(stack, "Connector").current_version
    for n in range(131):
        assert len(managed_policies(stack)) <= 10
        alias = lambda_.Alias(stack, f"Alias{n}", alias_name=f"live-{n}", version=version)
        register(stack, alias, f"Registration{n}", connector_label=f"acme-connector-{n:03d}")

    assert len(managed_policies(stack)) == 11


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
    for n in range(60):
        alias = lambda_.Alias(stack, f"Alias{n}", alias_name=f"live-{n}", version=version)
        register(stack, alias, f"Registration{n}", connector_label=f"acme-connector-{n:03d}")

    resources = json.loads(template(app, stack).read_text())["Resources"]
    of_alias = len(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:") + 64 + 1 + 128
    of_connector = len(f"arn:aws:appflow:{REGION}:{ACCOUNT}:connector/acme-connector-000")
    assert max(connectors_by_policy(resources)) * (of_alias + of_connector) <= 6_144


def test_functions_and_their_aliases_fit(app: cdk.App, stack: cdk.Stack) -> None:
    """The policies of functions that are registered twice, also by an alias, stay within limits."""
    for n in range(30):
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


def test_policy_has_room_for_24_functions(app: cdk.App, stack: cdk.Stack) -> None:
    """A managed policy has room for 24 functions of the app."""
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    for n in range(60):
        function = make_function(stack, f"Connector{n}", role=role)
        register(stack, function, f"Registration{n}", connector_label=f"acme-connector-{n:03d}")

    resources = json.loads(template(app, stack).read_text())["Resources"]
    assert connectors_by_policy(resources) == [24, 24, 12]


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
    assert warning.startswith(
        f"role Stack/Role has {managed_policies + 3} managed policies with those for its"
        " connectors, but IAM attaches 10 to a role unless the account's quota is raised. Request"
        " an increase of the quota 'Managed policies per role', or move some of the connectors to"
        " another stack, or to another provider with a role of its own"
    )


def test_managed_policies_at_the_quota_get_no_warning(stack: cdk.Stack) -> None:
    """Ten managed policies fit into the default quota."""
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role_with(stack, 8))

    connectors(stack, 48, provider=provider)

    assert len(managed_policies(stack)) == 2
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


TOO_MANY_MANAGED = (
    "with the permissions for its connectors, role Stack/Role would have 21 managed policies, but"
    " IAM accepts at most 20, also with a raised quota. Move some of the connectors to another"
    " stack, or to another provider with a role of its own"
)


def test_policies_above_the_maximum_are_refused(stack: cdk.Stack) -> None:
    """IAM raises the quota to at most 20 managed policies for a role."""
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role_with(stack, 20))

    with pytest.raises(ValueError, match=f"^{re.escape(TOO_MANY_MANAGED)}$"):
        connectors(stack, 24, provider=provider)


def test_policies_attached_later_count(stack: cdk.Stack) -> None:
    """Managed policies that the app attaches after the registrations count as well."""
    role = role_with(stack, 0)
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    connectors(stack, 24, provider=provider)
    for n in range(19):
        attach_managed_policy(stack, role, n)
    role.add_managed_policy(
        iam.ManagedPolicy.from_aws_managed_policy_name("AWSXRayDaemonWriteAccess")
    )

    with pytest.raises(RuntimeError, match=re.escape(f"[Stack] {TOO_MANY_MANAGED}")):
        Template.from_stack(stack)


def attach_managed_policy(stack: cdk.Stack, role: iam.Role, number: int) -> None:
    statement = iam.PolicyStatement(actions=["s3:ListBucket"], resources=["*"])
    iam.ManagedPolicy(stack, f"Managed{number}", roles=[role], statements=[statement])


def statement_of(size: int) -> iam.PolicyStatement:
    """A statement that makes a policy of about this many characters."""
    resources = [f"arn:aws:s3:::{n:03d}{'x' * 60}" for n in range(size // 78)]
    return iam.PolicyStatement(actions=["s3:GetObject"], resources=resources)


def in_default_policy(role: iam.Role, statement: iam.PolicyStatement) -> None:
    role.add_to_policy(statement)


def in_policy(role: iam.Role, statement: iam.PolicyStatement) -> None:
    iam.Policy(role.stack, "Theirs", roles=[role], statements=[statement])


def in_cfn_policy(role: iam.Role, statement: iam.PolicyStatement) -> None:
    document = iam.PolicyDocument(statements=[statement])
    iam.CfnRolePolicy(
        role.stack, "Theirs", policy_name="x", role_name=role.role_name, policy_document=document
    )


@pytest.mark.parametrize("attach", [in_default_policy, in_policy, in_cfn_policy])
@pytest.mark.parametrize(("size", "fits"), [(700, True), (6_000, False)])
def test_inline_policies_of_the_app_count(
    stack: cdk.Stack, attach: Callable[[iam.Role, iam.PolicyStatement], None], size: int, fits: bool
) -> None:
    """Inline policies that the app attaches after the registrations count as well."""
    role = role_with(stack, 0)
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    destroy = cdk.RemovalPolicy.DESTROY
    connectors(stack, 25, provider=provider, removal_policy=destroy)

    attach(role, statement_of(size))

    if fits:
        Template.from_stack(stack)
        return
    with pytest.raises(
        RuntimeError, match=r"\[Stack\] .* role Stack/Role can reach 1[0-9],[0-9]+ ch"
    ):
        Template.from_stack(stack)


def test_room_is_made_for_known_policies(stack: cdk.Stack) -> None:
    """Beside a large policy of the app, the connectors share policies sooner."""
    role = role_with(stack, 0)
    role.add_to_policy(statement_of(6_000))
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)

    connectors(stack, 16, provider=provider)

    assert len(managed_policies(stack)) == 1
    Template.from_stack(stack)


def test_two_providers_on_a_role_count_together(stack: cdk.Stack) -> None:
    """Two providers that use one role share its limits."""
    role = role_with(stack, 0)
    first, second = (
        ConnectorRegistrationProvider(stack, name, role=role) for name in ("First", "Second")
    )
    destroy = cdk.RemovalPolicy.DESTROY
    connectors(stack, 30, provider=first, removal_policy=destroy)

    with pytest.raises(ValueError, match="inline policies of role Stack/Role can reach"):
        connectors(stack, 20, first=30, provider=second, removal_policy=destroy)


def test_too_many_inline_policies_are_refused(stack: cdk.Stack) -> None:
    """Inline policies beyond the limit of a role raise an error at synthesis."""
    message = (
        "with the permissions for its connectors, the inline policies of role"
        " Stack/AppFlowConnectorRegistrationProvider/Role can reach 10,353 characters, but IAM"
        " accepts 10,240 for a role. Move some of the connectors with RemovalPolicy.DESTROY to"
        " another stack, or to another provider with a role of its own, or keep them with"
        " RemovalPolicy.RETAIN. Add statements of your own in a managed policy, or to the role"
        " before its registrations are created"
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
