"""Features of an app that wait for each other: they deploy, or synthesis names the remedy."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

from constructs import Construct
from tests.synth.graph import circle_in, graph_of, templates_of, waits_for
from tests.synth.support import LABEL, TYPE, make_function, register

DESTROY, RETAIN = cdk.RemovalPolicy.DESTROY, cdk.RemovalPolicy.RETAIN


@pytest.mark.parametrize(
    "resource",
    [
        {"Properties": {"A": {"Ref": "Other"}}},
        {"Properties": {"A": {"Fn::GetAtt": ["Other", "Arn"]}}},
        {"Properties": {"A": {"Fn::GetAtt": "Other.Arn"}}},
        {"Properties": {"A": [{"Fn::Sub": "x-${Other}-y"}]}},
        {"Properties": {"A": {"Fn::Sub": ["${x}-${Other.Arn}", {"x": "1"}]}}},
        {"Properties": {"A": {"Fn::Sub": ["${x}", {"x": {"Ref": "Other"}}]}}},
        {"Properties": {"A": {"Fn::If": ["Condition", {"Ref": "Other"}, ""]}}},
        {"DependsOn": "Other"},
        {"DependsOn": ["Third", "Other"]},
    ],
)
def test_graph_has_each_kind_of_dependency(resource: Any) -> None:
    """The tests' own graph finds every expression that makes a resource wait."""
    graph = graph_of({"Resources": {"One": resource, "Other": {"DependsOn": "One"}, "Third": {}}})

    assert "Other" in graph["One"]
    assert circle_in(graph)
    assert waits_for(graph, "One") >= {"One", "Other"}


class Feature(Construct):
    """A connector as a team writes it: a function and its registration in one construct."""

    def __init__(self, scope: Construct, name: str, **arguments: Any) -> None:
        super().__init__(scope, name)
        self.function = make_function(self, "Function")
        self.registration = register(
            self, self.function, **{"connector_label": name.lower(), **arguments}
        )


def by_dependency(first: Feature, second: Feature) -> None:
    second.node.add_dependency(first)


def by_environment(first: Feature, second: Feature) -> None:
    second.function.add_environment("LABEL", first.registration.connector_label)


def by_role(first: Feature, second: Feature) -> None:
    statement = iam.PolicyStatement(
        actions=["appflow:DescribeConnector"], resources=[first.registration.connector_arn]
    )
    second.function.add_to_role_policy(statement)


def by_profile(first: Feature, second: Feature) -> None:
    profile = appflow.CfnConnectorProfile(
        first,
        "Profile",
        connection_mode="Public",
        connector_profile_name="acme",
        connector_type="CustomConnector",
        connector_label=first.registration.connector_label,
    )
    second.function.add_environment("PROFILE", profile.ref)


Wait = Callable[[Feature, Feature], None]
WAITS = [by_dependency, by_environment, by_role, by_profile]


def check_templates(app: cdk.App) -> None:
    """Synthesise an app; assert that each template can be deployed in some order."""
    app.synth()
    for template in templates_of(app).values():
        assert circle_in(graph_of(template)) == []


@pytest.mark.parametrize("removal_policy", [RETAIN, DESTROY])
@pytest.mark.parametrize("wait", WAITS)
def test_feature_may_wait_for_another(
    app: cdk.App, stack: cdk.Stack, wait: Wait, removal_policy: cdk.RemovalPolicy
) -> None:
    """A feature may wait for another one in each way that people write."""
    first, second = (Feature(stack, n, removal_policy=removal_policy) for n in ("One", "Two"))

    wait(first, second)

    check_templates(app)


@pytest.mark.parametrize("wait", WAITS)
def test_earlier_feature_may_wait_for_a_later(app: cdk.App, stack: cdk.Stack, wait: Wait) -> None:
    """The order of the constructs in the app makes no difference."""
    first, second = Feature(stack, "One"), Feature(stack, "Two")

    wait(second, first)

    check_templates(app)


@pytest.mark.parametrize("removal_policy", [RETAIN, DESTROY])
def test_chain_of_16_features(
    app: cdk.App, stack: cdk.Stack, removal_policy: cdk.RemovalPolicy
) -> None:
    """As many connectors as have policies of their own may wait for each other in a chain."""
    features = [Feature(stack, f"Number{n}", removal_policy=removal_policy) for n in range(16)]

    for first, second in itertools.pairwise(features):
        by_dependency(first, second)

    check_templates(app)


def test_features_on_an_own_provider(app: cdk.App, stack: cdk.Stack) -> None:
    """Features that share a provider of the app may wait for each other."""
    provider = ConnectorRegistrationProvider(stack, "Provider")
    first, second = (Feature(stack, name, provider=provider) for name in ("One", "Two"))

    by_dependency(first, second)

    check_templates(app)


@pytest.mark.parametrize("wait", WAITS[:3])
def test_nested_feature_may_wait(app: cdk.App, stack: cdk.Stack, wait: Wait) -> None:
    """A feature in a nested stack may wait for one in its parent."""
    first, second = Feature(stack, "One"), Feature(cdk.NestedStack(stack, "Nested"), "Two")

    wait(first, second)

    check_templates(app)


def test_nested_function_may_wait(app: cdk.App, stack: cdk.Stack) -> None:
    """The function of a registration may be in a nested stack that waits for another one."""
    first, nested = Feature(stack, "One"), cdk.NestedStack(stack, "Nested")
    register(stack, make_function(nested, "Function"))

    nested.node.add_dependency(first)

    check_templates(app)


@pytest.mark.parametrize("reverse", [False, True])
def test_registrations_of_one_function_may_wait(
    app: cdk.App, stack: cdk.Stack, function: lambda_.Function, reverse: bool
) -> None:
    """Of two registrations of one function, either may wait for the other."""
    old, new = Construct(stack, "Old"), Construct(stack, "New")
    for scope, label in ((old, "acme-old"), (new, "acme-new")):
        register(scope, function, connector_label=label)

    first, second = (new, old) if reverse else (old, new)
    second.node.add_dependency(first)

    check_templates(app)


@pytest.mark.parametrize("kind", ["function", "version", "alias", "imported"])
def test_permission_does_not_depend_on_the_order(
    tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    """The permission is the same resource, whichever registration of its function comes first."""

    def permissions(labels: list[str]) -> dict[str, Any]:
        app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
        stack = cdk.Stack(app, "Stack")
        for label in labels:
            register(Construct(stack, label), target(stack, kind), connector_label=label)
        check_templates(app)
        resources = templates_of(app)["Stack.template.json"]["Resources"]
        return {
            name: one for name, one in resources.items() if one["Type"].endswith("::Permission")
        }

    both = permissions(["acme-one", "acme-two"])
    assert len(both) == 1
    assert permissions(["acme-two", "acme-one"]) == both
    assert permissions(["acme-two"]) == both


def target(stack: cdk.Stack, kind: str) -> lambda_.IFunction:
    """The one function of a stack, as an app may register it."""
    found = stack.node.try_find_child("Connector")
    if kind == "imported":
        scope = Construct(stack, f"Import{len(stack.node.children)}")
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        return lambda_.Function.from_function_arn(scope, "Function", arn)
    function = found if isinstance(found, lambda_.Function) else make_function(stack, "Connector")
    alias = stack.node.try_find_child("Live")
    if kind == "alias":
        if isinstance(alias, lambda_.Alias):
            return alias
        version = function.current_version
        return lambda_.Alias(stack, "Live", alias_name="live", version=version)
    return function.current_version if kind == "version" else function


def test_third_connector_changes_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One more connector adds resources and changes none of the others."""

    def resources(number: int) -> dict[str, Any]:
        app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
        stack = cdk.Stack(app, "Stack")
        for n in range(number):
            Feature(stack, f"Number{n}", removal_policy=DESTROY)
        app.synth()
        found: dict[str, Any] = templates_of(app)["Stack.template.json"]["Resources"]
        return found

    two, three = resources(2), resources(3)

    assert {name: three[name] for name in two} == two


REMEDY_FOR_A_FUNCTION = (
    "and CloudFormation refuses such a circle. A function or a role that needs only the label or"
    " the ARN of a connector does not have to wait for its registration: use"
    " ConnectorRegistration.from_connector_label(self, 'Connector', 'one') there, with its"
    " connector_label or connector_arn. Otherwise remove one of these dependencies"
)


@pytest.mark.parametrize(
    ("wait", "circle"),
    [
        (
            by_dependency,
            "Stack/One/Registration waits for Stack/One/Function, which waits for"
            " Stack/One/Function/ServiceRole, which waits for",
        ),
        (by_environment, "Stack/One/Registration waits for Stack/One/Function, which waits for"),
        (
            by_role,
            "Stack/One/Registration waits for Stack/One/Function, which waits for"
            " Stack/One/Function/ServiceRole/DefaultPolicy, which waits for",
        ),
    ],
)
def test_function_waits_for_its_own_registration(
    app: cdk.App, stack: cdk.Stack, wait: Wait, circle: str
) -> None:
    """A function that waits for its own registration is refused with the way out."""
    feature = Feature(stack, "One")

    if wait is by_dependency:
        feature.function.node.add_dependency(feature.registration)
    else:
        wait(feature, feature)

    message = f"[Stack] {circle} Stack/One/Registration, {REMEDY_FOR_A_FUNCTION}"
    with pytest.raises(RuntimeError, match=re.escape(message)):
        app.synth()


def test_function_uses_its_own_label(app: cdk.App, stack: cdk.Stack) -> None:
    """A function can use its own label and ARN by the way out that the message names."""
    feature = Feature(stack, "One")
    connector = ConnectorRegistration.from_connector_label(stack, "Connector", "one")

    feature.function.add_environment("LABEL", connector.connector_label)
    feature.function.add_environment("ARN", connector.connector_arn)

    check_templates(app)


def test_mutual_wait_is_refused(app: cdk.App, stack: cdk.Stack) -> None:
    """Two functions that use each other's labels are refused with the names of all four."""
    first, second = Feature(stack, "One"), Feature(stack, "Two")
    by_environment(first, second)
    by_environment(second, first)

    with pytest.raises(RuntimeError, match="refuses such a circle") as error:
        app.synth()

    for path in ("One/Registration", "One/Function", "Two/Registration", "Two/Function"):
        assert f"Stack/{path}" in str(error.value)


def test_circle_through_a_nested_stack(app: cdk.App, stack: cdk.Stack) -> None:
    """A circle through a nested stack is refused in the template of its parent."""
    function = make_function(stack, "Function")
    registration = register(cdk.NestedStack(stack, "Nested"), function, connector_label="one")
    function.add_environment("LABEL", registration.connector_label)

    message = (
        "[Stack] Stack/Nested waits for Stack/Function, which waits for Stack/Nested, "
        f"{REMEDY_FOR_A_FUNCTION}"
    )
    with pytest.raises(RuntimeError, match=re.escape(message)):
        app.synth()


def test_provider_that_waits_is_refused(app: cdk.App, stack: cdk.Stack) -> None:
    """A provider inside a construct that waits for a registration is refused."""
    scope = Construct(stack, "Scope")
    provider = ConnectorRegistrationProvider(scope, "Provider")
    registration = register(stack, make_function(stack, "Function"), provider=provider)
    scope.node.add_dependency(registration)

    with pytest.raises(RuntimeError, match="provider belongs outside of a construct that waits"):
        app.synth()


def test_circle_of_the_app_is_not_ours(app: cdk.App, stack: cdk.Stack) -> None:
    """A circle without a registration does not hide one, and is not reported."""
    one, two = (cdk.CfnResource(stack, name, type="AWS::SNS::Topic") for name in ("A", "B"))
    one.node.add_dependency(two)
    two.node.add_dependency(one)
    Feature(stack, "One")

    app.synth()


class ManyFeatures:
    """A stack with more connectors than can have policies of their own."""

    def __init__(self, stack: cdk.Stack, own: set[int]) -> None:
        lambda_role = iam.ServicePrincipal("lambda.amazonaws.com")
        role = iam.Role(stack, "Role", assumed_by=lambda_role)
        self.features = [Construct(stack, f"Feature{n}") for n in range(45)]
        for n, feature in enumerate(self.features):
            provider = ConnectorRegistrationProvider(feature, "Provider") if n in own else None
            function = make_function(feature, "Function", role=role)
            register(feature, function, connector_label=f"{LABEL}-{n}", provider=provider)

    def chain(self, *numbers: int) -> None:
        for first, second in itertools.pairwise(numbers):
            self.features[second].node.add_dependency(self.features[first])

    def star(self, center: int) -> None:
        for feature in self.features:
            if feature is not self.features[center]:
                feature.node.add_dependency(self.features[center])


@pytest.mark.parametrize(
    ("connect", "message", "own"),
    [
        (
            lambda many: many.chain(40, 41),
            "Stack/Feature40/Registration waits for a policy that it shares with"
            " Stack/Feature41/Registration, so it waits for the function of that one too, which"
            " waits for Stack/Feature40/Registration, and CloudFormation refuses such a circle."
            " Provider Stack/AppFlowConnectorRegistrationProvider has more connectors than can have"
            " policies of their own. Give Stack/Feature41/Registration a provider of its own, for"
            " example provider=ConnectorRegistrationProvider(self, 'OwnProvider')",
            {41},
        ),
        (
            lambda many: many.chain(40, 41, 42),
            "Give Stack/Feature41/Registration, Stack/Feature42/Registration providers of their"
            " own, one for each, for example provider=ConnectorRegistrationProvider(self,"
            " 'OwnProvider')",
            {41, 42},
        ),
        (
            lambda many: many.star(40),
            "Give Stack/Feature40/Registration a provider of its own",
            {40},
        ),
    ],
    ids=["two", "chain", "star"],
)
def test_circle_of_a_shared_policy(
    tmp_path_factory: pytest.TempPathFactory,
    connect: Callable[[ManyFeatures], None],
    message: str,
    own: set[int],
) -> None:
    """A circle through a shared policy is refused with a remedy, and the remedy works."""

    def app_with(own: set[int]) -> cdk.App:
        app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
        connect(ManyFeatures(cdk.Stack(app, "Stack"), own))
        return app

    with pytest.raises(RuntimeError, match=re.escape(message)):
        app_with(set()).synth()
    check_templates(app_with(own))


def test_more_connectors_keep_their_policies(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A connector that begins to share a policy gets it before it loses its own."""
    # CloudFormation deletes a resource that left the template after it has updated all others.

    def resources(number: int) -> dict[str, Any]:
        app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
        stack = cdk.Stack(app, "Stack")
        for n in range(number):
            arn = f"arn:aws:lambda:us-east-1:111122223333:function:{'f' * 60}{n:04d}"
            function = lambda_.Function.from_function_arn(stack, f"Function{n}", arn)
            label, triggers = f"{LABEL}-{n:020d}", {"Release": "1"}
            register(stack, function, label, connector_label=label, triggers=triggers)
        app.synth()
        found: dict[str, Any] = templates_of(app)["Stack.template.json"]["Resources"]
        return found

    before, after = resources(16), resources(20)

    registrations = {name for name, one in before.items() if one["Type"] == TYPE}
    moved = {name for name in registrations if before[name] != after[name]}
    assert moved
    for name in registrations:
        assert before[name]["Properties"] == after[name]["Properties"]
    for name in moved:
        [old] = {*before[name]["DependsOn"]} - {*after[name]["DependsOn"]}
        [new] = {*after[name]["DependsOn"]} - {*before[name]["DependsOn"]}
        assert old not in after
        assert before[name]["Properties"]["LambdaArn"] in str(after[new])
    unchanged = {*before} - moved - {f"{name}Policy" for name in moved}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
