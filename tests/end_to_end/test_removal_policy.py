"""``cdk deploy`` and ``cdk destroy`` of a connector that is kept except when its creation fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.end_to_end.support import bootstrap, registered_labels, run_cdk
from tests.support import Account

APP = "tests.end_to_end.removal_policy_app"


def test_registration_follows_its_deletion_policy(account: Account, tmp_path: Path) -> None:
    """A rolled back creation unregisters the connector, and a deleted stack keeps it."""

    def cdk(*arguments: str, broken: str = "") -> subprocess.CompletedProcess[str]:
        return run_cdk(account, APP, tmp_path, *arguments, BROKEN=broken)

    bootstrap(account)

    failed = cdk("deploy", "--require-approval", "never", broken="yes")
    assert failed.returncode != 0
    assert registered_labels(account) == []

    deployed = cdk("deploy", "--require-approval", "never")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    destroyed = cdk("destroy", "--force")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert registered_labels(account) == ["acme-kept"]
