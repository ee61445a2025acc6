"""``cdk deploy`` of the examples that the local cloud supports, IAM enforced.

Some of the tests can run in an AWS account as well.
"""

from __future__ import annotations

import fnmatch
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import (
    ROOT,
    bootstrap,
    registered_labels,
    run_cdk,
    run_cli,
    synthesise,
)
from tests.support import Account, connector

LABEL = "acme-crm"


def cdk(
    account: Account, output: Path, example: str, *arguments: str, **context: str
) -> subprocess.CompletedProcess[str]:
    """Run the CDK CLI on an unchanged example."""
    variables = {"CDK_CONTEXT_JSON": json.dumps(context)}
    return run_cdk(account, file_of(example), output, *arguments, **variables)


def file_of(example: str) -> str:
    """The file of an example's app."""
    return str(ROOT / "examples" / f"{example}.py")


class Deployed:
    """An example in any account; the names of its stack and connector have a prefix."""

    def __init__(self, account: Account, prefix: str, output: Path, example: Path) -> None:
        self.account = account
        self.label = f"{prefix}{LABEL}"
        self._prefix = prefix
        self._output = output
        self._variables = {"PREFIX": prefix, "EXAMPLE": str(example)}

    def deploy(self, **context: str) -> str:
        """Deploy the example; return the error, empty after a success."""
        result = run_cdk(
            self.account,
            "tests.end_to_end.example_app",
            self._output,
            *("deploy", "--require-approval", "never"),
            CDK_CONTEXT_JSON=json.dumps(context),
            **self._variables,
        )
        # The CLI does not always read the reason before the stack is rolled back.
        return "\n".join([result.stderr, *self._reasons()]) if result.returncode else ""

    def _reasons(self) -> Iterator[str]:
        """The reasons of failures in the stack events."""
        cloudformation = self.account.client("cloudformation")
        for stack in cloudformation.describe_stacks()["Stacks"]:
            if stack["StackName"].startswith(self._prefix):
                found = cloudformation.describe_stack_events(StackName=stack["StackName"])
                for event in found["StackEvents"]:
                    yield event.get("ResourceStatusReason", "")

    def version(self) -> str | None:
        """The registered version of the connector, or None."""
        connector = self.account.registered(self.label)
        return connector["connectorVersion"] if connector else None


@pytest.mark.anywhere
def test_adopt_existing_requires_a_connector(target: Account, prefix: str, tmp_path: Path) -> None:
    """A missing connector fails the deployment, and an existing one is adopted."""
    example = Deployed(target, prefix, tmp_path, ROOT / "examples" / "adopt_existing.py")
    assert (
        f"connector {example.label}: the label is not registered, and adoption is REQUIRED."
        " Register the connector first, or set adoption=Adoption.ALLOWED."
    ) in example.deploy()

    by_hand = target.make_function(f"{prefix}by-hand", connector())
    target.register(example.label, by_hand)
    assert example.deploy() == ""

    adopted = target.registered_arn(example.label)
    assert adopted is not None
    assert adopted != by_hand


@pytest.mark.anywhere
def test_imported_function_follows_releases(target: Account, prefix: str, tmp_path: Path) -> None:
    """New code of an imported function is registered with the next release only."""
    example = Deployed(target, prefix, tmp_path, ROOT / "examples" / "imported_function.py")
    arn = target.make_function(f"{prefix}crm", connector("1.0"), granted=False)
    assert example.deploy(functionArn=arn, release="7") == ""
    target.change_code(f"{prefix}crm", connector("1.1"))

    for release, version in (("7", "1.0"), ("8", "1.1")):
        assert example.deploy(functionArn=arn, release=release) == ""
        assert example.version() == version


class ExternallyChanged:
    """The example whose function something else than a deployment changes."""

    def __init__(self, account: Account, output: Path) -> None:
        bootstrap(account)
        self.account = account
        self._output = output
        self._run("deploy", "--require-approval", "never")
        [self.rule] = self.rules()

    def rules(self) -> list[Mapping[str, Any]]:
        """The rules of the default event bus that the library has made."""
        events = self.account.client("events")
        found: list[Mapping[str, Any]] = events.list_rules(NamePrefix="AppFlowConnector-")["Rules"]
        return found

    @property
    def target(self) -> Mapping[str, Any]:
        """The only target of the rule."""
        events = self.account.client("events")
        [target] = events.list_targets_by_rule(Rule=self.rule["Name"])["Targets"]
        found: Mapping[str, Any] = target
        return found

    def change_code(self, version: str) -> None:
        """Change the code as a pipeline does, and wait until AppFlow shows its version."""
        arn = str(self.account.registered_arn(LABEL))
        source = (ROOT / "examples" / "connector" / "crm.py").read_text()
        with io.BytesIO() as buffer:
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("crm.py", source.replace('"1.0"', f'"{version}"'))
            self.account.client("lambda").update_function_code(
                FunctionName=arn, ZipFile=buffer.getvalue()
            )
        while self.version() != version:
            pass

    def version(self) -> str:
        """The version of the connector that AppFlow shows."""
        registered = self.account.registered(LABEL)
        assert registered is not None
        return str(registered["connectorVersion"])

    def destroy(self) -> None:
        """Delete the stack."""
        self._run("destroy", "--force")

    def _run(self, *command: str) -> None:
        result = cdk(self.account, self._output, "external_change", *command)
        assert result.returncode == 0, result.stderr


@pytest.fixture
def externally_changed(account: Account, tmp_path: Path) -> ExternallyChanged:
    """The example, deployed."""
    return ExternallyChanged(account, tmp_path)


def test_external_change_makes_a_rule(externally_changed: ExternallyChanged) -> None:
    """The rule of the example is deployed with its schedule, and removed with the stack."""
    account, rule = externally_changed.account, externally_changed.rule
    target = externally_changed.target
    policy = account.client("lambda").get_policy(FunctionName=target["Arn"])["Policy"]
    arn = account.registered_arn(LABEL)
    assert arn is not None

    externally_changed.destroy()

    assert rule["ScheduleExpression"] == "rate(12 hours)"
    assert f":function:{arn.split(':')[6]}" in rule["EventPattern"]
    template = target["InputTransformer"]["InputTemplate"]
    received = json.loads(re.sub("<(id|time)>", '""', template))
    assert received["LambdaArn"] == arn
    assert received["Registrations"] == [{"ConnectorLabel": LABEL, "OnBreakingChange": "Fail"}]
    assert ":stack/ExternallyChangedConnector/" in received["StackId"]
    [statement] = json.loads(policy)["Statement"]
    source = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
    assert fnmatch.fnmatchcase(rule["Arn"], source)
    assert externally_changed.rules() == []


def test_external_change_is_followed(externally_changed: ExternallyChanged) -> None:
    """AppFlow reads each change of the code, also the way back, and nothing else is called."""
    for version in ("1.1", "1.0", "1.2"):
        externally_changed.change_code(version)

    operations = externally_changed.account.operations()
    assert operations[0] == "RegisterConnector"
    assert set(operations[1:]) == {"UpdateConnectorRegistration"}


@pytest.mark.anywhere
def test_version_is_registered_or_rolled_back(target: Account, prefix: str, tmp_path: Path) -> None:
    """Each version is registered, and a broken version is rolled back."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    code = tmp_path / "examples" / "connector" / "crm.py"
    file = tmp_path / "examples" / "version.py"
    example = Deployed(target, prefix, tmp_path / "out", file)

    def deploy_with(old: str, new: str) -> tuple[str, str, str | None]:
        """Deploy other code; return the error, the function version and the connector version."""
        code.write_text(code.read_text().replace(old, new))
        error = example.deploy()
        arn = str(target.registered_arn(example.label))
        return error, arn.rpartition(":")[2], example.version()

    assert deploy_with("1.0", "1.0") == ("", "1", "1.0")
    assert deploy_with("1.0", "1.1") == ("", "2", "1.1")
    function = str(target.registered_arn(example.label)).split(":")[6]
    # Flows may still use the first version, so AppFlow may still invoke it.
    policy = target.client("lambda").get_policy(FunctionName=function, Qualifier="1")
    assert "appflow.amazonaws.com" in policy["Policy"]
    error, *registered = deploy_with('"isSuccess": True', '"isSuccess": 1 / 0')

    assert "ConnectorServerException from UpdateConnectorRegistration" in error
    assert registered == ["2", "1.1"]
    assert target.client("lambda").invoke(
        FunctionName=function, Qualifier="1", Payload=b'{"type": "other"}'
    )


def test_many_regions_registers_in_each(account: Account, tmp_path: Path) -> None:
    """The connector is registered in each Region to which a stage is deployed."""
    regions = ["us-east-1", "eu-west-1"]
    accounts = [replace(account, region=region) for region in regions]
    for there in accounts:
        bootstrap(there)
    stages = [f"Connector-{region}/*" for region in regions]

    result = cdk(
        account, tmp_path, "many_regions", "deploy", "--require-approval", "never", *stages
    )

    assert result.returncode == 0, result.stderr
    assert [registered_labels(there) for there in accounts] == [[LABEL], [LABEL]]


def test_many_accounts_registers_in_one(account: Account, tmp_path: Path) -> None:
    """The stage of the test account registers the connector there."""
    # The example contains this account.
    test = Account(account.cloud, "111122223333", region="eu-west-1")
    bootstrap(test)

    result = cdk(test, tmp_path, "many_accounts", "deploy", "--require-approval", "never", "Test/*")

    assert result.returncode == 0, result.stderr
    assert registered_labels(test) == [LABEL]


class FormerlyNative:
    """The stack of ``replace_native``, at some step."""

    def __init__(self, account: Account, output: Path) -> None:
        self.account = account
        self._output = output

    def deploy(self, step: str, *arguments: str) -> None:
        """Deploy a step."""
        command = ["deploy", "--require-approval", "never", *arguments]
        result = cdk(self.account, self._output, "replace_native", *command, step=step)
        assert result.returncode == 0, result.stderr

    def execute(self, change_set: str) -> None:
        """Execute a change set that was prepared."""
        cloudformation = self.account.client("cloudformation")
        stack = {"StackName": "FormerlyNativeConnector"}
        cloudformation.execute_change_set(ChangeSetName=change_set, **stack)
        cloudformation.get_waiter("stack_update_complete").wait(
            **stack, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300}
        )

    def registers_by(self) -> list[str]:
        """The types of the resources in the stack that register a connector."""
        resources = self.account.client("cloudformation").describe_stack_resources(
            StackName="FormerlyNativeConnector"
        )["StackResources"]
        types = {resource["ResourceType"] for resource in resources}
        return sorted(types & {"AWS::AppFlow::Connector", "Custom::AppFlowConnectorRegistration"})


@pytest.fixture
def formerly_native(account: Account, tmp_path: Path) -> FormerlyNative:
    """A stack whose connector the native resource has registered, and a profile that uses it."""
    bootstrap(account)
    stack = FormerlyNative(account, tmp_path)
    stack.deploy("before")
    account.make_profile("acme", LABEL)
    return stack


def test_replace_native_there_and_back(formerly_native: FormerlyNative) -> None:
    """A registration replaces a native resource without a gap; the way back has a short one."""
    account = formerly_native.account
    arn = account.registered_arn(LABEL)
    assert arn is not None
    assert formerly_native.registers_by() == ["AWS::AppFlow::Connector"]

    for step in ("both", "after"):
        formerly_native.deploy(step)
        assert account.registered_arn(LABEL) == arn

    assert formerly_native.registers_by() == ["Custom::AppFlowConnectorRegistration"]
    assert account.operations() == [
        "RegisterConnector",
        "CreateConnectorProfile",
        "UpdateConnectorRegistration",
    ]

    formerly_native.deploy("before", "--method=prepare-change-set", "--change-set-name", "native")
    account.client("appflow").unregister_connector(connectorLabel=LABEL, forceDelete=True)
    formerly_native.execute("native")

    assert formerly_native.registers_by() == ["AWS::AppFlow::Connector"]
    assert account.registered_arn(LABEL) == arn


def test_native_replaced_at_once(formerly_native: FormerlyNative) -> None:
    """Without the step that retains it, the native resource tries to unregister the connector."""
    account = formerly_native.account

    formerly_native.deploy("after")

    [last] = account.calls()[-1:]
    assert (last["operation"], last["outcome"]) == ("UnregisterConnector", "ConflictException")
    assert account.registered_arn(LABEL) is not None


# What the CDK's function for AwsCustomResource does, in Python: the CDK's own needs the AWS SDK for
# JavaScript, which is part of Lambda's Node.js runtime and not of the local cloud.
AWS_CUSTOM_RESOURCE = """
import json, re, urllib.request
import boto3

def handler(event, context):
    print(event["RequestType"])
    response = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": "SUCCESS", "PhysicalResourceId": "acme-crm"}
    try:
        call = json.loads(event["ResourceProperties"].get(event["RequestType"], "null"))
        if call:
            client = boto3.client(call["service"].lower())
            operation = re.sub(r"(?<!^)([A-Z])", r"_\\1", call["action"]).lower()
            getattr(client, operation)(**call["parameters"])
    except Exception as error:
        response |= {"Status": "FAILED", "Reason": str(error)}
    body = json.dumps(response).encode()
    request = urllib.request.Request(
        event["ResponseURL"], body, {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request).read()
"""


class FormerlyCustom:
    """The stack of ``replace_aws_custom_resource``, with a connector profile, at some step."""

    def __init__(self, account: Account, output: Path) -> None:
        self.account = account
        self._output = output

    def deploy(self, step: str) -> None:
        """Deploy a step, with a function in Python behind AwsCustomResource."""
        output = self._output / step
        example = file_of("replace_aws_custom_resource")
        synthesise(self.account, example, output, CDK_CONTEXT_JSON=json.dumps({"step": step}))
        [file] = output.glob("*.template.json")
        template = json.loads(file.read_text())
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::Lambda::Function" and name.startswith("AWS679f53fac0"):
                resource["Properties"] |= {
                    "Code": {"ZipFile": AWS_CUSTOM_RESOURCE},
                    "Handler": "index.handler",
                    "Runtime": "python3.13",
                }
        file.write_text(json.dumps(template))
        result = run_cli(self.account, output, "deploy", "--require-approval", "never")
        assert result.returncode == 0, result.stderr

    def status(self) -> str:
        """The status of the stack."""
        [stack] = self.account.client("cloudformation").describe_stacks(
            StackName="FormerlyCustomConnector"
        )["Stacks"]
        return str(stack["StackStatus"])


@pytest.fixture
def formerly_custom(account: Account, tmp_path: Path) -> FormerlyCustom:
    """A stack whose connector an AwsCustomResource has registered, and a profile that uses it."""
    bootstrap(account)
    stack = FormerlyCustom(account, tmp_path)
    stack.deploy("before")
    account.make_profile("acme", LABEL)
    return stack


def test_replace_aws_custom_resource(formerly_custom: FormerlyCustom) -> None:
    """The guide's order of deployments keeps the connector registered at every step."""
    account = formerly_custom.account
    arn = account.registered_arn(LABEL)
    assert arn is not None

    for step in ("both", "after"):
        formerly_custom.deploy(step)
        assert account.registered_arn(LABEL) == arn

    assert account.operations() == [
        "RegisterConnector",
        "CreateConnectorProfile",
        "UpdateConnectorRegistration",
    ]
    assert formerly_custom.status() == "UPDATE_COMPLETE"


def test_aws_custom_resource_replaced_at_once(formerly_custom: FormerlyCustom) -> None:
    """Without the step that retains it, an AwsCustomResource unregisters what was adopted."""
    formerly_custom.deploy("after")

    assert formerly_custom.account.registered(LABEL) is None
    assert formerly_custom.account.operations()[-2:] == [
        "UpdateConnectorRegistration",
        "UnregisterConnector",
    ]
    assert formerly_custom.status() == "UPDATE_COMPLETE"


def test_profile_and_flow(account: Account, tmp_path: Path) -> None:
    """The connector, its profile and its flow are deployed in this order, run, and destroyed."""
    bootstrap(account)
    password = ["--parameters", "Password=secret"]

    deployed = cdk(
        account, tmp_path, "profile_and_flow", "deploy", "--require-approval", "never", *password
    )
    assert deployed.returncode == 0, deployed.stderr
    run = account.run_flow("acme-accounts")
    assert run["executionStatus"] == "Successful", run["executionResult"]
    s3 = account.client("s3")
    [bucket] = [
        one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("crmtobucket")
    ]
    [file] = s3.list_objects_v2(Bucket=bucket, Prefix="accounts/")["Contents"]
    rows = s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].read().splitlines()
    destroyed = cdk(account, tmp_path, "profile_and_flow", "destroy", "--force")

    assert [json.loads(row)["name"] for row in rows] == [
        "Anvil Works",
        "Bolt & Sons",
        "Cogs United",
        "Dynamo Ltd",
        "Engine House",
    ]
    assert destroyed.returncode == 0, destroyed.stderr
    assert account.connectors() == []
    assert [name for name in account.operations() if not name.startswith("List")] == [
        "RegisterConnector",
        "CreateConnectorProfile",
        "CreateFlow",
        "StartFlow",
        "DeleteFlow",
        "DeleteConnectorProfile",
        "UnregisterConnector",
    ]


@pytest.mark.parametrize("region", ["eu-west-1", "us-west-2"])
def test_stack_set_template_registers(account: Account, tmp_path: Path, region: str) -> None:
    """The template of the stack set registers the connector in any Region."""
    there = Account(account.cloud, account.id, region=region)
    there.client("s3").create_bucket(
        Bucket=f"acme-assets-{region}",
        CreateBucketConfiguration={"LocationConstraint": region},
    )
    published = run_cdk(
        there,
        file_of("stack_set"),
        tmp_path,
        "publish-assets",
        "--unstable=publish-assets",
        AWS_REGION=region,
    )
    assert published.returncode == 0, published.stderr

    # MiniStack has no stack sets, so the test creates the stack of one account and Region.
    cloudformation = there.client("cloudformation")
    cloudformation.create_stack(
        StackName="CrmEverywhere",
        TemplateBody=(tmp_path / "CrmEverywhere.template.json").read_text(),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="CrmEverywhere", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

    assert registered_labels(there) == [LABEL]
