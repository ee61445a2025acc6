"""The custom resource in the handler's tests: its label, its type and its properties."""

from __future__ import annotations

from typing import Any

LABEL = "acme-crm"
TYPE = "Custom::AppFlowConnectorRegistration"

FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
"""A connector's function, in tests that do not invoke it."""

SERVICE_TOKEN = "arn:aws:lambda:us-east-1:111122223333:function:handler"
SERVICE_TIMEOUT = "600"


def properties(lambda_arn: str = FUNCTION_ARN, **changed: Any) -> dict[str, Any]:
    """Resource properties as a template sends them; None leaves one out."""
    sent = {
        "ServiceToken": SERVICE_TOKEN,
        "ServiceTimeout": SERVICE_TIMEOUT,
        "ConnectorLabel": LABEL,
        "LambdaArn": lambda_arn,
        "FunctionHash": {"Hash": "1"},
        "RemovalPolicy": "Retain",
        **changed,
    }
    return {name: value for name, value in sent.items() if value is not None}


def destroyed(lambda_arn: str = FUNCTION_ARN, **changed: Any) -> dict[str, Any]:
    """Properties of a registration that is unregistered when its resource is deleted."""
    return properties(lambda_arn, RemovalPolicy="Destroy", **changed)
