"""``cdk deploy`` and ``destroy`` of a connector in a nested stack, IAM enforced."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.end_to_end.support import run_cdk
from tests.support import Account

APP = f"{sys.executable} -m tests.end_to_end.nested_stack_app"


def test_a_connector_in_a_nested_stack_is_registered_and_unregistered(
    account: Account, tmp_path: Path
) -> None:
    def cdk(*arguments: str) -> None:
        result = run_cdk(account, APP, tmp_path, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr

    cdk("bootstrap", f"aws://{account.id}/{account.region}")
    cdk("deploy", "--require-approval", "never")
    assert [held["connectorLabel"] for held in account.connectors()] == ["acme-nested"]
    cdk("destroy", "--force")

    assert account.connectors() == []
