"""How often a registration asks the CDK: each question is a message to a Node.js process."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration
from jsii._kernel.providers.process import _NodeProcess


class Messages:
    """Counts the messages between Python and the CDK."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        send = _NodeProcess.send

        def counting(process: _NodeProcess, *arguments: Any) -> Any:
            self.count += 1
            return send(process, *arguments)

        monkeypatch.setattr(_NodeProcess, "send", counting)


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        pytest.param({}, 20, id="RETAIN"),
        pytest.param({"removal_policy": cdk.RemovalPolicy.DESTROY}, 28, id="DESTROY"),
    ],
)
def test_further_registration_asks_little(
    stack: cdk.Stack, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], most: int
) -> None:
    """What is the same for a whole stack is asked for its first registration only."""
    functions = [
        lambda_.Function.from_function_arn(
            stack, f"Function{n}", f"arn:aws:lambda:us-east-1:111122223333:function:crm-{n}"
        )
        for n in range(11)
    ]
    counts = []

    for n, function in enumerate(functions):
        messages = Messages(monkeypatch)
        ConnectorRegistration(
            stack,
            f"Registration{n}",
            connector_label=f"acme-{n}",
            connector_function=function,
            triggers={"Release": "1"},
            **arguments,
        )
        counts.append(messages.count)
        monkeypatch.undo()

    assert max(counts[1:]) <= most
