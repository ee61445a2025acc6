"""``cdk deploy`` of somebody else's app, IAM enforced: on the local cloud or in an AWS account."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.end_to_end.support import run_cdk
from tests.support import Account, connector

APP = f"{sys.executable} -m tests.end_to_end.strangers_app"
LABELS = ["by-function", "by-alias", "by-version", "by-stack", "by-import"]

Cdk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def made_elsewhere(target: Account, prefix: str) -> str:
    """The ARN of a function that is no part of the app."""
    return target.make_function(f"{prefix}made-elsewhere", connector("1"), granted=False)


@pytest.fixture
def cdk(target: Account, prefix: str, tmp_path: Path) -> Cdk:
    """Runs the CDK CLI in the account."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_cdk(target, APP, tmp_path, *arguments, PREFIX=prefix, **variables)

    return run


def deploy(cdk: Cdk, **variables: str) -> subprocess.CompletedProcess[str]:
    return cdk("deploy", "--all", "--require-approval", "never", **variables)


class Story:
    """What AppFlow holds for the app's labels, and what it has been told since the last look."""

    def __init__(self, account: Account, prefix: str) -> None:
        self.account = account
        self.prefix = prefix
        self._read = len(account.calls()) if account.has_journal else 0

    def versions(self) -> dict[str, str | None]:
        held = {label: self.account.registered(self.prefix + label) for label in LABELS}
        return {label: one["connectorVersion"] if one else None for label, one in held.items()}

    def functions(self) -> dict[str, str]:
        """The function that each label is registered with, as far as it follows the prefix."""
        arns = {label: self.account.registered_arn(self.prefix + label) for label in LABELS}
        return {
            label: str(arn).split(f":function:{self.prefix}")[-1] for label, arn in arns.items()
        }

    def has(self, label: str) -> bool:
        return self.account.registered_arn(self.prefix + label) is not None

    def told(self, expected: Sequence[str] | None) -> bool:
        """Whether AppFlow was told just this since the last time, where that can be looked up.

        None stands for no call of any kind.
        """
        if not self.account.has_journal:
            return True
        operations = self._new_calls()
        if expected is None:
            return operations == []
        return [name for name in operations if "Describe" not in name] == list(expected)

    def told_nothing_but(self, operation: str) -> bool:
        """Whether AppFlow was told this more than once since the last time, and nothing else."""
        if not self.account.has_journal:
            return True
        told = [name for name in self._new_calls() if "Describe" not in name]
        return len(told) > 1 and set(told) == {operation}

    def _new_calls(self) -> list[str]:
        calls = self.account.calls(after=self._read)
        self._read += len(calls)
        return [call["operation"] for call in calls]

    def stack_status(self) -> str:
        cloudformation = self.account.client("cloudformation")
        stacks = cloudformation.describe_stacks(StackName=f"{self.prefix}stranger")["Stacks"]
        return str(stacks[0]["StackStatus"])


@pytest.fixture
def story(target: Account, prefix: str, made_elsewhere: str) -> Story:
    return Story(target, prefix)


@pytest.mark.anywhere
def test_goes_through_its_life(target: Account, cdk: Cdk, story: Story, prefix: str) -> None:
    """One test, since every step starts from what the one before has left."""
    result = deploy(cdk, CONNECTOR_VERSION="1")
    assert result.returncode == 0, result.stderr
    assert story.versions() == dict.fromkeys(LABELS, "1")
    first = story.functions()
    assert first["by-import"] == "made-elsewhere"
    assert first["by-alias"].endswith(":live")
    assert first["by-version"].endswith(":1")
    assert (
        f"arn:aws:appflow:{target.region}:{target.id}:connector/{prefix}by-alias"
        in result.stdout + result.stderr
    )
    assert story.told(["RegisterConnector"] * 5)

    result = deploy(cdk, CONNECTOR_VERSION="2")
    assert result.returncode == 0, result.stderr
    assert story.versions() == {**dict.fromkeys(LABELS, "2"), "by-import": "1"}
    second = story.functions()
    assert second == {**first, "by-version": first["by-version"].removesuffix("1") + "2"}
    assert story.told(["UpdateConnectorRegistration"] * 4)

    result = deploy(cdk, CONNECTOR_VERSION="2")
    assert result.returncode == 0, result.stderr
    assert story.told(None)

    this_stack_only = ["deploy", "Stranger", "--exclusively", "--require-approval", "never"]
    result = cdk(*this_stack_only, CONNECTOR_VERSION="3", SIBLING_FAILS="yes")
    assert result.returncode != 0
    assert story.stack_status() == "UPDATE_ROLLBACK_COMPLETE"
    assert story.versions() == {**dict.fromkeys(LABELS, "2"), "by-import": "1"}
    assert story.functions() == second
    assert story.told_nothing_but("UpdateConnectorRegistration")

    result = deploy(cdk, CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes")
    assert result.returncode == 0, result.stderr
    assert story.versions() == {**dict.fromkeys(LABELS, "2"), "by-import": "1", "by-alias": None}

    result = deploy(cdk, CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes", RENAMED="yes")
    assert result.returncode == 0, result.stderr
    assert story.has("by-another-name")
    assert not story.has("by-version")
    assert story.has("by-function")

    result = cdk(
        "destroy", "--all", "--force", CONNECTOR_VERSION="2", WITHOUT_ALIAS="yes", RENAMED="yes"
    )
    assert result.returncode == 0, result.stderr
    assert story.versions() == dict.fromkeys(LABELS)
    assert not story.has("by-another-name")
