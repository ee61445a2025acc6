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

TEXTBOOK = "textbook crhelper + boto3"
OURS = "this handler"
NO_CALL = "this handler, an event that needs no call"
CALLS_ALONE = "the four calls and the response alone"
RESPONSE_ALONE = "Python and a response alone"

FLOORS = {CALLS_ALONE: OURS, RESPONSE_ALONE: NO_CALL}
"""The least that an event can take, and the event."""

_HANDLER = "connector_registration.function.handler"
_TEXTBOOK = "textbook.handler"
_CALLS_ALONE = "floors.calls"
_RESPONSE_ALONE = "floors.response"


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
    for beside in ("ablations.py", "floors.py"):
        shutil.copy(_CONTAINERS / beside, folder / "ours")


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
    """All candidates on the Python of this checkout, in the order of the tables."""
    make = _Maker(folder, server, ensure_lambda_python())
    server.function = make.python("a user's function", "behind_framework.handler")
    custom_resource = "aws-custom-resource-handler/index.js"
    return [
        make.python(TEXTBOOK, _TEXTBOOK),
        make.node("AwsCustomResource of the CDK (Node.js)", custom_resource, "handler", _SDK_CALL),
        make.node("Provider of the CDK + a function", "runtime/framework.js", "onEvent", _REFRESH),
        make.ours(f"{OURS}, without its read-back", "ablations.read_back", calls=3),
        make.ours(f"{OURS}, without the function's state", "ablations.function_state", calls=3),
        make.ours(OURS),
        make.ours(NO_CALL, calls=0),
        make.ours(CALLS_ALONE, _CALLS_ALONE, baseline=OURS),
        make.ours(RESPONSE_ALONE, _RESPONSE_ALONE, calls=0, baseline=NO_CALL),
        make.ours("botocore's own search for its data", "ablations.loader", baseline=OURS),
        make.ours("botocore's own user agent", "ablations.user_agent", baseline=OURS),
        make.ours("boto3 and crhelper's clients", "ablations.boto3_imported", baseline=OURS),
        make.ours("a TLS context for each response", "ablations.new_context", baseline=OURS),
        make.ours(
            "certificate authorities read last",
            "ablations.authorities_last",
            calls=0,
            baseline=NO_CALL,
        ),
        make.ours("the SDK in every event", "ablations.sdk_imported", calls=0, baseline=NO_CALL),
    ]


def runtime_candidates(folder: Path, server: Server, python: Path) -> list[Candidate]:
    """The candidates that are measured in Lambda's runtime, on this interpreter."""
    make = _Maker(folder, server, python, has_runtime=True)
    return [
        make.python(TEXTBOOK, _TEXTBOOK),
        make.ours(OURS),
        make.ours(CALLS_ALONE, _CALLS_ALONE),
        make.ours(NO_CALL, calls=0),
        make.ours(RESPONSE_ALONE, _RESPONSE_ALONE, calls=0),
    ]


class _Maker:
    """Makes candidates whose functions in Python run on one interpreter."""

    def __init__(
        self, folder: Path, server: Server, python: Path, *, has_runtime: bool = False
    ) -> None:
        self._folder = folder
        self._server = server
        self._python = [str(python), "-B", str(_CONTAINERS / "python_container.py")]
        self._has_runtime = has_runtime
        # As in Lambda, nothing of the developer's environment but the path.
        self._environment = {
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

    def python(self, name: str, entry_point: str) -> Candidate:
        return self._candidate(name, self._command(entry_point), "python", _REFRESH)

    def node(self, name: str, file: str, function: str, event: Mapping[str, Any]) -> Candidate:
        script = str(_CONTAINERS / "node_container.js")
        command = ["node", script, str(self._folder / "node" / file), function]
        return self._candidate(name, command, "node", event)

    def ours(
        self, name: str, entry_point: str = _HANDLER, *, calls: int = 4, baseline: str = TEXTBOOK
    ) -> Candidate:
        event = _REFRESH if calls else _RETAINED
        return self._candidate(name, self._command(entry_point), "ours", event, calls, baseline)

    def _command(self, entry_point: str) -> list[str]:
        return [*self._python, entry_point, *(["--runtime"] if self._has_runtime else [])]

    def _candidate(
        self,
        name: str,
        command: list[str],
        code: str,
        event: Mapping[str, Any],
        calls: int = 1,
        baseline: str = TEXTBOOK,
    ) -> Candidate:
        url = f"https://127.0.0.1:{self._server.tls_port}/response"
        return Candidate(
            name=name,
            command=command,
            folder=self._folder / code,
            event={**_EVENT, "ResponseURL": url, **event},
            environment=self._environment,
            calls=calls,
            baseline=baseline,
            has_runtime=self._has_runtime,
        )


_EVENT = {
    "RequestId": "7a2f3a3e-35ff-4a31-9c3b-5f2c2f7c8b9d",
    "StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/bench/1",
    "ResourceType": "Custom::AppFlowConnectorRegistration",
    "LogicalResourceId": "Registration",
    "PhysicalResourceId": LABEL,
}
_PROPERTIES = {"ConnectorLabel": LABEL, "LambdaArn": LAMBDA_ARN, "RemovalPolicy": "Retain"}
_REFRESH = {
    "RequestType": "Update",
    "ResourceProperties": {**_PROPERTIES, "Triggers": {"Release": "2"}},
    "OldResourceProperties": _PROPERTIES,
}
_RETAINED = {"RequestType": "Delete", "ResourceProperties": _PROPERTIES}
_SDK_CALL = {
    "RequestType": "Update",
    "ResourceProperties": {
        "Update": json.dumps(
            {
                "service": "AppFlow",
                "action": "updateConnectorRegistration",
                "physicalResourceId": {"id": LABEL},
                "parameters": {
                    "connectorLabel": LABEL,
                    "connectorProvisioningConfig": {"lambda": {"lambdaArn": LAMBDA_ARN}},
                },
            }
        ),
        "InstallLatestAwsSdk": "false",
    },
    "OldResourceProperties": {},
}
