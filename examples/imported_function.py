r"""A connector whose function is deployed by another team or tool.

    cdk deploy --app "python examples/imported_function.py" \
        -c functionArn=arn:aws:lambda:us-east-1:111122223333:function:crm -c release=7

The CDK cannot detect new code of such a function. Deploy with another ``release`` to refresh the
registration, so that AppFlow reads the connector's configuration again.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "ImportedConnector")

arn = app.node.try_get_context("functionArn")
connector = lambda_.Function.from_function_arn(
    stack, "Connector", arn or "arn:aws:lambda:us-east-1:111122223333:function:crm"
)

ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-crm",
    connector_function=connector,
    triggers={"Release": app.node.try_get_context("release") or "1"},
)

app.synth()
