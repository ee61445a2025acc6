"""How often a registration asks the CDK: each question is a message to a Node.js process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import mean
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration
from jsii._kernel.providers.process import _NodeProcess

from tests.synth.support import make_function

MakeFunction = Callable[[cdk.Stack, int], lambda_.IFunction]

# Connectors have policies of their own first, then begin to share, then all share.
CONNECTORS = 40


class Messages:
    """Counts the messages between Python and the CDK."""

    def __init__(self) -> None:
        self.count = 0

    def during(self, action: Callable[[], object]) -> int:
        """The number of messages that an action sends."""
        before = self.count
        action()
        return self.count - before


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Messages]:
    """A count of all messages."""
    messages = Messages()
    send = _NodeProcess.send

    def counting(process: _NodeProcess, *arguments: Any) -> Any:
        messages.count += 1
        return send(process, *arguments)

    monkeypatch.setattr(_NodeProcess, "send", counting)
    yield messages
    monkeypatch.undo()


def imported(stack: cdk.Stack, number: int) -> lambda_.IFunction:
    arn = f"arn:aws:lambda:us-east-1:111122223333:function:crm-{number}"
    return lambda_.Function.from_function_arn(stack, f"Function{number}", arn)


def of_the_stack(stack: cdk.Stack, number: int) -> lambda_.IFunction:
    return make_function(stack, f"Function{number}")


def imported_alias(stack: cdk.Stack, number: int) -> lambda_.IFunction:
    arn = f"arn:aws:lambda:us-east-1:111122223333:function:crm-{number}:live"
    return lambda_.Function.from_function_arn(stack, f"Function{number}", arn)


def register(stack: cdk.Stack, number: int, function: lambda_.IFunction, **arguments: Any) -> None:
    ConnectorRegistration(
        stack,
        f"Registration{number}",
        connector_label=f"acme-{number}",
        connector_function=function,
        triggers={"Release": "1"},
        **arguments,
    )


@pytest.mark.parametrize(
    ("make", "arguments", "most"),
    [
        pytest.param(imported, {}, 14, id="imported function"),
        pytest.param(imported_alias, {}, 14, id="imported alias"),
        pytest.param(of_the_stack, {}, 19, id="function of the stack"),
        pytest.param(imported, {"removal_policy": cdk.RemovalPolicy.DESTROY}, 14, id="DESTROY"),
        pytest.param(imported, {"refresh_on_external_change": True}, 18, id="external change"),
    ],
)
def test_further_registration_asks_little(
    stack: cdk.Stack, messages: Messages, make: MakeFunction, arguments: dict[str, Any], most: int
) -> None:
    """What is the same for a whole stack is asked for its first registration only."""
    functions = [make(stack, number) for number in range(CONNECTORS)]

    counts = [
        messages.during(partial(register, stack, n, function, **arguments))
        for n, function in enumerate(functions)
    ]

    assert mean(counts[1:]) <= most
    # One of 24 begins a shared policy, and the first of these asks for the policies of the role.
    assert max(counts[1:]) <= most + 6


def test_known_function_is_not_asked_again(stack: cdk.Stack, messages: Messages) -> None:
    """A registration of a function that is registered already asks less than the first one."""
    function = imported(stack, 0)

    counts = [messages.during(partial(register, stack, n, function)) for n in range(CONNECTORS)]

    assert mean(counts[1:]) <= 10


def test_first_registration_asks_little(stack: cdk.Stack, messages: Messages) -> None:
    """The first registration of a stack, with its provider, sends at most 72 messages."""
    function = imported(stack, 0)

    assert messages.during(partial(register, stack, 0, function)) <= 72


@pytest.mark.parametrize("number", [1, 12], ids=["one", "policies of their own"])
def test_checks_at_synthesis_ask_little(
    app: cdk.App, stack: cdk.Stack, messages: Messages, number: int
) -> None:
    """The checks of a stack and its provider send at most 22 messages for any connectors."""
    for n in range(number):
        register(stack, n, imported(stack, n))

    assert messages.during(app.synth) <= 22


def test_synthesis_asks_nothing_about_each(app: cdk.App, messages: Messages) -> None:
    """The checks at synthesis send one message for each shared policy, and none for a connector."""
    counts = []
    for number in (60, 120):
        stack = cdk.Stack(app, f"Stack{number}")
        for n in range(number):
            register(stack, n, imported(stack, n))
        counts.append(messages.during(stack.node.validate))

    assert counts[1] - counts[0] <= 60 / 24
