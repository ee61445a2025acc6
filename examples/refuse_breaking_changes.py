"""Refuse a deployment that breaks flows or connector profiles.

    cdk deploy --app "python examples/refuse_breaking_changes.py"

Remove an API version that a flow uses from the connector, and deploy again: the deployment fails
with the name of the flow, and rolls back. The registration is that of a version, so that flows run
the old code until AppFlow has the new version.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, OnBreakingChange

app = cdk.App()
stack = cdk.Stack(app, "CarefulConnector")

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
    timeout=cdk.Duration.seconds(30),
    # Without it, CloudFormation deletes the previous version after the update to the next one.
    current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
)

ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-crm",
    connector_function=connector.current_version,
    on_breaking_change=OnBreakingChange.FAIL,
    # The flows that used it have moved to v1.
    acknowledged_changes=["API_VERSION_REMOVED:v0"],
)

app.synth()
