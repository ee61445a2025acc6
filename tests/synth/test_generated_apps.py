"""Random apps: each of them can be deployed, or its synthesis names the remedy."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constructs import Construct
from tests.synth.graph import circle_in, graph_of, templates_of
from tests.synth.support import TYPE, make_function

SECRET = "a-password-in-plain-text"

REMEDY = (
    r"refuses such a circle\. .*("
    r"use ConnectorRegistration\.from_connector_label\(self, 'Connector', '[a-z0-9-]+'\)"
    r"|provider=ConnectorRegistrationProvider\(self, 'OwnProvider'\))"
)

Way = Literal["dependency", "environment", "role"]

WAYS: list[Way | None] = [None, None, None, "dependency", "environment", "role"]


@dataclass(frozen=True)
class Feature:
    """A connector of an app.

    Attributes:
        stack: the stack of the registration: 0, nested in 0, or 2, which comes after both.
        function_stack: the stack of the function, not after that of the registration.
        kind: what is registered.
        provider: the provider behind the registration.
        destroyed: whether the removal policy is DESTROY.
        followed: whether changes outside of deployments refresh the registration.
        waits: the features that this one waits for, and the way in which it does.
    """

    stack: int
    function_stack: int
    kind: Literal["function", "version", "alias", "latest", "imported"]
    provider: Literal["default", "shared", "own", "role"]
    destroyed: bool
    followed: bool
    waits: tuple[tuple[int, Way], ...] = ()


@st.composite
def apps(draw: st.DrawFn) -> list[Feature]:
    """The features of an app, which wait for each other in ways that the CDK can express."""
    features = draw(st.lists(features_alone(), min_size=1, max_size=5))
    found = []
    for number, feature in enumerate(features):
        waits: list[tuple[int, Way]] = []
        for other, waited in enumerate(features):
            way = draw(st.sampled_from(WAYS))
            # The CDK refuses stacks that wait for each other, and nobody can change the role or
            # the environment of an imported function.
            stack = feature.stack if way == "dependency" else feature.function_stack
            is_possible = way == "dependency" or feature.kind != "imported"
            if way and is_possible and waited.stack <= stack and number != other:
                waits.append((other, way))
        found.append(replace(feature, waits=tuple(waits)))
    return found


@st.composite
def features_alone(draw: st.DrawFn) -> Feature:
    """A feature that waits for no other."""
    stack = draw(st.sampled_from([0, 0, 1, 2]))
    return Feature(
        stack=stack,
        function_stack=draw(st.sampled_from([stack, stack, 0])),
        kind=draw(st.sampled_from(["function", "version", "alias", "latest", "imported"])),
        provider=draw(st.sampled_from(["default", "default", "shared", "own", "role"])),
        destroyed=draw(st.booleans()),
        followed=draw(st.booleans()),
    )


class App:
    """An app with features; the code of one of them may be changed."""

    def __init__(self, features: list[Feature], folder: str, changed: int | None = None) -> None:
        self.app = cdk.App(outdir=folder)
        first = cdk.Stack(self.app, "First")
        self.stacks = [first, cdk.NestedStack(first, "Nested"), cdk.Stack(self.app, "Last")]
        principal = iam.ServicePrincipal("lambda.amazonaws.com")
        self.role = iam.Role(first, "Handler", assumed_by=principal, role_name="handler")
        self.functions: list[lambda_.Function | None] = []
        self.scopes: list[Construct] = []
        self.registrations: list[ConnectorRegistration] = []
        for number, feature in enumerate(features):
            self._add(number, feature, "version = 2" if number == changed else "version = 1")
        for number, feature in enumerate(features):
            for other, way in feature.waits:
                self._wait(number, other, way)

    def _add(self, number: int, feature: Feature, code: str) -> None:
        scope = Construct(self.stacks[feature.stack], f"Feature{number}")
        self.scopes.append(scope)
        self.registrations.append(
            ConnectorRegistration(
                scope,
                "Registration",
                connector_label=f"acme-{number}",
                connector_function=self._target(number, feature, code),
                provider=self._provider(scope, feature),
                refresh_on_external_change=feature.followed and feature.kind != "version",
                removal_policy=(
                    cdk.RemovalPolicy.DESTROY if feature.destroyed else cdk.RemovalPolicy.RETAIN
                ),
            )
        )

    def _target(self, number: int, feature: Feature, code: str) -> lambda_.IFunction:
        scope = self.scopes[number]
        if feature.kind == "imported":
            self.functions.append(None)
            arn = f"arn:aws:lambda:us-east-1:111122223333:function:crm-{number}"
            return lambda_.Function.from_function_arn(scope, "Function", arn)
        if feature.function_stack != feature.stack:
            scope = Construct(self.stacks[feature.function_stack], f"FunctionOf{number}")
        token = cdk.SecretValue.secrets_manager("acme").unsafe_unwrap()
        function = make_function(
            scope, "Function", code, environment={"PASSWORD": SECRET, "TOKEN": token}
        )
        self.functions.append(function)
        match feature.kind:
            case "version":
                return function.current_version
            case "alias":
                version = function.current_version
                return lambda_.Alias(scope, "Alias", alias_name="live", version=version)
            case "latest":
                latest = function.latest_version
                return lambda_.Alias(scope, "Alias", alias_name="live", version=latest)
        return function

    def _provider(self, scope: Construct, feature: Feature) -> ConnectorRegistrationProvider | None:
        if feature.provider == "default":
            return None
        if feature.provider == "own":
            return ConnectorRegistrationProvider(scope, "Provider")
        stack = self.stacks[feature.stack]
        found = stack.node.try_find_child(feature.provider)
        if isinstance(found, ConnectorRegistrationProvider):
            return found
        role = self.role if feature.provider == "role" else None
        return ConnectorRegistrationProvider(stack, feature.provider, role=role)

    def _wait(self, number: int, other: int, way: Way) -> None:
        function, waited = self.functions[number], self.registrations[other]
        if way == "dependency":
            self.scopes[number].node.add_dependency(self.scopes[other])
        elif way == "environment":
            assert function is not None
            function.add_environment(f"LABEL_{other}", waited.connector_label)
        else:
            assert function is not None
            statement = iam.PolicyStatement(
                actions=["appflow:DescribeConnector"], resources=[waited.connector_arn]
            )
            function.add_to_role_policy(statement)


Templates = Mapping[str, Mapping[str, Any]]


def synthesise(features: list[Feature], changed: int | None = None) -> Templates:
    with tempfile.TemporaryDirectory() as folder:
        built = App(features, folder, changed)
        built.app.synth()
        return templates_of(built.app)


def is_circle(features: list[Feature]) -> bool:
    """Whether the features themselves wait for each other in a circle."""
    waits = {str(n): {str(other) for other, _ in f.waits} for n, f in enumerate(features)}
    return circle_in(waits) != []


def refusal(features: list[Feature]) -> str:
    """What the synthesis of features that wait for each other fails with."""
    # The CDK makes the logical id of a version from what its function depends on, so with versions
    # in a circle it calls itself for ever, before any validation.
    has_versions = any(feature.kind in ("version", "alias") for feature in features)
    return f"{REMEDY}|Maximum call stack size exceeded" if has_versions else REMEDY


@pytest.mark.slow
@settings(suppress_health_check=list(HealthCheck))
@given(features=apps(), changed=st.integers(0, 4))
def test_generated_app_keeps_its_promises(features: list[Feature], changed: int) -> None:
    """A random app can be deployed, and every change of code refreshes one registration."""
    if is_circle(features):
        with pytest.raises(RuntimeError, match=refusal(features)):
            synthesise(features)
        return
    templates = synthesise(features)

    for template in templates.values():
        assert circle_in(graph_of(template)) == []
        check_permissions(template.get("Resources", {}))
    assert len(registrations(templates)) == len(features)
    assert SECRET not in str(registrations(templates))
    assert "{{resolve:" not in str(registrations(templates))
    check_policy_names(templates)
    check_rules(features, templates)
    assert synthesise(features) == templates
    check_change(features, templates, changed % len(features))


def registrations(templates: Templates) -> dict[str, Any]:
    """The properties of each registration of an app, by its label.

    What the first stack passes to the nested one stands in place of the parameter.
    """
    passed = {
        json.dumps({"Ref": name}): json.dumps(value)
        for one in resources(templates)
        if one["Type"] == "AWS::CloudFormation::Stack"
        for name, value in one["Properties"].get("Parameters", {}).items()
    }
    found = {}
    for one in resources(templates):
        if one["Type"] == TYPE:
            text = json.dumps(one["Properties"])
            for reference, value in passed.items():
                text = text.replace(reference, value)
            found[one["Properties"]["ConnectorLabel"]] = json.loads(text)
    return found


def resources(templates: Templates) -> list[Any]:
    return [one for each in templates.values() for one in each.get("Resources", {}).values()]


def check_permissions(resources: Mapping[str, Any]) -> None:
    """AppFlow may invoke exactly the registered ARNs, before they are registered."""
    found = [one for one in resources.values() if one["Type"] == TYPE]
    permissions = {
        json.dumps(one["Properties"]["FunctionName"]): name
        for name, one in resources.items()
        if one["Type"] == "AWS::Lambda::Permission"
        and one["Properties"]["Principal"] == "appflow.amazonaws.com"
    }
    registered = [json.dumps(one["Properties"]["LambdaArn"]) for one in found]
    assert permissions.keys() == {*registered}
    for one, arn in zip(found, registered, strict=True):
        assert permissions[arn] in one["DependsOn"]


def check_rules(features: list[Feature], templates: Templates) -> None:
    """Each rule may invoke its handlers, and the rules refresh the registrations that want it."""
    refreshed = []
    for template in templates.values():
        found = template.get("Resources", {}).values()
        rules = [one["Properties"] for one in found if one["Type"] == "AWS::Events::Rule"]
        allowed = [
            one["Properties"]["FunctionName"]
            for one in found
            if one["Type"] == "AWS::Lambda::Permission"
            and one["Properties"]["Principal"] == "events.amazonaws.com"
        ]
        targets = [target for rule in rules for target in rule["Targets"]]
        assert {json.dumps(one["Arn"]) for one in targets} == {*map(json.dumps, allowed)}
        refreshed += re.findall(r"acme-\d", json.dumps(targets))
    wanted = [
        f"acme-{number}"
        for number, feature in enumerate(features)
        if feature.followed and feature.kind != "version"
    ]
    assert sorted(refreshed) == wanted


def check_policy_names(templates: Templates) -> None:
    """No two policies of the role that stacks share have one name."""
    names = [
        json.dumps(one["Properties"]["PolicyName"])
        for one in resources(templates)
        if one["Type"] == "AWS::IAM::Policy" and "Handler" in str(one["Properties"]["Roles"])
    ]
    assert len(names) == len({*names})


def check_change(features: list[Feature], before: Templates, changed: int) -> None:
    """Other code of a function changes its registration and no other."""
    after = registrations(synthesise(features, changed))

    different = {label for label, found in registrations(before).items() if found != after[label]}
    is_seen = features[changed].kind != "imported"
    assert different == ({f"acme-{changed}"} if is_seen else set())
