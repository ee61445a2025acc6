"""Processes of Python functions load the SDK only for functions that import it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appflow_local_cloud.function_start import UnknownProgramError, without_sdk
from tests.support import Account

WITHOUT_SDK = """
import sys
def handler(event, context):
    return "botocore" in sys.modules
"""

# Many handlers make their clients when they are imported.
INVOKING = """
import boto3
client = boto3.client("lambda")
def handler(event, context):
    print(event)
    return client.invoke(FunctionName="invoked")["Payload"].read().decode()
"""


def invoke(account: Account, name: str, depth: int = 0) -> Any:
    """Invoke a function as at the end of a chain of invocations, and return its response."""
    client = account.client("lambda", region_name=account.region)
    client.meta.events.register(
        "before-call.lambda.Invoke",
        lambda params, **_: params["headers"].update({"X-Ministack-Invoke-Depth": str(depth)}),
    )
    return json.load(client.invoke(FunctionName=name)["Payload"])


def test_sdk_is_loaded_on_demand(account: Account) -> None:
    """A function that does not import the SDK starts without it."""
    account.make_function("small", WITHOUT_SDK)

    assert invoke(account, "small") is False


def test_endless_chain_is_ended(account: Account) -> None:
    """Lambda ends a chain of functions that invoke each other after 16 invocations."""
    account.make_function("invoking", INVOKING)
    account.make_function("invoked", "def handler(*_): return 1")
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    account.client("iam").put_role_policy(
        RoleName="invoking-role",
        PolicyName="invoke",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )

    assert invoke(account, "invoking", 14) == "1"
    assert "RecursiveInvocationException" in invoke(account, "invoking", 15)["errorMessage"]


@pytest.mark.parametrize("times", [0, 2])
def test_other_program_is_refused(times: int) -> None:
    """A program that does not load the SDK in one place is refused with the next step."""
    program = "    _ms_install_invoke_depth()\n" * times

    with pytest.raises(UnknownProgramError) as error:
        without_sdk(program)

    assert str(error.value) == (
        "MiniStack's program for functions has the line _ms_install_invoke_depth()"
        f" {times} times, and not once: install the version that"
        " cdk-appflow-connector[local-cloud] names"
    )
