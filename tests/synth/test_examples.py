"""The sample app and the examples: they synthesise, and cfn-lint and cdk-nag accept them."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path

import aws_cdk as cdk
import pytest

from tests.cfn_lint import run_cfn_lint
from tests.synth.graph import circle_in, graph_of, templates_of
from tests.synth.support import TYPE

ROOT = Path(__file__).parents[2]
APPS = [ROOT / "app.py", *sorted((ROOT / "examples").glob("*.py"))]

AWS_POLICIES = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role"
SECRETS = (
    "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>"
    ":secret:appflow!<AWS::AccountId>-acme-crm-"
)
FLOWS = "arn:<AWS::Partition>:appflow:<AWS::Region>:<AWS::AccountId>:flow/"

# Accepted findings of cdk-nag's AwsSolutions pack, each with its reason. The key is the rule with
# the part in question, and the end of the construct's path.
ACKNOWLEDGED = {
    ("AwsSolutions-IAM5[Resource::*]", "Provider/Role/DefaultPolicy/Resource"): (
        "IAM has no narrower resource for appflow:RegisterConnector, nor for the network"
        " interfaces that Lambda creates in a VPC."
    ),
    ("AwsSolutions-IAM5[Resource::*]", "Provider/UsagePolicy"): (
        "IAM has no narrower resource for appflow:DescribeConnectorProfiles."
    ),
    (f"AwsSolutions-IAM5[Resource::{FLOWS}*]", "Provider/UsagePolicy"): (
        "The ARN of a flow does not contain the label of its connector."
    ),
    ("AwsSolutions-IAM5[Resource::*]", "/HandlerPolicy/Resource"): (
        "IAM has no narrower resource for appflow:RegisterConnector, network interfaces and traces."
    ),
    (f"AwsSolutions-IAM5[Resource::{SECRETS}*]", "/Connector/ServiceRole/DefaultPolicy/Resource"): (
        "The names of a label's secrets end with the profile and random characters."
    ),
    (f"{AWS_POLICIES}/AWSLambdaBasicExecutionRole]", "/Connector/ServiceRole/Resource"): (
        "An example's function keeps the basic policy that the CDK gives every function."
    ),
    ("AwsSolutions-L1", "/Connector/Resource"): (
        "An example's connector uses a runtime that the AppFlow SDK was tested with."
    ),
    (f"{AWS_POLICIES}/AWSLambdaBasicExecutionRole]", "82bd2287/ServiceRole/Resource"): (
        "The function behind AwsCustomResource is the CDK's."
    ),
    ("AwsSolutions-IAM5[Resource::*]", "/Old/CustomResourcePolicy/Resource"): (
        "IAM has no narrower resource for appflow:RegisterConnector."
    ),
    (f"{AWS_POLICIES}/AWSCodeDeployRoleForLambdaLimited]", "/Deployment/ServiceRole/Resource"): (
        "The AWS managed policy for CodeDeploy, which the CDK attaches."
    ),
    ("AwsSolutions-S1", "/Bucket/Resource"): (
        "An example's bucket; access logs would need another bucket."
    ),
    ("undecided: AwsSolutions-EC23", "/SecurityGroup/Resource"): (
        "The address range is a deploy-time value, so the rule cannot be evaluated."
    ),
}


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, cdk.App]:
    """All apps after their synthesis, by the names of their modules."""
    folder = tmp_path_factory.mktemp("apps")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(ROOT)
        return {path.stem: run(path, folder / path.stem, monkeypatch) for path in APPS}


def run(path: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> cdk.App:
    """Run the module of an app, which synthesises it."""
    monkeypatch.setenv("CDK_OUTDIR", str(output))
    app = runpy.run_path(str(path))["app"]
    assert isinstance(app, cdk.App)
    return app


def templates(app: cdk.App) -> list[Path]:
    """The templates of all stacks of an app, its stages included."""
    return sorted(Path(app.outdir).rglob("*.template.json"))


def types(template: Path) -> set[str]:
    """The types of the resources in a template."""
    resources = json.loads(template.read_text())["Resources"].values()
    return {resource["Type"] for resource in resources}


def test_every_stack_registers_a_connector(apps: Mapping[str, cdk.App]) -> None:
    """Every app has stacks, and each of them has a registration."""
    stacks = {name: [types(template) for template in templates(app)] for name, app in apps.items()}

    assert [name for name, found in stacks.items() if not found] == []
    assert [name for name, found in stacks.items() for each in found if TYPE not in each] == []


def test_no_template_has_a_circle(apps: Mapping[str, cdk.App]) -> None:
    """CloudFormation can create the resources of every app in some order."""
    circles = {
        f"{name}: {file}": circle_in(graph_of(template))
        for name, app in apps.items()
        for file, template in templates_of(app).items()
    }

    assert {file: circle for file, circle in circles.items() if circle} == {}


def test_cfn_lint_finds_nothing(apps: Mapping[str, cdk.App]) -> None:
    """cfn-lint accepts the template of every stack."""
    files = [template for app in apps.values() for template in templates(app)]

    assert run_cfn_lint(*files) == ("", 0)


@pytest.fixture(scope="module")
def nag_findings(apps: Mapping[str, cdk.App]) -> list[tuple[str, tuple[str, str]]]:
    """Each finding of cdk-nag, after the name of its app."""
    return [(name, finding) for name, app in apps.items() for finding in findings(app)]


def test_cdk_nag_findings_are_acknowledged(
    nag_findings: list[tuple[str, tuple[str, str]]],
) -> None:
    """cdk-nag finds nothing in any app but what is acknowledged with a reason."""
    assert [found for found in nag_findings if acknowledged_by(found[1]) is None] == []


def test_cdk_nag_acknowledgements_are_used(
    nag_findings: list[tuple[str, tuple[str, str]]],
) -> None:
    """Every acknowledgement is of a finding in some app."""
    assert {acknowledged_by(finding) for _, finding in nag_findings} >= ACKNOWLEDGED.keys()


@pytest.mark.parametrize("pack", ["NIST80053R5Checks", "HIPAASecurityChecks"])
def test_cdk_nag_packs_accept_hardened_provider(apps: Mapping[str, cdk.App], pack: str) -> None:
    """The hardened provider has no finding of these packs, and the smallest app has some."""
    assert [*findings(apps["hardened_provider"], pack)] == []
    assert {rule.split("-")[-1] for rule, _ in findings(apps["smallest"], pack)} >= {
        "LambdaInsideVPC",
        "LambdaDLQ",
        "LambdaConcurrency",
        "CloudWatchLogGroupEncrypted",
        "IAMNoInlinePolicy",
    }


def findings(app: cdk.App, pack: str = "AwsSolutionsChecks") -> Iterator[tuple[str, str]]:
    """What a pack of cdk-nag finds in all stages: the rule with what it found, and where."""
    # Not at the top: cdk-nag cannot be imported beside the oldest CDK that the library supports.
    import cdk_nag

    for violation in getattr(cdk_nag, pack)().validate_scope(app).violations:
        undecided = violation.description.startswith("Rule threw an error")
        rule = f"undecided: {violation.rule_name}" if undecided else violation.rule_name
        for resource in violation.violating_resources:
            yield rule, str(resource.construct_path)


def acknowledged_by(finding: tuple[str, str]) -> tuple[str, str] | None:
    rule, path = finding
    return next((one for one in ACKNOWLEDGED if one[0] == rule and path.endswith(one[1])), None)
