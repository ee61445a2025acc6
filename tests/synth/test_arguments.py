"""Each argument's default and its override, as the template shows them."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template
from cdk_appflow_connector import Adoption, ConnectorRegistration, IConnectorRegistration

from tests.synth.conftest import make_function
from tests.synth.test_connector_registration import LABEL, TYPE, appflow_arn, arn_of, register

DESTROY = cdk.RemovalPolicy.DESTROY


def properties(stack: cdk.Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    found: dict[str, Any] = resource["Properties"]
    return found


def test_defaults_say_no_more_than_they_must(stack: cdk.Stack, function: lambda_.Function) -> None:
    register(stack, function)

    assert set(properties(stack)) == {
        "ServiceToken",
        "ServiceTimeout",
        "ConnectorLabel",
        "LambdaArn",
        "FunctionHash",
        "RemovalPolicy",
    }


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"adoption": Adoption.REQUIRED}, {"Adoption": "Required"}),
        ({"adoption": Adoption.FORBIDDEN}, {"Adoption": "Forbidden"}),
        ({"adoption": Adoption.ALLOWED}, {"Adoption": Match.absent()}),
        ({"removal_policy": DESTROY, "force_delete": True}, {"ForceDelete": True}),
        ({"triggers": {"Release": "7"}}, {"Triggers": {"Release": "7"}}),
        ({"triggers": {}}, {"Triggers": Match.absent()}),
        ({"refresh_on_code_change": False}, {"FunctionHash": Match.absent()}),
    ],
)
def test_overrides_arrive(
    stack: cdk.Stack, function: lambda_.Function, arguments: dict[str, Any], sent: dict[str, Any]
) -> None:
    register(stack, function, **arguments)

    Template.from_stack(stack).has_resource_properties(TYPE, sent)


def test_triggers_may_be_known_at_deployment_only(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    release = cdk.CfnParameter(stack, "Release")
    register(stack, function, triggers={"Release": release.value_as_string})

    assert properties(stack)["Triggers"] == {"Release": {"Ref": "Release"}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"force_delete": True},
            "force_delete is True, but RemovalPolicy.RETAIN never unregisters the connector. Set"
            " removal_policy=RemovalPolicy.DESTROY as well, or omit force_delete",
        ),
    ],
)
def test_contradictions_are_refused(
    stack: cdk.Stack, function: lambda_.Function, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, **arguments)


def secrets_of(label: str) -> dict[str, Any]:
    parts = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":secretsmanager:",
        {"Ref": "AWS::Region"},
        ":",
        {"Ref": "AWS::AccountId"},
        ":secret:appflow!",
        {"Ref": "AWS::AccountId"},
        f"-{label}-*",
    ]
    return {"Fn::Join": ["", parts]}


def statements_about_secrets(template: Template) -> list[dict[str, Any]]:
    """All statements of all policies that name Secrets Manager, whoever holds them."""
    found = [template.find_resources(f"AWS::IAM::{kind}") for kind in ("Policy", "ManagedPolicy")]
    return [
        statement
        for policies in found
        for policy in policies.values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "secretsmanager" in str(statement)
    ]


class TestCredentials:
    @pytest.fixture(params=["registered", "imported"])
    def connector(
        self, request: pytest.FixtureRequest, stack: cdk.Stack, function: lambda_.Function
    ) -> IConnectorRegistration:
        if request.param == "imported":
            return ConnectorRegistration.from_connector_label(stack, "Imported", LABEL)
        return register(stack, function)

    def test_of_the_label_and_no_others_may_be_read(
        self, stack: cdk.Stack, function: lambda_.Function, connector: IConnectorRegistration
    ) -> None:
        grant = connector.grant_read_credentials(function)

        assert grant.success
        # Template refuses what waits for itself in a circle, as a role that names its function's
        # registration would.
        assert statements_about_secrets(Template.from_stack(stack)) == [
            {
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": secrets_of(LABEL),
            }
        ]

    def test_of_two_labels_are_two_resources(self, stack: cdk.Stack) -> None:
        for name in ("one", "two"):
            function = make_function(stack, name)
            registration = register(stack, function, f"Register{name}", connector_label=name)
            registration.grant_read_credentials(function)

        statements = statements_about_secrets(Template.from_stack(stack))
        assert [statement["Resource"] for statement in statements] == [
            secrets_of("one"),
            secrets_of("two"),
        ]

    def test_of_a_label_known_at_deployment_only_may_be_read(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, connector_label=label).grant_read_credentials(function)

        [statement] = statements_about_secrets(Template.from_stack(stack))
        assert statement["Resource"]["Fn::Join"][1][-3:] == ["-", {"Ref": "Label"}, "-*"]

    def test_are_not_granted_unless_asked_for(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function)

        assert statements_about_secrets(Template.from_stack(stack)) == []


class TestFromConnectorLabel:
    def test_knows_label_and_arn(self, stack: cdk.Stack) -> None:
        connector = ConnectorRegistration.from_connector_label(stack, "Crm", LABEL)

        assert connector.connector_label == LABEL
        assert stack.resolve(connector.connector_arn) == appflow_arn(f"connector/{LABEL}")
        assert "Resources" not in Template.from_stack(stack).to_json()

    def test_refuses_what_can_be_no_label(self, stack: cdk.Stack) -> None:
        with pytest.raises(ValueError, match="connector_label is 'x', but AppFlow accepts"):
            ConnectorRegistration.from_connector_label(stack, "Crm", "x")


def test_a_flow_waits_for_its_profile_and_that_for_the_label_it_uses(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    registration = register(stack, function)
    profile = appflow.CfnConnectorProfile(
        stack,
        "Profile",
        connector_profile_name="acme",
        connection_mode="Public",
        connector_type="CustomConnector",
        connector_label=registration.connector_label,
    )
    appflow.CfnFlow(
        stack,
        "Flow",
        flow_name="acme-accounts",
        trigger_config=appflow.CfnFlow.TriggerConfigProperty(trigger_type="OnDemand"),
        source_flow_config=appflow.CfnFlow.SourceFlowConfigProperty(
            connector_type="CustomConnector",
            connector_profile_name=profile.ref,
            source_connector_properties=appflow.CfnFlow.SourceConnectorPropertiesProperty(
                custom_connector=appflow.CfnFlow.CustomConnectorSourcePropertiesProperty(
                    entity_name="account"
                )
            ),
        ),
        destination_flow_config_list=[],
        tasks=[],
    )

    resources = Template.from_stack(stack).to_json()["Resources"]
    [registered] = (name for name, resource in resources.items() if resource["Type"] == TYPE)
    source = resources["Flow"]["Properties"]["SourceFlowConfig"]
    assert source["ConnectorProfileName"] == {"Ref": "Profile"}
    assert resources["Profile"]["Properties"]["ConnectorLabel"] == {"Ref": registered}


class TestFunctions:
    @pytest.fixture
    def image(self, stack: cdk.Stack) -> lambda_.Function:
        repository = ecr.Repository(stack, "Repository")
        return lambda_.DockerImageFunction(
            stack, "Image", code=lambda_.DockerImageCode.from_ecr(repository, tag_or_digest="7")
        )

    def test_of_a_container_image(self, stack: cdk.Stack, image: lambda_.Function) -> None:
        register(stack, image)

        assert properties(stack)["LambdaArn"] == arn_of(image)
        assert "Hash" in properties(stack)["FunctionHash"]

    def test_imported_by_attributes(self, stack: cdk.Stack) -> None:
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        imported = lambda_.Function.from_function_attributes(
            stack, "Imported", function_arn=arn, same_environment=True
        )
        register(stack, imported)

        assert properties(stack)["LambdaArn"] == arn
        Template.from_stack(stack).has_resource_properties(
            "AWS::Lambda::Permission", {"FunctionName": arn}
        )

    def test_of_another_stack_of_the_app(self, app: cdk.App, stack: cdk.Stack) -> None:
        elsewhere = cdk.Stack(app, "Elsewhere")
        function = lambda_.Function(
            elsewhere,
            "Connector",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("version = 1"),
        )
        register(stack, function)

        assert "Fn::ImportValue" in properties(stack)["LambdaArn"]
        assert set(properties(stack)["FunctionHash"]) == {"Hash"}
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::Lambda::Permission", {"FunctionName": properties(stack)["LambdaArn"]}
        )

    def test_two_labels_on_one(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        register(stack, function, "One", connector_label="acme-one")
        register(stack, function, "Two", connector_label="acme-two")

        template = Template.from_stack(stack)
        template.resource_count_is(TYPE, 2)
        template.resource_count_is("AWS::Lambda::Permission", 1)


class TestStacks:
    def test_nested_have_a_provider_of_their_own(self, stack: cdk.Stack) -> None:
        nested = cdk.NestedStack(stack, "Nested")
        function = lambda_.Function.from_function_name(nested, "Connector", "crm")
        register(nested, function)

        template = Template.from_stack(nested)
        template.resource_count_is(TYPE, 1)
        template.resource_properties_count_is(
            "AWS::Lambda::Function", {"Handler": "connector_registration.function.handler"}, 1
        )
        Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 0)

    def test_of_several_stages_and_regions_may_use_one_label(self, app: cdk.App) -> None:
        for region in ("us-east-1", "eu-west-1"):
            environment = cdk.Environment(account="111122223333", region=region)
            stage = cdk.Stage(app, f"Stage-{region}", env=environment)
            stack = cdk.Stack(stage, "Crm")
            register(stack, lambda_.Function.from_function_name(stack, "Connector", "crm"))

        assert len(app.synth().nested_assemblies) == 2
