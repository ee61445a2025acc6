"""A stack with a connector that is kept, except when its creation is rolled back.

With the environment variable BROKEN, another registration fails after the connector is registered.
"""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import Adoption, ConnectorRegistration

from tests.support import connector

app = cdk.App()
stack = cdk.Stack(app, "Removal")


def register(label: str, adoption: Adoption) -> ConnectorRegistration:
    function = lambda_.Function(
        stack,
        f"{label}-function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(connector()),
    )
    return ConnectorRegistration(
        stack, label, connector_label=label, connector_function=function, adoption=adoption
    )


kept = register("acme-kept", Adoption.ALLOWED)
if os.environ.get("BROKEN"):
    register("acme-missing", Adoption.REQUIRED).node.add_dependency(kept)
cdk.RemovalPolicies.of(kept).retain_on_update_or_delete()

app.synth()
