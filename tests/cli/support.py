"""Helpers of the tests of the console script."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import Account

SCRIPT = Path(sys.executable).with_name("cdk-appflow-connector")


def run_status(
    account: Account, *arguments: str, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run the installed script in an account; a variable that is None is unset."""
    environment = {**account.cloud.environment(account.id), **variables}
    return subprocess.run(
        [str(SCRIPT), "status", *arguments],
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
    )


def states(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The state of each connector in the output of ``--json``, by label."""
    return {found["connectorLabel"]: found["state"] for found in connectors(result)}


def connectors(result: subprocess.CompletedProcess[str]) -> list[Mapping[str, Any]]:
    """The connectors in the output of ``--json``, which must be the only output."""
    assert result.stderr == ""
    found: list[Mapping[str, Any]] = json.loads(result.stdout)["connectors"]
    return found
