"""The uploaded code as Lambda runs it: a process of its own, on a Python that has only boto3."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from appflow_local_cloud.gateway import free_port
from appflow_local_cloud.lambda_python import ensure_lambda_python
from tests.handler.conftest import SIGNATURE, CloudFormation
from tests.support import Account, connector
from tests.synth.support import asset_of

# Time passes by sleeping only, so that no test waits for the handler's patience to end. Lambda's
# runtime has a log handler in place before it imports a function.
LAMBDA = """
import json, logging, sys
logging.getLogger().addHandler(logging.StreamHandler())
from connector_registration import function, lifecycle

class Clock:
    now = 0.0
    def monotonic(self):
        return self.now
    def time(self):
        return 1767225600 + self.now
    def sleep(self, seconds):
        self.now += seconds

class Context:
    log_group_name = "/aws/lambda/registration-handler"
    aws_request_id = "an-invocation"
    def get_remaining_time_in_millis(self):
        return int((300 - lifecycle.clock.now) * 1000)

for event in json.load(sys.stdin):
    lifecycle.clock = Clock()
    function.handler(event, Context())
"""


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asset_of(tmp_path_factory.mktemp("cdk.out"))


@contextmanager
def lambda_process(
    asset: Path, events: list[dict[str, Any]], **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A container that handles the events, with the settings of the fixture and no others."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("AWS_") or k == "SSL_CERT_FILE"}
    with subprocess.Popen(
        [str(ensure_lambda_python()), "-B", "-c", LAMBDA],
        cwd=asset,
        env={**kept, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(events))
        process.stdin.close()
        process.stdin = None
        yield process


def run(asset: Path, events: list[dict[str, Any]], **environment: str) -> str:
    """Handle the events and return what the container wrote into its log."""
    with lambda_process(asset, events, **environment) as process:
        _, log = process.communicate()
    assert process.returncode == 0, log
    return log


def properties(lambda_arn: str) -> Mapping[str, Any]:
    return {"ConnectorLabel": "acme-crm", "LambdaArn": lambda_arn, "RemovalPolicy": "Destroy"}


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

    run(asset, events)

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


def test_writes_one_structured_line_for_each_decision_call_and_answer(
    asset: Path, account: Account, cloudformation: CloudFormation
) -> None:
    function = account.make_function("crm", connector())
    event = cloudformation.event("Create", properties(function))

    lines = [json.loads(line) for line in run(asset, [event]).splitlines()]

    wanted = {key: event[key] for key in ("RequestType", "RequestId", "LogicalResourceId")}
    assert all(wanted.items() <= line.items() for line in lines)
    messages = [line["message"] for line in lines]
    times = [message.pop("milliseconds") for message in messages if "call" in message]
    assert all(isinstance(time, int) for time in times)
    call = {"label": "acme-crm", "attempt": 1, "outcome": "OK"}
    assert messages == [
        {"call": "RegisterConnector", **call},
        {"decision": "registered", "label": "acme-crm", "lambda_arn": function},
        {"call": "DescribeConnector", **call},
        {"response": "delivered", "status": "SUCCESS", "http_status": 200},
    ]


def test_answers_once_when_appflow_cannot_be_reached(
    asset: Path, cloudformation: CloudFormation
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    function = "arn:aws:lambda:us-east-1:111122223333:function:crm"
    event = cloudformation.event("Create", properties(function))

    log = run(asset, [event], AWS_ENDPOINT_URL=nowhere, AWS_SECRET_ACCESS_KEY="the-secret")

    [answer] = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(
        "connector acme-crm: ConnectionTrouble from RegisterConnector: Could not connect"
    )
    assert SIGNATURE not in log
    assert "the-secret" not in log


def test_answers_again_when_the_answer_meets_an_error(
    asset: Path, account: Account, cloudformation: CloudFormation, httpserver: HTTPServer
) -> None:
    url = httpserver.url_for(f"/busy?{SIGNATURE}")
    function = account.make_function("crm", connector())
    event = cloudformation.event("Create", properties(function), ResponseURL=url)
    httpserver.expect_oneshot_request("/busy").respond_with_data(status=503)
    httpserver.expect_oneshot_request("/busy").respond_with_data(status=200)

    log = run(asset, [event])

    assert [status for path, status in answered(httpserver) if path == "/busy"] == [503, 200]
    assert SIGNATURE not in log


def answered(httpserver: HTTPServer) -> list[tuple[str, int]]:
    return [(request.path, response.status_code) for request, response in httpserver.log]


# It reports that AppFlow has called it, and answers when it is allowed to.
WAITING_CONNECTOR = """
open({arrived!r}, "w").close()
open({allowed!r}).close()
"""


def test_a_rollback_holds_although_the_update_is_still_running_in_another_container(
    asset: Path,
    account: Account,
    cloudformation: CloudFormation,
    httpserver: HTTPServer,
    tmp_path: Path,
) -> None:
    arrived, allowed = str(tmp_path / "arrived"), str(tmp_path / "allowed")
    os.mkfifo(arrived)
    os.mkfifo(allowed)
    wait = WAITING_CONNECTOR.format(arrived=arrived, allowed=allowed)
    old = properties(account.make_function("old", connector("1.0")))
    new = properties(account.make_function("new", wait + connector("2.0")))
    cloudformation.create(old)
    given_up = cloudformation.event(
        "Update",
        new,
        OldResourceProperties=old,
        PhysicalResourceId="acme-crm",
        ResponseURL=httpserver.url_for("/given-up"),
    )
    httpserver.expect_oneshot_request("/given-up").respond_with_handler(lambda _: Response())

    with lambda_process(asset, [given_up]) as update:
        Path(arrived).read_text()
        cloudformation.cancel_update()

        def let_it_finish() -> None:
            Path(allowed).write_text("")
            update.communicate()

        cloudformation.clock.at(10, let_it_finish)
        answer = cloudformation.update(old, new, "acme-crm")

    assert ("/given-up", 200) in answered(httpserver)
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"]["ConnectorVersion"] == "1.0"
    assert account.registered_arn("acme-crm") == old["LambdaArn"]
