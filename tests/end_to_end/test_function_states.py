"""``cdk deploy`` of a connector whose function Lambda has not finished creating or updating."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account

APP = f"{sys.executable} -m tests.end_to_end.changing_app"
DEPLOY = ["deploy", "--require-approval", "never"]
LABEL = "acme-changing"


def test_appflow_follows_functions_that_are_not_ready(account: Account, tmp_path: Path) -> None:
    """AppFlow shows the deployed version, although each function takes seconds to be ready."""
    cloud = account.local_cloud

    def deployed_version(version: str, *, pending: float = 0, in_progress: float = 0) -> str:
        cloud.configure_lambda(account.id, pendingSeconds=pending, inProgressSeconds=in_progress)
        result = run_cdk(account, APP, tmp_path, *DEPLOY, VERSION=version)
        assert result.returncode == 0, result.stdout + result.stderr
        registered = account.registered(LABEL)
        assert registered is not None
        shown: str = registered["connectorVersion"]
        return shown

    bootstrap(account)

    assert deployed_version("1.0", pending=3) == "1.0"
    assert deployed_version("2.0", in_progress=3) == "2.0"
    assert account.operations() == ["RegisterConnector", "UpdateConnectorRegistration"]


def test_handler_may_read_state_and_alias(account: Account, tmp_path: Path) -> None:
    """The role of the handler permits the reads of the state of an alias, with IAM enforced."""
    bootstrap(account)

    result = run_cdk(account, APP, tmp_path, *DEPLOY, VERSION="1.0", ALIAS="yes")

    assert result.returncode == 0, result.stdout + result.stderr
    assert outcomes_of_reads(account) == {"GetFunctionConfiguration": "OK", "GetAlias": "OK"}


def outcomes_of_reads(account: Account) -> dict[str, str]:
    """The outcome of each call to Lambda in the log of the handler."""
    logs = account.client("logs")
    groups = logs.describe_log_groups()["logGroups"]
    lines = [
        event["message"]
        for group in groups
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]
    calls = [json.loads(line)["message"] for line in lines if '"call": "Get' in line]
    return {call["call"]: call["outcome"] for call in calls}
