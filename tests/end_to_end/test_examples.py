"""``cdk deploy`` of the examples that the local cloud can carry, IAM enforced."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.support import ROOT, run_cdk
from tests.support import Account, connector

LABEL = "acme-crm"


def cdk(
    account: Account, output: Path, example: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return run_cdk(account, f"{sys.executable} {Path('examples', example)}.py", output, *arguments)


def deploy(account: Account, output: Path, example: str, *arguments: str) -> str:
    """Deploy an example; returns its error, empty when all went well."""
    if not account.client("cloudformation").describe_stacks()["Stacks"]:
        bootstrap = cdk(account, output, example, "bootstrap", f"aws://{account.id}/us-east-1")
        assert bootstrap.returncode == 0, bootstrap.stderr
    result = cdk(account, output, example, "deploy", "--require-approval", "never", *arguments)
    return result.stderr if result.returncode else ""


def test_adopt_existing(account: Account, tmp_path: Path) -> None:
    assert (
        "connector acme-crm: it is not registered, and on_missing is FAIL. Register it first, or"
        " let on_missing REGISTER do it."
    ) in deploy(account, tmp_path, "adopt_existing")

    by_hand = account.make_function("by-hand", connector())
    account.register(LABEL, by_hand)
    assert deploy(account, tmp_path, "adopt_existing") == ""

    adopted = account.registered_arn(LABEL)
    assert adopted is not None
    assert adopted != by_hand


def test_imported_function(account: Account, tmp_path: Path) -> None:
    arn = account.make_function("crm", connector("1.0"), granted=False)
    function = ["-c", f"functionArn={arn}"]
    assert deploy(account, tmp_path, "imported_function", *function, "-c", "release=7") == ""
    account.change_code("crm", connector("1.1"))

    for release, version in (("7", "1.0"), ("8", "1.1")):
        release_is = ["-c", f"release={release}"]
        assert deploy(account, tmp_path, "imported_function", *function, *release_is) == ""
        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorVersion"] == version


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_many_regions(account: Account, tmp_path: Path, region: str) -> None:
    place = f"aws://{account.id}/{region}"
    bootstrap = cdk(account, tmp_path, "many_regions", "bootstrap", place)
    assert bootstrap.returncode == 0, bootstrap.stderr

    result = cdk(
        account,
        tmp_path,
        "many_regions",
        "deploy",
        "--require-approval",
        "never",
        f"Connector-{region}/*",
    )

    assert result.returncode == 0, result.stderr
    held = account.cloud.client("appflow", account.id, region_name=region).list_connectors()
    [listed] = held["connectors"]
    assert listed["connectorLabel"] == LABEL


def test_many_accounts(account: Account, tmp_path: Path) -> None:
    # The account that the example names.
    test = Account(account.cloud, "111122223333", region="eu-west-1")
    place = f"aws://{test.id}/{test.region}"
    for command in (["bootstrap", place], ["deploy", "--require-approval", "never", "Test/*"]):
        result = cdk(test, tmp_path, "many_accounts", *command)
        assert result.returncode == 0, result.stderr

    assert [held["connectorLabel"] for held in test.connectors()] == [LABEL]


def test_version(account: Account, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    example = str(tmp_path / "examples" / "version")
    code = tmp_path / "examples" / "connector" / "crm.py"

    def deploy_with(old: str, new: str) -> tuple[str, str, str]:
        """Deploy with other code: the error, the version's number and that of the connector."""
        code.write_text(code.read_text().replace(old, new))
        error = deploy(account, tmp_path / "out", example)
        held = account.registered(LABEL)
        assert held is not None
        arn = held["connectorProvisioningConfig"]["lambda"]["lambdaArn"]
        return error, arn.rpartition(":")[2], held["connectorVersion"]

    assert deploy_with("1.0", "1.0") == ("", "1", "1.0")
    assert deploy_with("1.0", "1.1") == ("", "2", "1.1")
    error, *held = deploy_with('"isSuccess": True', '"isSuccess": "perhaps"')

    assert "ConnectorServerException from UpdateConnectorRegistration" in error
    assert held == ["2", "1.1"]
    # The first one is kept for the flows that may still run on it.
    assert account.client("lambda").invoke(
        FunctionName=function_name(account), Qualifier="1", Payload=b'{"type": "other"}'
    )


def function_name(account: Account) -> str:
    arn = account.registered_arn(LABEL)
    assert arn is not None
    return arn.split(":")[6]


def test_replace_native(account: Account, tmp_path: Path) -> None:
    def deploy_step(step: str) -> None:
        # MiniStack does not know the native resource: whatever that does is done by hand.
        app = without_native(account, tmp_path / step, step)
        result = run_cdk(account, str(app), tmp_path, "deploy", "--require-approval", "never")
        assert result.returncode == 0, result.stderr

    place = f"aws://{account.id}/us-east-1"
    assert cdk(account, tmp_path, "replace_native", "bootstrap", place).returncode == 0
    deploy_step("before")
    [function] = account.client("lambda").list_functions()["Functions"]
    account.register(LABEL, function["FunctionArn"])
    account.make_profile("acme", LABEL)
    for step in ("both", "after"):
        deploy_step(step)
        assert account.registered_arn(LABEL) == function["FunctionArn"]

    assert account.operations() == [
        "RegisterConnector",
        "CreateConnectorProfile",
        "UpdateConnectorRegistration",
    ]


def without_native(account: Account, output: Path, step: str) -> Path:
    """Synthesise a step, and take the native resource out of its template."""
    synth = cdk(account, output, "replace_native", "synth", "--quiet", "-c", f"step={step}")
    assert synth.returncode == 0, synth.stderr
    [file] = output.glob("*.template.json")
    template = json.loads(file.read_text())
    resources = template["Resources"]
    template["Resources"] = {
        name: resource
        for name, resource in resources.items()
        if resource["Type"] != "AWS::AppFlow::Connector"
    }
    natives = len(resources) - len(template["Resources"])
    assert natives == (0 if step == "after" else 1)
    file.write_text(json.dumps(template))
    return output


@pytest.mark.parametrize("region", ["eu-west-1", "us-west-2"])
def test_stack_set(account: Account, tmp_path: Path, region: str) -> None:
    there = Account(account.cloud, account.id, region=region)
    there.client("s3").create_bucket(
        Bucket=f"acme-assets-{region}",
        CreateBucketConfiguration={"LocationConstraint": region},
    )
    published = run_cdk(
        there,
        f"{sys.executable} examples/stack_set.py",
        tmp_path,
        "publish-assets",
        "--unstable=publish-assets",
        AWS_REGION=region,
    )
    assert published.returncode == 0, published.stderr

    # What a stack set does in each account and Region; MiniStack has no stack sets.
    cloudformation = there.client("cloudformation")
    cloudformation.create_stack(
        StackName="CrmEverywhere",
        TemplateBody=(tmp_path / "CrmEverywhere.template.json").read_text(),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="CrmEverywhere", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

    assert [held["connectorLabel"] for held in there.connectors()] == [LABEL]
