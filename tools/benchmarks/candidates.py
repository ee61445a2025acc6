"""The handlers that are compared.

The CDK's handlers come from the package of aws-cdk-lib, and the SDK for Node.js from npm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import crhelper
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from appflow_local_cloud.lambda_python import ensure_lambda_python

from .measurement import Candidate
from .server import ACCOUNT, LABEL, LAMBDA_ARN, Server

_CONTAINERS = Path(__file__).parent / "containers"
_NODE_PACKAGES = ["@aws-sdk/client-appflow", "@aws-sdk/client-lambda", "@aws-sdk/client-sfn"]
_HANDLER = "connector_registration.function.handler"

TEXTBOOK = "textbook crhelper + boto3"
OURS = "this handler"
NO_CALL = "this handler, an event that needs no call"


def prepare(folder: Path) -> None:
    """Put the code of all candidates under a folder; packages from npm are installed once."""
    shutil.rmtree(folder / "python", ignore_errors=True)
    shutil.copytree(_CONTAINERS, folder / "python")
    shutil.copytree(Path(crhelper.__file__).parent, folder / "python" / "crhelper")
    prepare_ours(folder)
    _unpack_handlers_of_the_cdk(folder / "node")
    if not (folder / "node" / "node_modules").exists():
        # The prefix keeps npm from the package.json of this repository.
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", "."]
        subprocess.run([*npm, *_NODE_PACKAGES], cwd=folder / "node", check=True)


def prepare_ours(folder: Path) -> None:
    """Put this handler under a folder: the asset of a deployment, with its ablations beside it."""
    shutil.rmtree(folder / "ours", ignore_errors=True)
    app = cdk.App(outdir=str(folder / "cdk.out"))
    stack = cdk.Stack(app, "Bench")
    function = lambda_.Function.from_function_arn(stack, "Connector", LAMBDA_ARN)
    ConnectorRegistration(
        stack,
        "Registration",
        connector_label=LABEL,
        connector_function=function,
        triggers={"Release": "1"},
    )
    app.synth()
    [package] = (folder / "cdk.out").glob("asset.*/connector_registration")
    shutil.move(package.parent, folder / "ours")
    shutil.rmtree(folder / "cdk.out")
    shutil.copy(_CONTAINERS / "ablations.py", folder / "ours")


def _unpack_handlers_of_the_cdk(folder: Path) -> None:
    [package] = (Path(cdk.__file__).parent / "_jsii").glob("aws-cdk-lib@*.tgz")
    handlers = (
        "package/custom-resource-handlers/dist/custom-resources/aws-custom-resource-handler/",
        "package/custom-resources/lib/provider-framework/runtime/",
    )
    with tarfile.open(package) as archive:
        members = [member for member in archive if member.name.startswith(handlers)]
        for member in members:
            member.name = member.name.rsplit("/", 2)[-2] + "/" + Path(member.name).name
        # Debian's Python 3.11 does not have the filter.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder, members=members)  # noqa: S202 - files of aws-cdk-lib


def candidates(folder: Path, server: Server) -> list[Candidate]:
    """All candidates, in the order of the tables."""
    # As in Lambda, nothing of the developer's environment but the path.
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "SSL_CERT_FILE": str(folder / "trusted.pem"),
        "NODE_EXTRA_CA_CERTS": str(folder / "trusted.pem"),
        "RESPONSE_PORT": str(server.tls_port),
        "USER_ON_EVENT_FUNCTION_ARN": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:on-event",
    }
    container = [str(ensure_lambda_python()), "-B", str(_CONTAINERS / "python_container.py")]

    def python(name: str, entry_point: str) -> Candidate:
        command = [*container, entry_point]
        return Candidate(name, command, folder / "python", refresh, environment, 1, TEXTBOOK)

    def node(name: str, file: str, function: str, event: Mapping[str, Any]) -> Candidate:
        script = str(_CONTAINERS / "node_container.js")
        command = ["node", script, str(folder / "node" / file), function]
        return Candidate(name, command, folder / "node", event, environment, 1, TEXTBOOK)

    def ours(
        name: str, entry_point: str = _HANDLER, *, calls: int = 4, baseline: str = TEXTBOOK
    ) -> Candidate:
        command, event = [*container, entry_point], refresh if calls else retained
        return Candidate(name, command, folder / "ours", event, environment, calls, baseline)

    properties = {"ConnectorLabel": LABEL, "LambdaArn": LAMBDA_ARN, "RemovalPolicy": "Retain"}
    refresh = _event(
        "Update",
        server,
        ResourceProperties={**properties, "Triggers": {"Release": "2"}},
        OldResourceProperties=properties,
    )
    retained = _event("Delete", server, ResourceProperties=properties)
    sdk_call = {
        "service": "AppFlow",
        "action": "updateConnectorRegistration",
        "physicalResourceId": {"id": LABEL},
        "parameters": {
            "connectorLabel": LABEL,
            "connectorProvisioningConfig": {"lambda": {"lambdaArn": LAMBDA_ARN}},
        },
    }
    by_sdk_call = _event(
        "Update",
        server,
        ResourceProperties={"Update": json.dumps(sdk_call), "InstallLatestAwsSdk": "false"},
        OldResourceProperties={},
    )
    server.function = python("a user's function", "behind_framework.handler")
    custom_resource = "aws-custom-resource-handler/index.js"
    return [
        python(TEXTBOOK, "textbook.handler"),
        node("AwsCustomResource of the CDK (Node.js)", custom_resource, "handler", by_sdk_call),
        node("Provider of the CDK + a function", "runtime/framework.js", "onEvent", refresh),
        ours(f"{OURS}, without its read-back", "ablations.read_back", calls=3),
        ours(f"{OURS}, without the function's state", "ablations.function_state", calls=3),
        ours(OURS),
        ours(NO_CALL, calls=0),
        ours("botocore's own search for its data", "ablations.loader", baseline=OURS),
        ours("boto3 and crhelper's clients", "ablations.boto3_imported", baseline=OURS),
        ours("certificate authorities read first", "ablations.authorities_first", baseline=OURS),
        ours("a TLS context for each response", "ablations.new_context", baseline=OURS),
        ours("the SDK in every event", "ablations.sdk_imported", calls=0, baseline=NO_CALL),
    ]


def _event(request_type: str, server: Server, **members: Any) -> dict[str, Any]:
    return {
        "RequestType": request_type,
        "RequestId": "7a2f3a3e-35ff-4a31-9c3b-5f2c2f7c8b9d",
        "ResponseURL": f"https://127.0.0.1:{server.tls_port}/response",
        "StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/bench/1",
        "ResourceType": "Custom::AppFlowConnectorRegistration",
        "LogicalResourceId": "Registration",
        "PhysicalResourceId": LABEL,
        **members,
    }
