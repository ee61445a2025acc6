"""Helpers of the end-to-end tests: the CDK CLI in an account."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appflow_local_cloud.process import LocalCloud
from tests.support import Account, new_account_id

ROOT = Path(__file__).parents[2]

_TOOLKIT = "CDKToolkit"


def bootstrap(account: Account) -> None:
    """Create the stack of ``cdk bootstrap`` in an account and Region of the local cloud."""
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(**_toolkit_request(account.local_cloud))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=_TOOLKIT, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )


@functools.cache
def _toolkit_request(cloud: LocalCloud) -> Mapping[str, Any]:
    """The request of CreateStack that ``cdk bootstrap`` makes, copied from another account.

    A copy takes a tenth of a second, and the CLI two.
    """
    account = Account(cloud, new_account_id())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["cdk", "bootstrap", f"aws://{account.id}/{account.region}", "--output", folder],
            # The checkout's cdk.json names an app, which bootstrapping would synthesise.
            cwd=folder,
            env=cloud.environment(account.id),
            capture_output=True,
            check=True,
        )
    cloudformation = account.client("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName=_TOOLKIT)["Stacks"]
    return {
        "StackName": _TOOLKIT,
        "TemplateBody": cloudformation.get_template(StackName=_TOOLKIT)["TemplateBody"],
        "Parameters": stack["Parameters"],
        "Capabilities": stack["Capabilities"],
    }


def run_cdk(
    account: Account, app: str, output: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the CDK CLI on an app in an account; ``variables`` are for the app's environment."""
    return subprocess.run(
        ["cdk", *arguments, "--app", app, "--output", str(output)],
        cwd=ROOT,
        env={**account.cloud.environment(account.id), **variables},
        capture_output=True,
        text=True,
    )


def registered_labels(account: Account) -> list[str]:
    """The labels of all connectors that are registered in an account."""
    return [connector["connectorLabel"] for connector in account.connectors()]
