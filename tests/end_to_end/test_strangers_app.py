"""``cdk deploy`` of somebody else's app on the local cloud, IAM enforced."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import Account, connector, new_account_id

ROOT = Path(__file__).parents[2]
APP = f"{sys.executable} -m tests.end_to_end.strangers_app"
LABELS = ["by-function", "by-alias", "by-version", "by-import"]

Cdk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def account(cloud: Any) -> Account:
    """One account in which the app is deployed, changed and destroyed."""
    account = Account(cloud, new_account_id())
    account.make_function("made-elsewhere", connector("1"), granted=False)
    return account


@pytest.fixture(scope="module")
def cdk(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    """Runs the CDK CLI in that account."""
    output = tmp_path_factory.mktemp("cdk.out")

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["cdk", *arguments, "--app", APP, "--output", str(output)],
            cwd=ROOT,
            env={**account.cloud.environment(account.id), **variables},
            capture_output=True,
            text=True,
        )

    bootstrap = run("bootstrap", f"aws://{account.id}/us-east-1", CONNECTOR_VERSION="1")
    assert bootstrap.returncode == 0, bootstrap.stderr
    return run


def deploy(cdk: Cdk, **variables: str) -> subprocess.CompletedProcess[str]:
    return cdk("deploy", "--require-approval", "never", **variables)


def versions(account: Account) -> dict[str, str | None]:
    held = {label: account.registered(label) for label in LABELS}
    return {label: one["connectorVersion"] if one else None for label, one in held.items()}


def arns(account: Account) -> dict[str, str]:
    return {label: str(account.registered_arn(label)).split(":function:")[-1] for label in LABELS}


def stack_status(account: Account) -> str:
    stacks = account.client("cloudformation").describe_stacks(StackName="Stranger")["Stacks"]
    return str(stacks[0]["StackStatus"])


def test_goes_through_its_life(account: Account, cdk: Cdk) -> None:
    """One test, since every step starts from what the one before has left."""
    result = deploy(cdk, CONNECTOR_VERSION="1")
    assert result.returncode == 0, result.stderr
    assert versions(account) == dict.fromkeys(LABELS, "1")
    first = arns(account)
    assert first["by-import"] == "made-elsewhere"
    assert first["by-alias"].endswith(":live")
    assert first["by-version"].endswith(":1")
    assert (
        f"arn:aws:appflow:us-east-1:{account.id}:connector/by-alias"
        in result.stdout + result.stderr
    )

    calls = len(account.operations())
    result = deploy(cdk, CONNECTOR_VERSION="2")
    assert result.returncode == 0, result.stderr
    assert versions(account) == {**dict.fromkeys(LABELS, "2"), "by-import": "1"}
    second = arns(account)
    assert second == {**first, "by-version": first["by-version"].removesuffix("1") + "2"}
    assert account.operations()[calls:] == ["UpdateConnectorRegistration"] * 3

    calls = len(account.calls())
    result = deploy(cdk, CONNECTOR_VERSION="2")
    assert result.returncode == 0, result.stderr
    assert len(account.calls()) == calls

    calls = len(account.operations())
    result = deploy(cdk, CONNECTOR_VERSION="3", SIBLING_FAILS="yes")
    assert result.returncode != 0
    assert stack_status(account) == "UPDATE_ROLLBACK_COMPLETE"
    there_and_back = account.operations()[calls:]
    assert len(there_and_back) >= 2
    assert set(there_and_back) == {"UpdateConnectorRegistration"}
    assert versions(account) == {**dict.fromkeys(LABELS, "2"), "by-import": "1"}
    assert arns(account) == second

    result = deploy(cdk, CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes")
    assert result.returncode == 0, result.stderr
    assert versions(account) == {**dict.fromkeys(LABELS, "2"), "by-import": "1", "by-alias": None}

    result = deploy(cdk, CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes", RENAMED="yes")
    assert result.returncode == 0, result.stderr
    assert account.registered_arn("by-another-name") is not None
    assert account.registered_arn("by-version") is None
    assert account.registered_arn("by-function") is not None

    result = cdk("destroy", "--force", CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes", RENAMED="yes")
    assert result.returncode == 0, result.stderr
    assert versions(account) == dict.fromkeys(LABELS)
    assert account.registered_arn("by-another-name") is None
