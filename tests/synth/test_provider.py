"""The provider: the Lambda function that backs the registrations, and its settings."""

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
from aws_cdk import aws_signer as signer
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template
from cdk_appflow_connector import ConnectorRegistrationProvider

from tests.synth.support import TYPE, register

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
    """The properties of the functions that run the handler."""
    found = Template.from_stack(stack).find_resources(
        "AWS::Lambda::Function", {"Properties": {"Handler": HANDLER}}
    )
    return [resource["Properties"] for resource in found.values()]


def handler_role(stack: cdk.Stack) -> iam.Role:
    """A role that a user makes for the handler."""
    return iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def event_invoke_config(stack: cdk.Stack) -> dict[str, Any]:
    """The properties of the asynchronous invocation configuration."""
    [found] = Template.from_stack(stack).find_resources("AWS::Lambda::EventInvokeConfig").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


class TestDefaults:
    @pytest.fixture(autouse=True)
    def provider(self, stack: cdk.Stack) -> ConnectorRegistrationProvider:
        return ConnectorRegistrationProvider(stack, "Provider")

    def test_function_has_documented_values(self, stack: cdk.Stack) -> None:
        """The function has the documented defaults and nothing that costs more."""
        [handler] = handlers(stack)

        assert handler["Runtime"] == "python3.14"
        assert handler["Architectures"] == ["arm64"]
        assert handler["MemorySize"] == 512
        assert handler["Timeout"] == 300
        assert handler["LoggingConfig"]["LogFormat"] == "JSON"
        for name in (
            "VpcConfig",
            "KmsKeyArn",
            "TracingConfig",
            "Environment",
            "FunctionName",
            "DeadLetterConfig",
            "ReservedConcurrentExecutions",
            "CodeSigningConfigArn",
        ):
            assert name not in handler

    def test_events_live_five_minutes(self, stack: cdk.Stack) -> None:
        """Events live for five minutes and have no failure destination."""
        assert event_invoke_config(stack)["MaximumEventAgeInSeconds"] == 300
        assert "DestinationConfig" not in event_invoke_config(stack)

    def test_log_group_keeps_30_days(self, stack: cdk.Stack) -> None:
        """The log group keeps logs for 30 days and is deleted with the stack."""
        template = Template.from_stack(stack)
        template.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})
        template.has_resource("AWS::Logs::LogGroup", {"DeletionPolicy": "Delete"})

    def test_role_has_no_managed_policies(self, stack: cdk.Stack) -> None:
        """The role has no permissions boundary and no managed policies."""
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
            ({"function_name": "acme_Handler-1"}, {"FunctionName": "acme_Handler-1"}),
            ({"function_name": "n" * 64}, {"FunctionName": "n" * 64}),
            ({"reserved_concurrent_executions": 1}, {"ReservedConcurrentExecutions": 1}),
        ],
    )
    def test_function_setting_is_applied(
        self, stack: cdk.Stack, settings: dict[str, Any], wanted: dict[str, Any]
    ) -> None:
        """A setting of the function sets the property of the function."""
        ConnectorRegistrationProvider(stack, "Provider", **settings)

        assert wanted.items() <= handlers(stack)[0].items()

    def test_network_is_applied(self, stack: cdk.Stack) -> None:
        """The function is in the given subnets and security groups."""
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
    def test_vpc_role_may_manage_interfaces(self, stack: cdk.Stack, own: bool) -> None:
        """In a VPC the role may manage network interfaces before the function is created."""
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
        # Lambda refuses a function in a VPC until its role has these permissions.
        template.has_resource(
            "AWS::Lambda::Function",
            {"Properties": {"Handler": HANDLER}, "DependsOn": Match.array_with([name])},
        )

    def test_event_age_and_destination_are_applied(self, stack: cdk.Stack) -> None:
        """The maximum event age and the failure destination are applied."""
        dead_letters = sqs.Queue(stack, "DeadLetters")
        ConnectorRegistrationProvider(
            stack,
            "Provider",
            max_event_age=cdk.Duration.minutes(2),
            on_failure=destinations.SqsDestination(dead_letters),
        )

        assert event_invoke_config(stack)["MaximumEventAgeInSeconds"] == 120
        destination = event_invoke_config(stack)["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination == stack.resolve(dead_letters.queue_arn)

    def test_log_retention_is_applied(self, stack: cdk.Stack) -> None:
        """The log retention is that of the log group."""
        ConnectorRegistrationProvider(stack, "Provider", log_retention=logs.RetentionDays.ONE_YEAR)

        Template.from_stack(stack).has_resource_properties(
            "AWS::Logs::LogGroup", {"RetentionInDays": 365}
        )

    def test_given_log_group_is_used(self, stack: cdk.Stack) -> None:
        """The function logs to a given log group, and no other is created."""
        group = logs.LogGroup(stack, "Logs")
        ConnectorRegistrationProvider(stack, "Provider", log_group=group)

        Template.from_stack(stack).resource_count_is("AWS::Logs::LogGroup", 1)
        used = handlers(stack)[0]["LoggingConfig"]["LogGroup"]
        assert used == stack.resolve(group.log_group_name)

    def test_given_role_gets_the_base_statements(self, stack: cdk.Stack) -> None:
        """A given role is used and gets the statements that every handler needs."""
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

    def test_role_of_another_stack_gets_policies_here(
        self, app: cdk.App, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A role of another stack gets its policies in the provider's stack."""
        theirs = cdk.Stack(app, "Theirs")
        provider = ConnectorRegistrationProvider(stack, "Provider", role=handler_role(theirs))

        register(stack, function, provider=provider, removal_policy=cdk.RemovalPolicy.DESTROY)

        app.synth()
        ours = Template.from_stack(stack)
        assert Template.from_stack(theirs).find_resources("AWS::IAM::Policy") == {}
        # The connector's policy, the handler's, and the one to unregister.
        ours.resource_count_is("AWS::IAM::Policy", 3)
        # AWS::StackId is the id of the stack with the policy, whose events the handler reads.
        read_events = {
            "Action": "cloudformation:DescribeStackEvents",
            "Effect": "Allow",
            "Resource": {"Ref": "AWS::StackId"},
        }
        ours.has_resource_properties(
            "AWS::IAM::Policy",
            {"PolicyDocument": {"Statement": Match.array_with([read_events])}},
        )

    def test_imported_role_is_not_changed(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """An imported role gets no policies."""
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

    def test_permissions_boundary_is_applied(self, stack: cdk.Stack) -> None:
        """The permissions boundary is set on the role."""
        boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "boundary")
        ConnectorRegistrationProvider(stack, "Provider", permissions_boundary=boundary)

        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Role", {"PermissionsBoundary": stack.resolve(boundary.managed_policy_arn)}
        )

    @pytest.mark.parametrize("name", ["acme-handler", "token"])
    def test_names_are_applied(self, stack: cdk.Stack, name: str) -> None:
        """Function and role have the given names, which may be deploy-time values."""
        if name == "token":
            name = f"acme-{cdk.Aws.REGION}"
        ConnectorRegistrationProvider(stack, "Provider", function_name=name, role_name=name)

        assert handlers(stack)[0]["FunctionName"] == stack.resolve(name)
        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Role", {"RoleName": stack.resolve(name)}
        )

    def test_code_signing_is_applied(self, stack: cdk.Stack) -> None:
        """The code signing configuration is that of the function."""
        profile = signer.SigningProfile(
            stack, "Profile", platform=signer.Platform.AWS_LAMBDA_SHA384_ECDSA
        )
        config = lambda_.CodeSigningConfig(stack, "Config", signing_profiles=[profile])
        ConnectorRegistrationProvider(stack, "Provider", code_signing_config=config)

        used = handlers(stack)[0]["CodeSigningConfigArn"]
        assert used == stack.resolve(config.code_signing_config_arn)

    def test_environment_is_applied(self, stack: cdk.Stack) -> None:
        """The environment variables are those of the function."""
        variables = {"HTTPS_PROXY": "http://proxy.acme.example:3128", "NO_PROXY": ".acme.example"}
        ConnectorRegistrationProvider(stack, "Provider", environment=variables)

        assert handlers(stack)[0]["Environment"] == {"Variables": variables}

    def test_environment_value_may_be_a_token(self, stack: cdk.Stack) -> None:
        """The value of an environment variable may be a deploy-time value."""
        proxy = cdk.CfnParameter(stack, "Proxy").value_as_string
        ConnectorRegistrationProvider(stack, "Provider", environment={"HTTPS_PROXY": proxy})

        variables = handlers(stack)[0]["Environment"]["Variables"]
        assert variables == {"HTTPS_PROXY": {"Ref": "Proxy"}}

    def test_environment_key_is_applied(self, stack: cdk.Stack) -> None:
        """The key encrypts the function's environment."""
        key = kms.Key(stack, "Key")
        ConnectorRegistrationProvider(stack, "Provider", environment_encryption=key)

        assert handlers(stack)[0]["KmsKeyArn"] == stack.resolve(key.key_arn)


class TestInvalidSettings:
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
            (
                {"max_event_age": cdk.Duration.seconds(59)},
                "max_event_age is 59 seconds, but Lambda accepts no less than 60. Choose a longer"
                " time",
            ),
            (
                {"reserved_concurrent_executions": 0},
                "reserved_concurrent_executions is 0, but must be at least 1: with 0, Lambda never"
                " runs the handler, so that every deployment waits until its service timeout."
                " Choose a greater number, or omit it",
            ),
            (
                {"reserved_concurrent_executions": -1},
                "reserved_concurrent_executions is -1, but must be at least 1: with 0, Lambda never"
                " runs the handler, so that every deployment waits until its service timeout."
                " Choose a greater number, or omit it",
            ),
        ],
    )
    def test_unusable_value_is_refused(
        self, stack: cdk.Stack, settings: dict[str, Any], message: str
    ) -> None:
        """A value that Lambda or the handler cannot work with raises an error."""
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", **settings)

    @pytest.mark.parametrize(
        "name", ["AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "_HANDLER", "LAMBDA_TASK_ROOT"]
    )
    def test_reserved_variable_is_refused(self, stack: cdk.Stack, name: str) -> None:
        """An environment variable that Lambda sets itself raises an error."""
        message = (
            f"environment contains {name}, but Lambda reserves this name and sets the variable"
            " itself. Remove it"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", environment={name: "value"})

    @pytest.mark.parametrize("name", ["", "x", "1ST", "NO-PROXY", "ÜBER"])
    def test_invalid_variable_is_refused(self, stack: cdk.Stack, name: str) -> None:
        """A name of an environment variable that Lambda rejects raises an error with the rules."""
        message = (
            f"environment contains the name {name!r}, but Lambda accepts 2 or more characters: a"
            " letter first, then letters, digits and _ only. Rename the variable"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", environment={name: "value"})

    def test_variable_that_is_no_text_is_refused(self, stack: cdk.Stack) -> None:
        """A value of an environment variable that is no text raises an error."""
        variables: dict[str, Any] = {"PORT": 3128}

        message = (
            "environment contains PORT with the value 3128, but Lambda accepts only text. Pass"
            " '3128'"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", environment=variables)

    @pytest.mark.parametrize("unit", ["seconds", "minutes"])
    @pytest.mark.parametrize("name", ["timeout", "max_event_age"])
    def test_deploy_time_time_is_refused(self, stack: cdk.Stack, name: str, unit: str) -> None:
        """A time that only the deployment knows is refused, in any unit."""
        value: Any = cdk.CfnParameter(stack, "Value", type="Number").value_as_number
        duration = getattr(cdk.Duration, unit)(value)

        message = (
            f"{name} is a token, whose value is only known at deploy time, but synthesis compares"
            " the times of the handler, of its events and of CloudFormation: an event that runs"
            " later would undo a rollback. Pass a Duration of known length, for example"
            " Duration.minutes(10), or one from the app's context"
        )
        settings: dict[str, Any] = {name: duration}
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", **settings)

    @pytest.mark.parametrize("name", ["timeout", "max_event_age"])
    def test_part_of_a_second_is_refused(self, stack: cdk.Stack, name: str) -> None:
        """A time that is no whole number of seconds raises an error."""
        settings: dict[str, Any] = {name: cdk.Duration.millis(300_500)}

        message = f"{name} is 300.5 seconds, but must be a whole number of seconds. Round it"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", **settings)

    @pytest.mark.parametrize(
        ("name", "property_name"),
        [
            ("memory_size", "MemorySize"),
            ("reserved_concurrent_executions", "ReservedConcurrentExecutions"),
        ],
    )
    def test_deploy_time_number_is_accepted(
        self, stack: cdk.Stack, name: str, property_name: str
    ) -> None:
        """A number that Lambda checks at the deployment may be a token."""
        parameter = cdk.CfnParameter(stack, "Value", type="Number")
        settings: dict[str, Any] = {name: parameter.value_as_number}

        ConnectorRegistrationProvider(stack, "Provider", **settings)

        assert handlers(stack)[0][property_name] == {"Ref": "Value"}

    @pytest.mark.parametrize("name", ["vpc_subnets", "security_groups"])
    def test_network_without_its_vpc_is_refused(self, stack: cdk.Stack, name: str) -> None:
        """A part of a network without its VPC raises an error."""
        group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0a1b2c3d")
        settings: dict[str, Any] = {
            "vpc_subnets": ec2.SubnetSelection(one_per_az=True),
            "security_groups": [group],
        }

        message = (
            f"{name} is given without vpc, so the function would be in no network. Pass the VPC"
            " that it belongs to as vpc, or omit it"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", **{name: settings[name]})

    @pytest.mark.parametrize(
        ("argument", "service", "letters"),
        [
            ("function_name", "Lambda", "letters, digits, - and _"),
            ("role_name", "IAM", "letters, digits and + = , . @ - _"),
        ],
    )
    @pytest.mark.parametrize("name", ["", "a b", "a/b", "n" * 65, "ünter"])
    def test_invalid_name_is_refused(
        self, stack: cdk.Stack, argument: str, service: str, letters: str, name: str
    ) -> None:
        """A name that Lambda or IAM refuses raises an error with the rules."""
        settings: dict[str, Any] = {argument: name}

        message = (
            f"{argument} is {name!r}, but {service} accepts 1 to 64 characters: {letters} only."
            " Choose another name"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(stack, "Provider", **settings)

    def test_name_of_a_given_role_is_refused(self, stack: cdk.Stack) -> None:
        """``role_name`` cannot be combined with ``role``."""
        message = "role_name is given together with role, which has its own name. Omit one of them"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(
                stack, "Provider", role=handler_role(stack), role_name="handler"
            )

    def test_retention_with_log_group_is_refused(self, stack: cdk.Stack) -> None:
        """``log_retention`` cannot be combined with ``log_group``."""
        group = logs.LogGroup(stack, "Logs")

        message = (
            "log_retention is given together with log_group, which has its own retention. Omit one"
            " of them"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            ConnectorRegistrationProvider(
                stack, "Provider", log_group=group, log_retention=logs.RetentionDays.ONE_DAY
            )

    def test_registration_of_another_stack_is_refused(self, app: cdk.App) -> None:
        """A registration cannot use a provider of another stack."""
        here, there = cdk.Stack(app, "Here"), cdk.Stack(app, "There")
        provider = ConnectorRegistrationProvider(there, "Provider")
        function = lambda_.Function.from_function_name(here, "Connector", "crm")

        message = (
            "provider is in stack There, but this registration is in stack Here. Create a provider"
            " in the registration's stack"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(here, function, provider=provider)


class TestDeadLetterQueue:
    @staticmethod
    def statements(stack: cdk.Stack) -> list[dict[str, Any]]:
        """The statements about queues and keys of all inline policies."""
        return [
            statement
            for policy in Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if re.search("sqs|kms", str(statement["Action"]))
        ]

    @pytest.mark.parametrize("own", [True, False])
    def test_may_be_sent_to_and_no_more(self, stack: cdk.Stack, own: bool) -> None:
        """The role may send messages to this queue, and may do nothing else with any queue."""
        queue = sqs.Queue(stack, "Queue")
        role = None if own else handler_role(stack)
        ConnectorRegistrationProvider(stack, "Provider", dead_letter_queue=queue, role=role)

        arn = stack.resolve(queue.queue_arn)
        assert handlers(stack)[0]["DeadLetterConfig"] == {"TargetArn": arn}
        assert self.statements(stack) == [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
        ]

    def test_key_may_be_used_to_send_and_no_more(self, stack: cdk.Stack) -> None:
        """The role may use the key of an encrypted queue as a sender needs it."""
        key = kms.Key(stack, "Key")
        queue = sqs.Queue(stack, "Queue", encryption_master_key=key)
        ConnectorRegistrationProvider(stack, "Provider", dead_letter_queue=queue)

        assert self.statements(stack) == [
            {
                "Effect": "Allow",
                "Action": "sqs:SendMessage",
                "Resource": stack.resolve(queue.queue_arn),
            },
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": stack.resolve(key.key_arn),
            },
        ]

    @pytest.mark.parametrize("encrypted", [False, True])
    def test_leaves_an_imported_role_alone(self, stack: cdk.Stack, encrypted: bool) -> None:
        """An imported role gets no permission for the queue or its key."""
        key = kms.Key(stack, "Key") if encrypted else None
        role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/handler")
        ConnectorRegistrationProvider(
            stack,
            "Provider",
            dead_letter_queue=sqs.Queue(stack, "Queue", encryption_master_key=key),
            role=role,
        )

        assert self.statements(stack) == []
        assert "role/handler" not in str(Template.from_stack(stack).find_resources("AWS::KMS::Key"))

    def test_may_be_imported(self, stack: cdk.Stack) -> None:
        """The queue may be one of elsewhere."""
        arn = "arn:aws:sqs:us-east-1:111122223333:dead-letters"
        queue = sqs.Queue.from_queue_arn(stack, "Queue", arn)
        ConnectorRegistrationProvider(stack, "Provider", dead_letter_queue=queue)

        assert handlers(stack)[0]["DeadLetterConfig"] == {"TargetArn": arn}
        assert self.statements(stack) == [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
        ]


class TestServiceTimeout:
    @staticmethod
    def timeout(stack: cdk.Stack) -> str:
        [resource] = Template.from_stack(stack).find_resources(TYPE).values()
        return str(resource["Properties"]["ServiceTimeout"])

    def test_is_ten_minutes_by_default(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The service timeout is ten minutes by default."""
        register(stack, function)

        assert self.timeout(stack) == "600"

    def test_covers_the_providers_event_age(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The service timeout covers a longer event age of the provider."""
        longer = ConnectorRegistrationProvider(
            stack, "Provider", max_event_age=cdk.Duration.minutes(55)
        )
        register(stack, function, provider=longer)

        assert self.timeout(stack) == "3600"

    def test_argument_is_applied(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The argument sets the service timeout."""
        register(stack, function, service_timeout=cdk.Duration.minutes(30))

        assert self.timeout(stack) == "1800"

    @pytest.mark.parametrize("seconds", [599, 3601])
    def test_value_outside_its_limits_is_refused(
        self, stack: cdk.Stack, function: lambda_.Function, seconds: int
    ) -> None:
        """A service timeout outside its limits raises an error with the limits."""
        message = (
            f"service_timeout is {seconds} seconds, but must be 600 to 3600: the provider's"
            " max_event_age and timeout add up to 600, an event that runs after the service timeout"
            " would undo a rollback, and CloudFormation waits for at most an hour. Choose a value"
            " in this range"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function, service_timeout=cdk.Duration.seconds(seconds))

    @pytest.mark.parametrize("unit", ["seconds", "minutes"])
    def test_deploy_time_value_is_refused(
        self, stack: cdk.Stack, function: lambda_.Function, unit: str
    ) -> None:
        """A service timeout that only the deployment knows is refused, in any unit."""
        value: Any = cdk.CfnParameter(stack, "Value", type="Number").value_as_number

        with pytest.raises(
            ValueError, match=r"^service_timeout is a token, whose value is only kn"
        ):
            register(stack, function, service_timeout=getattr(cdk.Duration, unit)(value))

    def test_part_of_a_second_is_refused(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A service timeout that is no whole number of seconds raises an error."""
        message = "service_timeout is 900.5 seconds, but must be a whole number of seconds."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            register(stack, function, service_timeout=cdk.Duration.millis(900_500))


def test_get_or_create_finds_the_provider_again(stack: cdk.Stack) -> None:
    """``get_or_create`` returns the stack's provider although no variable holds it."""
    first = ConnectorRegistrationProvider.get_or_create(stack).node.path
    gc.collect()

    second = ConnectorRegistrationProvider.get_or_create(stack)

    assert isinstance(second, ConnectorRegistrationProvider)
    assert second.node.path == first
    assert second.handler.function_name
    assert len(handlers(stack)) == 1


def test_given_provider_is_the_only_one(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A registration with a given provider makes no other handler."""
    provider = ConnectorRegistrationProvider(stack, "Provider", memory_size=1024)
    register(stack, function, provider=provider)

    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    assert [handler["MemorySize"] for handler in handlers(stack)] == [1024]
    assert resource["Properties"]["ServiceToken"] == stack.resolve(provider.handler.function_arn)
