"""Helpers of the tests of ``check``."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.support import SCRIPT, run_main
from tests.support import Account


def run_check(
    *arguments: str, folder: Path | None = None, account: Account | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder and an account, or without any credentials."""
    cloud = {} if account is None else account.cloud.environment(account.id)
    environment = {"PATH": os.environ["PATH"], **cloud, **variables}
    return run_main("check", *arguments, environment=environment, folder=folder)


def document(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The output of ``--json``, which must be the only output on standard output."""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def on_terminal(columns: int, *arguments: str, folder: Path, **variables: str) -> list[str]:
    """The lines that the script prints on a terminal with a number of columns."""
    controller, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "COLUMNS": str(columns), **variables}
    try:
        subprocess.run(
            [str(SCRIPT), "check", *arguments], cwd=folder, env=environment, stdout=terminal
        )
        return os.read(controller, 65536).decode().splitlines()
    finally:
        os.close(controller)
        os.close(terminal)


def response(**members: Any) -> dict[str, Any]:
    """The response of a connector for which there is no advice, with members changed as given."""
    return {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "1.0",
        "connectorModes": ["SOURCE"],
        "authenticationConfig": {"isBasicAuthSupported": True},
        "supportedApiVersions": ["v1"],
        "operatorsSupported": ["PROJECTION"],
        "supportedTriggerTypes": ["SCHEDULED"],
        **members,
    }


def write_connector(folder: Path, response: Any) -> str:
    """Write a connector with a response, and return the name of its handler."""
    source = f"import json\ndef handler(e, c): return json.loads({json.dumps(response)!r})"
    (folder / "crm.py").write_text(source, "utf-8")
    return "crm:handler"
