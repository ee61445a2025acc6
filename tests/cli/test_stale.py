"""``cdk-appflow-connector status`` when AppFlow shows what the connector no longer returns."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.config import Config
from cdk_appflow_connector_cli import functions, output
from rich.text import Text
from werkzeug import Response

from tests.cli.front import error_for, front
from tests.cli.support import (
    connectors,
    make_stack,
    registration,
    run,
    run_here,
    run_status,
    states,
    user_variables,
)
from tests.support import BROKEN_CONNECTOR, FAILING_CONNECTOR, Account, connector

LABEL = "acme-crm"
CHANGED = connector("1.1").replace('["v1"]', '["v2", "v3"]')

STATUS_ACTIONS = (
    "cloudformation:ListStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "appflow:DescribeConnector",
)


@pytest.fixture(autouse=True)
def stack(account: Account, crm: str) -> None:
    """A stack ``Crm`` that manages the label."""
    account.register(LABEL, crm, description="Tried out")
    make_stack(account, "Crm", registration(account, LABEL, LambdaArn=crm))


def finding(account: Account, *arguments: str, **variables: str | None) -> Mapping[str, Any]:
    """The finding for the label in the output of ``--json``."""
    result = run_status(account, "--stack", "Crm", "--json", *arguments, **variables)
    [found] = connectors(result)
    return {**found, "exitCode": result.returncode}


def test_refresh_repairs_stale_connector(account: Account) -> None:
    """Code that was changed outside of a deployment is STALE until the next step is done."""
    account.change_code("crm", CHANGED)

    result = run_status(account)
    assert (
        "acme-crm is STALE: AppFlow shows another configuration than the connector returns now.\n"
        "  AppFlow -> connector:\n"
        "  connectorVersion      1.0 -> 1.1\n"
        "  supportedApiVersions  -v1 +v2 +v3\n"
        "  AppFlow keeps the configuration that it read when the connector was registered or last"
        " refreshed. To refresh it, run cdk-appflow-connector refresh acme-crm.\n"
    ) in result.stdout
    assert result.stdout.endswith(": 1 STALE\n")
    assert result.returncode == 1
    found = finding(account)
    assert (found["state"], found["exitCode"], found["note"]) == ("STALE", 1, None)
    assert found["reason"] == ("AppFlow shows another configuration than the connector returns now")
    assert found["differences"] == [
        {
            "propertyPath": "connectorConfiguration.connectorVersion",
            "expectedValue": "1.1",
            "actualValue": "1.0",
        },
        {
            "propertyPath": "connectorConfiguration.supportedApiVersions",
            "expectedValue": ["v2", "v3"],
            "actualValue": ["v1"],
        },
    ]

    assert run(account, *found["nextStep"].split("run cdk-appflow-connector ")[1].split()).stdout
    found = finding(account)
    assert (found["state"], found["exitCode"], found["differences"]) == ("IN_SYNC", 0, [])


def test_alias_is_asked(account: Account) -> None:
    """The registered alias is invoked, and not the function with newer code."""
    aliases = account.client("lambda")
    version = aliases.publish_version(FunctionName="crm")["Version"]
    alias = aliases.create_alias(FunctionName="crm", Name="live", FunctionVersion=version)
    account.grant_appflow(alias["AliasArn"])
    account.register("by-alias", alias["AliasArn"])
    make_stack(account, "Alias", registration(account, "by-alias", LambdaArn=alias["AliasArn"]))
    account.change_code("crm", CHANGED)

    assert states(run_status(account, "--json")) == {LABEL: "STALE", "by-alias": "IN_SYNC"}

    newer = aliases.publish_version(FunctionName="crm")["Version"]
    aliases.update_alias(FunctionName="crm", Name="live", FunctionVersion=newer)
    assert states(run_status(account, "--json")) == {LABEL: "STALE", "by-alias": "STALE"}


def test_no_invoke_leaves_the_function_alone(account: Account) -> None:
    """With ``--no-invoke`` a changed connector is IN_SYNC, without a note."""
    account.change_code("crm", BROKEN_CONNECTOR)

    found = finding(account, "--no-invoke")

    assert (found["state"], found["exitCode"], found["note"]) == ("IN_SYNC", 0, None)


def test_missing_permission_is_a_note(account: Account, crm: str) -> None:
    """A user who may not invoke functions gets one note for all, and no failure."""
    account.change_code("crm", CHANGED)
    account.register("acme-erp", account.make_function("erp", connector()))
    erp = registration(account, "acme-erp", LambdaArn=crm.replace(":crm", ":erp"))
    make_stack(account, "Erp", erp)
    actions = [*STATUS_ACTIONS, "cloudformation:ListStacks", "appflow:ListConnectors"]
    variables = user_variables(account, "reader", actions)

    result = run_status(account, **variables)
    found = finding(account, **variables)

    assert (
        "acme-crm, acme-erp: configuration not compared: Invoke failed with AccessDeniedException:"
    ) in result.stdout
    assert (
        "  The call needs the permission lambda:InvokeFunction; --help lists all permissions.\n"
    ) in result.stdout
    assert result.stdout.endswith(": 2 IN_SYNC\n")
    assert result.returncode == 0
    assert found["state"] == "IN_SYNC"
    assert found["note"].startswith("configuration not compared: Invoke failed with AccessDenied")


@pytest.mark.parametrize(
    ("code", "status"),
    [("TooManyRequestsException", 429), ("ResourceNotFoundException", 404), ("ServiceError", 502)],
)
def test_failed_invocation_is_a_note(account: Account, code: str, status: int) -> None:
    """A function that Lambda does not invoke is asked once, and gives a note."""
    account.change_code("crm", CHANGED)
    tries = []

    def count(parameters: str, response: Response) -> Response:
        tries.append(parameters)
        return error_for("", code, status)(parameters, response)

    with front(account.cloud.environment(account.id), {"Invoke": count}) as variables:
        found = finding(account, **variables)

    assert (found["state"], found["exitCode"]) == ("IN_SYNC", 0)
    assert found["note"] == f"configuration not compared: Invoke failed with {code}: Not today"
    assert len(tries) == 1


def test_deleted_function_is_a_note(account: Account) -> None:
    """A function that does not exist gives a note, since its registration is the template's."""
    account.client("lambda").delete_function(FunctionName="crm")

    found = finding(account)

    assert (found["state"], found["exitCode"]) == ("IN_SYNC", 0)
    assert found["note"].startswith(
        "configuration not compared: Invoke failed with ResourceNotFoundException: "
    )


@pytest.mark.parametrize(
    ("source", "reason", "next_step"),
    [
        (
            BROKEN_CONNECTOR,
            "the connector ARN failed: Runtime.HandlerError: the connector is broken",
            "The connector's own error is in its log group, by default /aws/lambda/crm",
        ),
        (
            FAILING_CONNECTOR,
            "AppFlow would refuse what ARN returns: the connector fails",
            "Correct the connector. To see all that AppFlow would refuse, run"
            " cdk-appflow-connector check --function ARN",
        ),
        (
            "def handler(event, context):\n    print(event)\n    return {'isSuccess': True}",
            "AppFlow would refuse what ARN returns: connectorOwner is missing; connectorName is"
            " missing; connectorVersion is missing; and 1 more",
            "Correct the connector. To see all that AppFlow would refuse, run"
            " cdk-appflow-connector check --function ARN",
        ),
        (
            "def handler(event, context):\n    print(event)",
            "AppFlow would refuse what ARN returns: the response is not a JSON object",
            "Correct the connector. To see all that AppFlow would refuse, run"
            " cdk-appflow-connector check --function ARN",
        ),
    ],
    ids=["raises", "reports a failure", "lacks members", "returns nothing"],
)
def test_broken_connector_is_unknown(
    account: Account, crm: str, source: str, reason: str, next_step: str
) -> None:
    """A connector that fails, or whose response AppFlow would refuse, is UNKNOWN with the cause."""
    account.change_code("crm", source)

    found = finding(account)

    assert (found["state"], found["exitCode"], found["note"]) == ("UNKNOWN", 2, None)
    assert found["reason"] == reason.replace("ARN", crm)
    assert found["nextStep"] == next_step.replace("ARN", crm)


def test_silent_connector_is_unknown(
    account: Account, crm: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A connector that does not respond in time is UNKNOWN, and is invoked once."""
    over = threading.Event()
    tries = []

    def hang(parameters: str, response: Response) -> Response:
        tries.append(parameters)
        over.wait(60)
        return response

    impatient = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    monkeypatch.setattr(functions, "_INVOKING", impatient)
    with front(account.cloud.environment(account.id), {"Invoke": hang}) as variables:
        code = run_here(account, monkeypatch, "status", "--json", **variables)
        over.set()

    [found] = json.loads(capsys.readouterr().out)["connectors"]
    assert (found["state"], code) == ("UNKNOWN", 2)
    assert found["reason"] == f"the connector {crm} did not respond within 15 seconds"
    assert len(tries) == 1


def test_modified_shows_both_differences(account: Account, crm: str) -> None:
    """A MODIFIED connector is not STALE, and shows what the registered function returns as well."""
    other = account.make_function("crm-2", connector())
    account.move(LABEL, other)
    account.change_code("crm-2", CHANGED)

    result = run_status(account, "--stack", "Crm")
    found = finding(account)

    assert "  AppFlow -> connector:\n  connectorVersion      1.0 -> 1.1\n" in result.stdout
    assert (found["state"], found["exitCode"]) == ("MODIFIED", 1)
    assert found["differences"][0] == {
        "propertyPath": "LambdaArn",
        "expectedValue": crm,
        "actualValue": other,
    }
    assert [one["propertyPath"] for one in found["differences"][1:]] == [
        "connectorConfiguration.connectorVersion",
        "connectorConfiguration.supportedApiVersions",
    ]


def test_modified_outweighs_broken_connector(account: Account) -> None:
    """A MODIFIED connector stays so if the registered function fails; a note says so."""
    account.move(LABEL, account.make_function("crm-2", connector()))
    account.change_code("crm-2", BROKEN_CONNECTOR)

    found = finding(account)

    assert found["state"] == "MODIFIED"
    assert found["note"].startswith("configuration not compared: the connector arn:")


def test_stale_outweighs_unresolved_value(account: Account, crm: str) -> None:
    """A configuration that differs is STALE although the template's ARN is not known."""
    account.register("acme-erp", crm)
    second = {"Fn::Select": ["1", [f"{crm}-2", crm]]}
    make_stack(account, "Erp", registration(account, "acme-erp", LambdaArn=second))
    assert states(run_status(account, "--json"))["acme-erp"] == "UNKNOWN"

    account.change_code("crm", CHANGED)

    assert states(run_status(account, "--json"))["acme-erp"] == "STALE"


def test_unmanaged_connector_is_not_invoked(account: Account) -> None:
    """A connector of no stack stays UNMANAGED, whatever its function does."""
    account.register("by-hand", account.make_function("by-hand", connector()))
    account.change_code("by-hand", CHANGED)
    invoked = []

    def record(parameters: str, response: Response) -> Response:
        invoked.append(parameters)
        return response

    with front(account.cloud.environment(account.id), {"Invoke": record}) as variables:
        result = run_status(account, "--json", **variables)

    assert states(result) == {LABEL: "IN_SYNC", "by-hand": "UNMANAGED"}
    assert len(invoked) == 1


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("1.0", "1.1", "path  1.0 -> 1.1"),
        (None, "1.1", "path  none -> 1.1"),
        (True, None, "path  true -> none"),
        (["v1", "v2"], ["v2", "v3"], "path  -v1 +v3"),
        (None, ["v1"], "path  +v1"),
        (["v1"], None, "path  -v1"),
        ([str(n) for n in range(8)], [], "path  -0 -1 -2 -3 -4 (3 more)"),
        (None, {"key": "url"}, "path  added"),
        ({"key": "url"}, None, "path  removed"),
        ([{"Name": "a"}], [], 'path  [{"Name": "a"}] -> []'),
        ("x" * 61, "", f"path  {'x' * 60}... -> empty"),
        ("[red]", None, "path  [red] -> none"),
    ],
)
def test_difference_is_one_short_line(before: Any, after: Any, expected: str) -> None:
    """A difference is one line, with what was added to and removed from a list, and cut."""
    [line] = output.changes([("path", before, after)])

    assert Text.from_markup(str(line.renderable)).plain == expected
