"""The demo's app: one connector function and its registration.

The connector is Amazon's example for Salesforce. ``make demo`` deploys this app several times, with
other values of the two context keys. Both are optional.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tools.demo.salesforce import ENTRY_POINT, stage_connector

app = cdk.App()
stack = cdk.Stack(app, "SalesforceConnector")

code = app.node.try_get_context("connectorCode") or str(stage_connector(f"{app.outdir}/salesforce"))
function_id = app.node.try_get_context("connectorFunctionId") or "Connector"

connector = lambda_.Function(
    stack,
    function_id,
    runtime=lambda_.Runtime.PYTHON_3_12,
    handler=ENTRY_POINT,
    code=lambda_.Code.from_asset(code),
    memory_size=256,
    timeout=cdk.Duration.seconds(30),
)

ConnectorRegistration(
    stack,
    "Registration",
    connector_label="salesforce-example",
    connector_function=connector,
    description="The example connector of the AppFlow SDK",
    removal_policy=cdk.RemovalPolicy.DESTROY,
)

app.synth()
