"""The Lambda function that answers CloudFormation for all connectors of a stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs import Construct

from ._handler_asset import ENTRY_POINT, handler_code

# The construct ids below make the logical ids of deployed stacks: CloudFormation refuses a custom
# resource whose provider is replaced, so none of them may ever change.
_ID = "AppFlowConnectorRegistrationProvider"
_FUNCTION_ID = "Function"

# Enough for a minute of IAM propagation, for a slow connector, and for the 102 seconds before the
# end in which the handler begins nothing new.
_HANDLER_TIMEOUT = cdk.Duration.minutes(4)

# How old an event may be when Lambda runs it, be it late or for a second time after a crash.
_LONGEST_IN_QUEUE = cdk.Duration.minutes(5)

SERVICE_TIMEOUT = cdk.Duration.minutes(10)
"""How long CloudFormation waits for an answer, instead of its default of an hour. It is longer than
the two durations above together: no event may run after CloudFormation has given it up and rolled
back, or it would bring back what was rolled back."""


def handler_function(scope: Construct) -> lambda_.Function:
    """The stack's handler function, made on first use."""
    stack = cdk.Stack.of(scope)
    provider = stack.node.try_find_child(_ID) or _make_provider(stack)
    function = provider.node.find_child(_FUNCTION_ID)
    assert isinstance(function, lambda_.Function)
    return function


def _make_provider(stack: cdk.Stack) -> Construct:
    provider = Construct(stack, _ID)
    log_group = logs.LogGroup(
        provider,
        "LogGroup",
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    lambda_.Function(
        provider,
        _FUNCTION_ID,
        description="Keeps AppFlow connector registrations current (cdk-appflow-connector)",
        code=handler_code(provider),
        handler=ENTRY_POINT,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=256,
        timeout=_HANDLER_TIMEOUT,
        max_event_age=_LONGEST_IN_QUEUE,
        log_group=log_group,
        role=_make_role(provider, log_group),
    )
    return provider


def _make_role(provider: Construct, log_group: logs.LogGroup) -> iam.Role:
    role = iam.Role(
        provider,
        "Role",
        description="What the handler of AppFlow connector registrations may do",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    log_group.grant_write(role)
    # The one action that IAM cannot limit to a connector: it has no resource type in the service
    # authorization reference of AppFlow.
    role.add_to_policy(iam.PolicyStatement(actions=["appflow:RegisterConnector"], resources=["*"]))
    # A rollback asks whether the update before it has ended.
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["cloudformation:DescribeStackEvents"], resources=[cdk.Aws.STACK_ID]
        )
    )
    return role
