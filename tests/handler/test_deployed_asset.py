"""The uploaded code as Lambda runs it: in a process that has boto3 and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration
from pytest_httpserver import HTTPServer
from werkzeug import Response

from appflow_local_cloud.environment import free_port
from appflow_local_cloud.lambda_python import ensure_lambda_python
from tests.handler.cloudformation import SIGNATURE, CloudFormation
from tests.handler.events import FUNCTION_ARN, LABEL, destroyed, failing, properties, refresh_event
from tests.handler.flows import make_flow, versions
from tests.support import Account, connector

pytestmark = pytest.mark.slow

# Time only passes when something sleeps, so that no test waits for the handler's retries to end.
# Lambda's runtime has a log handler in place before it imports a function.
LAMBDA = """
import json, logging, sys
logging.getLogger().addHandler(logging.StreamHandler())
from connector_registration import function, time_budget

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
    def __init__(self, event):
        arn = event.get("LambdaArn", "")
        self.invoked_function_arn = ":".join([*arn.split(":")[:6], "handler"])
    def get_remaining_time_in_millis(self):
        return int((300 - time_budget.clock.now) * 1000)

for event in json.load(sys.stdin):
    time_budget.clock = Clock()
    function.handler(event, Context(event))
"""


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The handler's asset, from the synthesis of an app with one registration."""
    folder = tmp_path_factory.mktemp("cdk.out")
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Stack")
    ConnectorRegistration(
        stack,
        "Registration",
        connector_label=LABEL,
        connector_function=lambda_.Function.from_function_arn(stack, "Connector", FUNCTION_ARN),
    )
    app.synth()
    [asset] = folder.glob("asset.*")
    return asset


@contextmanager
def lambda_process(
    asset: Path, events: list[dict[str, Any]], **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A container that handles the events, with the AWS settings of this process."""
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
    """Handle the events, and return the container's log."""
    with lambda_process(asset, events, **environment) as process:
        _, log = process.communicate()
    assert process.returncode == 0, log
    return log


def test_container_handles_several_events(
    asset: Path, account: Account, cloudformation: CloudFormation
) -> None:
    """One container responds to one event after the other."""
    old = destroyed(account.make_function("old", connector("1.0")))
    new = destroyed(account.make_function("new", connector("2.0")))
    existing = {"PhysicalResourceId": LABEL}
    events = [
        cloudformation.event("Create", old),
        cloudformation.event("Update", new, OldResourceProperties=old, **existing),
        cloudformation.event("Update", old, OldResourceProperties=new, **existing),
        cloudformation.event("Delete", old, **existing),
    ]

    run(asset, events)

    assert [response["Status"] for response in cloudformation.responses] == ["SUCCESS"] * 4
    assert [response["Data"].get("ConnectorVersion") for response in cloudformation.responses] == [
        "1.0",
        "2.0",
        "1.0",
        None,
    ]
    assert [response["RequestId"] for response in cloudformation.responses] == [
        event["RequestId"] for event in events
    ]
    assert account.registered(LABEL) is None


def test_breaking_change_is_found(
    asset: Path, account: Account, cloudformation: CloudFormation
) -> None:
    """The asset contains what compares configurations."""
    old = failing(account.make_function("both", versions("v1", "v2")))
    new = failing(account.make_function("only-v2", versions("v2")))
    cloudformation.create(old)
    make_flow(account)
    event = cloudformation.event("Update", new, OldResourceProperties=old, PhysicalResourceId=LABEL)

    run(asset, [event])

    assert "API_VERSION_REMOVED:v1 (flow orders)" in cloudformation.responses[-1]["Reason"]


def test_external_change_is_followed(
    asset: Path, account: Account, cloudformation: CloudFormation
) -> None:
    """The asset follows a change outside of deployments, between requests of CloudFormation."""
    arn = account.make_function("changed", connector("1.0"))
    create = cloudformation.event("Create", properties(arn, ConnectorLabel="acme-erp"))
    account.register(LABEL, arn)
    account.change_code("changed", connector("2.0"))

    log = run(asset, [{}, refresh_event(arn), create, refresh_event(arn)])

    registered = account.registered(LABEL)
    assert registered is not None
    assert registered["connectorVersion"] == "2.0"
    assert cloudformation.responses[-1]["Status"] == "SUCCESS"
    decisions = re.findall('"decision": "([a-z ]+)', log)
    expected = ["event ignored", "refresh", "refreshed", "registered", "no refresh needed"]
    assert decisions == expected


def test_shared_code_is_imported_on_demand(
    asset: Path, account: Account, cloudformation: CloudFormation, tmp_path: Path
) -> None:
    """By default no event needs the code that compares configurations."""
    shutil.copytree(asset, tmp_path / "asset")
    shutil.rmtree(tmp_path / "asset" / "appflow_connector_configuration")
    old = destroyed(account.make_function("both", versions("v1", "v2")))
    new = destroyed(account.make_function("only-v2", versions("v2")))
    cloudformation.create(old)
    event = cloudformation.event("Update", new, OldResourceProperties=old, PhysicalResourceId=LABEL)

    run(tmp_path / "asset", [event])

    assert cloudformation.responses[-1]["Status"] == "SUCCESS"


def test_log_has_one_line_for_each_step(
    asset: Path, account: Account, cloudformation: CloudFormation
) -> None:
    """The log has one line of JSON for each decision, call and response."""
    function = account.make_function("crm", connector())
    event = cloudformation.event("Create", destroyed(function))

    lines = [json.loads(line) for line in run(asset, [event]).splitlines()]

    expected = {key: event[key] for key in ("RequestType", "RequestId", "LogicalResourceId")}
    assert all(expected.items() <= line.items() for line in lines)
    messages = [line["message"] for line in lines]
    times = [message.pop("milliseconds") for message in messages if "call" in message]
    assert all(isinstance(time, int) for time in times)
    call = {"label": LABEL, "attempt": 1, "outcome": "OK"}
    assert messages == [
        {"call": "GetFunctionConfiguration", "label": LABEL, "outcome": "OK"},
        {"call": "RegisterConnector", **call},
        {"decision": "registered", "label": LABEL, "lambda_arn": function},
        {"call": "DescribeConnector", **call},
        {"response": "delivered", "status": "SUCCESS", "http_status": 200},
    ]


def test_unreachable_appflow_fails_once(asset: Path, cloudformation: CloudFormation) -> None:
    """An AppFlow that cannot be reached fails the event with one response and no secret."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    event = cloudformation.event("Create", destroyed())

    log = run(asset, [event], AWS_ENDPOINT_URL=nowhere, AWS_SECRET_ACCESS_KEY="the-secret")

    [response] = cloudformation.responses
    assert response["Status"] == "FAILED"
    assert response["Reason"].startswith(
        "connector acme-crm: ConnectionError from RegisterConnector: Could not connect"
    )
    assert SIGNATURE not in log
    assert "the-secret" not in log


def test_response_is_sent_again_after_an_error(
    asset: Path, account: Account, cloudformation: CloudFormation, httpserver: HTTPServer
) -> None:
    """A response that meets a server error is sent again."""
    url = httpserver.url_for(f"/busy?{SIGNATURE}")
    function = account.make_function("crm", connector())
    event = cloudformation.event("Create", destroyed(function), ResponseURL=url)
    httpserver.expect_oneshot_request("/busy").respond_with_data(status=503)
    httpserver.expect_oneshot_request("/busy").respond_with_data(status=200)

    log = run(asset, [event])

    assert [status for path, status in responses(httpserver) if path == "/busy"] == [503, 200]
    assert SIGNATURE not in log


def responses(httpserver: HTTPServer) -> list[tuple[str, int]]:
    """The paths that were requested, with the status of each response."""
    return [(request.path, response.status_code) for request, response in httpserver.log]


# Reports that AppFlow has called it, and returns when it is allowed to.
WAITING_CONNECTOR = """
open({arrived!r}, "w").close()
open({allowed!r}).close()
"""


def test_rollback_survives_a_running_update(
    asset: Path,
    account: Account,
    cloudformation: CloudFormation,
    httpserver: HTTPServer,
    tmp_path: Path,
) -> None:
    """A rollback reverts the update that another container is still working on."""
    arrived, allowed = str(tmp_path / "arrived"), str(tmp_path / "allowed")
    os.mkfifo(arrived)
    os.mkfifo(allowed)
    wait = WAITING_CONNECTOR.format(arrived=arrived, allowed=allowed)
    old = destroyed(account.make_function("old", connector("1.0")))
    new = destroyed(account.make_function("new", wait + connector("2.0")))
    cloudformation.create(old)
    cancelled = cloudformation.event(
        "Update",
        new,
        OldResourceProperties=old,
        PhysicalResourceId=LABEL,
        ResponseURL=httpserver.url_for("/cancelled"),
    )
    httpserver.expect_oneshot_request("/cancelled").respond_with_handler(lambda _: Response())

    with lambda_process(asset, [cancelled]) as update:
        Path(arrived).read_text()
        cloudformation.cancel_update()

        def finish() -> None:
            Path(allowed).write_text("")
            update.communicate()

        cloudformation.clock.at(10, finish)
        response = cloudformation.update(old, new, LABEL)

    assert ("/cancelled", 200) in responses(httpserver)
    assert response["Status"] == "SUCCESS"
    assert response["Data"]["ConnectorVersion"] == "1.0"
    assert account.registered_arn(LABEL) == old["LambdaArn"]
