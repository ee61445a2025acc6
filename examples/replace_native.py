"""Adopt a connector from CloudFormation's native resource, ``AWS::AppFlow::Connector``.

    cdk deploy --app "python examples/replace_native.py" -c step=both
    cdk deploy --app "python examples/replace_native.py" -c step=after

``step=before`` is the app with the native resource only. With ``step=both`` the stack has both
resources, and the native one gets ``RemovalPolicy.RETAIN``. Without this policy, ``step=after``
would unregister the connector.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import Adoption, ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "FormerlyNativeConnector")
step = app.node.try_get_context("step") or "both"

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
    timeout=cdk.Duration.seconds(30),
)

if step in ("before", "both"):
    permission = lambda_.CfnPermission(
        stack,
        "AppFlow",
        action="lambda:InvokeFunction",
        function_name=connector.function_arn,
        principal="appflow.amazonaws.com",
        source_account=stack.account,
    )
    native = appflow.CfnConnector(
        stack,
        "Native",
        connector_label="acme-crm",
        connector_provisioning_type="LAMBDA",
        connector_provisioning_config=appflow.CfnConnector.ConnectorProvisioningConfigProperty(
            lambda_=appflow.CfnConnector.LambdaConnectorProvisioningConfigProperty(
                lambda_arn=connector.function_arn
            )
        ),
    )
    native.node.add_dependency(permission)

if step == "both":
    native.apply_removal_policy(cdk.RemovalPolicy.RETAIN)

if step in ("both", "after"):
    ConnectorRegistration(
        stack,
        "Registration",
        connector_label="acme-crm",
        connector_function=connector,
        adoption=Adoption.REQUIRED,
    )

app.synth()
