"""Helpers of the end-to-end tests: the CDK CLI in an account."""

from __future__ import annotations

import functools
import json
import os
import runpy
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aws_cdk as cdk

from appflow_local_cloud.lambda_python import ensure_folder
from appflow_local_cloud.process import LocalCloud
from tests.cdk_cli import quick_cli
from tests.support import Account, new_account_id

ROOT = Path(__file__).parents[2]

_TOOLKIT = "CDKToolkit"
_REQUEST = "request.json"


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

    A copy takes a tenth of a second, and the CLI two. One is kept for each version of the CLI.
    """

    def fill(folder: Path) -> None:
        (folder / _REQUEST).write_text(json.dumps(_request_of_cli(cloud, folder)))

    folder = ensure_folder("cdk-bootstrap", (ROOT / "package-lock.json").read_text(), fill)
    request: Mapping[str, Any] = json.loads((folder / _REQUEST).read_text())
    return request


def _request_of_cli(cloud: LocalCloud, folder: Path) -> Mapping[str, Any]:
    """Run ``cdk bootstrap`` in an empty folder, and read what it has created."""
    account = Account(cloud, new_account_id())
    subprocess.run(
        ["cdk", "bootstrap", f"aws://{account.id}/{account.region}"],
        # The checkout's cdk.json names an app, which bootstrapping would synthesise.
        cwd=folder,
        env={**cloud.environment(account.id), **quick_cli()},
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
    """Synthesise an app, and run the CDK CLI on its cloud assembly in an account.

    Args:
        account: where to deploy.
        app: the module of the app, or its file.
        output: the folder of the assembly.
        arguments: those of the CLI.
        variables: for the environments of the app and of the CLI.
    """
    synthesise(account, app, output, **variables)
    return run_cli(account, output, *arguments, **variables)


def synthesise(account: Account, app: str, output: Path, **variables: str) -> None:
    """Write the cloud assembly of an app, which runs in this process.

    This process has loaded the CDK already. As a program of the CLI, an app takes as long to start
    as its deployment takes. The demo and the tests of ``examples/tests`` run apps as programs.
    ``CDK_CONTEXT_JSON`` has what the CLI's option ``--context`` would set.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    context |= json.loads(variables.get("CDK_CONTEXT_JSON", "{}"))

    class App(cdk.App):
        """The app with what the CLI sets in variables, which the CDK's process has read already."""

        def __init__(self, **properties: Any) -> None:
            super().__init__(outdir=str(output), context=context, **properties)

    # Files may have changed since this process has hashed them.
    cdk.AssetStaging.clear_asset_hash_cache()
    variables |= {"CDK_DEFAULT_ACCOUNT": account.id, "CDK_DEFAULT_REGION": account.region}
    with patch.dict(os.environ, variables), patch.object(cdk, "App", App):
        if app.endswith(".py"):
            runpy.run_path(app)
        else:
            runpy.run_module(app)


def run_cli(
    account: Account, app: Path | str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the CDK CLI in an account, on a cloud assembly or on the command of an app.

    It deploys without change sets, unless the arguments say otherwise. They would change nothing
    about the calls of CloudFormation to the handler, and take a third of the time of the CLI.
    """
    command = [*arguments, "--app", str(app)]
    if arguments[0] == "deploy" and not any(one.startswith("--method") for one in arguments):
        command.append("--method=direct")
    quick = quick_cli() if isinstance(account.cloud, LocalCloud) else {}
    return subprocess.run(
        ["cdk", *command],
        cwd=ROOT,
        env={**account.cloud.environment(account.id), **quick, **variables},
        capture_output=True,
        text=True,
    )


def registered_labels(account: Account) -> list[str]:
    """The labels of all connectors that are registered in an account."""
    return [connector["connectorLabel"] for connector in account.connectors()]
