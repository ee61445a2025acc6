"""Adopt a connector that was registered manually.

    cdk deploy --app "python examples/adopt_existing.py"

The deployment registers the stack's function under the label. Connector profiles and flows do not
change. With ``Adoption.REQUIRED`` a typo in the label fails the deployment instead of registering a
second connector. The handler's log contains the ARN that was registered before.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import Adoption, ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "AdoptedConnector")

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
    timeout=cdk.Duration.seconds(30),
)

ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-crm",
    connector_function=connector,
    adoption=Adoption.REQUIRED,
)

app.synth()
