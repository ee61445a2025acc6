"""A connector pinned to the version of its function that this deployment publishes.

    cdk deploy --app "python examples/version.py"

Each deployment with new code publishes a new version and registers its ARN. A rollback registers
the ARN of the previous version again, whose code cannot change.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "VersionedConnector")

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
)

app.synth()
