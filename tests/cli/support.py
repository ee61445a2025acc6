"""Helpers of the tests of the console script."""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from botocore.loaders import create_loader
from cdk_appflow_connector_cli.__main__ import main

from tests.support import Account

# Each session of the SDK would read the service models again.
_create_loader = functools.cache(create_loader)

SCRIPT = Path(sys.executable).with_name("cdk-appflow-connector")

# A custom resource whose properties say how it responds.
RESPONDER = """
import json, urllib.request

def handler(event, context):
    properties = event["ResourceProperties"]
    if "WaitFor" in properties:
        urllib.request.urlopen(properties["WaitFor"]).read()
    response = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {
        "Status": properties.get("Status", "SUCCESS"),
        "Reason": "the template says so",
        "PhysicalResourceId": properties.get("PhysicalId", properties["ConnectorLabel"]),
    }
    data = json.dumps(response).encode()
    request = urllib.request.Request(
        event["ResponseURL"], data, {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request).read()
"""


def run(
    account: Account, *arguments: str, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in an account; a variable that is None is unset."""
    return run_main(*arguments, environment=_environment(account, variables))


def run_script(
    account: Account, *arguments: str, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run the installed script in an account; a variable that is None is unset."""
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env=_environment(account, variables),
        capture_output=True,
        text=True,
    )


def run_main(
    *arguments: str, environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as the script does, with these variables only, in a folder.

    It runs in this process: a start of Python with boto3 takes longer than most commands.
    """
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        patch.dict(os.environ, environment, clear=True),
        patch("botocore.session.create_loader", _create_loader),
        # botocore pauses between its retries.
        patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None)),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        if folder is not None:
            monkeypatch.chdir(folder)
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
    printed, reported = (_text(stream) for stream in (output, errors))
    return subprocess.CompletedProcess(arguments, code, printed, reported)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def _environment(account: Account, variables: Mapping[str, str | None]) -> dict[str, str]:
    environment = {**account.cloud.environment(account.id), **variables}
    return {name: value for name, value in environment.items() if value is not None}


def run_status(
    account: Account, *arguments: str, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run the command ``status`` in an account; a variable that is None is unset."""
    return run(account, "status", *arguments, **variables)


def user_variables(account: Account, name: str, actions: Iterable[str]) -> dict[str, str]:
    """The variables of a new IAM user with these permissions only."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def states(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The state of each connector in the output of ``--json``, by label."""
    return {found["connectorLabel"]: found["state"] for found in connectors(result)}


def connectors(result: subprocess.CompletedProcess[str]) -> list[Mapping[str, Any]]:
    """The connectors in the output of ``--json``, which must be the only output."""
    assert result.stderr == ""
    found: list[Mapping[str, Any]] = json.loads(result.stdout)["connectors"]
    return found


def registration(account: Account, label: str, **properties: Any) -> dict[str, Any]:
    """The resource of a registration in a template."""
    responder = f"arn:aws:lambda:us-east-1:{account.id}:function:responder"
    return {
        "Type": "Custom::AppFlowConnectorRegistration",
        "Properties": {"ServiceToken": responder, "ConnectorLabel": label, **properties},
    }


def make_stack(account: Account, name: str, *resources: Any, **sections: Any) -> None:
    """Create a stack without rollback, and wait for it."""
    named = {f"Registration{number}": resource for number, resource in enumerate(resources)}
    account.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": named, **sections}),
        DisableRollback=True,
    )
    wait_for(account, "stack_create_complete", name)


def wait_for(account: Account, state: str, name: str) -> None:
    """Wait until a stack is in the state of a boto3 waiter."""
    waiter = account.client("cloudformation").get_waiter(state)
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def run_here(
    account: Account, monkeypatch: pytest.MonkeyPatch, *arguments: str, **variables: str
) -> int:
    """Run the command line in this process, and return its exit code."""
    for name, value in {**account.cloud.environment(account.id), **variables}.items():
        monkeypatch.setenv(name, value)
    return main(arguments)
