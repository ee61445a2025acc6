"""Every example and the sample app: they synthesise, and the rules of others find nothing."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

ROOT = Path(__file__).parents[2]
APPS = [ROOT / "app.py", *sorted((ROOT / "examples").glob("*.py"))]

# Findings of cdk-nag's AwsSolutions pack that are meant to be, each with its reason.
ACKNOWLEDGED = {
    ("AwsSolutions-IAM5", "Provider/Role/DefaultPolicy"): (
        "IAM knows no narrower resource for appflow:RegisterConnector."
    ),
    ("AwsSolutions-IAM5", "Connector/ServiceRole/DefaultPolicy"): (
        "AppFlow makes up the names of its secrets from a fixed start."
    ),
    ("AwsSolutions-IAM4", "Connector/ServiceRole"): (
        "An example's function keeps the basic policy that CDK gives every function."
    ),
    ("AwsSolutions-IAM4", "Provider/Role"): (
        "The policy of AWS for functions in a VPC: it changes when Lambda needs more."
    ),
    ("AwsSolutions-L1", "Connector"): (
        "An example's connector runs on a runtime that the AppFlow SDK has been tested with."
    ),
    ("AwsSolutions-IAM4", "Deployment/ServiceRole"): (
        "The policy of AWS for CodeDeploy, which the CDK attaches by itself."
    ),
    ("AwsSolutions-S1", "Bucket"): (
        "An example's bucket: the log of its accesses would need another bucket."
    ),
    ("CdkNagValidationFailure", "Vpc"): (
        "The address range is known at deployment only, so the rule cannot be decided."
    ),
}


@pytest.fixture(params=APPS, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def app(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cdk.App:
    """The example's app after its synthesis."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
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
    cdk.Aspects.of(app).add(AwsSolutionsChecks())

    found = list(findings(app.synth(force=True)))

    assert [finding for finding in found if acknowledgement(finding) is None] == []


def findings(assembly: Any) -> Any:
    for nested in assembly.nested_assemblies:
        yield from findings(nested.nested_assembly)
    for artifact in assembly.stacks:
        for message in artifact.messages:
            text = str(message.entry.data)
            if text.startswith(("AwsSolutions", "CdkNag")):
                yield text.split("[")[0].split(":")[0], message.id


def acknowledgement(finding: tuple[str, str]) -> str | None:
    rule, path = finding
    return next(
        (why for (name, part), why in ACKNOWLEDGED.items() if name == rule and part in path), None
    )
