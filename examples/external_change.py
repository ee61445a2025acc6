"""A connector whose code a pipeline changes, and not only ``cdk deploy``.

    cdk deploy --app "python examples/external_change.py"

Change the code with ``aws lambda update-function-code``: AppFlow reads the connector's
configuration again.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, OnBreakingChange

app = cdk.App()
stack = cdk.Stack(app, "ExternallyChangedConnector")

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
    timeout=cdk.Duration.seconds(30),
)

registration = ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-crm",
    connector_function=connector,
    refresh_on_external_change=True,
    reconcile_every=cdk.Duration.hours(12),
    on_breaking_change=OnBreakingChange.FAIL,
)

registration.metric_breaking_changes().create_alarm(
    stack,
    "BreakingChange",
    threshold=1,
    evaluation_periods=1,
    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
)

app.synth()
