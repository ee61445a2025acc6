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
EXCEPT_ON_CREATE = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

# The members of a template that decide what happens when the resource leaves its stack.
RETAINED = {"DeletionPolicy": "Retain", "RemovalPolicy": "Retain", "may_unregister": False}
DESTROYED = {"DeletionPolicy": "Delete", "RemovalPolicy": "Destroy", "may_unregister": True}
# CloudFormation sends a Delete only when it rolls back the creation.
EXCEPTED = {**DESTROYED, "DeletionPolicy": "RetainExceptOnCreate"}
EXPECTED = [(RETAIN, RETAINED), (DESTROY, DESTROYED), (EXCEPT_ON_CREATE, EXCEPTED)]


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
    assert policies <= set(resource["DependsOn"])
    return {
        "DeletionPolicy": resource["DeletionPolicy"],
        "RemovalPolicy": resource["Properties"]["RemovalPolicy"],
        # The connector's own policy, and the one for all connectors with DESTROY.
        "may_unregister": {0: False, 2: True}[len(policies)],
    }


@pytest.mark.parametrize("argument", [RETAIN, DESTROY, EXCEPT_ON_CREATE])
@pytest.mark.parametrize(("policy", "expected"), EXPECTED)
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


@pytest.mark.parametrize(("last", "expected"), EXPECTED)
def test_last_applied_policy_wins(
    stack: cdk.Stack,
    function: lambda_.Function,
    last: cdk.RemovalPolicy,
    expected: dict[str, Any],
) -> None:
    """A policy can be applied again and again, in both directions."""
    registration = register(stack, function)

    for policy in (DESTROY, RETAIN, EXCEPT_ON_CREATE, DESTROY, last):
        registration.apply_removal_policy(policy)

    assert removal_in(stack) == expected


@pytest.mark.parametrize(
    ("policy", "expected"), [(RETAIN, None), (DESTROY, True), (EXCEPT_ON_CREATE, True)]
)
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


SNAPSHOT_REFUSED = (
    "the policy applied to Stack/Registration/Resource is RemovalPolicy.SNAPSHOT, but a"
    " registration can only be kept (RemovalPolicy.RETAIN), unregistered (RemovalPolicy.DESTROY),"
    " or unregistered only when its creation is rolled back"
    " (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE). Choose one of these. To leave registrations out"
    " of RemovalPolicies.of(...), pass"
    " exclude_resource_types=['Custom::AppFlowConnectorRegistration']"
)


def test_snapshot_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A policy without a meaning raises where it is applied."""
    registration = register(stack, function)

    with pytest.raises(ValueError, match=f"^{re.escape(SNAPSHOT_REFUSED)}$"):
        registration.apply_removal_policy(cdk.RemovalPolicy.SNAPSHOT)


def test_snapshot_of_an_aspect_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """An aspect with such a policy fails the synthesis with the same message."""
    register(stack, function)

    cdk.RemovalPolicies.of(stack).snapshot()

    with pytest.raises(RuntimeError, match=re.escape(SNAPSHOT_REFUSED)):
        Template.from_stack(stack)


def test_argument_excepts_the_creation(stack: cdk.Stack, function: lambda_.Function) -> None:
    """RETAIN_ON_UPDATE_OR_DELETE as an argument has the effects of the applied policy."""
    register(stack, function, removal_policy=EXCEPT_ON_CREATE)

    assert removal_in(stack) == EXCEPTED


@pytest.mark.parametrize(("policy", "expected"), EXPECTED)
@pytest.mark.parametrize("priority", [1, 800])
def test_priority_of_an_aspect_is_followed(
    stack: cdk.Stack,
    function: lambda_.Function,
    priority: int,
    policy: cdk.RemovalPolicy,
    expected: dict[str, Any],
) -> None:
    """A removal policy of any priority is followed, beside an aspect that comes between."""
    register(stack, function)
    cdk.Tags.of(stack).add("team", "crm")

    cdk.RemovalPolicies.of(stack).apply(policy, priority=priority)

    assert removal_in(stack) == expected


Hatch = Callable[[cdk.CfnResource, str], None]

CFN_POLICIES = {
    "Delete": cdk.CfnDeletionPolicy.DELETE,
    "Retain": cdk.CfnDeletionPolicy.RETAIN,
    "RetainExceptOnCreate": cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE,
    "Snapshot": cdk.CfnDeletionPolicy.SNAPSHOT,
}


def by_option(resource: cdk.CfnResource, policy: str) -> None:
    resource.cfn_options.deletion_policy = CFN_POLICIES[policy]


def by_override(resource: cdk.CfnResource, policy: str) -> None:
    resource.add_override("DeletionPolicy", policy)


@jsii.implements(cdk.IAspect)
class OptionRule:
    """An aspect that sets the deletion policy of every resource as an option."""

    def __init__(self, policy: str) -> None:
        self._policy = policy

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, cdk.CfnResource):
            by_option(node, self._policy)


def by_option_of_an_aspect(resource: cdk.CfnResource, policy: str) -> None:
    cdk.Aspects.of(resource.stack).add(OptionRule(policy))


def resource_of(registration: ConnectorRegistration) -> cdk.CfnResource:
    found = registration.node.default_child
    assert isinstance(found, cdk.CfnResource)
    return found


@pytest.mark.parametrize("hatch", [by_option, by_override, by_option_of_an_aspect])
@pytest.mark.parametrize("argument", [RETAIN, DESTROY])
@pytest.mark.parametrize(
    ("policy", "expected"),
    [("Retain", RETAINED), ("Delete", DESTROYED), ("RetainExceptOnCreate", EXCEPTED)],
)
def test_deletion_policy_of_a_hatch_is_followed(
    stack: cdk.Stack,
    function: lambda_.Function,
    hatch: Hatch,
    argument: cdk.RemovalPolicy,
    policy: str,
    expected: dict[str, Any],
) -> None:
    """An escape hatch that sets the deletion policy sets property and permission with it."""
    registration = register(stack, function, removal_policy=argument)

    hatch(resource_of(registration), policy)

    assert removal_in(stack) == expected


@pytest.mark.parametrize("hatch", [by_option, by_override])
def test_policy_after_a_hatch_wins(
    stack: cdk.Stack, function: lambda_.Function, hatch: Hatch
) -> None:
    """A removal policy that is applied after an escape hatch replaces it."""
    registration = register(stack, function)

    hatch(resource_of(registration), "Delete")
    registration.apply_removal_policy(RETAIN)

    assert removal_in(stack) == RETAINED


@pytest.mark.parametrize("hatch", [by_option, by_override])
def test_snapshot_of_a_hatch_is_refused(
    stack: cdk.Stack, function: lambda_.Function, hatch: Hatch
) -> None:
    """An escape hatch with a policy without a meaning is refused."""
    resource = resource_of(register(stack, function))

    with pytest.raises((ValueError, RuntimeError)) as caught:
        hatch(resource, "Snapshot")

    assert (
        "of Stack/Registration/Resource is CfnDeletionPolicy.SNAPSHOT, but a registration can only"
        " have Delete, Retain, RetainExceptOnCreate. Call apply_removal_policy of the"
        " ConnectorRegistration with RemovalPolicy.RETAIN or RemovalPolicy.DESTROY"
    ) in str(caught.value).replace("'Snapshot'", "CfnDeletionPolicy.SNAPSHOT")


def test_deploy_time_policy_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A deletion policy that only the deployment knows cannot be followed, so it is refused."""
    resource = resource_of(register(stack, function))

    with pytest.raises(ValueError, match=r"^deletion_policy of Stack/Registration/Resource is \{"):
        resource.add_override("DeletionPolicy", {"Ref": "Policy"})


@pytest.mark.parametrize("value", ["Retain", "Destroy"])
@pytest.mark.parametrize("how", ["property", "path"])
@pytest.mark.parametrize("argument", [RETAIN, DESTROY])
def test_property_of_a_hatch_is_followed(
    stack: cdk.Stack,
    function: lambda_.Function,
    argument: cdk.RemovalPolicy,
    how: str,
    value: str,
) -> None:
    """An override of the property brings or takes the permission with it."""
    resource = resource_of(register(stack, function, removal_policy=argument))

    if how == "property":
        resource.add_property_override("RemovalPolicy", value)
    else:
        resource.add_override("Properties.RemovalPolicy", value)

    assert removal_in(stack) == {
        "DeletionPolicy": "Delete",
        "RemovalPolicy": value,
        "may_unregister": value == "Destroy",
    }


@pytest.mark.parametrize(
    ("policy", "value", "allowed"),
    [
        (RETAIN, "Destroy", "Retain beside DeletionPolicy: Retain"),
        (EXCEPT_ON_CREATE, "Retain", "Destroy beside DeletionPolicy: RetainExceptOnCreate"),
        (DESTROY, "destroy", "Retain or Destroy beside DeletionPolicy: Delete"),
    ],
)
def test_contradicting_property_is_refused(
    stack: cdk.Stack,
    function: lambda_.Function,
    policy: cdk.RemovalPolicy,
    value: str,
    allowed: str,
) -> None:
    """A property that contradicts the deletion policy is refused."""
    registration = register(stack, function)
    registration.apply_removal_policy(policy)

    message = (
        f"the property RemovalPolicy of Stack/Registration/Resource is {value!r}, but must be"
        f" {allowed}. Call apply_removal_policy of the ConnectorRegistration instead, which sets"
        " both"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resource_of(registration).add_override("Properties.RemovalPolicy", value)


def test_other_options_and_overrides_are_the_cdk_s(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """Other options and overrides of the resource work as on every resource."""
    resource = resource_of(register(stack, function, removal_policy=DESTROY))

    resource.cfn_options.metadata = {"owner": "crm"}
    resource.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
    resource.add_override("Metadata.team", "crm")
    resource.add_property_override("Extra", "1")
    resource.add_property_deletion_override("Extra")

    [found] = Template.from_stack(stack).find_resources(TYPE).values()
    assert found["Metadata"].items() >= {"owner": "crm", "team": "crm"}.items()
    assert found["UpdateReplacePolicy"] == "Retain"
    assert "Extra" not in found["Properties"]
    assert resource.cfn_options.metadata["owner"] == "crm"
    assert removal_in(stack) == DESTROYED


def test_excluding_aspect_changes_nothing(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The remedy in the message works."""
    register(stack, function, removal_policy=DESTROY)

    cdk.RemovalPolicies.of(stack).retain(exclude_resource_types=[TYPE])

    assert removal_in(stack) == DESTROYED
