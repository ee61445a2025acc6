"""Every example and the sample app: they synthesise, and the rules of others find nothing."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest

ROOT = Path(__file__).parents[2]
APPS = [ROOT / "app.py", *sorted((ROOT / "examples").glob("*.py"))]

AWS_POLICIES = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role"
SECRETS = (
    "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>"
    ":secret:appflow!<AWS::AccountId>-acme-crm-"
)

# Findings of cdk-nag's AwsSolutions pack that are meant to be, each with its reason: the rule with
# what it found, and how the construct's path ends.
ACKNOWLEDGED = {
    ("AwsSolutions-IAM5[Resource::*]", "Provider/Role/DefaultPolicy/Resource"): (
        "IAM knows no narrower resource for appflow:RegisterConnector, nor for the network"
        " interfaces that Lambda makes in a VPC."
    ),
    (f"AwsSolutions-IAM5[Resource::{SECRETS}*]", "/Connector/ServiceRole/DefaultPolicy/Resource"): (
        "AppFlow ends the names of a label's secrets with the profile and random characters."
    ),
    (f"{AWS_POLICIES}/AWSLambdaBasicExecutionRole]", "/Connector/ServiceRole/Resource"): (
        "An example's function keeps the basic policy that CDK gives every function."
    ),
    ("AwsSolutions-L1", "/Connector/Resource"): (
        "An example's connector runs on a runtime that the AppFlow SDK has been tested with."
    ),
    (f"{AWS_POLICIES}/AWSCodeDeployRoleForLambdaLimited]", "/Deployment/ServiceRole/Resource"): (
        "The policy of AWS for CodeDeploy, which the CDK attaches by itself."
    ),
    ("AwsSolutions-S1", "/Bucket/Resource"): (
        "An example's bucket: the log of its accesses would need another bucket."
    ),
    ("undecided: AwsSolutions-EC23", "/SecurityGroup/Resource"): (
        "The address range is known at deployment only, so the rule cannot be decided."
    ),
}


@pytest.fixture(params=APPS, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def app(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cdk.App:
    return run(example, tmp_path, monkeypatch)


def run(example: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> cdk.App:
    """The example's app after its synthesis."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CDK_OUTDIR", str(output))
    found = runpy.run_path(str(example))["app"]
    assert isinstance(found, cdk.App)
    return found


def templates(app: cdk.App) -> list[Path]:
    return sorted(Path(app.outdir).rglob("*.template.json"))


def test_registers_a_connector(app: cdk.App) -> None:
    for file in templates(app):
        resources = json.loads(file.read_text())["Resources"].values()
        kinds = [resource["Type"] for resource in resources]
        assert "Custom::AppFlowConnectorRegistration" in kinds


def test_cfn_lint_finds_nothing(app: cdk.App) -> None:
    result = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *map(str, templates(app))],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert result.stdout + result.stderr == ""
    assert result.returncode == 0


def test_cdk_nag_finds_nothing_that_is_not_acknowledged(app: cdk.App) -> None:
    assert [finding for finding in findings(app) if acknowledged_by(finding) is None] == []


def test_every_acknowledgement_is_of_something_that_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = set()
    for example in APPS:
        output = tmp_path / example.stem
        used |= {acknowledged_by(each) for each in findings(run(example, output, monkeypatch))}

    assert used >= ACKNOWLEDGED.keys()


def findings(app: cdk.App) -> Iterator[tuple[str, str]]:
    """What the AwsSolutions pack finds in all stages: the rule with what it found, and where."""
    # Not at the top: cdk-nag cannot be imported beside the oldest CDK that the library supports.
    from cdk_nag import AwsSolutionsChecks

    for violation in AwsSolutionsChecks().validate_scope(app).violations:
        undecided = violation.description.startswith("Rule threw an error")
        rule = f"undecided: {violation.rule_name}" if undecided else violation.rule_name
        for resource in violation.violating_resources:
            yield rule, str(resource.construct_path)


def acknowledged_by(finding: tuple[str, str]) -> tuple[str, str] | None:
    rule, path = finding
    return next((one for one in ACKNOWLEDGED if one[0] == rule and path.endswith(one[1])), None)
