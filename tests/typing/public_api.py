"""Only type-checked, never run: what the types accept, and what they refuse.

A wrong line has the ignores of mypy and pyright. If the types no longer refuse it, both report an
unused ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from cdk_appflow_connector import (
    Adoption,
    ConnectorRegistration,
    ConnectorRegistrationProvider,
    IConnectorRegistration,
    OnBreakingChange,
)
from typing_extensions import assert_type


def every_argument_of_a_registration(
    stack: cdk.Stack, connector: lambda_.IFunction, triggers: Mapping[str, Any], key: kms.IKey
) -> None:
    registration = ConnectorRegistration(
        stack,
        "Registration",
        connector_label="acme-crm",
        connector_function=connector,
        description="Acme CRM connector",
        removal_policy=cdk.RemovalPolicy.DESTROY,
        force_delete=True,
        adoption=Adoption.REQUIRED,
        refresh_on_code_change=True,
        triggers=triggers,
        refresh_on_external_change=True,
        reconcile_every=cdk.Duration.hours(6),
        on_breaking_change=OnBreakingChange.FAIL,
        acknowledged_changes=["API_VERSION_REMOVED:v51.0"],
        skip_permissions=True,
        service_timeout=cdk.Duration.minutes(20),
        provider=ConnectorRegistrationProvider.get_or_create(stack),
    )
    assert_type(registration.connector_arn, str)
    assert_type(registration.connector_label, str)
    assert_type(registration.grant_read_credentials(connector), iam.Grant)
    assert_type(registration.grant_read_credentials(connector, encryption_key=key), iam.Grant)


def changes_outside_of_deployments(
    stack: cdk.Stack, connector: lambda_.IFunction, registration: ConnectorRegistration
) -> None:
    ConnectorRegistration(
        stack,
        "WithoutSchedule",
        connector_label="acme-crm",
        connector_function=connector,
        refresh_on_external_change=True,
        reconcile_every=None,
    )
    metric = registration.metric_breaking_changes(
        statistic="Maximum", period=cdk.Duration.hours(1), label="Broken", color="#d62728"
    )
    assert_type(metric, cloudwatch.Metric)
    assert_type(registration.metric_breaking_changes(), cloudwatch.Metric)


def a_registration_is_a_resource(registration: ConnectorRegistration) -> None:
    assert_type(registration.stack, cdk.Stack)
    assert_type(registration.env.region, str)
    registration.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
    assert_type(registration.node.path, str)


def every_argument_of_a_provider(
    stack: cdk.Stack,
    role: iam.IRole,
    boundary: iam.IManagedPolicy,
    log_group: logs.ILogGroup,
    vpc: ec2.IVpc,
    group: ec2.ISecurityGroup,
    environment: Mapping[str, str],
    key: kms.IKey,
    destination: lambda_.IDestination,
    queue: sqs.IQueue,
    code_signing: lambda_.ICodeSigningConfig,
) -> None:
    provider = ConnectorRegistrationProvider(
        stack,
        "Provider",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.X86_64,
        memory_size=512,
        timeout=cdk.Duration.minutes(5),
        max_event_age=cdk.Duration.minutes(2),
        on_failure=destination,
        dead_letter_queue=queue,
        function_name="acme-handler",
        reserved_concurrent_executions=10,
        code_signing_config=code_signing,
        role=role,
        role_name="acme-handler",
        permissions_boundary=boundary,
        log_group=log_group,
        log_retention=logs.RetentionDays.ONE_WEEK,
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(one_per_az=True),
        security_groups=[group],
        environment=environment,
        environment_encryption=key,
        tracing=lambda_.Tracing.ACTIVE,
    )
    assert_type(provider.handler, lambda_.Function)
    assert_type(provider.service_token, str)


def a_connector_of_elsewhere(stack: cdk.Stack) -> None:
    connector = ConnectorRegistration.from_connector_label(stack, "Crm", "acme-crm")
    assert_type(connector, IConnectorRegistration)
    assert_type(connector.connector_arn, str)


def wants_a_connector(connector: IConnectorRegistration) -> str:
    return connector.connector_label


def both_kinds_are_connectors(
    ours: ConnectorRegistration, theirs: IConnectorRegistration
) -> tuple[str, str]:
    return wants_a_connector(ours), wants_a_connector(theirs)


def every_kind_of_function_is_a_connector(
    stack: cdk.Stack, function: lambda_.Function, alias: lambda_.Alias, version: lambda_.Version
) -> None:
    # mypy accepts them. pyright refuses them wherever the CDK expects an interface. Once it accepts
    # them, pyproject.toml no longer needs to switch rules off for code that uses the CDK.
    ConnectorRegistration(
        stack,
        "Function",
        connector_label="function",
        connector_function=function,  # pyright: ignore[reportArgumentType]
    )
    ConnectorRegistration(
        stack,
        "Alias",
        connector_label="alias",
        connector_function=alias,  # pyright: ignore[reportArgumentType]
    )
    ConnectorRegistration(
        stack,
        "Version",
        connector_label="version",
        connector_function=version,  # pyright: ignore[reportArgumentType]
    )


def every_resource_of_a_function_is_a_connector(
    stack: cdk.Stack,
    function: lambda_.CfnFunction,
    alias: lambda_.CfnAlias,
    version: lambda_.CfnVersion,
    included: cdk.CfnResource,
) -> None:
    for label, resource in enumerate((function, alias, version, included)):
        ConnectorRegistration(
            stack, f"Resource{label}", connector_label=f"acme-{label}", connector_function=resource
        )
    ConnectorRegistration(
        stack, "Function", connector_label="function", connector_function=function
    )


def what_is_refused(stack: cdk.Stack, connector: lambda_.IFunction) -> None:
    # A label and a function are required.
    ConnectorRegistration(stack, "A", connector_label="acme-crm")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ConnectorRegistration(stack, "B", connector_function=connector)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    # Arguments have names.
    ConnectorRegistration(stack, "C", "acme-crm", connector)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    # The function is a construct and not an ARN.
    ConnectorRegistration(
        stack,
        "D",
        connector_label="acme-crm",
        connector_function="arn:aws:lambda:us-east-1:111122223333:function:crm",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    # Choices are members of enumerations.
    ConnectorRegistration(
        stack,
        "E",
        connector_label="acme-crm",
        connector_function=connector,
        adoption="Required",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    # Times have a unit.
    ConnectorRegistration(
        stack,
        "F",
        connector_label="acme-crm",
        connector_function=connector,
        service_timeout=600,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    ConnectorRegistrationProvider(
        stack,
        "G",
        timeout=240,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    # Environment variables are text.
    ConnectorRegistrationProvider(
        stack,
        "I",
        environment={"PORT": 3128},  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    )
    # Concurrency is a number, and a queue is a construct.
    ConnectorRegistrationProvider(
        stack,
        "J",
        reserved_concurrent_executions="1",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        dead_letter_queue="arn:aws:sqs:us-east-1:111122223333:dead-letters",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    # No argument has this name.
    ConnectorRegistrationProvider(
        stack,
        "H",
        memory=256,  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    )


def what_cannot_be_set(registration: ConnectorRegistration) -> None:
    registration.connector_label = "another"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    registration.connector_arn = "another"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
