"""The handlers that are compared, each made ready to run from its own package.

The CDK's handlers come out of the package of aws-cdk-lib, cfn-handler from PyPI, the SDK of Node.js
from npm: whatever a user would get today.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import crhelper
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from appflow_local_cloud.lambda_python import ensure_lambda_python

from .processes import Contender
from .world import ACCOUNT, LABEL, LAMBDA_ARN

_HERE = Path(__file__).parent
_CONTAINERS = _HERE / "containers"
_CFN_HANDLER = "cfn-handler==1.3.0"
_NODE_PACKAGES = ["@aws-sdk/client-appflow", "@aws-sdk/client-lambda", "@aws-sdk/client-sfn"]

TEXTBOOK = "textbook crhelper + boto3"
OURS = "this handler"
OURS_WITHOUT = "this handler, without the read-back"
NO_CALL = "this handler, an event that needs no call"


def python_container(entry_point: str) -> list[str]:
    """The command that starts a container of a Python function."""
    script = str(_CONTAINERS / "python_container.py")
    return [str(ensure_lambda_python()), "-B", script, entry_point]


def node_container(file: str, function: str) -> list[str]:
    """The command that starts a container of a Node.js function."""
    return ["node", str(_CONTAINERS / "node_container.js"), file, function]


def prepare(folder: Path) -> None:
    """Lay out everybody's code under a folder; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "python", ignore_errors=True)
    shutil.copytree(_CONTAINERS, folder / "python")
    shutil.copytree(Path(crhelper.__file__).parent, folder / "python" / "crhelper")
    install = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target"]
    subprocess.run([*install, str(folder / "python"), _CFN_HANDLER], check=True)
    _stage_ours(folder)
    _unpack_handlers_of_the_cdk(folder / "node")
    if not (folder / "node" / "node_modules").exists():
        # Its prefix, or npm would find the package.json of this repository above it.
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", "."]
        subprocess.run([*npm, *_NODE_PACKAGES], cwd=folder / "node", check=True)


def _stage_ours(folder: Path) -> None:
    """The asset, as a deployment uploads it."""
    shutil.rmtree(folder / "ours", ignore_errors=True)
    app = cdk.App(outdir=str(folder / "cdk.out"))
    stack = cdk.Stack(app, "Bench")
    function = lambda_.Function.from_function_arn(stack, "Connector", LAMBDA_ARN)
    ConnectorRegistration(stack, "Registration", connector_label=LABEL, connector_function=function)
    app.synth()
    [asset] = [
        path
        for path in (folder / "cdk.out").glob("asset.*")
        if (path / "connector_registration").is_dir()
    ]
    shutil.move(asset, folder / "ours")
    shutil.rmtree(folder / "cdk.out")
    # The same but for one method, to see what it costs.
    shutil.copy(_CONTAINERS / "without_read_back.py", folder / "ours")


def _unpack_handlers_of_the_cdk(folder: Path) -> None:
    [package] = (Path(cdk.__file__).parent / "_jsii").glob("aws-cdk-lib@*.tgz")
    wanted = (
        "package/custom-resource-handlers/dist/custom-resources/aws-custom-resource-handler/",
        "package/custom-resources/lib/provider-framework/runtime/",
    )
    with tarfile.open(package) as archive:
        members = [member for member in archive if member.name.startswith(wanted)]
        for member in members:
            member.name = member.name.rsplit("/", 2)[-2] + "/" + Path(member.name).name
        archive.extractall(folder, members=members, filter="data")


def contenders(folder: Path, *, port: int, tls_port: int) -> list[Contender]:
    """Everybody who is compared, in the order of the table; the first one is the measure."""
    # Nothing of the developer's own environment but the path: as in Lambda.
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "SSL_CERT_FILE": str(folder / "trusted.pem"),
        "NODE_EXTRA_CA_CERTS": str(folder / "trusted.pem"),
        "NODE_NO_WARNINGS": "1",
        "RESPONSE_PORT": str(tls_port),
        "USER_ON_EVENT_FUNCTION_ARN": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:behind",
    }
    plain = {"ConnectorLabel": LABEL, "LambdaArn": LAMBDA_ARN}
    ours = {**plain, "RemovalPolicy": "Retain"}

    def python(
        name: str, entry_point: str, event: Mapping[str, Any], code: str, calls: int = 1
    ) -> Contender:
        command = python_container(entry_point)
        return Contender(name, command, folder / code, event, environment, calls)

    def node(name: str, file: str, function: str, event: Mapping[str, Any]) -> Contender:
        path = str(folder / "node" / file)
        return Contender(name, node_container(path, function), folder / "node", event, environment)

    def update(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        return _event(tls_port, "Update", ResourceProperties=new, OldResourceProperties=old)

    changed = update({**ours, "LambdaRevision": {"Hash": "2"}}, ours)
    call = {
        "service": "AppFlow",
        "action": "updateConnectorRegistration",
        "physicalResourceId": {"id": LABEL},
        "parameters": {
            "connectorLabel": LABEL,
            "connectorProvisioningConfig": {"lambda": {"lambdaArn": LAMBDA_ARN}},
        },
    }
    return [
        python(TEXTBOOK, "textbook.handler", update(plain, plain), "python"),
        python(
            f"{TEXTBOOK}, with the read-back",
            "textbook.handler",
            update({**plain, "ReadBack": "true"}, plain),
            "python",
            calls=2,
        ),
        node(
            "AwsCustomResource of the CDK (Node.js)",
            "aws-custom-resource-handler/index.js",
            "handler",
            update({"Update": json.dumps(call), "InstallLatestAwsSdk": "false"}, {}),
        ),
        node(
            "Provider framework of the CDK + a Python function",
            "runtime/framework.js",
            "onEvent",
            update(plain, plain),
        ),
        python("cfn-handler + boto3", "with_cfn_handler.handler", update(plain, plain), "python"),
        python(OURS_WITHOUT, "without_read_back.handler", changed, "ours"),
        python(OURS, "connector_registration.function.handler", changed, "ours", calls=2),
        python(
            NO_CALL,
            "connector_registration.function.handler",
            _event(tls_port, "Delete", ResourceProperties=ours),
            "ours",
            calls=0,
        ),
    ]


def _event(tls_port: int, request_type: str, **members: Any) -> dict[str, Any]:
    return {
        "RequestType": request_type,
        "RequestId": "7a2f3a3e-35ff-4a31-9c3b-5f2c2f7c8b9d",
        "ResponseURL": f"https://127.0.0.1:{tls_port}/response",
        "StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/bench/1",
        "ResourceType": "Custom::AppFlowConnectorRegistration",
        "LogicalResourceId": "Registration",
        "PhysicalResourceId": LABEL,
        **members,
    }
