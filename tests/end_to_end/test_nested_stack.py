"""``cdk deploy`` and ``cdk destroy`` of a connector in a nested stack, IAM enforced."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.support import bootstrap, registered_labels, run_cdk
from tests.support import Account

APP = "tests.end_to_end.nested_stack_app"


def test_nested_connector_follows_its_stack(account: Account, tmp_path: Path) -> None:
    """A connector in a nested stack is registered by deploy and unregistered by destroy."""

    def cdk(*arguments: str) -> None:
        result = run_cdk(account, APP, tmp_path, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr

    bootstrap(account)

    cdk("deploy", "--require-approval", "never")
    assert registered_labels(account) == ["acme-nested"]

    cdk("destroy", "--force")
    assert registered_labels(account) == []
