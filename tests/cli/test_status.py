"""``cdk-appflow-connector status`` after ``cdk deploy`` and after manual changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import connectors, run_status, states
from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account, connector

APP = "tests.cli.app"

FORMS = [
    *("by-alias", "by-arn", "by-function", "by-name", "by-parameter", "by-stack", "by-sub"),
    *("by-version", "by-weak-reference", "described", "nested"),
]


@pytest.fixture
def external_arn(account: Account) -> str:
    """The ARN of a function outside of the app."""
    return account.make_function("external", connector("1"), granted=False)


@pytest.fixture
def deploy(account: Account, external_arn: str, tmp_path: Path) -> Callable[[int], None]:
    """Deploys a release of the app, which refreshes all its registrations."""

    def cdk(*arguments: str, release: int) -> None:
        variables = {"EXTERNAL_FUNCTION": "external", "RELEASE": str(release)}
        result = run_cdk(account, APP, tmp_path, *arguments, **variables)
        assert result.returncode == 0, result.stderr

    bootstrap(account)
    return lambda release: cdk("deploy", "--all", "--require-approval", "never", release=release)


def test_next_step_repairs_manual_changes(
    account: Account, external_arn: str, deploy: Callable[[int], None]
) -> None:
    """The command finds manual changes, and a deployment as its next step says repairs them."""
    in_sync = dict.fromkeys(FORMS, "IN_SYNC")
    deploy(1)
    result = run_status(account, "--stack", "Connectors", "--json")
    assert states(result) == in_sync
    assert result.returncode == 0

    appflow = account.client("appflow")
    template_arn = account.registered_arn("by-alias")
    account.move("by-alias", external_arn)
    appflow.update_connector_registration(connectorLabel="described", description="Mine")
    # The template sets no description of this connector.
    appflow.update_connector_registration(connectorLabel="by-arn", description="Mine as well")
    appflow.unregister_connector(connectorLabel="by-version")
    account.register("by-hand", external_arn)

    result = run_status(account, "--stack", "Connectors", "--json")
    by_hand = {"by-alias": "MODIFIED", "described": "MODIFIED", "by-version": "DELETED"}
    assert states(result) == {**in_sync, **by_hand}
    assert result.returncode == 1
    [moved] = [found for found in connectors(result) if found["connectorLabel"] == "by-alias"]
    assert moved["expected"]["lambdaArn"] == template_arn
    assert moved["actual"]["lambdaArn"] == external_arn

    result = run_status(account)
    assert f"  template Lambda ARN    {template_arn}\n" in result.stdout
    assert f"  registered Lambda ARN  {external_arn}\n" in result.stdout
    assert "  template description    Acme CRM connector\n" in result.stdout
    assert "by-version is DELETED: no connector is registered under this label.\n" in result.stdout
    assert "deploy stack Connectors with a changed value in `triggers`" in result.stdout
    assert result.stdout.endswith(": 8 IN_SYNC, 2 MODIFIED, 1 DELETED, 1 UNMANAGED\n")
    assert result.returncode == 1

    deploy(2)
    result = run_status(account, "--json")
    assert states(result) == {**in_sync, "by-hand": "UNMANAGED"}
    assert result.returncode == 0
