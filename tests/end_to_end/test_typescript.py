"""The app in TypeScript: its types, its template, and ``cdk deploy`` with a provider elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cdk_cli import quick_cli
from tests.cfn_lint import run_cfn_lint
from tests.end_to_end.packages import npm_packages
from tests.end_to_end.support import ROOT, bootstrap, registered_labels
from tests.support import Account

EXAMPLE = ROOT / "examples" / "typescript"
LABEL = "acme-crm"
STACK = "CrmConnector"


class TypeScriptApp:
    """A copy of the example's folder, and of nothing beside it, in an account."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account = account
        installed = shutil.ignore_patterns("node_modules", "cdk.out")
        self.folder = folder / "app"
        shutil.copytree(EXAMPLE, self.folder, ignore=installed)
        (self.folder / "node_modules").symlink_to(npm_packages(EXAMPLE))
        self._connector = self.folder / "connector" / "crm.py"

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the app's packages, as npx does."""
        return subprocess.run(
            [str(self.folder / "node_modules" / ".bin" / program), *arguments],
            cwd=self.folder,
            env={**self.account.cloud.environment(self.account.id), **quick_cli()},
            capture_output=True,
            text=True,
        )

    def deploy_with(self, old: str, new: str) -> str:
        """Deploy other code of the connector; return the error, empty after a success."""
        self._connector.write_text(self._connector.read_text().replace(old, new))
        result = self.run("cdk", "deploy", "--require-approval", "never")
        return result.stderr if result.returncode else ""

    def registered(self) -> tuple[str, str]:
        """The version of the function that is registered, and of the connector in AppFlow."""
        registered = self.account.registered(LABEL)
        assert registered is not None
        arn = registered["connectorProvisioningConfig"]["lambda"]["lambdaArn"]
        return arn.rpartition(":")[2], registered["connectorVersion"]

    def invoke_policy(self, version: str) -> str:
        """The resource policy of a version of the connector's function."""
        policy = self.account.client("lambda").get_policy(FunctionName=LABEL, Qualifier=version)
        return str(policy["Policy"])


@pytest.fixture
def app(account: Account, tmp_path: Path) -> TypeScriptApp:
    return TypeScriptApp(account, tmp_path)


@pytest.fixture
def provided(app: TypeScriptApp, tmp_path: Path) -> TypeScriptApp:
    """The app, after the deployment of the provider's template."""
    account = app.account
    bootstrap(account)
    account.client("s3").create_bucket(Bucket="provider")
    template = str(tmp_path / "provider" / "provider.yaml")
    packaged = tmp_path / "packaged.yaml"
    for command in (
        ["cdk-appflow-connector", "template", "--output", str(tmp_path / "provider")],
        [
            *("aws", "cloudformation", "package", "--template-file", template),
            *("--s3-bucket", "provider", "--output-template-file", str(packaged)),
        ],
    ):
        subprocess.run(command, env=account.cloud.environment(account.id), check=True)
    function = f"arn:aws:lambda:{account.region}:{account.id}:function:{LABEL}:*"
    values = {"ConnectorLabels": LABEL, "FunctionArns": function, "StackNames": STACK}
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(
        StackName="appflow-connector-registration",
        TemplateBody=packaged.read_text(),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="appflow-connector-registration", WaiterConfig={"Delay": 0.2, "MaxAttempts": 300}
    )
    return app


def test_types_and_template_are_right(app: TypeScriptApp) -> None:
    """The compiler finds nothing in the app, and cfn-lint finds nothing in its template."""
    compiled = app.run("tsc")
    synthesised = app.run("cdk", "synth", "--quiet")
    template = app.folder / "cdk.out" / f"{STACK}.template.json"

    assert (compiled.stdout, compiled.returncode) == ("", 0)
    assert synthesised.returncode == 0, synthesised.stderr
    assert run_cfn_lint(template) == ("", 0)


def test_guide_shows_the_example() -> None:
    """The code of the guide is part of the app."""
    guide = (ROOT / "docs" / "how-to" / "typescript.md").read_text()
    code = (EXAMPLE / "lib" / "crm-connector-stack.ts").read_text()

    blocks = re.findall(r"```typescript\n(.*?)^ *```$", guide, re.M | re.S)

    assert len(blocks) == 2
    assert [block for block in blocks if without_indent(block) not in without_indent(code)] == []


def without_indent(text: str) -> str:
    """A text whose lines begin with their first character that is no space."""
    return re.sub("^ +", "", text, flags=re.M)


def test_new_code_is_registered_or_rolled_back(provided: TypeScriptApp) -> None:
    """Each version is registered, a broken one is rolled back, and the label outlives the stack."""
    assert provided.deploy_with('"1.0"', '"1.0"') == ""
    first = provided.registered()
    assert provided.deploy_with('"1.0"', '"1.1"') == ""
    second = provided.registered()
    # Flows may still use the first version, so AppFlow may still invoke it.
    policies = [provided.invoke_policy(version) for version in ("1", "2")]
    error = provided.deploy_with('"isSuccess": True', '"isSuccess": 1 / 0')
    rolled_back = provided.registered()
    destroyed = provided.run("cdk", "destroy", "--force", "--app", "cdk.out")

    assert (first, second, rolled_back) == (("1", "1.0"), ("2", "1.1"), ("2", "1.1"))
    assert ["appflow.amazonaws.com" in policy for policy in policies] == [True, True]
    assert "ConnectorServerException from UpdateConnectorRegistration" in error
    assert destroyed.returncode == 0, destroyed.stderr
    assert registered_labels(provided.account) == [LABEL]
