"""A connector that fails on breaking changes, with the API versions in ``VERSIONS``.

``ACKNOWLEDGED`` contains the ids of acknowledged changes. Both are separated by commas. If
``FORMER`` has the ARN of a function, the handler may register that function again.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import (
    ConnectorRegistration,
    ConnectorRegistrationProvider,
    OnBreakingChange,
)

from tests.handler.flows import versions
from tests.local_cloud.support import LABEL

app = cdk.App()
stack = cdk.Stack(app, "Breaking")
provider = ConnectorRegistrationProvider.get_or_create(stack)

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline(versions(*os.environ["VERSIONS"].split(","))),
)
registration = ConnectorRegistration(
    stack,
    "Registration",
    connector_label=LABEL,
    connector_function=connector,
    on_breaking_change=OnBreakingChange.FAIL,
    acknowledged_changes=list(filter(None, os.environ["ACKNOWLEDGED"].split(","))),
)
if former := os.environ["FORMER"]:
    function = lambda_.Function.from_function_attributes(
        stack, "Former", function_arn=former, same_environment=True
    )
    registration.node.add_dependency(function.grant_invoke(provider.handler))

app.synth()
