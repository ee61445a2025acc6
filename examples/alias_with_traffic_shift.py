"""A connector behind an alias, whose traffic CodeDeploy shifts to each new version.

    cdk deploy --app "python examples/alias_with_traffic_shift.py"

The registered ARN is that of the alias. Each deployment with new code refreshes the registration
after CodeDeploy has moved the alias, so that AppFlow reads the configuration of the new version.
During the five minutes before, the new version receives a tenth of the calls. If the alarm goes
off, CodeDeploy moves the alias back.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "ShiftedConnector")

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
    timeout=cdk.Duration.seconds(30),
    # Flows that run during the deployment still use the previous version.
    current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
)
live = lambda_.Alias(stack, "Live", alias_name="live", version=connector.current_version)

codedeploy.LambdaDeploymentGroup(
    stack,
    "Deployment",
    alias=live,
    deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
    alarms=[live.metric_errors().create_alarm(stack, "Errors", threshold=1, evaluation_periods=1)],
)

ConnectorRegistration(stack, "Registration", connector_label="acme-crm", connector_function=live)

app.synth()
