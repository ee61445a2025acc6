"""Take over a connector that somebody registered by hand.

    cdk deploy --app "python examples/adopt_existing.py"

The registration is pointed at the stack's function; connector profiles and flows stay as they are.
``on_missing=FAIL`` makes a mistake in the label fail the deployment instead of registering a new
connector. The label's old function is named in the handler's log.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, OnMissing

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
    on_missing=OnMissing.FAIL,
)

app.synth()
