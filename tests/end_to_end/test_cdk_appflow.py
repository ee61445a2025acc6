"""The example with cdklabs' cdk-appflow: its template, and its flow on the local cloud."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cfn_lint import run_cfn_lint
from tests.end_to_end.packages import python_with
from tests.end_to_end.support import ROOT, bootstrap, run_cli
from tests.support import Account

EXAMPLE = ROOT / "examples" / "cdk_appflow"
STACK = "CrmToBucketWithCdkAppFlow"


def test_flow_runs_and_is_destroyed(account: Account, tmp_path: Path) -> None:
    """The connector, its profile and cdk-appflow's flow are deployed, run, and destroyed."""
    bootstrap(account)
    app = f"{python_with(EXAMPLE)} {EXAMPLE / 'app.py'}"
    password = ["--parameters", "Password=secret"]
    output = ["--output", str(tmp_path)]

    deployed = run_cli(account, app, "deploy", "--require-approval", "never", *password, *output)
    assert deployed.returncode == 0, deployed.stderr
    linted = run_cfn_lint(tmp_path / f"{STACK}.template.json")
    run = account.run_flow("acme-accounts")
    assert run["executionStatus"] == "Successful", run["executionResult"]
    s3 = account.client("s3")
    [bucket] = [
        one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("crmtobucket")
    ]
    [file] = s3.list_objects_v2(Bucket=bucket, Prefix="accounts/")["Contents"]
    [row, *_] = s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].read().splitlines()
    destroyed = run_cli(account, app, "destroy", "--force", *output)

    assert linted == ("", 0)
    assert json.loads(row) == {"id": "1", "name": "Anvil Works"}
    assert destroyed.returncode == 0, destroyed.stderr
    assert [name for name in account.operations() if not name.startswith("List")] == [
        "RegisterConnector",
        "CreateConnectorProfile",
        "CreateFlow",
        "StartFlow",
        "DeleteFlow",
        "DeleteConnectorProfile",
        "UnregisterConnector",
    ]
