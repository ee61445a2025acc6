"""A connector whose code contains the version that ``VERSION`` in the environment names.

With ``ALIAS`` in the environment, an alias of the function is the connector. With ``FUNCTION``, the
function of that ARN is, which the stack does not have.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tests.support import connector

app = cdk.App()
stack = cdk.Stack(app, "Changing")

if "FUNCTION" in os.environ:
    connector_function: lambda_.IFunction = lambda_.Function.from_function_attributes(
        stack, "Connector", function_arn=os.environ["FUNCTION"], same_environment=True
    )
else:
    function = lambda_.Function(
        stack,
        "Connector",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(connector(os.environ["VERSION"])),
    )
    connector_function = function.add_alias("live") if "ALIAS" in os.environ else function
ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-changing",
    connector_function=connector_function,
    refresh_on_external_change=True,
)

app.synth()
