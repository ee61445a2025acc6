"""The same connector in several Regions, one Stage for each.

    cdk deploy --app "python examples/many_regions.py" "Connector-*/*"

A label is unique in an account and Region, so each Region can use the same one.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

app = cdk.App()

for region in ("us-east-1", "eu-west-1", "ap-southeast-2"):
    stage = cdk.Stage(app, f"Connector-{region}", env=cdk.Environment(region=region))
    stack = cdk.Stack(stage, "Crm")
    connector = lambda_.Function(
        stack,
        "Connector",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="crm.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
        timeout=cdk.Duration.seconds(30),
    )
    ConnectorRegistration(
        stack, "Registration", connector_label="acme-crm", connector_function=connector
    )

app.synth()
