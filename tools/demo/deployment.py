"""The sample app on the local cloud, through the CDK CLI, CloudFormation and AppFlow."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from appflow_local_cloud.process import LocalCloud
from tools.terminal import run_cli

ACCOUNT = "111122223333"
STACK = "SalesforceConnector"
LABEL = "salesforce-example"

FLOW_APP = "python examples/profile_and_flow.py"
"""The app with a flow; the demo's connector needs an account of Salesforce for one."""

FLOW_STACK = "CrmToBucket"
_FLOW = "acme-accounts"

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Registration:
    """What is registered in AppFlow under the demo's label."""

    lambda_arn: str
    configuration: Mapping[str, Any]

    @property
    def function_name(self) -> str:
        """The name of the registered function."""
        return self.lambda_arn.split(":")[6]


class Deployment:
    """The sample app on a local cloud."""

    def __init__(self, cloud: LocalCloud, log: TextIO, assembly: Path) -> None:
        self._cloud = cloud
        self._log = log
        self._assembly = assembly
        self._environment = cloud.environment(ACCOUNT)

    def cdk(self, arguments: list[str], on_line: Callable[[str], None]) -> int:
        """Run the CDK CLI and return its exit code; each line is logged and passed on."""
        command = ["cdk", *arguments, "--output", str(self._assembly.absolute())]
        # In the checkout, bootstrapping would synthesise the app that cdk.json names.
        folder = self._assembly.parent if arguments[0] == "bootstrap" else _ROOT
        self._log.write(f"\n$ {' '.join(command)}\n")
        process = subprocess.Popen(
            command,
            cwd=folder,
            # One line for each event, although the output is no terminal.
            env={**self._environment, "CDK_PROGRESS": "events"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            self._log.write(line)
            on_line(line)
        self._log.flush()
        return process.wait()

    def inspect(self, arguments: list[str], columns: int) -> tuple[int, str]:
        """Run ``cdk-appflow-connector``, and return its exit code and what it prints."""
        exit_code, printed = run_cli(
            arguments, cwd=_ROOT, environment=self._environment, columns=columns
        )
        self._log.write(f"\n$ cdk-appflow-connector {' '.join(arguments)}\n{printed}")
        self._log.flush()
        return exit_code, printed

    def update_code(self, code: Path) -> None:
        """Change the code of the connector's function without a deployment."""
        archive = shutil.make_archive(str(self._assembly.parent / "code"), "zip", code)
        functions = self._cloud.client("lambda", ACCOUNT)
        name = self._physical_id(STACK, "AWS::Lambda::Function", "Connector")
        functions.update_function_code(FunctionName=name, ZipFile=Path(archive).read_bytes())
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    def registration(self) -> Registration | None:
        """What is registered under the label, or None."""
        appflow = self._cloud.client("appflow", ACCOUNT)
        try:
            response = appflow.describe_connector(
                connectorType="CustomConnector", connectorLabel=LABEL
            )
        except appflow.exceptions.ResourceNotFoundException:
            return None
        configuration = response["connectorConfiguration"]
        provisioning = configuration["connectorProvisioningConfig"]
        return Registration(provisioning["lambda"]["lambdaArn"], configuration)

    def connector_function_arn(self) -> str:
        """The ARN of the connector function that is deployed in the stack."""
        name = self._physical_id(STACK, "AWS::Lambda::Function", "Connector")
        functions = self._cloud.client("lambda", ACCOUNT)
        arn: str = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        return arn

    def run_flow(self) -> str:
        """Run the flow and return the status of its run once it has ended."""
        appflow = self._cloud.client("appflow", ACCOUNT)
        started = appflow.start_flow(flowName=_FLOW)["executionId"]
        while True:
            runs = appflow.describe_flow_execution_records(flowName=_FLOW)["flowExecutions"]
            [status] = [run["executionStatus"] for run in runs if run["executionId"] == started]
            if status != "InProgress":
                return str(status)
            time.sleep(0.1)

    def rows(self) -> list[str]:
        """The lines of all files in the flow's bucket."""
        bucket = self._physical_id(FLOW_STACK, "AWS::S3::Bucket", "Bucket")
        s3 = self._cloud.client("s3", ACCOUNT)
        files = [
            s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().decode()
            for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        ]
        return [line for file in files for line in file.splitlines()]

    def failure_reason(self, stack: str) -> str:
        """The reason of the registration's last failure in a stack's events, or an empty text."""
        cloudformation = self._cloud.client("cloudformation", ACCOUNT)
        for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
            if event["ResourceStatus"].endswith("_FAILED") and event["ResourceType"].startswith(
                "Custom::"
            ):
                return str(event.get("ResourceStatusReason", ""))
        return ""

    def _physical_id(self, stack: str, resource_type: str, logical_id: str) -> str:
        """The physical id of a resource; its logical id begins with the given one."""
        cloudformation = self._cloud.client("cloudformation", ACCOUNT)
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        [physical_id] = [
            resource["PhysicalResourceId"]
            for resource in resources
            if resource["ResourceType"] == resource_type
            and resource["LogicalResourceId"].startswith(logical_id)
        ]
        return str(physical_id)

    def stack_status(self, stack: str) -> str:
        """The status of a stack."""
        cloudformation = self._cloud.client("cloudformation", ACCOUNT)
        stacks = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return str(stacks[0]["StackStatus"])

    def handler_calls(self) -> list[str]:
        """The handler's calls to AppFlow, each with its error if it failed."""
        return [
            call["operation"] + ("" if call["outcome"] == "OK" else f" ({call['outcome']})")
            for call in self._cloud.appflow_calls(ACCOUNT)
            if ":assumed-role/" in call["caller"]
        ]
