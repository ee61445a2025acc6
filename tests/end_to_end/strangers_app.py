"""An app as somebody else would write it: every kind of function that can be a connector.

The environment says which version of the connectors' code to deploy, how all names begin, and what
else there is to it.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tests.support import connector

version = os.environ["CONNECTOR_VERSION"]
prefix = os.environ["PREFIX"]
here = cdk.Environment(
    account=os.environ["CDK_DEFAULT_ACCOUNT"], region=os.environ["CDK_DEFAULT_REGION"]
)
functions = f"arn:aws:lambda:{here.region}:{here.account}:function"

app = cdk.App()
stack = cdk.Stack(app, "Stranger", env=here, stack_name=f"{prefix}stranger")
another_stack = cdk.Stack(app, "Another", env=here, stack_name=f"{prefix}another")


def function(name: str, scope: cdk.Stack = stack) -> lambda_.Function:
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(connector(version)),
    )


by_alias = function("ByAlias")
imported = f"{functions}:{prefix}made-elsewhere"
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
        # The construct of a connector whose label changes stays the same one.
        label.replace("another-name", "version"),
        connector_label=prefix + label,
        connector_function=target,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    cdk.CfnOutput(stack, f"{label}-arn", value=registration.connector_arn)
    if "SIBLING_FAILS" in os.environ:
        nowhere = f"{functions}:{prefix}nowhere"
        failing = cdk.CustomResource(stack, f"{label}-failing", service_token=nowhere)
        failing.node.add_dependency(registration)

app.synth()
