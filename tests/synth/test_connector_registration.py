"""The resources that a registration adds to a template."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from tests.synth.support import LABEL, TYPE, appflow_arn, arn_of, make_function, register


def statements(template: Template) -> list[dict[str, Any]]:
    """The statements of all policies of the handler's role."""
    found = [template.find_resources(f"AWS::IAM::{kind}") for kind in ("Policy", "ManagedPolicy")]
    return [
        statement
        for policies in found
        for policy in policies.values()
        if any("Provider" in str(role) for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


class TestResource:
    def test_has_the_requested_values(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The custom resource has the label, ARN, description and removal policy."""
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

    def test_description_is_omitted_by_default(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """Without a description the custom resource has none."""
        register(stack, function)

        Template.from_stack(stack).has_resource_properties(TYPE, {"Description": Match.absent()})

    def test_destroy_is_passed_on(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """RemovalPolicy.DESTROY reaches the handler as ``Destroy``."""
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        Template.from_stack(stack).has_resource_properties(TYPE, {"RemovalPolicy": "Destroy"})

    def test_lost_response_fails_after_ten_minutes(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """CloudFormation waits ten minutes for the response and not its default of an hour."""
        register(stack, function)

        Template.from_stack(stack).has_resource_properties(TYPE, {"ServiceTimeout": "600"})

    def test_depends_on_its_permissions(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The custom resource depends on every policy and permission that its events need."""
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        template = Template.from_stack(stack)
        [resource] = template.find_resources(TYPE).values()
        permissions = template.find_resources("AWS::Lambda::Permission")
        policies = {
            name
            for name, policy in template.find_resources("AWS::IAM::Policy").items()
            if "appflow:UnRegisterConnector" in str(policy)
        }
        config = template.find_resources("AWS::Lambda::EventInvokeConfig")
        assert set(resource["DependsOn"]) == {*permissions, *policies, *config}
        assert len(resource["DependsOn"]) == 4

    def test_attributes_refer_to_the_resource(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The label and the ARN of a registration refer to its custom resource."""
        registration = register(stack, function)
        cdk.CfnOutput(stack, "Label", value=registration.connector_label)
        cdk.CfnOutput(stack, "Arn", value=registration.connector_arn)

        template = Template.from_stack(stack)
        [name] = template.find_resources(TYPE)
        template.has_output("Label", {"Value": {"Ref": name}})
        template.has_output("Arn", {"Value": {"Fn::GetAtt": [name, "ConnectorArn"]}})


def target_of(function: lambda_.Function, kind: str) -> lambda_.IFunction:
    """The function itself, its alias, its version, or an imported alias."""
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
    def test_allows_appflow_of_this_account(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """AppFlow may invoke the function for this account and Region only."""
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
    def test_is_for_the_registered_arn_only(
        self, stack: cdk.Stack, function: lambda_.Function, kind: str
    ) -> None:
        """The permission and the handler's policy name the registered ARN and no other."""
        register(stack, target_of(function, kind))

        template = Template.from_stack(stack)
        [resource] = template.find_resources(TYPE).values()
        [permission] = template.find_resources("AWS::Lambda::Permission").values()
        registered = resource["Properties"]["LambdaArn"]
        assert permission["Properties"]["FunctionName"] == registered
        assert registered != arn_of(function)
        invocations = [s for s in statements(template) if "lambda:InvokeFunction" in s["Action"]]
        assert [statement["Resource"] for statement in invocations] == [registered]

    def test_on_a_version_is_kept_when_replaced(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The permission on a version is retained when the next version replaces it."""
        register(stack, function.current_version)

        Template.from_stack(stack).has_resource(
            "AWS::Lambda::Permission", {"UpdateReplacePolicy": "Retain", "DeletionPolicy": "Delete"}
        )

    @pytest.mark.parametrize("kind", ["function", "alias", "imported"])
    def test_on_other_targets_is_not_retained(
        self, stack: cdk.Stack, function: lambda_.Function, kind: str
    ) -> None:
        """The permission on a function or alias has no deletion or replacement policy."""
        register(stack, target_of(function, kind))

        [permission] = Template.from_stack(stack).find_resources("AWS::Lambda::Permission").values()
        assert set(permission) == {"Type", "Properties"}

    def test_is_shared_by_connectors_of_a_function(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """Two connectors of one function share one permission and depend on it."""
        for label in ("acme-one", "acme-two"):
            register(stack, function, label, connector_label=label)

        template = Template.from_stack(stack)
        [permission] = template.find_resources("AWS::Lambda::Permission")
        registrations = template.find_resources(TYPE).values()
        assert len(registrations) == 2
        assert all(permission in resource["DependsOn"] for resource in registrations)

    def test_is_shared_by_200_imports_of_a_function(self, stack: cdk.Stack) -> None:
        """200 imports of one ARN share one permission."""
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        for number in range(200):
            imported = lambda_.Function.from_function_arn(stack, f"Function{number}", arn)
            name = f"acme-{number}"
            register(stack, imported, name, connector_label=name)

        template = Template.from_stack(stack)
        template.resource_count_is(TYPE, 200)
        template.resource_count_is("AWS::Lambda::Permission", 1)

    def test_logical_id_survives_the_first_connector(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The permission keeps its logical id when its first connector leaves the app."""
        register(stack, function, "acme-two", connector_label="acme-two")

        template = Template.from_stack(stack)
        [permission] = template.find_resources("AWS::Lambda::Permission")
        [registration] = template.find_resources(TYPE).values()
        assert permission in registration["DependsOn"]

    def test_is_made_in_each_stack(self, app: cdk.App, stack: cdk.Stack) -> None:
        """Each stack, nested or not, has its own permission on an imported function."""
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        stacks = [stack, cdk.Stack(app, "Another"), cdk.NestedStack(stack, "Nested")]
        for number, each in enumerate(stacks):
            imported = lambda_.Function.from_function_arn(each, "Function", arn)
            register(each, imported, connector_label=f"acme-{number}")

        for each in stacks:
            Template.from_stack(each).resource_count_is("AWS::Lambda::Permission", 1)

    def test_is_made_for_each_function(
        self, app: cdk.App, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """Two functions with the same id in two stacks have two permissions."""
        elsewhere = make_function(cdk.Stack(app, "Elsewhere"), "Connector")
        for number, each in enumerate((function, elsewhere)):
            register(stack, each, f"acme-{number}", connector_label=f"acme-{number}")

        Template.from_stack(stack).resource_count_is("AWS::Lambda::Permission", 2)

    def test_is_shared_in_a_stack_made_by_the_cdk(self, app: cdk.App) -> None:
        """Connectors in a stack that the CDK itself makes share one permission."""
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

    def test_is_omitted_on_request(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """Without the permission, the registration depends on the other resources only."""
        register(stack, function, skip_permissions=True)

        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Lambda::Permission", 0)
        [resource] = template.find_resources(TYPE).values()
        own = {name for name in template.find_resources("AWS::IAM::Policy") if "acmecrm" in name}
        config = template.find_resources("AWS::Lambda::EventInvokeConfig")
        assert set(resource["DependsOn"]) == {*own, *config}
        assert len(own) == 1


class TestHandler:
    def test_is_shared_by_connectors_of_a_stack(self, stack: cdk.Stack) -> None:
        """All connectors of a stack use one handler."""
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
        """Each stack of an app has one handler."""
        stacks = [cdk.Stack(app, name) for name in ("A", "B")]
        for stack in stacks:
            register(stack, make_function(stack, "Connector"))
        for stack in stacks:
            Template.from_stack(stack).resource_properties_count_is(
                "AWS::Lambda::Function", {"Handler": "connector_registration.function.handler"}, 1
            )

    def test_role_has_least_privilege(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The role has the statements that the connectors need, and no others."""
        register(stack, function)

        template = Template.from_stack(stack)
        [log_group] = (n for n in template.find_resources("AWS::Logs::LogGroup") if "Provider" in n)
        expected = [
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
                "Action": ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
                "Resource": arn_of(function),
            },
        ]
        assert sorted(statements(template), key=str) == sorted(expected, key=str)
        [role] = (
            role["Properties"]
            for name, role in template.find_resources("AWS::IAM::Role").items()
            if "Provider" in name
        )
        assert "ManagedPolicyArns" not in role
        assert "Policies" not in role

    def test_role_may_unregister_with_destroy_only(self, stack: cdk.Stack) -> None:
        """The role may unregister connectors with RemovalPolicy.DESTROY only."""
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
        resources = [statement["Resource"] for statement in unregistering]
        assert sorted(resources, key=str) == [
            appflow_arn("/unregister-connector"),
            appflow_arn("connector/gone"),
        ]

    def test_nothing_is_unregistered_without_destroy(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """Without RemovalPolicy.DESTROY the role may unregister nothing, on no resource."""
        register(stack, function)

        assert "UnRegister" not in str(Template.from_stack(stack).to_json())

    def test_last_event_ends_before_the_timeout(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The last possible invocation ends before CloudFormation stops waiting."""
        register(stack, function)

        template = Template.from_stack(stack)
        [resource] = template.find_resources(TYPE).values()
        [config] = template.find_resources("AWS::Lambda::EventInvokeConfig").values()
        [handler] = (
            properties
            for function in template.find_resources("AWS::Lambda::Function").values()
            if "Timeout" in (properties := function["Properties"])
        )
        latest_end = config["Properties"]["MaximumEventAgeInSeconds"] + handler["Timeout"]
        assert latest_end <= int(resource["Properties"]["ServiceTimeout"])

    def test_logical_ids_are_fixed(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The logical ids of all resources are those of every release."""
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        resources = Template.from_stack(stack).to_json()["Resources"]
        assert {name for name in resources if not name.startswith("Connector")} == {
            "AppFlowConnectorRegistrationProviderFunction481A4E29",
            "AppFlowConnectorRegistrationProviderFunctionEventInvokeConfig2A94585F",
            "AppFlowConnectorRegistrationProviderLogGroup3560AB72",
            "AppFlowConnectorRegistrationProviderRole13B41D49",
            "AppFlowConnectorRegistrationProviderRoleDefaultPolicyC7B16A12",
            "AppFlowConnectoracmecrm5C2CC283",
            "AppFlowConnectoracmecrm5C2CC283Policy",
            "AppFlowConnectorRegistrationProviderUnregisterPolicy300F3C07",
            "AppFlowConnectorStackRecordInvokePermissionB37AAE8721D672BA",
        }


class TestLogicalId:
    @pytest.fixture
    def ids(self, tmp_path_factory: pytest.TempPathFactory) -> Any:
        """Synthesises a fresh app; returns the logical ids of its registration and policy."""

        def of(name: str, label: str) -> set[str]:
            folder = str(tmp_path_factory.mktemp("cdk.out"))
            stack = cdk.Stack(cdk.App(outdir=folder), "Stack")
            function = make_function(stack, "Connector")
            destroy = cdk.RemovalPolicy.DESTROY
            register(stack, function, name, connector_label=label, removal_policy=destroy)
            template = Template.from_stack(stack)
            policies = template.find_resources("AWS::IAM::Policy")
            return {*template.find_resources(TYPE), *(n for n in policies if "acme" in n)}

        return of

    def test_does_not_depend_on_the_construct_id(self, ids: Any) -> None:
        """A renamed construct keeps the logical ids of its resource and policy."""
        assert ids("Registration", LABEL) == ids("Renamed", LABEL)

    def test_depends_on_the_label(self, ids: Any) -> None:
        """Another label gives other logical ids."""
        assert ids("Registration", "acme-crm").isdisjoint(ids("Registration", "acme_crm"))

    def test_policy_name_contains_it(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The name of the policy contains the hash of the logical id, so two can coexist."""
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
        [policy] = (policy for name, policy in policies.items() if "acmecrm" in name)
        assert policy["Properties"]["PolicyName"] == "AppFlowConnectoracmecrm5C2CC283"

    def test_of_a_token_label_follows_the_path(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """With a token label the logical id is the CDK's, from the path."""
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, connector_label=label)

        assert [*Template.from_stack(stack).find_resources(TYPE)] == ["Registration8466E9D0"]
