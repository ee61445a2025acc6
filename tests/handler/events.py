"""The custom resource in the handler's tests: its label, its type and its properties."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.handler.clock import BEGINNING

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


def refresh_event(lambda_arn: str, *labels: str, at: float = 0.0, **changed: Any) -> dict[str, Any]:
    """The event of a rule about a function, at a time of the tests' clock; None leaves one out."""
    sent = {
        "RequestType": "Refresh",
        "LambdaArn": lambda_arn,
        "Registrations": [{"ConnectorLabel": label} for label in labels or [LABEL]],
        "MaxEventAgeSeconds": 300,
        "EventId": str(uuid4()),
        "Time": f"{BEGINNING + timedelta(seconds=int(at)):%Y-%m-%dT%H:%M:%SZ}",
        **changed,
    }
    return {name: value for name, value in sent.items() if value is not None}


def handler_arn(lambda_arn: str) -> str:
    """The ARN of the handler's function in the account and Region of a connector's."""
    return ":".join([*lambda_arn.split(":")[:6], "handler"])


def failing(lambda_arn: str = FUNCTION_ARN, *acknowledged: str, **changed: Any) -> dict[str, Any]:
    """Properties of a registration that fails on breaking changes."""
    ids = {"AcknowledgedChanges": [*acknowledged]} if acknowledged else {}
    return properties(lambda_arn, OnBreakingChange="Fail", **ids, **changed)
