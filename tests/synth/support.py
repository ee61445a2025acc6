"""Helpers of the tests that synthesise registrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_appflow_connector import ConnectorRegistration

from constructs import Construct

TYPE = "Custom::AppFlowConnectorRegistration"
LABEL = "acme-crm"


def make_function(
    scope: Construct, name: str, code: str = "version = 1", **arguments: Any
) -> lambda_.Function:
    """A function with inline code."""
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
        **arguments,
    )


def register(
    scope: Construct,
    function: lambda_.IFunction | cdk.CfnResource,
    name: str = "Registration",
    **arguments: Any,
) -> ConnectorRegistration:
    """A registration of a function, under LABEL unless the arguments give another label."""
    return ConnectorRegistration(
        scope,
        name,
        **{"connector_label": LABEL, "connector_function": function, **arguments},
    )


def properties(stack: cdk.Stack) -> dict[str, Any]:
    """The properties of a stack's only registration, as its template has them."""
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    found: dict[str, Any] = resource["Properties"]
    return found


def arn_of(function: lambda_.Function) -> Any:
    """The ARN of a function, as the template of its stack has it."""
    return function.stack.resolve(function.function_arn)


def appflow_arn(resource: str) -> dict[str, Any]:
    """The ARN of an AppFlow resource in the account and Region of the stack."""
    parts = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":appflow:",
        {"Ref": "AWS::Region"},
        ":",
        {"Ref": "AWS::AccountId"},
        f":{resource}",
    ]
    return {"Fn::Join": ["", parts]}


def asset_of(folder: Path) -> Path:
    """Synthesise an app with a registration; return the folder of the handler's asset."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Stack")
    register(stack, make_function(stack, "Connector"))
    app.synth()
    [asset] = folder.glob("asset.*")
    return asset
