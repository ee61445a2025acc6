"""A function that a native resource and a ``ConnectorRegistration`` register, side by side.

The environment has the ``VERSION`` in the function's code. With ``FUNCTION`` in it, that ARN is
registered instead; with ``FAILING``, the stack has a resource that fails after both have been
updated; with ``WITHOUT_NATIVE``, there is no native resource.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tests.support import connector

app = cdk.App()
stack = cdk.Stack(app, "Comparison")


def native(construct_id: str, label: str, arn: str) -> appflow.CfnConnector:
    return appflow.CfnConnector(
        stack,
        construct_id,
        connector_label=label,
        connector_provisioning_type="LAMBDA",
        connector_provisioning_config=appflow.CfnConnector.ConnectorProvisioningConfigProperty(
            lambda_=appflow.CfnConnector.LambdaConnectorProvisioningConfigProperty(lambda_arn=arn)
        ),
    )


function: lambda_.IFunction = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline(connector(os.environ["VERSION"])),
)
if "FUNCTION" in os.environ:
    function = lambda_.Function.from_function_attributes(
        stack, "Imported", function_arn=os.environ["FUNCTION"], same_environment=True
    )
registration = ConnectorRegistration(
    stack, "Registration", connector_label="acme-ours", connector_function=function
)
if "WITHOUT_NATIVE" not in os.environ:
    # The permission of the registration is the native resource's, too.
    native("Native", "acme-native", function.function_arn).node.add_dependency(registration)
if "FAILING" in os.environ:
    missing = stack.format_arn(
        service="lambda",
        resource="function",
        resource_name="missing",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    failing = native("Failing", "acme-failing", missing)
    for sibling in ("Registration", "Native"):
        failing.node.add_dependency(stack.node.find_child(sibling))

app.synth()
