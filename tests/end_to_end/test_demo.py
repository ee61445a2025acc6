"""``make demo``, as a stranger sees it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import demo.__main__
from demo.walk import Walk

ROOT = Path(__file__).parents[2]


def test_ends_well_and_shows_what_happened() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )

    shown = result.stdout
    assert result.returncode == 0, shown
    assert "WRONG" not in shown
    register, refresh, move, fail, unchanged, destroy = re.split(r"^\d\. ", shown, flags=re.M)[1:]
    arn = r"arn:aws:lambda:us-east-1:111122223333:function:SalesforceConnector-"
    assert re.search(rf"Lambda ARN +│ {arn}Connector[0-9A-F]", register)
    assert "Calls to AppFlow: RegisterConnector, DescribeConnector" in register
    assert re.search(r"Connector version │ 1\.1 +│\n│ +│ was 1\.0 ", refresh)
    assert "Calls to AppFlow: UpdateConnectorRegistration, DescribeConnector" in refresh
    assert re.search(rf"│ {arn}ConnectorTwo.*\n.*│ was {arn}Connector[0-9A-F]", move)
    assert (
        "connector salesforce-example: ConnectorServerException from UpdateConnectorRegistration:"
        " Error while communicating to connector: Got error from connector. Exception while"
        " processing the request. The connector's own error is in its log group, by default"
        " /aws/lambda/"
    ) in fail
    assert "ok the stack is UPDATE_ROLLBACK_COMPLETE" in fail
    assert re.search(rf"Lambda ARN +│ {arn}ConnectorTwo", fail)
    assert "Calls to AppFlow: none" in unchanged
    assert "AppFlow holds nothing for salesforce-example." in destroy


def test_ends_badly_when_a_step_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def deploy_nothing(walk: Walk) -> None:
        walk._expect("the connector is registered", False)

    monkeypatch.setattr(Walk, "run", deploy_nothing)
    monkeypatch.setattr(demo.__main__, "_FOLDER", tmp_path)

    assert demo.__main__.main() == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "WRONG the connector is registered" in shown
    assert "The demo stopped: the connector is registered. See " in shown
