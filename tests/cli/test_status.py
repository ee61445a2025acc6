"""``cdk-appflow-connector status`` after ``cdk deploy``, and after what people do by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import connectors, run_status, states
from tests.end_to_end.support import run_cdk
from tests.support import Account, connector

APP = f"{sys.executable} -m tests.cli.app"

FORMS = [
    *("by-alias", "by-arn", "by-function", "by-name", "by-parameter", "by-stack", "by-sub"),
    *("by-version", "described", "nested"),
]

Cdk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def made_elsewhere(account: Account) -> str:
    """The ARN of a function that is no part of the app."""
    return account.make_function("made-elsewhere", connector("1"), granted=False)


@pytest.fixture
def deploy(account: Account, made_elsewhere: str, tmp_path: Path) -> Callable[[int], None]:
    """Deploys the app so that all its connectors are announced."""

    def cdk(*arguments: str, release: int) -> None:
        variables = {"MADE_ELSEWHERE": "made-elsewhere", "RELEASE": str(release)}
        result = run_cdk(account, APP, tmp_path, *arguments, **variables)
        assert result.returncode == 0, result.stderr

    cdk("bootstrap", f"aws://{account.id}/us-east-1", release=0)
    return lambda release: cdk("deploy", "--all", "--require-approval", "never", release=release)


def test_shows_what_was_done_by_hand_and_that_its_advice_mends_it(
    account: Account, made_elsewhere: str, deploy: Callable[[int], None]
) -> None:
    """One test, since every step starts from what the one before has left."""
    in_sync = dict.fromkeys(FORMS, "IN_SYNC")
    deploy(1)
    result = run_status(account, "--stack", "Connectors", "--json")
    assert states(result) == in_sync
    assert result.returncode == 0

    appflow = account.client("appflow")
    asked_for = account.registered_arn("by-alias")
    appflow.update_connector_registration(
        connectorLabel="by-alias",
        connectorProvisioningConfig={"lambda": {"lambdaArn": made_elsewhere}},
    )
    appflow.update_connector_registration(connectorLabel="described", description="Mine")
    # The template sets no description of this one.
    appflow.update_connector_registration(connectorLabel="by-arn", description="Mine as well")
    appflow.unregister_connector(connectorLabel="by-version")
    account.register("by-hand", made_elsewhere)

    result = run_status(account, "--stack", "Connectors", "--json")
    by_hand = {"by-alias": "MODIFIED", "described": "MODIFIED", "by-version": "DELETED"}
    assert states(result) == {**in_sync, **by_hand}
    assert result.returncode == 1
    [moved] = [one for one in connectors(result) if one["connectorLabel"] == "by-alias"]
    assert moved["expected"]["lambdaArn"] == asked_for
    assert moved["actual"]["lambdaArn"] == made_elsewhere

    result = run_status(account)
    assert f"Lambda ARN asked for  {asked_for}\n" in result.stdout
    assert f"Lambda ARN held       {made_elsewhere}\n" in result.stdout
    assert "description asked for  Acme CRM connector\n" in result.stdout
    assert "by-version is DELETED: nothing is registered under this label.\n" in result.stdout
    assert "Deploy stack Connectors with a changed value in `triggers`" in result.stdout
    assert result.stdout.endswith(": 7 IN_SYNC, 2 MODIFIED, 1 DELETED, 1 UNMANAGED\n")
    assert result.returncode == 1

    deploy(2)
    result = run_status(account, "--json")
    assert states(result) == {**in_sync, "by-hand": "UNMANAGED"}
    assert result.returncode == 0
