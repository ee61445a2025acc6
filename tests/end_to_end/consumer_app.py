"""An app with a connector for every kind of Lambda function that the construct accepts.

Environment variables: ``CONNECTOR_VERSION`` is the version of the connectors' code, and ``PREFIX``
the beginning of all names. ``WITHOUT_ALIAS``, ``RENAMED`` and ``SIBLING_FAILS`` remove a connector,
change the label of one, and add resources that fail.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tests.support import connector

version = os.environ["CONNECTOR_VERSION"]
prefix = os.environ["PREFIX"]
env = cdk.Environment(
    account=os.environ["CDK_DEFAULT_ACCOUNT"], region=os.environ["CDK_DEFAULT_REGION"]
)
functions = f"arn:aws:lambda:{env.region}:{env.account}:function"

app = cdk.App()
stack = cdk.Stack(app, "Consumer", env=env, stack_name=f"{prefix}consumer")
another_stack = cdk.Stack(app, "Another", env=env, stack_name=f"{prefix}another")


def function(name: str, scope: cdk.Stack = stack) -> lambda_.Function:
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(connector(version)),
    )


by_alias = function("ByAlias")
imported = f"{functions}:{prefix}external"
connectors: dict[str, lambda_.IFunction] = {
    "by-function": function("ByFunction"),
    "by-alias": lambda_.Alias(stack, "Live", alias_name="live", version=by_alias.current_version),
    "by-version": function("ByVersion").current_version,
    "by-stack": function("ByStack", another_stack),
    "by-import": lambda_.Function.from_function_arn(stack, "Imported", imported),
}
if "WITHOUT_ALIAS" in os.environ:
    del connectors["by-alias"]
if "RENAMED" in os.environ:
    connectors["by-another-name"] = connectors.pop("by-version")

for label, target in connectors.items():
    registration = ConnectorRegistration(
        stack,
        # A new label does not change the id of the construct.
        label.replace("another-name", "version"),
        connector_label=prefix + label,
        connector_function=target,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    cdk.CfnOutput(stack, f"{label}-arn", value=registration.connector_arn)
    if "SIBLING_FAILS" in os.environ:
        missing = f"{functions}:{prefix}missing"
        failing = cdk.CustomResource(stack, f"{label}-failing", service_token=missing)
        failing.node.add_dependency(registration)

app.synth()
