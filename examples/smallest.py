"""The smallest app: one connector function and its registration.

    cdk deploy --app "python examples/smallest.py"

Change the connector's code and deploy again: AppFlow reads the connector's configuration again.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "SmallestConnector")

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
