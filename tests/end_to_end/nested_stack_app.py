"""A stack with a nested stack that contains a connector."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tests.support import connector

app = cdk.App()
nested = cdk.NestedStack(cdk.Stack(app, "Parent"), "Nested")

function = lambda_.Function(
    nested,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline(connector()),
)
ConnectorRegistration(
    nested,
    "Registration",
    connector_label="acme-nested",
    connector_function=function,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)

app.synth()
