"""The README's comparison with the native resource, deployed side by side."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account, connector

OURS, NATIVE = "acme-ours", "acme-native"

Deploy = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def deploy(account: Account, tmp_path: Path) -> Deploy:
    """Deploys both; the arguments are the variables of the app's environment."""
    bootstrap(account)
    app = "tests.end_to_end.comparison_app"

    def deploy(version: str, **variables: str) -> subprocess.CompletedProcess[str]:
        arguments = ["deploy", "--require-approval", "never"]
        return run_cdk(account, app, tmp_path, *arguments, VERSION=version, **variables)

    return deploy


def versions(account: Account) -> list[str]:
    """The registered versions of the connector: the construct's and the native resource's."""
    connectors = {one["connectorLabel"]: one["connectorVersion"] for one in account.connectors()}
    return [connectors[label] for label in (OURS, NATIVE)]


def arns(account: Account) -> list[str | None]:
    """The registered ARNs: the construct's and the native resource's."""
    return [account.registered_arn(label) for label in (OURS, NATIVE)]


def test_new_code_and_failed_update(account: Account, deploy: Deploy) -> None:
    """New code under the same ARN refreshes the construct only; a failed update reverts both."""
    created = deploy("1.0")
    assert created.returncode == 0, created.stderr
    assert versions(account) == ["1.0", "1.0"]
    before = arns(account)

    updated = deploy("1.1")

    assert updated.returncode == 0, updated.stderr
    assert versions(account) == ["1.1", "1.0"]
    assert arns(account) == before

    other = account.make_function("other", connector("2.0"))
    calls = len(account.operations())
    failed = deploy("1.1", FUNCTION=other, FAILING="1")

    assert failed.returncode != 0
    # Each has moved to the other function and back, and has read the new code on the way.
    assert account.operations()[calls:].count("UpdateConnectorRegistration") == 4
    assert arns(account) == before
    assert versions(account) == ["1.1", "1.1"]


def test_registered_label_is_adopted_or_fails(account: Account, deploy: Deploy) -> None:
    """A label that is registered is adopted by the construct, and fails the native resource."""
    by_hand = account.make_function("by-hand", connector("0.9"))
    for label in (OURS, NATIVE):
        account.register(label, by_hand)

    adopted = deploy("1.0", WITHOUT_NATIVE="1")
    refused = deploy("1.0")

    assert adopted.returncode == 0, adopted.stderr
    assert refused.returncode != 0
    assert f"Connector {NATIVE} is already registered." in refused.stderr
    assert "HandlerErrorCode: AlreadyExists" in refused.stderr
    assert versions(account) == ["1.0", "0.9"]
