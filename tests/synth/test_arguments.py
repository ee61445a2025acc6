"""The arguments of ConnectorRegistration, with defaults and overrides, in the template."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template
from cdk_appflow_connector import (
    Adoption,
    ConnectorRegistration,
    IConnectorRegistration,
    OnBreakingChange,
)

from tests.synth.support import (
    LABEL,
    TYPE,
    appflow_arn,
    arn_of,
    make_function,
    properties,
    register,
)

DESTROY = cdk.RemovalPolicy.DESTROY
FAIL = OnBreakingChange.FAIL


def test_defaults_are_omitted(stack: cdk.Stack, function: lambda_.Function) -> None:
    """With default arguments the resource has only the properties that it needs."""
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
        ({"on_breaking_change": FAIL}, {"OnBreakingChange": "Fail"}),
        ({"on_breaking_change": FAIL}, {"AcknowledgedChanges": Match.absent()}),
        (
            {"on_breaking_change": FAIL, "acknowledged_changes": ["A:b", "C"]},
            {"AcknowledgedChanges": ["A:b", "C"]},
        ),
        ({"on_breaking_change": OnBreakingChange.IGNORE}, {"OnBreakingChange": Match.absent()}),
        ({"acknowledged_changes": []}, {"AcknowledgedChanges": Match.absent()}),
    ],
)
def test_override_sets_its_property(
    stack: cdk.Stack, function: lambda_.Function, arguments: dict[str, Any], sent: dict[str, Any]
) -> None:
    """An override sets its property, and a default leaves it out."""
    register(stack, function, **arguments)

    Template.from_stack(stack).has_resource_properties(TYPE, sent)


def test_triggers_may_be_tokens(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The values of triggers may be deploy-time values."""
    release = cdk.CfnParameter(stack, "Release")
    register(stack, function, triggers={"Release": release.value_as_string})

    assert properties(stack)["Triggers"] == {"Release": {"Ref": "Release"}}


def test_acknowledged_changes_may_be_tokens(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The list of ids, and an id in a list, may be a deploy-time value."""
    ids = cdk.CfnParameter(stack, "Ids", type="CommaDelimitedList")
    one = cdk.CfnParameter(stack, "One")
    register(stack, function, on_breaking_change=FAIL, acknowledged_changes=ids.value_as_list)
    register(
        stack,
        function,
        "Other",
        connector_label="acme-erp",
        on_breaking_change=FAIL,
        acknowledged_changes=["A:b", one.value_as_string],
    )

    sent = [
        resource["Properties"]["AcknowledgedChanges"]
        for resource in Template.from_stack(stack).find_resources(TYPE).values()
    ]
    assert sorted(sent, key=str) == [["A:b", {"Ref": "One"}], {"Ref": "Ids"}]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "v51.0",
        "api_version_removed",
        "A:",
        " A:b",
        "A b",
        "A:b c",
        "A:b,c",
        "A:b\n",
        "A:9%",
        "A:%2x",
    ],
)
def test_other_text_is_no_id(stack: cdk.Stack, function: lambda_.Function, wrong: str) -> None:
    """Text that cannot be the id of a change is refused with an example."""
    message = (
        f"acknowledged_changes contains {wrong!r}, but an id looks like API_VERSION_REMOVED:v51.0"
        ", with %20 for a blank, %2C for a comma and %25 for a percent sign. Copy it from the"
        " reason of the failed update, or from cdk-appflow-connector check --against"
    )

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, on_breaking_change=FAIL, acknowledged_changes=["A:b", wrong])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"force_delete": True},
            "force_delete is True, but RemovalPolicy.RETAIN never unregisters the connector. Set"
            " removal_policy=RemovalPolicy.DESTROY as well, or omit force_delete",
        ),
        (
            {"acknowledged_changes": ["A:b"]},
            "acknowledged_changes is given, but OnBreakingChange.IGNORE refuses no change. Set"
            " on_breaking_change=OnBreakingChange.FAIL as well, or omit acknowledged_changes",
        ),
    ],
)
def test_contradiction_is_refused(
    stack: cdk.Stack, function: lambda_.Function, arguments: dict[str, Any], message: str
) -> None:
    """Arguments that contradict each other raise an error with the next step."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, **arguments)


def secrets_of(label: str) -> dict[str, Any]:
    """The ARN of the secrets that AppFlow makes for a connector label."""
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
    """The statements with actions of Secrets Manager of all policies of all roles."""
    return statements_with(template, "secretsmanager:")


def statements_about_keys(template: Template) -> list[dict[str, Any]]:
    """The statements with actions of KMS of all policies of all roles."""
    return statements_with(template, "kms:")


def statements_with(template: Template, service: str) -> list[dict[str, Any]]:
    found = [template.find_resources(f"AWS::IAM::{kind}") for kind in ("Policy", "ManagedPolicy")]
    return [
        statement
        for policies in found
        for policy in policies.values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if service in str(statement["Action"])
    ]


class TestCredentials:
    @pytest.fixture(params=["registered", "imported"])
    def connector(
        self, request: pytest.FixtureRequest, stack: cdk.Stack, function: lambda_.Function
    ) -> IConnectorRegistration:
        if request.param == "imported":
            return ConnectorRegistration.from_connector_label(stack, "Imported", LABEL)
        return register(stack, function)

    def test_of_the_label_may_be_read(
        self, stack: cdk.Stack, function: lambda_.Function, connector: IConnectorRegistration
    ) -> None:
        """The grant covers the secrets of the connector's label and no others."""
        grant = connector.grant_read_credentials(function)

        assert grant.success
        # Template.from_stack raises for a circular dependency, as between a role and the
        # registration of its function.
        assert statements_about_secrets(Template.from_stack(stack)) == [
            {
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": secrets_of(LABEL),
            }
        ]

    def test_of_two_labels_are_granted_separately(self, stack: cdk.Stack) -> None:
        """Each function may read the secrets of its own label only."""
        for name in ("one", "two"):
            function = make_function(stack, name)
            registration = register(stack, function, f"Register{name}", connector_label=name)
            registration.grant_read_credentials(function)

        statements = statements_about_secrets(Template.from_stack(stack))
        assert [statement["Resource"] for statement in statements] == [
            secrets_of("one"),
            secrets_of("two"),
        ]

    def test_of_a_token_label_may_be_read(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The grant of a token label refers to the label's deploy-time value."""
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, connector_label=label).grant_read_credentials(function)

        [statement] = statements_about_secrets(Template.from_stack(stack))
        assert statement["Resource"]["Fn::Join"][1][-3:] == ["-", {"Ref": "Label"}, "-*"]

    @pytest.mark.parametrize("imported", [False, True])
    def test_under_a_key_may_be_read(
        self,
        stack: cdk.Stack,
        function: lambda_.Function,
        connector: IConnectorRegistration,
        imported: bool,
    ) -> None:
        """With the key of the profiles, Secrets Manager may decrypt with it for the function."""
        arn = "arn:aws:kms:eu-west-1:111122223333:key/1234"
        imported_key = kms.Key.from_key_arn(stack, "TheirKey", arn)
        key = imported_key if imported else kms.Key(stack, "Key")

        connector.grant_read_credentials(function, encryption_key=key)

        template = Template.from_stack(stack)
        assert [s["Resource"] for s in statements_about_secrets(template)] == [secrets_of(LABEL)]
        through = ["secretsmanager.", {"Ref": "AWS::Region"}, ".amazonaws.com"]
        assert statements_about_keys(template) == [
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": stack.resolve(key.key_arn),
                "Condition": {"StringEquals": {"kms:ViaService": {"Fn::Join": ["", through]}}},
            }
        ]
        # As with the CDK's grants, the key leaves the decision to the policies of the account.
        for found in template.find_resources("AWS::KMS::Key").values():
            assert "kms:Decrypt" not in str(found)

    def test_may_be_waited_for(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """A resource can wait for the grant, also with a key."""
        registration = register(stack, function)
        user = cdk.CfnResource(stack, "Flow", type="AWS::AppFlow::Flow")

        grant = registration.grant_read_credentials(function, kms.Key(stack, "Key"))
        grant.apply_before(user)

        [flow] = Template.from_stack(stack).find_resources("AWS::AppFlow::Flow").values()
        assert len(flow["DependsOn"]) == 1

    def test_need_no_key_by_default(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """Without the key of the profiles, the grant allows the use of no key."""
        kms.Key(stack, "Key")
        register(stack, function).grant_read_credentials(function)

        assert statements_about_keys(Template.from_stack(stack)) == []

    def test_are_not_granted_by_default(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """A registration alone grants no access to secrets."""
        register(stack, function)

        assert statements_about_secrets(Template.from_stack(stack)) == []


class TestFromConnectorLabel:
    def test_has_label_and_arn(self, stack: cdk.Stack) -> None:
        """An imported registration has its label and ARN, and adds no resources."""
        connector = ConnectorRegistration.from_connector_label(stack, "Crm", LABEL)

        assert connector.connector_label == LABEL
        assert stack.resolve(connector.connector_arn) == appflow_arn(f"connector/{LABEL}")
        assert "Resources" not in Template.from_stack(stack).to_json()

    def test_refuses_an_invalid_label(self, stack: cdk.Stack) -> None:
        """A label that AppFlow rejects cannot be imported."""
        with pytest.raises(ValueError, match="connector_label is 'x', but AppFlow accepts"):
            ConnectorRegistration.from_connector_label(stack, "Crm", "x")


def test_profile_and_flow_depend_on_the_label(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A flow refers to its profile, and the profile to the registration."""
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

    def test_container_image_is_registered(self, stack: cdk.Stack, image: lambda_.Function) -> None:
        """A function from a container image is registered with its hash."""
        register(stack, image)

        assert properties(stack)["LambdaArn"] == arn_of(image)
        assert "Hash" in properties(stack)["FunctionHash"]

    def test_import_by_attributes_is_registered(self, stack: cdk.Stack) -> None:
        """A function imported by its attributes is registered with its ARN and permission."""
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        imported = lambda_.Function.from_function_attributes(
            stack, "Imported", function_arn=arn, same_environment=True
        )
        register(stack, imported)

        assert properties(stack)["LambdaArn"] == arn
        Template.from_stack(stack).has_resource_properties(
            "AWS::Lambda::Permission", {"FunctionName": arn}
        )

    def test_function_of_another_stack_is_imported(self, app: cdk.App, stack: cdk.Stack) -> None:
        """A function of another stack is registered by its exported ARN, with a permission."""
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

    def test_two_labels_share_a_function(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """Two labels of one function are two registrations with one permission."""
        register(stack, function, "One", connector_label="acme-one")
        register(stack, function, "Two", connector_label="acme-two")

        template = Template.from_stack(stack)
        template.resource_count_is(TYPE, 2)
        template.resource_count_is("AWS::Lambda::Permission", 1)


class TestStacks:
    def test_nested_stack_has_its_own_provider(self, stack: cdk.Stack) -> None:
        """A nested stack has its own provider, and its parent stack has none."""
        nested = cdk.NestedStack(stack, "Nested")
        function = lambda_.Function.from_function_name(nested, "Connector", "crm")
        register(nested, function)

        template = Template.from_stack(nested)
        template.resource_count_is(TYPE, 1)
        template.resource_properties_count_is(
            "AWS::Lambda::Function", {"Handler": "connector_registration.function.handler"}, 1
        )
        Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 0)

    def test_stages_and_regions_may_share_a_label(self, app: cdk.App) -> None:
        """Stages in different Regions may use the same label."""
        for region in ("us-east-1", "eu-west-1"):
            environment = cdk.Environment(account="111122223333", region=region)
            stage = cdk.Stage(app, f"Stage-{region}", env=environment)
            stack = cdk.Stack(stage, "Crm")
            register(stack, lambda_.Function.from_function_name(stack, "Connector", "crm"))

        assert len(app.synth().nested_assemblies) == 2
