"""Many connectors on one function; the environment says how many, and which release of them."""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

account = os.environ["CDK_DEFAULT_ACCOUNT"]

app = cdk.App()
stack = cdk.Stack(app, "Many")
arn = f"arn:aws:lambda:us-east-1:{account}:function:made-elsewhere"
function = lambda_.Function.from_function_arn(stack, "Connector", arn)

for number in range(int(os.environ["CONNECTORS"])):
    ConnectorRegistration(
        stack,
        f"Registration{number}",
        connector_label=f"acme-{number:03d}",
        connector_function=function,
        triggers={"Release": os.environ["RELEASE"]},
    )

app.synth()
