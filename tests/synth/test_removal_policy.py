"""A removal policy that is applied later: the template says what happens to the registration."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

from constructs import IConstruct
from tests.synth.support import LABEL, TYPE

RETAIN, DESTROY = cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY

# The members of a template that decide what happens when the resource leaves its stack.
RETAINED = {"DeletionPolicy": "Retain", "RemovalPolicy": "Retain", "may_unregister": False}
DESTROYED = {"DeletionPolicy": "Delete", "RemovalPolicy": "Destroy", "may_unregister": True}


@jsii.implements(cdk.IAspect)
class HouseRule:
    """An aspect as a company may write it."""

    def __init__(self, policy: cdk.RemovalPolicy) -> None:
        self._policy = policy

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, cdk.CfnResource):
            node.apply_removal_policy(self._policy)


def by_method(registration: ConnectorRegistration, policy: cdk.RemovalPolicy) -> None:
    registration.apply_removal_policy(policy)


def by_removal_policies(registration: ConnectorRegistration, policy: cdk.RemovalPolicy) -> None:
    cdk.RemovalPolicies.of(registration.stack).apply(policy)


def by_aspect(registration: ConnectorRegistration, policy: cdk.RemovalPolicy) -> None:
    cdk.Aspects.of(registration.stack).add(HouseRule(policy))


Apply = Callable[[ConnectorRegistration, cdk.RemovalPolicy], None]


@pytest.fixture(params=[by_method, by_removal_policies, by_aspect])
def apply(request: pytest.FixtureRequest) -> Apply:
    chosen: Apply = request.param
    return chosen


def register(
    stack: cdk.Stack, function: lambda_.IFunction, **arguments: Any
) -> ConnectorRegistration:
    return ConnectorRegistration(
        stack, "Registration", connector_label=LABEL, connector_function=function, **arguments
    )


def removal_in(stack: cdk.Stack) -> dict[str, Any]:
    """What the template says about the removal of the registration."""
    template = Template.from_stack(stack)
    [resource] = template.find_resources(TYPE).values()
    policies = {
        name
        for name, policy in template.find_resources("AWS::IAM::Policy").items()
        if "appflow:UnRegisterConnector" in str(policy)
    }
    assert policies == {name for name in resource["DependsOn"] if name.endswith("Unregister")}
    return {
        "DeletionPolicy": resource["DeletionPolicy"],
        "RemovalPolicy": resource["Properties"]["RemovalPolicy"],
        "may_unregister": len(policies) == 1,
    }


@pytest.mark.parametrize("argument", [RETAIN, DESTROY])
@pytest.mark.parametrize(("policy", "expected"), [(RETAIN, RETAINED), (DESTROY, DESTROYED)])
def test_applied_policy_wins_over_the_argument(
    stack: cdk.Stack,
    function: lambda_.Function,
    apply: Apply,
    argument: cdk.RemovalPolicy,
    policy: cdk.RemovalPolicy,
    expected: dict[str, Any],
) -> None:
    """An applied policy changes deletion policy, property and permission together."""
    registration = register(stack, function, removal_policy=argument)

    apply(registration, policy)

    assert removal_in(stack) == expected


@pytest.mark.parametrize(("last", "expected"), [(RETAIN, RETAINED), (DESTROY, DESTROYED)])
def test_last_applied_policy_wins(
    stack: cdk.Stack,
    function: lambda_.Function,
    last: cdk.RemovalPolicy,
    expected: dict[str, Any],
) -> None:
    """A policy can be applied again and again, in both directions."""
    registration = register(stack, function)

    for policy in (DESTROY, RETAIN, DESTROY, last):
        registration.apply_removal_policy(policy)

    assert removal_in(stack) == expected


@pytest.mark.parametrize(("policy", "expected"), [(RETAIN, None), (DESTROY, True)])
def test_force_delete_is_sent_with_destroy_only(
    stack: cdk.Stack,
    function: lambda_.Function,
    apply: Apply,
    policy: cdk.RemovalPolicy,
    expected: bool | None,
) -> None:
    """The template contains ForceDelete only while the connector would be unregistered."""
    registration = register(stack, function, removal_policy=DESTROY, force_delete=True)

    apply(registration, policy)

    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    assert resource["Properties"].get("ForceDelete") is expected


def test_default_policy_is_the_cdk_s(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Without an applied policy, CloudFormation sends a Delete, and the handler retains."""
    register(stack, function)

    assert removal_in(stack) == {**RETAINED, "DeletionPolicy": "Delete"}


def test_missing_removal_policies_change_nothing(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """A registration has a removal policy, so a default for resources without one is not for it."""
    register(stack, function)

    cdk.MissingRemovalPolicies.of(stack).destroy()

    assert removal_in(stack) == {**RETAINED, "DeletionPolicy": "Delete"}


def test_room_of_a_revoked_permission_is_free_again(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """A permission to unregister that is revoked no longer counts for IAM's limit."""
    registration = register(stack, function)

    for _ in range(60):
        registration.apply_removal_policy(DESTROY)
        registration.apply_removal_policy(RETAIN)

    assert removal_in(stack) == RETAINED


def test_imported_role_is_not_changed(stack: cdk.Stack, function: lambda_.Function) -> None:
    """With an imported role, the properties follow the policy and no permission is created."""
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/handler")
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    registration = register(stack, function, provider=provider)

    registration.apply_removal_policy(DESTROY)

    assert removal_in(stack) == {**DESTROYED, "may_unregister": False}


UNSUPPORTED = [cdk.RemovalPolicy.SNAPSHOT, cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE]


def refusal(policy: cdk.RemovalPolicy) -> str:
    return (
        f"the policy applied to Stack/Registration/Resource is {policy}, but a registration can"
        " only be kept (RemovalPolicy.RETAIN) or unregistered (RemovalPolicy.DESTROY). Choose one"
        " of the two. To leave registrations out of RemovalPolicies.of(...), pass"
        " exclude_resource_types=['Custom::AppFlowConnectorRegistration']"
    )


@pytest.mark.parametrize("policy", UNSUPPORTED)
def test_policy_without_meaning_is_refused(
    stack: cdk.Stack, function: lambda_.Function, policy: cdk.RemovalPolicy
) -> None:
    """A policy that is neither RETAIN nor DESTROY raises where it is applied."""
    registration = register(stack, function)

    with pytest.raises(ValueError, match=f"^{re.escape(refusal(policy))}$"):
        registration.apply_removal_policy(policy)


@pytest.mark.parametrize("policy", UNSUPPORTED)
def test_meaningless_policy_of_an_aspect_is_refused(
    stack: cdk.Stack, function: lambda_.Function, policy: cdk.RemovalPolicy
) -> None:
    """An aspect with such a policy fails the synthesis with the same message."""
    register(stack, function)

    cdk.RemovalPolicies.of(stack).apply(policy)

    with pytest.raises(RuntimeError, match=re.escape(refusal(policy))):
        Template.from_stack(stack)


def test_excluding_aspect_changes_nothing(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The remedy in the message works."""
    register(stack, function, removal_policy=DESTROY)

    cdk.RemovalPolicies.of(stack).retain(exclude_resource_types=[TYPE])

    assert removal_in(stack) == DESTROYED
