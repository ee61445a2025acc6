"""``cdk deploy`` while AppFlow throttles, fails, and loses connections at any moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from appflow_local_cloud.running import LocalCloud
from tests.support import Account, connector, new_account_id

ROOT = Path(__file__).parents[2]
CONNECTORS = 50
STACKS = 5

FAULTS: list[dict[str, Any]] = [
    {"error": {"code": "InternalServerException", "status": 503}, "probability": 0.05},
    {"reset": True, "probability": 0.05},
    {"response": {"abort_bytes": 0}, "probability": 0.15},
]


def cdk(account: Account, output: Path, *arguments: str, release: int) -> None:
    app = f"{sys.executable} -m tests.end_to_end.many_connectors_app"
    result = subprocess.run(
        ["cdk", *arguments, "--app", app, "--output", str(output)],
        cwd=ROOT,
        env={
            **account.cloud.environment(account.id),
            "CONNECTORS": str(CONNECTORS),
            "STACKS": str(STACKS),
            "RELEASE": str(release),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_event_takes_effect_once(faulty_cloud: LocalCloud, tmp_path: Path) -> None:
    account = Account(faulty_cloud, new_account_id())
    account.make_function("made-elsewhere", connector("1"), granted=False)
    cdk(account, tmp_path, "bootstrap", f"aws://{account.id}/us-east-1", release=1)
    assert faulty_cloud.faults is not None

    for release, operation in ((1, "RegisterConnector"), (2, "UpdateConnectorRegistration")):
        calls, met = len(account.calls()), len(faulty_cloud.faults.met())
        account.change_code("made-elsewhere", connector(str(release)))
        faulty_cloud.faults.use(*FAULTS)
        faulty_cloud.configure_appflow(account.id, callsPerSecond=10, permissionDelaySeconds=2)

        deploy = ["deploy", "--all", "--concurrency", str(STACKS), "--require-approval", "never"]
        cdk(account, tmp_path, *deploy, release=release)

        faulty_cloud.faults.use()
        faulty_cloud.configure_appflow(account.id)
        held = account.client("appflow").list_connectors(maxResults=100)["connectors"]
        assert [one["connectorVersion"] for one in held] == [str(release)] * CONNECTORS
        changes = [call for call in account.calls()[calls:] if call["operation"] == operation]
        tokens = {call["parameters"]["clientToken"] for call in changes}
        assert len(tokens) == CONNECTORS
        effects = [
            call["parameters"]["clientToken"]
            for call in changes
            if call["outcome"] == "OK" and not call["remembered"]
        ]
        assert sorted(effects) == sorted(tokens)
        # The lost answers were asked for again, under the same tokens.
        assert any(call["remembered"] for call in changes)
        assert len(faulty_cloud.faults.met()) > met
