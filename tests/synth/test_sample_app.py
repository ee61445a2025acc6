"""The sample app's template, as CloudFormation's linter and a deployment see it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly of app.py; the library's own validation of templates included."""
    folder = tmp_path_factory.mktemp("sample.out")
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "CDK_OUTDIR": str(folder),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        },
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def template(assembly: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (assembly / "SalesforceConnector.template.json").read_text()
    )
    return loaded


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    result = subprocess.run(
        [
            str(Path(sys.executable).with_name("cfn-lint")),
            str(assembly / "SalesforceConnector.template.json"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert result.stdout + result.stderr == ""
    assert result.returncode == 0


def test_deploys_one_registration_with_one_handler(template: dict[str, Any]) -> None:
    kinds = sorted(resource["Type"] for resource in template["Resources"].values())

    assert kinds == [
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Function",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "Custom::AppFlowConnectorRegistration",
    ]


def test_the_connector_is_the_published_one(assembly: Path) -> None:
    configurations = list(
        assembly.glob("asset.*/custom_connector_example/handlers/configuration.py")
    )

    assert len(configurations) == 1
    assert "SamplePythonSalesforceConnector" in configurations[0].read_text()
