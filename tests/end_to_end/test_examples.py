"""``cdk deploy`` of the examples that the local cloud can carry, IAM enforced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.support import run_cdk
from tests.support import Account, connector

LABEL = "acme-crm"


def cdk(
    account: Account, output: Path, example: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return run_cdk(account, f"{sys.executable} examples/{example}.py", output, *arguments)


def deploy(account: Account, output: Path, example: str, *arguments: str) -> str:
    """Deploy an example; returns its error, empty when all went well."""
    bootstrap = cdk(account, output, example, "bootstrap", f"aws://{account.id}/us-east-1")
    assert bootstrap.returncode == 0, bootstrap.stderr
    result = cdk(account, output, example, "deploy", "--require-approval", "never", *arguments)
    return result.stderr if result.returncode else ""


def test_adopt_existing(account: Account, tmp_path: Path) -> None:
    assert (
        "connector acme-crm: it is not registered, and on_missing is FAIL. Register it first, or"
        " let on_missing REGISTER do it."
    ) in deploy(account, tmp_path, "adopt_existing")

    by_hand = account.make_function("by-hand", connector())
    account.register(LABEL, by_hand)
    assert deploy(account, tmp_path, "adopt_existing") == ""

    adopted = account.registered_arn(LABEL)
    assert adopted is not None
    assert adopted != by_hand


def test_imported_function(account: Account, tmp_path: Path) -> None:
    arn = account.make_function("crm", connector("1.0"), granted=False)
    function = ["-c", f"functionArn={arn}"]
    assert deploy(account, tmp_path, "imported_function", *function, "-c", "release=7") == ""
    account.change_code("crm", connector("1.1"))

    for release, version in (("7", "1.0"), ("8", "1.1")):
        release_is = ["-c", f"release={release}"]
        assert deploy(account, tmp_path, "imported_function", *function, *release_is) == ""
        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorVersion"] == version


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_many_regions(account: Account, tmp_path: Path, region: str) -> None:
    place = f"aws://{account.id}/{region}"
    bootstrap = cdk(account, tmp_path, "many_regions", "bootstrap", place)
    assert bootstrap.returncode == 0, bootstrap.stderr

    result = cdk(
        account,
        tmp_path,
        "many_regions",
        "deploy",
        "--require-approval",
        "never",
        f"Connector-{region}/*",
    )

    assert result.returncode == 0, result.stderr
    held = account.cloud.client("appflow", account.id, region_name=region).list_connectors()
    [listed] = held["connectors"]
    assert listed["connectorLabel"] == LABEL
