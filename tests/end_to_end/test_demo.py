"""``make demo``, from its first line to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tools.demo.__main__
from tests.cdk_cli import quick_cli
from tools.demo.steps import Demo

ROOT = Path(__file__).parents[2]


def test_all_steps_end_as_expected() -> None:
    """The demo exits with 0 and shows registrations, calls, the failure's reason and rows."""
    result = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        env={**os.environ, **quick_cli(), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )

    shown = result.stdout
    assert result.returncode == 0, shown
    assert "WRONG" not in shown
    register, refresh, stale, move, fail, unchanged, destroy, flow, breaking = re.split(
        r"^\d\. ", shown, flags=re.M
    )[1:]
    name = "SalesforceConnector-"
    assert re.search(r"Registered +┃ salesforce-example ", register)
    assert re.search(rf"Lambda function +│ {name}Connector[0-9A-F]", register)
    assert "Calls to AppFlow: RegisterConnector, DescribeConnector" in register
    assert re.search(r"Connector version │ 1\.1 +│\n│ +│ was 1\.0 ", refresh)
    assert (
        "Calls to AppFlow: DescribeConnector, UpdateConnectorRegistration, DescribeConnector"
        in refresh
    )
    assert re.search(r"supportedApiVersions +-v59\.0 \+v60\.0", stale)
    assert re.search(r"salesforce-example +│ STALE", stale)
    assert "salesforce-example is REFRESHED" in stale
    assert re.search(r"salesforce-example +│ IN_SYNC", stale)
    assert re.search(rf"│ {name}ConnectorTwo.*\n.*│ was {name}Connector[0-9A-F]", move)
    assert (
        "connector salesforce-example: ConnectorServerException from UpdateConnectorRegistration:"
        " Error while communicating to connector: Got error from connector. Exception while"
        " processing the request. The connector's own error is in its log group, by default"
        " /aws/lambda/"
    ) in " ".join(fail.split())
    assert "ok the stack is UPDATE_ROLLBACK_COMPLETE" in fail
    assert re.search(rf"Lambda function +│ {name}ConnectorTwo", fail)
    assert "Calls to AppFlow: none" in unchanged
    assert "Not registered: salesforce-example" in destroy
    assert "$ cdk deploy --app 'python examples/profile_and_flow.py' --require-approval" in flow
    assert '{"id": "1", "name": "Anvil Works", "employees": 12, "active": true}' in flow
    assert (
        "connector acme-crm: the new code breaks 1 flow, and on_breaking_change is FAIL:"
        " API_VERSION_REMOVED:v1 (flow acme-accounts). Keep what they use"
    ) in " ".join(breaking.split())
    assert "ok the flow runs as before" in breaking


def test_a_step_that_fails_stops_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The demo exits with 1 and names the expectation that is not met."""

    def deploy_nothing(demo: Demo) -> None:
        demo._expect("the connector is registered", False)

    monkeypatch.setattr(Demo, "run", deploy_nothing)
    monkeypatch.setattr(tools.demo.__main__, "_FOLDER", tmp_path)

    exit_code = tools.demo.__main__.main()

    assert exit_code == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "WRONG the connector is registered" in shown
    assert "The demo failed: not as expected: the connector is registered. See " in shown
