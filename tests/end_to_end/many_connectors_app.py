"""Many connectors on one function; the environment says how many, in how many stacks, and which
release of them.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

account = os.environ["CDK_DEFAULT_ACCOUNT"]
connectors = int(os.environ["CONNECTORS"])
arn = f"arn:aws:lambda:us-east-1:{account}:function:made-elsewhere"

app = cdk.App()
stacks = [cdk.Stack(app, f"Many{number}") for number in range(int(os.environ["STACKS"]))]
functions = [lambda_.Function.from_function_arn(stack, "Connector", arn) for stack in stacks]

for number in range(connectors):
    ConnectorRegistration(
        stacks[number % len(stacks)],
        f"Registration{number}",
        connector_label=f"acme-{number:03d}",
        connector_function=functions[number % len(stacks)],
        triggers={"Release": os.environ["RELEASE"]},
    )

app.synth()
