"""What the construct puts into a template."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template
from cdk_appflow_connector import ConnectorRegistration

from tests.synth.conftest import make_function

TYPE = "Custom::AppFlowConnectorRegistration"
LABEL = "acme-crm"


def register(
    stack: cdk.Stack, function: lambda_.IFunction, name: str = "Registration", **arguments: Any
) -> ConnectorRegistration:
    return ConnectorRegistration(
        stack,
        name,
        **{"connector_label": LABEL, "connector_function": function, **arguments},
    )


def arn_of(function: lambda_.Function) -> Any:
    return function.stack.resolve(function.function_arn)


def statements(template: Template) -> list[dict[str, Any]]:
    """All statements of all policies of the handler's role."""
    found = [template.find_resources(f"AWS::IAM::{kind}") for kind in ("Policy", "ManagedPolicy")]
    return [
        statement
        for policies in found
        for policy in policies.values()
        if any("Provider" in str(role) for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def appflow_arn(resource: str) -> dict[str, Any]:
    parts = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":appflow:",
        {"Ref": "AWS::Region"},
        ":",
        {"Ref": "AWS::AccountId"},
        f":{resource}",
    ]
    return {"Fn::Join": ["", parts]}


class TestResource:
    def test_asks_for_the_registration(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        register(stack, function, description="Acme CRM connector")

        Template.from_stack(stack).has_resource_properties(
            TYPE,
            {
                "ConnectorLabel": LABEL,
                "LambdaArn": arn_of(function),
                "Description": "Acme CRM connector",
                "RemovalPolicy": "Retain",
            },
        )

    def test_has_no_description_unless_there_is_one(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function)

        Template.from_stack(stack).has_resource_properties(TYPE, {"Description": Match.absent()})

    def test_passes_the_removal_policy_on(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        Template.from_stack(stack).has_resource_properties(TYPE, {"RemovalPolicy": "Destroy"})

    def test_costs_ten_minutes_at_most_when_an_answer_is_lost(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function)

        Template.from_stack(stack).has_resource_properties(TYPE, {"ServiceTimeout": "600"})

    def test_waits_for_the_permissions_it_needs(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        template = Template.from_stack(stack)
        [resource] = template.find_resources(TYPE).values()
        permissions = template.find_resources("AWS::Lambda::Permission")
        shared = template.find_resources("AWS::IAM::ManagedPolicy")
        own = {name for name in template.find_resources("AWS::IAM::Policy") if "Unreg" in name}
        queue = template.find_resources("AWS::Lambda::EventInvokeConfig")
        assert set(resource["DependsOn"]) == {*permissions, *shared, *own, *queue}
        assert len(resource["DependsOn"]) == 4

    def test_gives_label_and_arn_of_what_was_registered(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        registration = register(stack, function)
        cdk.CfnOutput(stack, "Label", value=registration.connector_label)
        cdk.CfnOutput(stack, "Arn", value=registration.connector_arn)

        template = Template.from_stack(stack)
        [name] = template.find_resources(TYPE)
        template.has_output("Label", {"Value": {"Ref": name}})
        template.has_output("Arn", {"Value": {"Fn::GetAtt": [name, "ConnectorArn"]}})


def target_of(function: lambda_.Function, kind: str) -> lambda_.IFunction:
    stack = function.stack
    if kind == "alias":
        version = function.current_version
        return lambda_.Alias(stack, "Live", alias_name="live", version=version)
    if kind == "version":
        return function.current_version
    if kind == "imported":
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm:live"
        return lambda_.Function.from_function_arn(stack, "Imported", arn)
    return function


class TestInvokePermission:
    def test_lets_appflow_of_this_account_invoke_the_function(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function)

        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Lambda::Permission", 1)
        template.has_resource_properties(
            "AWS::Lambda::Permission",
            {
                "Action": "lambda:InvokeFunction",
                "Principal": "appflow.amazonaws.com",
                "FunctionName": arn_of(function),
                "SourceAccount": {"Ref": "AWS::AccountId"},
                "SourceArn": appflow_arn("*"),
            },
        )

    @pytest.mark.parametrize("kind", ["alias", "version", "imported"])
    def test_is_for_exactly_the_arn_that_is_registered(
        self, stack: cdk.Stack, function: lambda_.Function, kind: str
    ) -> None:
        register(stack, target_of(function, kind))

        template = Template.from_stack(stack)
        [resource] = template.find_resources(TYPE).values()
        [permission] = template.find_resources("AWS::Lambda::Permission").values()
        registered = resource["Properties"]["LambdaArn"]
        assert permission["Properties"]["FunctionName"] == registered
        assert registered != arn_of(function)
        invocations = [s for s in statements(template) if s["Action"] == "lambda:InvokeFunction"]
        assert [statement["Resource"] for statement in invocations] == [registered]

    def test_on_a_version_stays_for_its_flows_when_the_next_version_comes(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function.current_version)

        Template.from_stack(stack).has_resource(
            "AWS::Lambda::Permission", {"UpdateReplacePolicy": "Retain", "DeletionPolicy": "Delete"}
        )

    @pytest.mark.parametrize("kind", ["function", "alias", "imported"])
    def test_on_anything_else_goes_with_its_resource(
        self, stack: cdk.Stack, function: lambda_.Function, kind: str
    ) -> None:
        register(stack, target_of(function, kind))

        [permission] = Template.from_stack(stack).find_resources("AWS::Lambda::Permission").values()
        assert set(permission) == {"Type", "Properties"}

    def test_is_one_for_all_connectors_of_a_function(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        for label in ("acme-one", "acme-two"):
            register(stack, function, label, connector_label=label)

        template = Template.from_stack(stack)
        [permission] = template.find_resources("AWS::Lambda::Permission")
        registrations = template.find_resources(TYPE).values()
        assert len(registrations) == 2
        assert all(permission in resource["DependsOn"] for resource in registrations)

    def test_is_one_for_two_hundred_connectors_of_an_imported_function(
        self, stack: cdk.Stack
    ) -> None:
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        for number in range(200):
            imported = lambda_.Function.from_function_arn(stack, f"Function{number}", arn)
            name = f"acme-{number}"
            register(stack, imported, name, connector_label=name)

        template = Template.from_stack(stack)
        template.resource_count_is(TYPE, 200)
        template.resource_count_is("AWS::Lambda::Permission", 1)

    def test_stays_when_the_connector_that_came_first_goes(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The app of test_is_one_for_all_connectors_of_a_function, without its first connector."""
        register(stack, function, "acme-two", connector_label="acme-two")

        template = Template.from_stack(stack)
        [permission] = template.find_resources("AWS::Lambda::Permission")
        [registration] = template.find_resources(TYPE).values()
        assert permission in registration["DependsOn"]

    def test_is_another_one_in_another_stack(self, app: cdk.App, stack: cdk.Stack) -> None:
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        stacks = [stack, cdk.Stack(app, "Another"), cdk.NestedStack(stack, "Nested")]
        for number, each in enumerate(stacks):
            imported = lambda_.Function.from_function_arn(each, "Function", arn)
            register(each, imported, connector_label=f"acme-{number}")

        for each in stacks:
            Template.from_stack(each).resource_count_is("AWS::Lambda::Permission", 1)

    def test_is_another_one_for_a_function_of_the_same_name_elsewhere(
        self, app: cdk.App, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        elsewhere = make_function(cdk.Stack(app, "Elsewhere"), "Connector")
        for number, each in enumerate((function, elsewhere)):
            register(stack, each, f"acme-{number}", connector_label=f"acme-{number}")

        Template.from_stack(stack).resource_count_is("AWS::Lambda::Permission", 2)

    def test_is_one_in_a_stack_that_no_python_has_made(self, app: cdk.App) -> None:
        """The CDK makes a stack of its own for a function of CloudFront."""
        stack = cdk.Stack(app, "Stack", env=cdk.Environment(region="eu-west-1"))
        cloudfront.experimental.EdgeFunction(
            stack,
            "Edge",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("version = 1"),
        )

        def made_by_cdk() -> cdk.Stack:
            found = app.node.find_child(f"edge-lambda-stack-{stack.node.addr}")
            assert isinstance(found, cdk.Stack)
            return found

        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        for label in ("acme-one", "acme-two"):
            imported = lambda_.Function.from_function_arn(made_by_cdk(), f"{label}-function", arn)
            register(made_by_cdk(), imported, label, connector_label=label)

        permissions = Template.from_stack(made_by_cdk()).find_resources(
            "AWS::Lambda::Permission", {"Properties": {"Principal": "appflow.amazonaws.com"}}
        )
        assert len(permissions) == 1

    def test_is_left_to_the_owner_of_the_function(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function, skip_permissions=True)

        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Lambda::Permission", 0)
        [resource] = template.find_resources(TYPE).values()
        shared = template.find_resources("AWS::IAM::ManagedPolicy")
        queue = template.find_resources("AWS::Lambda::EventInvokeConfig")
        assert set(resource["DependsOn"]) == {*shared, *queue}


class TestHandler:
    def test_is_shared_by_all_connectors_of_a_stack(self, stack: cdk.Stack) -> None:
        for name in ("One", "Two", "Three"):
            function = make_function(stack, name)
            register(stack, function, name=f"Register{name}", connector_label=f"acme-{name}")

        template = Template.from_stack(stack)
        tokens = {
            str(resource["Properties"]["ServiceToken"])
            for resource in template.find_resources(TYPE).values()
        }
        assert len(tokens) == 1
        template.resource_properties_count_is(
            "AWS::Lambda::Function", {"Handler": "connector_registration.function.handler"}, 1
        )

    def test_is_made_once_in_each_stack(self, app: cdk.App) -> None:
        stacks = [cdk.Stack(app, name) for name in ("A", "B")]
        for stack in stacks:
            register(stack, make_function(stack, "Connector"))
        for stack in stacks:
            Template.from_stack(stack).resource_properties_count_is(
                "AWS::Lambda::Function", {"Handler": "connector_registration.function.handler"}, 1
            )

    def test_may_do_what_its_connectors_need_and_nothing_else(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function)

        template = Template.from_stack(stack)
        [log_group] = (n for n in template.find_resources("AWS::Logs::LogGroup") if "Provider" in n)
        assert statements(template) == [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": {"Fn::GetAtt": [log_group, "Arn"]},
            },
            {"Effect": "Allow", "Action": "appflow:RegisterConnector", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": "cloudformation:DescribeStackEvents",
                "Resource": {"Ref": "AWS::StackId"},
            },
            {
                "Effect": "Allow",
                "Action": ["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"],
                "Resource": appflow_arn(f"connector/{LABEL}"),
            },
            {
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": arn_of(function),
            },
        ]
        [role] = (
            role["Properties"]
            for name, role in template.find_resources("AWS::IAM::Role").items()
            if "Provider" in name
        )
        assert "ManagedPolicyArns" not in role
        assert "Policies" not in role

    def test_may_unregister_only_where_the_app_says_destroy(self, stack: cdk.Stack) -> None:
        register(stack, make_function(stack, "Kept"), "KeepIt", connector_label="kept")
        register(
            stack,
            make_function(stack, "Gone"),
            "DropIt",
            connector_label="gone",
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

        template = Template.from_stack(stack)
        unregistering = [s for s in statements(template) if "UnRegister" in str(s["Action"])]
        assert [statement["Resource"] for statement in unregistering] == [
            appflow_arn("connector/gone")
        ]

    def test_runs_no_event_that_cloudformation_has_given_up(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function)

        template = Template.from_stack(stack)
        [resource] = template.find_resources(TYPE).values()
        [queue] = template.find_resources("AWS::Lambda::EventInvokeConfig").values()
        [handler] = (
            properties
            for function in template.find_resources("AWS::Lambda::Function").values()
            if "Timeout" in (properties := function["Properties"])
        )
        latest_end = queue["Properties"]["MaximumEventAgeInSeconds"] + handler["Timeout"]
        assert latest_end <= int(resource["Properties"]["ServiceTimeout"])

    def test_has_resources_whose_logical_ids_never_change(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        resources = Template.from_stack(stack).to_json()["Resources"]
        assert {name for name in resources if not name.startswith("Connector")} == {
            "AppFlowConnectorRegistrationProviderConnectors1143BDDAA",
            "AppFlowConnectorRegistrationProviderFunction481A4E29",
            "AppFlowConnectorRegistrationProviderFunctionEventInvokeConfig2A94585F",
            "AppFlowConnectorRegistrationProviderLogGroup3560AB72",
            "AppFlowConnectorRegistrationProviderRole13B41D49",
            "AppFlowConnectorRegistrationProviderRoleDefaultPolicyC7B16A12",
            "AppFlowConnectoracmecrm5C2CC283",
            "AppFlowConnectoracmecrm5C2CC283Unregister",
            "RegistrationAppFlowPermission3D78E1A0",
        }


class TestLogicalId:
    @pytest.fixture
    def ids(self, tmp_path_factory: pytest.TempPathFactory) -> Any:
        """The logical ids of registration and policy in an app of its own."""

        def of(name: str, label: str) -> set[str]:
            folder = str(tmp_path_factory.mktemp("cdk.out"))
            stack = cdk.Stack(cdk.App(outdir=folder), "Stack")
            function = make_function(stack, "Connector")
            destroy = cdk.RemovalPolicy.DESTROY
            register(stack, function, name, connector_label=label, removal_policy=destroy)
            template = Template.from_stack(stack)
            policies = template.find_resources("AWS::IAM::Policy")
            return {*template.find_resources(TYPE), *(n for n in policies if "Unregister" in n)}

        return of

    def test_survives_a_construct_that_is_renamed(self, ids: Any) -> None:
        assert ids("Registration", LABEL) == ids("Renamed", LABEL)

    def test_is_another_one_for_another_label(self, ids: Any) -> None:
        assert ids("Registration", "acme-crm").isdisjoint(ids("Registration", "acme_crm"))

    def test_names_the_policy_too_so_that_two_can_stand_side_by_side(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
        [policy] = (policy for name, policy in policies.items() if "Unregister" in name)
        assert policy["Properties"]["PolicyName"].endswith("5C2CC283Unregister")

    def test_follows_the_path_if_the_label_is_a_token(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, connector_label=label)

        assert [*Template.from_stack(stack).find_resources(TYPE)] == ["Registration8466E9D0"]
