"""One role behind providers of several stacks: no policy replaces another one."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from cdk_appflow_connector import ConnectorRegistrationProvider

from constructs import Construct
from tests.synth.support import make_function, register

ACCOUNT = "111122223333"

# Source: PutRolePolicy in the IAM API Reference.
NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)

# As long as they can be.
REGION = "ap-southeast-1"


class Connectors(cdk.Stack):
    """A stack that an app contains several times."""

    def __init__(self, scope: Construct, name: str, role: iam.IRole, **arguments: Any) -> None:
        super().__init__(scope, name, **arguments)
        self.provider = add_connector(self, role)


def add_connector(stack: cdk.Stack, role: iam.IRole) -> ConnectorRegistrationProvider:
    """A provider on a role, and a registration that needs each kind of policy."""
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    destroy = cdk.RemovalPolicy.DESTROY
    register(stack, make_function(stack, "Function"), provider=provider, removal_policy=destroy)
    return provider


def handler_role(stack: cdk.Stack, name: str | None = None) -> iam.Role:
    principal = iam.ServicePrincipal("lambda.amazonaws.com")
    return iam.Role(stack, "Role", assumed_by=principal, role_name=name)


def policy_names(stack: cdk.Stack) -> list[str]:
    """The names of the inline policies that a stack attaches, as they are deployed."""
    found = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    # The id of a deployed stack ends in 36 characters that no other stack has.
    attributes = {
        "AWS::Region": REGION,
        "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/n/{stack.node.addr[:36]}",
    }
    names = [
        deployed(policy["Properties"]["PolicyName"], attributes)
        for policy in found.values()
        if "Function" not in str(policy["Properties"]["Roles"])
    ]
    assert all(NAME.fullmatch(name) for name in names)
    return names


def deployed(value: Any, attributes: dict[str, str]) -> str:
    """What CloudFormation makes of a text."""
    match value:
        case {"Ref": name}:
            return attributes[name]
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(deployed(part, attributes) for part in parts)
        case {"Fn::Select": [index, {"Fn::Split": [separator, text]}]}:
            return deployed(text, attributes).split(separator)[int(index)]
    assert isinstance(value, str)
    return value


def test_two_stacks_on_one_role(app: cdk.App) -> None:
    """The policies that two stacks of one class attach to a role have different names."""
    role = handler_role(cdk.Stack(app, "Roles"))
    stacks = [Connectors(app, name, role) for name in ("One", "Two")]

    names = [policy_names(stack) for stack in stacks]

    assert [len(each) for each in names] == [3, 3]
    assert len({*names[0], *names[1]}) == 6


def test_two_regions_on_one_role(app: cdk.App) -> None:
    """One stack in two Regions attaches policies with different names."""
    home = cdk.Environment(account=ACCOUNT, region="eu-west-1")
    role = handler_role(cdk.Stack(app, "Roles", env=home), name="handler")
    stacks = [
        Connectors(
            app,
            f"In-{region}",
            role,
            stack_name="connectors",
            env=cdk.Environment(account=ACCOUNT, region=region),
        )
        for region in ("eu-west-1", "us-east-1")
    ]

    names = [policy_names(stack) for stack in stacks]

    assert len({*names[0], *names[1]}) == 6
    for region, each in zip(("eu-west-1", "us-east-1"), names, strict=True):
        assert all(name.startswith(f"connectors-{region}-") for name in each)


def test_stack_of_unknown_region_names_it(app: cdk.App) -> None:
    """A stack whose Region only the deployment knows has it in the names of its policies."""
    role = handler_role(cdk.Stack(app, "Roles"))

    names = policy_names(Connectors(app, "One", role))

    assert all(name.startswith("One-ap-southeast-1-") for name in names)


def test_long_names_of_stacks_are_cut(app: cdk.App) -> None:
    """Two stacks whose long names begin alike attach policies with different names."""
    role = handler_role(cdk.Stack(app, "Roles"))
    stacks = [Connectors(app, f"{'x' * 127}{number}", role) for number in "12"]

    names = [name for stack in stacks for name in policy_names(stack)]

    assert len({*names}) == 6
    assert policy_names(stacks[0]) == names[:3]


@pytest.mark.parametrize("reverse", [False, True])
def test_role_of_a_nested_stack_or_its_parent(
    app: cdk.App, stack: cdk.Stack, reverse: bool
) -> None:
    """A nested stack and its parent attach policies with different names to a role of either."""
    nested = cdk.NestedStack(stack, "Nested")
    role = handler_role(nested if reverse else stack)
    another = cdk.NestedStack(stack, "Another")
    stacks = [another, stack if reverse else nested]
    for each, label in zip(stacks, ("acme-one", "acme-two"), strict=True):
        provider = ConnectorRegistrationProvider(each, "Provider", role=role)
        register(each, make_function(each, "Function"), connector_label=label, provider=provider)

    app.synth()

    names = [policy_names(each) for each in stacks]
    assert [len(each) for each in names] == [2, 2]
    assert len({*names[0], *names[1]}) == 4


def test_two_providers_in_a_stack_on_one_role(stack: cdk.Stack) -> None:
    """Two providers of a stack attach policies with different names to a role."""
    role = handler_role(stack)
    for name in ("One", "Two"):
        provider = ConnectorRegistrationProvider(stack, name, role=role)
        function = make_function(stack, f"Function{name}")
        register(
            stack,
            function,
            f"Registration{name}",
            connector_label=f"acme-{name}",
            provider=provider,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    names = policy_names(stack)

    assert len(names) == len({*names}) == 6


def test_imported_role_gets_no_policy(app: cdk.App) -> None:
    """Two stacks that share an imported role attach nothing to it."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/handler"
    home = cdk.Stack(app, "Home")
    role = iam.Role.from_role_arn(home, "Role", arn)

    stacks = [Connectors(app, name, role) for name in ("One", "Two")]

    assert [policy_names(stack) for stack in stacks] == [[], []]


def test_stages_have_the_same_templates(app: cdk.App) -> None:
    """The names do not depend on the stage, so every stage has the same template."""
    templates = []
    for name in ("Test", "Production"):
        stage = cdk.Stage(app, name)
        role = handler_role(cdk.Stack(stage, "Roles"))
        stack = Connectors(stage, "Connectors", role, stack_name="connectors")
        text = str(Template.from_stack(stack).to_json())
        templates.append(text.replace(name, "STAGE"))

    assert templates[0] == templates[1]


def test_names_are_plain_on_a_role_of_the_stack(stack: cdk.Stack) -> None:
    """A policy on a role of its own stack has a name without stack and Region."""
    add_connector(stack, handler_role(stack))

    assert "AppFlowConnectoracmecrm5C2CC283" in policy_names(stack)


def test_managed_policies_get_generated_names(app: cdk.App) -> None:
    """CloudFormation makes the names of managed policies, so that two stacks have two."""
    role = handler_role(cdk.Stack(app, "Roles"))
    stack = cdk.Stack(app, "Connectors")
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    for n in range(20):
        register(
            stack,
            make_function(stack, f"Function{n}"),
            f"Registration{n}",
            connector_label=f"acme-{n}".ljust(60, "x"),
            provider=provider,
        )

    found = Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy")

    assert found
    assert all("ManagedPolicyName" not in policy["Properties"] for policy in found.values())
