"""What the end-to-end tests share."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import Account

ROOT = Path(__file__).parents[2]


def bootstrap(account: Account, folder: Path) -> None:
    """Prepare an account of the local cloud for the CDK; no app may be in the folder."""
    subprocess.run(
        ["cdk", "bootstrap", f"aws://{account.id}/{account.region}", "--output", str(folder)],
        cwd=folder,
        env=account.cloud.environment(account.id),
        capture_output=True,
        check=True,
    )


def run_cdk(
    account: Account, app: str, output: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the CDK CLI on an app in an account; ``variables`` are for the app's environment."""
    return subprocess.run(
        ["cdk", *arguments, "--app", app, "--output", str(output)],
        cwd=ROOT,
        env={**account.cloud.environment(account.id), **variables},
        capture_output=True,
        text=True,
    )
