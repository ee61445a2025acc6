"""Synthesise an app with connectors of one kind: ``growth_app KIND NUMBER OUT [--with-asset]``.

Every kind begins with the constructs of the connectors' functions. They are imported, because the
resources of 200 functions do not fit into a stack. With ``--with-asset`` the stack also has a
function whose code is an asset. The app prints the seconds that the constructs and the synthesis
took, without the CDK's start.
"""

import argparse
import time
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as cr
from cdk_appflow_connector import ConnectorRegistration, _synthesis_checks

ACCOUNT, REGION = "111122223333", "us-east-1"

# The connectors' functions by the labels of the connectors.
Connectors = dict[str, lambda_.IFunction]


def functions(stack: cdk.Stack, number: int) -> Connectors:
    """Import the function of each connector."""
    names = [f"connector-{n:03d}" for n in range(number)]
    return {
        f"acme-{name}": lambda_.Function.from_function_arn(
            stack, name, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        )
        for name in names
    }


def native(stack: cdk.Stack, connectors: Connectors) -> None:
    """Make an AWS::AppFlow::Connector for each connector."""
    for number, (label, function) in enumerate(connectors.items()):
        arn = function.function_arn
        provisioning = appflow.CfnConnector.ConnectorProvisioningConfigProperty(
            lambda_=appflow.CfnConnector.LambdaConnectorProvisioningConfigProperty(lambda_arn=arn)
        )
        connector = appflow.CfnConnector(
            stack,
            f"Connector{number}",
            connector_label=label,
            connector_provisioning_type="LAMBDA",
            connector_provisioning_config=provisioning,
        )
        connector.node.add_dependency(permission(stack, number, arn))


def sdk_calls(stack: cdk.Stack, connectors: Connectors) -> None:
    """Make an AwsCustomResource for each connector."""
    for number, (label, function) in enumerate(connectors.items()):
        arn = function.function_arn
        call = cr.AwsSdkCall(
            service="AppFlow",
            action="updateConnectorRegistration",
            parameters={
                "connectorLabel": label,
                "connectorProvisioningConfig": {"lambda": {"lambdaArn": arn}},
            },
            physical_resource_id=cr.PhysicalResourceId.of(label),
        )
        resource = cr.AwsCustomResource(
            stack,
            f"Registration{number}",
            on_update=call,
            install_latest_aws_sdk=False,
            policy=cr.AwsCustomResourcePolicy.from_statements(statements(stack, label, arn)),
        )
        resource.node.add_dependency(permission(stack, number, arn))


def provider(stack: cdk.Stack, connectors: Connectors, *, has_logs: bool = False) -> None:
    """Make one Provider and a CustomResource for each connector, perhaps with log groups."""
    on_event_logs, provider_logs = (
        logs.LogGroup(stack, name, retention=logs.RetentionDays.ONE_MONTH) if has_logs else None
        for name in ("OnEventLogs", "ProviderLogs")
    )
    on_event = lambda_.Function(
        stack,
        "OnEvent",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
        log_group=on_event_logs,
    )
    arns = {label: function.function_arn for label, function in connectors.items()}
    for label, arn in arns.items():
        for statement in statements(stack, label, arn):
            on_event.add_to_role_policy(statement)
    token = cr.Provider(
        stack, "Provider", on_event_handler=on_event, log_group=provider_logs
    ).service_token
    for number, (label, arn) in enumerate(arns.items()):
        properties = {"ConnectorLabel": label, "LambdaArn": arn}
        resource = cdk.CustomResource(
            stack, f"Registration{number}", service_token=token, properties=properties
        )
        resource.node.add_dependency(permission(stack, number, arn))


def ours(stack: cdk.Stack, connectors: Connectors) -> None:
    """Make a ConnectorRegistration for each connector."""
    for number, (label, function) in enumerate(connectors.items()):
        ConnectorRegistration(
            stack,
            f"Registration{number}",
            connector_label=label,
            connector_function=function,
            triggers={"Release": "1"},
        )


def provider_with_logs(stack: cdk.Stack, connectors: Connectors) -> None:
    """Make a Provider whose functions have log groups, as that of ConnectorRegistration has."""
    provider(stack, connectors, has_logs=True)


def unchecked(stack: cdk.Stack, connectors: Connectors) -> None:
    """Make a ConnectorRegistration for each connector, whose templates are not checked."""
    setattr(_synthesis_checks._Checks, "validate", lambda _: [])  # noqa: B010 - mypy refuses it
    ours(stack, connectors)


def permission(stack: cdk.Stack, number: int, arn: str) -> lambda_.CfnPermission:
    """AppFlow's permission to invoke a function, as ConnectorRegistration adds it."""
    return lambda_.CfnPermission(
        stack,
        f"Permission{number}",
        action="lambda:InvokeFunction",
        function_name=arn,
        principal="appflow.amazonaws.com",
        source_account=ACCOUNT,
        source_arn=f"arn:aws:appflow:{REGION}:{ACCOUNT}:*",
    )


def statements(stack: cdk.Stack, label: str, arn: str) -> list[iam.PolicyStatement]:
    """What an update of one connector needs, on that connector only."""
    connector = stack.format_arn(service="appflow", resource="connector", resource_name=label)
    return [
        iam.PolicyStatement(actions=["appflow:UpdateConnectorRegistration"], resources=[connector]),
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[arn]),
    ]


def add_function(stack: cdk.Stack) -> None:
    """Add a function whose code is an asset, as most functions have."""
    lambda_.Function(
        stack,
        "Other",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).with_name("containers"))),
    )


KINDS = {
    "native": native,
    "sdk-calls": sdk_calls,
    "provider": provider,
    "provider-with-logs": provider_with_logs,
    "unchecked": unchecked,
    "ours": ours,
}


def main() -> None:
    """Make and synthesise the app."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("number", type=int)
    parser.add_argument("out")
    parser.add_argument("--with-asset", action="store_true")
    arguments = parser.parse_args()
    began = time.perf_counter()
    app = cdk.App(outdir=arguments.out)
    stack = cdk.Stack(app, "Growth")
    if arguments.with_asset:
        add_function(stack)
    KINDS[arguments.kind](stack, functions(stack, arguments.number))
    app.synth()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
