"""The Lambda function behind the registrations, with its defaults and with settings of the user."""

from __future__ import annotations

import gc
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template
from cdk_appflow_connector import ConnectorRegistrationProvider

from tests.synth.test_connector_registration import TYPE, register

HANDLER = "connector_registration.function.handler"

# Source: "Giving Lambda functions access to resources in an Amazon VPC" in the AWS Lambda Developer
# Guide.
NETWORK_ACTIONS = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


def handlers(stack: cdk.Stack) -> list[dict[str, Any]]:
    """The properties of the functions with our handler."""
    found = Template.from_stack(stack).find_resources(
        "AWS::Lambda::Function", {"Properties": {"Handler": HANDLER}}
    )
    return [resource["Properties"] for resource in found.values()]


def handler_role(stack: cdk.Stack) -> iam.Role:
    return iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def queue(stack: cdk.Stack) -> dict[str, Any]:
    [found] = Template.from_stack(stack).find_resources("AWS::Lambda::EventInvokeConfig").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


class TestDefaults:
    @pytest.fixture(autouse=True)
    def provider(self, stack: cdk.Stack) -> ConnectorRegistrationProvider:
        return ConnectorRegistrationProvider(stack, "Provider")

    def test_of_the_function(self, stack: cdk.Stack) -> None:
        [handler] = handlers(stack)

        assert handler["Runtime"] == "python3.14"
        assert handler["Architectures"] == ["arm64"]
        assert handler["MemorySize"] == 512
        assert handler["Timeout"] == 300
        assert handler["LoggingConfig"]["LogFormat"] == "JSON"
        for name in ("VpcConfig", "KmsKeyArn", "TracingConfig", "Environment"):
            assert name not in handler

    def test_of_its_queue(self, stack: cdk.Stack) -> None:
        assert queue(stack)["MaximumEventAgeInSeconds"] == 300
        assert "DestinationConfig" not in queue(stack)

    def test_of_its_logs(self, stack: cdk.Stack) -> None:
        template = Template.from_stack(stack)
        template.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})
        template.has_resource("AWS::Logs::LogGroup", {"DeletionPolicy": "Delete"})

    def test_of_its_role(self, stack: cdk.Stack) -> None:
        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Role",
            {"PermissionsBoundary": Match.absent(), "ManagedPolicyArns": Match.absent()},
        )


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "wanted"),
        [
            ({"runtime": lambda_.Runtime.PYTHON_3_12}, {"Runtime": "python3.12"}),
            ({"architecture": lambda_.Architecture.X86_64}, {"Architectures": ["x86_64"]}),
            ({"runtime": lambda_.Runtime("python3.13")}, {"Runtime": "python3.13"}),
            ({"memory_size": 1024}, {"MemorySize": 1024}),
            ({"memory_size": 128}, {"MemorySize": 128}),
            ({"memory_size": 10_240}, {"MemorySize": 10_240}),
            ({"timeout": cdk.Duration.minutes(6)}, {"Timeout": 360}),
            ({"timeout": cdk.Duration.minutes(4)}, {"Timeout": 240}),
            ({"timeout": cdk.Duration.minutes(15)}, {"Timeout": 900}),
            ({"tracing": lambda_.Tracing.ACTIVE}, {"TracingConfig": {"Mode": "Active"}}),
        ],
    )
    def test_of_the_function_arrive(
        self, stack: cdk.Stack, settings: dict[str, Any], wanted: dict[str, Any]
    ) -> None:
        ConnectorRegistrationProvider(stack, "Provider", **settings)

        assert wanted.items() <= handlers(stack)[0].items()

    def test_of_its_network_arrive(self, stack: cdk.Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc")
        group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
        ConnectorRegistrationProvider(
            stack,
            "Provider",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=vpc.private_subnets[:1]),
            security_groups=[group],
        )

        network = handlers(stack)[0]["VpcConfig"]
        assert network["SecurityGroupIds"] == [stack.resolve(group.security_group_id)]
        assert network["SubnetIds"] == [stack.resolve(vpc.private_subnets[0].subnet_id)]

    @pytest.mark.parametrize("own", [True, False])
    def test_its_role_may_manage_network_interfaces(self, stack: cdk.Stack, own: bool) -> None:
        ConnectorRegistrationProvider(
            stack, "Provider", vpc=ec2.Vpc(stack, "Vpc"), role=None if own else handler_role(stack)
        )

        template = Template.from_stack(stack)
        [(name, policy)] = template.find_resources("AWS::IAM::Policy").items()
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        actions = {
            action
            for statement in statements
            if statement["Resource"] == "*"
            for action in statement["Action"]
        }
        assert actions == {"appflow:RegisterConnector", *NETWORK_ACTIONS}
        template.has_resource_properties("AWS::IAM::Role", {"ManagedPolicyArns": Match.absent()})
        # Lambda refuses to make a function in a VPC as long as its role may not do so.
        template.has_resource(
            "AWS::Lambda::Function",
            {"Properties": {"Handler": HANDLER}, "DependsOn": Match.array_with([name])},
        )

    def test_of_its_queue_arrive(self, stack: cdk.Stack) -> None:
        dead_letters = sqs.Queue(stack, "DeadLetters")
        ConnectorRegistrationProvider(
            stack,
            "Provider",
            max_event_age=cdk.Duration.minutes(2),
            on_failure=destinations.SqsDestination(dead_letters),
        )

        assert queue(stack)["MaximumEventAgeInSeconds"] == 120
        destination = queue(stack)["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination == stack.resolve(dead_letters.queue_arn)

    def test_of_its_retention_arrive(self, stack: cdk.Stack) -> None:
        ConnectorRegistrationProvider(stack, "Provider", log_retention=logs.RetentionDays.ONE_YEAR)

        Template.from_stack(stack).has_resource_properties(
            "AWS::Logs::LogGroup", {"RetentionInDays": 365}
        )

    def test_a_log_group_is_used_and_no_other_made(self, stack: cdk.Stack) -> None:
        group = logs.LogGroup(stack, "Logs")
        ConnectorRegistrationProvider(stack, "Provider", log_group=group)

        Template.from_stack(stack).resource_count_is("AWS::Logs::LogGroup", 1)
        used = handlers(stack)[0]["LoggingConfig"]["LogGroup"]
        assert used == stack.resolve(group.log_group_name)

    def test_a_role_is_used_and_given_what_the_handler_needs(self, stack: cdk.Stack) -> None:
        role = handler_role(stack)
        ConnectorRegistrationProvider(stack, "Provider", role=role)

        template = Template.from_stack(stack)
        template.resource_count_is("AWS::IAM::Role", 1)
        assert handlers(stack)[0]["Role"] == stack.resolve(role.role_arn)
        [policy] = template.find_resources("AWS::IAM::Policy").values()
        actions = [s["Action"] for s in policy["Properties"]["PolicyDocument"]["Statement"]]
        assert actions == [
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            "appflow:RegisterConnector",
            "cloudformation:DescribeStackEvents",
        ]

    def test_a_role_of_another_stack_gets_its_permissions_from_the_provider_s(
        self, app: cdk.App, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        theirs = cdk.Stack(app, "Theirs")
        provider = ConnectorRegistrationProvider(stack, "Provider", role=handler_role(theirs))

        register(stack, function, provider=provider, removal_policy=cdk.RemovalPolicy.DESTROY)

        app.synth()
        ours = Template.from_stack(stack)
        assert Template.from_stack(theirs).find_resources("AWS::IAM::Policy") == {}
        # The connector's, the handler's own and the one to unregister.
        ours.resource_count_is("AWS::IAM::ManagedPolicy", 1)
        ours.resource_count_is("AWS::IAM::Policy", 2)
        # The reference is to the stack whose template it stands in, which is the one whose events
        # the handler reads.
        look_back = {
            "Action": "cloudformation:DescribeStackEvents",
            "Effect": "Allow",
            "Resource": {"Ref": "AWS::StackId"},
        }
        ours.has_resource_properties(
            "AWS::IAM::Policy",
            {"PolicyDocument": {"Statement": Match.array_with([look_back])}},
        )

    def test_an_imported_role_is_left_as_it_is(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        arn = "arn:aws:iam::111122223333:role/handler"
        role = iam.Role.from_role_arn(stack, "Theirs", arn)
        provider = ConnectorRegistrationProvider(
            stack,
            "Provider",
            role=role,
            on_failure=destinations.SqsDestination(sqs.Queue(stack, "DeadLetters")),
            tracing=lambda_.Tracing.ACTIVE,
            vpc=ec2.Vpc(stack, "Vpc"),
        )

        register(stack, function, provider=provider, removal_policy=cdk.RemovalPolicy.DESTROY)

        template = Template.from_stack(stack)
        assert handlers(stack)[0]["Role"] == arn
        assert template.find_resources("AWS::IAM::Policy") == {}
        assert template.find_resources("AWS::IAM::ManagedPolicy") == {}

    def test_a_permissions_boundary_is_on_its_role(self, stack: cdk.Stack) -> None:
        boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "boundary")
        ConnectorRegistrationProvider(stack, "Provider", permissions_boundary=boundary)

        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Role", {"PermissionsBoundary": stack.resolve(boundary.managed_policy_arn)}
        )

    def test_a_key_encrypts_the_environment(self, stack: cdk.Stack) -> None:
        key = kms.Key(stack, "Key")
        ConnectorRegistrationProvider(stack, "Provider", environment_encryption=key)

        assert handlers(stack)[0]["KmsKeyArn"] == stack.resolve(key.key_arn)


class TestRefuses:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"runtime": lambda_.Runtime.PYTHON_3_9},
                "runtime is python3.9, but the handler needs Python 3.10 or newer. Choose a newer"
                " runtime, for example Runtime.PYTHON_3_13",
            ),
            (
                {"runtime": lambda_.Runtime.NODEJS_22_X},
                "runtime is nodejs22.x, but the handler needs Python 3.10 or newer. Choose a newer"
                " runtime, for example Runtime.PYTHON_3_13",
            ),
            (
                {"runtime": lambda_.Runtime.PYTHON_2_7},
                "runtime is python2.7, but the handler needs Python 3.10 or newer. Choose a newer"
                " runtime, for example Runtime.PYTHON_3_13",
            ),
            (
                {"memory_size": 127},
                "memory_size is 127 MiB, but Lambda accepts 128 to 10240. Choose a value in this"
                " range",
            ),
            (
                {"memory_size": 10_241},
                "memory_size is 10241 MiB, but Lambda accepts 128 to 10240. Choose a value in this"
                " range",
            ),
            (
                {"timeout": cdk.Duration.seconds(239)},
                "timeout is 239 seconds, but must be 240 to 900: the handler reserves the last 160"
                " seconds of an invocation for calls in progress and for its response, and Lambda"
                " ends an invocation after 15 minutes. Choose a value in this range",
            ),
            (
                {"timeout": cdk.Duration.seconds(901)},
                "timeout is 901 seconds, but must be 240 to 900: the handler reserves the last 160"
                " seconds of an invocation for calls in progress and for its response, and Lambda"
                " ends an invocation after 15 minutes. Choose a value in this range",
            ),
            (
                {"max_event_age": cdk.Duration.seconds(3301)},
                "max_event_age is 3301 seconds and timeout is 300, together 3601, but"
                " CloudFormation waits for at most 3600: an event that runs later would undo a"
                " rollback. Shorten one of them",
            ),
        ],
    )
    def test_what_the_handler_cannot_work_with(
        self, stack: cdk.Stack, settings: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", **settings)

    def test_no_value_that_is_known_at_deployment_only(self, stack: cdk.Stack) -> None:
        parameter = cdk.CfnParameter(stack, "Value", type="Number")
        value: Any = parameter.value_as_number

        ConnectorRegistrationProvider(
            stack,
            "Provider",
            memory_size=value,
            timeout=cdk.Duration.seconds(value),
            max_event_age=cdk.Duration.seconds(value),
        )

        assert handlers(stack)[0]["Timeout"] == {"Ref": "Value"}

    def test_a_retention_of_somebody_else_s_log_group(self, stack: cdk.Stack) -> None:
        group = logs.LogGroup(stack, "Logs")

        message = (
            "log_retention is given together with log_group, which has its own retention. Omit one"
            " of them"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(
                stack, "Provider", log_group=group, log_retention=logs.RetentionDays.ONE_DAY
            )

    def test_a_registration_of_another_stack(self, app: cdk.App) -> None:
        here, there = cdk.Stack(app, "Here"), cdk.Stack(app, "There")
        provider = ConnectorRegistrationProvider(there, "Provider")
        function = lambda_.Function.from_function_name(here, "Connector", "crm")

        message = (
            "provider is in stack There, but this registration is in stack Here. Create a provider"
            " in the registration's stack"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(here, function, provider=provider)


class TestServiceTimeout:
    def timeout(self, stack: cdk.Stack) -> str:
        [resource] = Template.from_stack(stack).find_resources(TYPE).values()
        return str(resource["Properties"]["ServiceTimeout"])

    def test_is_ten_minutes(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        register(stack, function)

        assert self.timeout(stack) == "600"

    def test_is_longer_if_the_provider_needs_longer(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        longer = ConnectorRegistrationProvider(
            stack, "Provider", max_event_age=cdk.Duration.minutes(55)
        )
        register(stack, function, provider=longer)

        assert self.timeout(stack) == "3600"

    def test_is_what_the_user_says(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        register(stack, function, service_timeout=cdk.Duration.minutes(30))

        assert self.timeout(stack) == "1800"

    @pytest.mark.parametrize("seconds", [599, 3601])
    def test_outside_its_limits_is_refused(
        self, stack: cdk.Stack, function: lambda_.Function, seconds: int
    ) -> None:
        message = (
            f"service_timeout is {seconds} seconds, but must be 600 to 3600: the provider's"
            " max_event_age and timeout add up to 600, an event that runs after the service timeout"
            " would undo a rollback, and CloudFormation waits for at most an hour. Choose a value"
            " in this range"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function, service_timeout=cdk.Duration.seconds(seconds))


def test_is_found_again_although_python_has_forgotten_it(stack: cdk.Stack) -> None:
    first = ConnectorRegistrationProvider.get_or_create(stack).node.path
    gc.collect()

    second = ConnectorRegistrationProvider.get_or_create(stack)

    assert isinstance(second, ConnectorRegistrationProvider)
    assert second.node.path == first
    assert second.handler.function_name
    assert len(handlers(stack)) == 1


def test_of_the_user_s_own_is_the_only_one(stack: cdk.Stack, function: lambda_.Function) -> None:
    provider = ConnectorRegistrationProvider(stack, "Provider", memory_size=1024)
    register(stack, function, provider=provider)

    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    assert [handler["MemorySize"] for handler in handlers(stack)] == [1024]
    assert resource["Properties"]["ServiceToken"] == stack.resolve(provider.handler.function_arn)
