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
from dataclasses import replace
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
NO_CALL = "this handler, an event that needs no call"
PHASES = "phases"


def python_container(entry_point: str) -> list[str]:
    """The command that starts a container of a Python function."""
    script = str(_CONTAINERS / "python_container.py")
    return [str(ensure_lambda_python()), "-B", script, entry_point]


def node_container(file: str, function: str) -> list[str]:
    """The command that starts a container of a Node.js function."""
    return ["node", str(_CONTAINERS / "node_container.js"), file, function]


def prepare(folder: Path) -> None:
    """Lay out everybody's code under a folder; what npm has put there already stays."""
    shutil.rmtree(folder / "python", ignore_errors=True)
    shutil.copytree(_CONTAINERS, folder / "python")
    shutil.copytree(Path(crhelper.__file__).parent, folder / "python" / "crhelper")
    install = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target"]
    subprocess.run([*install, str(folder / "python"), _CFN_HANDLER], check=True)
    prepare_ours(folder)
    _unpack_handlers_of_the_cdk(folder / "node")
    if not (folder / "node" / "node_modules").exists():
        # Its prefix, or npm would find the package.json of this repository above it.
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", "."]
        subprocess.run([*npm, *_NODE_PACKAGES], cwd=folder / "node", check=True)


def prepare_ours(folder: Path) -> None:
    """Lay out our handler alone: the asset as a deployment uploads it, with variants beside it."""
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
    for name in ("without.py", "phases.py"):
        shutil.copy(_CONTAINERS / name, folder / "ours")


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
    """Everybody who is compared, in the order of the tables."""
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
        name: str,
        entry_point: str,
        event: Mapping[str, Any],
        *,
        code: str = "ours",
        calls: int = 1,
    ) -> Contender:
        command = python_container(entry_point)
        return Contender(name, command, folder / code, event, environment, calls, TEXTBOOK)

    def node(name: str, file: str, function: str, event: Mapping[str, Any]) -> Contender:
        command = node_container(str(folder / "node" / file), function)
        return Contender(name, command, folder / "node", event, environment, 1, TEXTBOOK)

    def update(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        return _event(tls_port, "Update", ResourceProperties=new, OldResourceProperties=old)

    textbook = update(plain, plain)
    read_back = update({**plain, "ReadBack": "true"}, plain)
    changed = update({**ours, "LambdaRevision": {"Hash": "2"}}, ours)
    retained = _event(tls_port, "Delete", ResourceProperties=ours)
    call = {
        "service": "AppFlow",
        "action": "updateConnectorRegistration",
        "physicalResourceId": {"id": LABEL},
        "parameters": {
            "connectorLabel": LABEL,
            "connectorProvisioningConfig": {"lambda": {"lambdaArn": LAMBDA_ARN}},
        },
    }
    by_sdk_call = update({"Update": json.dumps(call), "InstallLatestAwsSdk": "false"}, {})
    handler = "connector_registration.function.handler"
    custom_resource = "aws-custom-resource-handler/index.js"
    peers = [
        python(TEXTBOOK, "textbook.handler", textbook, code="python"),
        python(
            f"{TEXTBOOK}, with a read-back", "textbook.handler", read_back, code="python", calls=2
        ),
        node("AwsCustomResource of the CDK (Node.js)", custom_resource, "handler", by_sdk_call),
        node("Provider of the CDK + a function", "runtime/framework.js", "onEvent", textbook),
        python("cfn-handler + boto3", "with_cfn_handler.handler", textbook, code="python"),
        python(f"{OURS}, without its read-back", "without.read_back", changed),
        python(OURS, handler, changed, calls=2),
        python(NO_CALL, handler, retained, calls=0),
    ]
    tricks = [
        python("kept botocore off data it does not need", "without.loader", changed, calls=2),
        python("kept boto3 and crhelper's clients out", "without.boto3_left_out", changed, calls=2),
        python(
            "read the certificate authorities meanwhile",
            "without.authorities_meanwhile",
            changed,
            calls=2,
        ),
        python("kept its TLS context", "without.shared_context", changed, calls=2),
    ]
    tricks_without_call = [
        python("left out the SDK where no call is needed", "without.late_sdk", retained, calls=0),
        python("named tuples for dataclasses", "without.named_tuples", retained, calls=0),
    ]
    return [
        *peers,
        *(replace(trick, rival=OURS) for trick in tricks),
        *(replace(trick, rival=NO_CALL) for trick in tricks_without_call),
        python(PHASES, "phases.handler", changed, calls=2),
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
