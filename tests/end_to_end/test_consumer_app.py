"""``cdk deploy`` of an app with every kind of function, IAM enforced, locally or in AWS."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.support import run_cdk
from tests.support import Account, connector

APP = "tests.end_to_end.consumer_app"
LABELS = ["by-function", "by-alias", "by-version", "by-stack", "by-import"]

Cdk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cdk(target: Account, prefix: str, tmp_path: Path) -> Cdk:
    """Runs the CDK CLI in the account."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_cdk(target, APP, tmp_path, *arguments, PREFIX=prefix, **variables)

    return run


def deploy(cdk: Cdk, **variables: str) -> subprocess.CompletedProcess[str]:
    """Deploy all stacks of the app, with change sets, as the CDK CLI does by default."""
    arguments = ("deploy", "--all", "--require-approval", "never", "--method=change-set")
    return cdk(*arguments, **variables)


class Observer:
    """Reads the app's stack, its registrations, and the calls to AppFlow since the last reading."""

    def __init__(self, account: Account, prefix: str) -> None:
        self.account = account
        self.prefix = prefix
        self._read = len(account.calls()) if account.has_journal else 0

    def versions(self) -> dict[str, str | None]:
        """The registered version of each label, or None."""
        registered = {label: self.account.registered(self.prefix + label) for label in LABELS}
        return {
            label: connector["connectorVersion"] if connector else None
            for label, connector in registered.items()
        }

    def functions(self) -> dict[str, str]:
        """The name and qualifier of each label's registered function, without the prefix."""
        arns = {label: self.account.registered_arn(self.prefix + label) for label in LABELS}
        return {
            label: str(arn).split(f":function:{self.prefix}")[-1] for label, arn in arns.items()
        }

    def is_registered(self, label: str) -> bool:
        return self.account.registered_arn(self.prefix + label) is not None

    def calls_since_last(self) -> list[str] | None:
        """The operations called since the last reading; None if the cloud keeps no journal."""
        if not self.account.has_journal:
            return None
        calls = self.account.calls(after=self._read)
        self._read += len(calls)
        return [call["operation"] for call in calls]

    def changes_since_last(self) -> list[str] | None:
        """The calls since the last reading that are not DescribeConnector."""
        calls = self.calls_since_last()
        return None if calls is None else [name for name in calls if "Describe" not in name]

    def stack_status(self) -> str:
        cloudformation = self.account.client("cloudformation")
        stacks = cloudformation.describe_stacks(StackName=f"{self.prefix}consumer")["Stacks"]
        return str(stacks[0]["StackStatus"])


@pytest.fixture
def observer(target: Account, prefix: str) -> Observer:
    """An observer of the account, in which a function outside of the app exists."""
    target.make_function(f"{prefix}external", connector("1"), granted=False)
    return Observer(target, prefix)


@pytest.mark.anywhere
def test_registrations_follow_the_app(
    target: Account, cdk: Cdk, observer: Observer, prefix: str
) -> None:
    """Registrations follow the app through updates, a rollback, removals and the destruction."""
    result = deploy(cdk, CONNECTOR_VERSION="1")
    assert result.returncode == 0, result.stderr
    assert observer.versions() == dict.fromkeys(LABELS, "1")
    first = observer.functions()
    assert first["by-import"] == "external"
    assert first["by-alias"].endswith(":live")
    assert first["by-version"].endswith(":1")
    assert (
        f"arn:aws:appflow:{target.region}:{target.id}:connector/{prefix}by-alias"
        in result.stdout + result.stderr
    )
    assert observer.changes_since_last() in (None, ["RegisterConnector"] * 5)

    result = deploy(cdk, CONNECTOR_VERSION="2")
    assert result.returncode == 0, result.stderr
    assert observer.versions() == {**dict.fromkeys(LABELS, "2"), "by-import": "1"}
    second = observer.functions()
    assert second == {**first, "by-version": first["by-version"].removesuffix("1") + "2"}
    assert observer.changes_since_last() in (None, ["UpdateConnectorRegistration"] * 4)

    result = deploy(cdk, CONNECTOR_VERSION="2")
    assert result.returncode == 0, result.stderr
    assert observer.calls_since_last() in (None, [])

    this_stack_only = ["deploy", "Consumer", "--exclusively", "--require-approval", "never"]
    result = cdk(
        *this_stack_only, "--method=change-set", CONNECTOR_VERSION="3", SIBLING_FAILS="yes"
    )
    assert result.returncode != 0
    assert observer.stack_status() == "UPDATE_ROLLBACK_COMPLETE"
    assert observer.versions() == {**dict.fromkeys(LABELS, "2"), "by-import": "1"}
    assert observer.functions() == second
    changes = observer.changes_since_last()
    if changes is not None:
        assert len(changes) > 1
        assert set(changes) == {"UpdateConnectorRegistration"}

    result = deploy(cdk, CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes")
    assert result.returncode == 0, result.stderr
    assert observer.versions() == {
        **dict.fromkeys(LABELS, "2"),
        "by-import": "1",
        "by-alias": None,
    }

    result = deploy(cdk, CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes", RENAMED="yes")
    assert result.returncode == 0, result.stderr
    assert observer.is_registered("by-another-name")
    assert not observer.is_registered("by-version")
    assert observer.is_registered("by-function")

    result = cdk(
        "destroy", "--all", "--force", CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes", RENAMED="yes"
    )
    assert result.returncode == 0, result.stderr
    assert observer.versions() == dict.fromkeys(LABELS)
    assert not observer.is_registered("by-another-name")
