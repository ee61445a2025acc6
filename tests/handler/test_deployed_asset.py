"""The uploaded code as Lambda runs it: a process of its own, on a Python that has only boto3."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_cloud.lambda_python import ensure_lambda_python
from tests.handler.conftest import CloudFormation
from tests.support import Account, connector
from tests.synth.test_handler_asset import asset_of

LAMBDA = """
import json, sys, time
from connector_registration import function

class Context:
    log_group_name = "/aws/lambda/registration-handler"
    aws_request_id = "an-invocation"
    started = time.monotonic()
    def get_remaining_time_in_millis(self):
        return int((240 - (time.monotonic() - self.started)) * 1000)

for event in json.load(sys.stdin):
    function.handler(event, Context())
"""


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asset_of(tmp_path_factory.mktemp("cdk.out"))


def test_answers_one_event_after_another(
    asset: Path, account: Account, cloudformation: CloudFormation
) -> None:
    old = properties(account.make_function("old", connector("1.0")))
    new = properties(account.make_function("new", connector("2.0")))
    existing = {"PhysicalResourceId": "acme-crm"}
    events = [
        cloudformation.event("Create", old),
        cloudformation.event("Update", new, OldResourceProperties=old, **existing),
        cloudformation.event("Update", old, OldResourceProperties=new, **existing),
        cloudformation.event("Delete", old, **existing),
    ]

    result = subprocess.run(
        [str(ensure_lambda_python()), "-B", "-c", LAMBDA],
        cwd=asset,
        # The settings that the fixture has made, and none of the developer's.
        env={k: v for k, v in os.environ.items() if k.startswith("AWS_") or k == "SSL_CERT_FILE"},
        input=json.dumps(events),
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"] * 4
    assert [answer["Data"].get("ConnectorVersion") for answer in cloudformation.answers] == [
        "1.0",
        "2.0",
        "1.0",
        None,
    ]
    assert [answer["RequestId"] for answer in cloudformation.answers] == [
        event["RequestId"] for event in events
    ]
    assert account.registered("acme-crm") is None


def properties(lambda_arn: str) -> Mapping[str, Any]:
    return {"ConnectorLabel": "acme-crm", "LambdaArn": lambda_arn, "RemovalPolicy": "Destroy"}
