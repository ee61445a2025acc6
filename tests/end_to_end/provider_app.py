"""A provider for registrations in other stacks, which exports its service token.

``FUNCTION`` in the environment is the name of the connector's function, ``LABEL`` the connector's
label, and ``CONSUMER`` the name of the stack with the registration.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from cdk_appflow_connector import ConnectorRegistrationProvider

app = cdk.App()
stack = cdk.Stack(app, "appflow-connector-registration")
provider = ConnectorRegistrationProvider(stack, "Provider")

connector = stack.format_arn(
    service="appflow", resource="connector", resource_name=os.environ["LABEL"]
)
function = stack.format_arn(
    service="lambda",
    resource="function",
    resource_name=f"{os.environ['FUNCTION']}:*",
    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
)
consumer = stack.format_arn(
    service="cloudformation", resource="stack", resource_name=f"{os.environ['CONSUMER']}/*"
)
for actions, resource in (
    (["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"], connector),
    (["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"], function),
    (["cloudformation:DescribeStackEvents"], consumer),
):
    provider.handler.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[resource]))

cdk.CfnOutput(
    stack,
    "ServiceToken",
    value=provider.service_token,
    export_name=f"{stack.stack_name}-ServiceToken",
)

app.synth()
