"""Adopt a connector from an ``AwsCustomResource`` that calls AppFlow.

    cdk deploy --app "python examples/replace_aws_custom_resource.py" -c step=both
    cdk deploy --app "python examples/replace_aws_custom_resource.py" -c step=after

``step=before`` is the app with the ``AwsCustomResource`` only, which unregisters the connector when
it is deleted. With ``step=both`` the stack has both resources, and the old one gets
``RemovalPolicy.RETAIN``. Without this policy, ``step=after`` would unregister the connector.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import custom_resources as cr
from cdk_appflow_connector import Adoption, ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(app, "FormerlyCustomConnector")
step = app.node.try_get_context("step") or "both"

# The connector stays registered when the old resource leaves the stack.
removal_policy = cdk.RemovalPolicy.RETAIN if step == "both" else None

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
    provisioning = {"lambda": {"lambdaArn": connector.function_arn}}
    old = cr.AwsCustomResource(
        stack,
        "Old",
        on_create=cr.AwsSdkCall(
            service="AppFlow",
            action="RegisterConnector",
            parameters={
                "connectorLabel": "acme-crm",
                "connectorProvisioningType": "LAMBDA",
                "connectorProvisioningConfig": provisioning,
            },
            physical_resource_id=cr.PhysicalResourceId.of("acme-crm"),
        ),
        on_update=cr.AwsSdkCall(
            service="AppFlow",
            action="UpdateConnectorRegistration",
            parameters={
                "connectorLabel": "acme-crm",
                "connectorProvisioningConfig": provisioning,
            },
            physical_resource_id=cr.PhysicalResourceId.of("acme-crm"),
        ),
        on_delete=cr.AwsSdkCall(
            service="AppFlow",
            action="UnregisterConnector",
            parameters={"connectorLabel": "acme-crm", "forceDelete": True},
        ),
        policy=cr.AwsCustomResourcePolicy.from_statements(
            [
                iam.PolicyStatement(actions=["appflow:RegisterConnector"], resources=["*"]),
                iam.PolicyStatement(
                    actions=["appflow:UpdateConnectorRegistration", "appflow:UnRegisterConnector"],
                    resources=[
                        stack.format_arn(
                            service="appflow", resource="connector", resource_name="acme-crm"
                        )
                    ],
                ),
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[connector.function_arn]
                ),
            ]
        ),
        install_latest_aws_sdk=False,
        removal_policy=removal_policy,
    )
    old.node.add_dependency(permission)

if step in ("both", "after"):
    ConnectorRegistration(
        stack,
        "Registration",
        connector_label="acme-crm",
        connector_function=connector,
        adoption=Adoption.REQUIRED,
    )

app.synth()
