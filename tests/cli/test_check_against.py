"""``check --against``: what a connector would break of what is registered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.check_support import document, run_check
from tests.cli.front import changed_json, error_for, front
from tests.local_cloud import flow_support
from tests.local_cloud.flow_support import Sales, connector
from tests.local_cloud.support import LABEL
from tests.support import Account

AGAINST = ("crm:handler", "--against", LABEL, "--json")


@pytest.fixture
def sales(account: Account) -> Sales:
    """An account with a registered connector of orders, and a profile of it."""
    sales = Sales(account)
    sales.prepare()
    return sales


def make_flow(sales: Sales, name: str, version: str) -> None:
    """Make a flow that reads from the connector with a version of its API."""
    flow = sales.reading()
    flow["sourceFlowConfig"]["apiVersion"] = version
    sales.appflow.create_flow(**{**flow, "flowName": name})


def write_changed(folder: Path, **members: Any) -> None:
    """Write the registered connector, with members of its configuration changed as given."""
    changes = f"""
unchanged = configuration

def configuration(event):
    return unchanged(event) | {members!r}
"""
    (folder / "crm.py").write_text(connector(changes))


def found(document: dict[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """The severity and the flows of each finding, by its id."""
    return {one["id"]: (one["severity"], one["flows"]) for one in document["findings"]}


def test_unchanged_connector_has_no_findings(sales: Sales, tmp_path: Path) -> None:
    """A connector that says what is registered has no findings."""
    make_flow(sales, "orders", "v1")
    write_changed(tmp_path)

    result = run_check(*AGAINST, folder=tmp_path, account=sales.account)

    assert document(result)["findings"] == []
    assert (document(result)["exitReason"], result.returncode) == ("PASSED", 0)


@pytest.mark.parametrize(
    ("used", "severity", "flows", "reason", "code"),
    [("v1", "ERROR", ["orders"], "BREAKING", 1), ("v2", "WARNING", [], "PASSED", 0)],
)
def test_removed_version_breaks_its_flows(
    sales: Sales,
    tmp_path: Path,
    used: str,
    severity: str,
    flows: list[str],
    reason: str,
    code: int,
) -> None:
    """A removed API version is an error if a flow uses it, and else a warning."""
    make_flow(sales, "orders", used)
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")

    result = run_check(*AGAINST, folder=tmp_path, account=sales.account)

    assert found(document(result))["API_VERSION_REMOVED:v1"] == (severity, flows)
    assert (document(result)["exitReason"], result.returncode) == (reason, code)


def test_warning_fails_on_warning(sales: Sales, tmp_path: Path) -> None:
    """With ``--fail-on warning`` a finding that is a warning makes the check fail."""
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")

    result = run_check(*AGAINST, "--fail-on", "warning", folder=tmp_path, account=sales.account)

    assert (document(result)["exitReason"], result.returncode) == ("WARNING", 1)


def test_lost_authentication_names_profiles(sales: Sales, tmp_path: Path) -> None:
    """A finding names the connector profiles that it touches."""
    write_changed(tmp_path, authenticationConfig={"isOAuth2Supported": True})

    result = run_check(*AGAINST, folder=tmp_path, account=sales.account)

    assert "sales" in [name for one in document(result)["findings"] for name in one["profiles"]]


def test_deployed_function_is_compared(sales: Sales) -> None:
    """A function that has changed since its registration is compared with what AppFlow shows."""
    make_flow(sales, "orders", "v1")
    sales.use(
        "def configuration(event): return {'isSuccess': True, 'connectorOwner': 'Acme',"
        " 'connectorName': 'Acme Orders', 'connectorVersion': '2.0', 'connectorModes':"
        " ['SOURCE'], 'supportedApiVersions': ['v2']}"
    )

    result = run_check("--function", "crm", "--against", LABEL, "--json", account=sales.account)

    assert found(document(result))["API_VERSION_REMOVED:v1"] == ("ERROR", ["orders"])


def test_all_pages_of_flows_are_read(sales: Sales, tmp_path: Path) -> None:
    """A flow that is not on the first page of ListFlows counts."""
    for number in range(100):
        make_flow(sales, f"flow-{number:03d}", "v2")
    make_flow(sales, "the-last", "v1")
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")

    result = run_check(*AGAINST, folder=tmp_path, account=sales.account)

    assert found(document(result))["API_VERSION_REMOVED:v1"] == ("ERROR", ["the-last"])
    described = [one for one in sales.account.calls() if one["operation"] == "DescribeFlow"]
    assert len(described) == 101


def test_all_pages_of_profiles_are_read(sales: Sales, tmp_path: Path) -> None:
    """A flow whose connector profile is not on the first page counts."""
    make_flow(sales, "orders", "v1")
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")

    # AppFlow may return an empty page before the last one.
    def first_page_is_empty(page: Any) -> Any:
        pages.append(page)
        return page if len(pages) > 1 else {"connectorProfileDetails": [], "nextToken": "next"}

    def without_token(parameters: str, response: Any) -> Any:
        return changed_json(first_page_is_empty)(parameters, response)

    pages: list[Any] = []
    with front(
        sales.account.cloud.environment(sales.account.id),
        {"DescribeConnectorProfiles": without_token},
    ) as variables:
        result = run_check(*AGAINST, folder=tmp_path, account=sales.account, **variables)

    assert len(pages) == 2
    assert "API_VERSION_REMOVED:v1" in found(document(result))


def test_flows_of_other_connectors_are_not_read(sales: Sales, tmp_path: Path) -> None:
    """Flows of other connectors are not described."""
    account = sales.account
    account.register("other", account.registered_arn(LABEL) or "")
    profile = {**flow_support.profile(), "connectorLabel": "other"}
    sales.appflow.create_connector_profile(**{**profile, "connectorProfileName": "another"})
    flow = sales.reading()
    flow["sourceFlowConfig"]["connectorProfileName"] = "another"
    sales.appflow.create_flow(**flow)
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")

    result = run_check(*AGAINST, folder=tmp_path, account=account)

    assert found(document(result))["API_VERSION_REMOVED:v1"] == ("WARNING", [])
    assert "DescribeFlow" not in [one["operation"] for one in account.calls()]


DENIALS = ["DescribeConnectorProfiles", "ListFlows", "DescribeFlow"]


@pytest.mark.parametrize("operation", DENIALS)
def test_denied_usage_is_incomplete(sales: Sales, tmp_path: Path, operation: str) -> None:
    """If profiles or flows may not be read, findings are possible only, and the exit code is 2."""
    make_flow(sales, "orders", "v1")
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")
    denied = {operation: error_for("", "AccessDeniedException", 403)}

    with front(sales.account.cloud.environment(sales.account.id), denied) as variables:
        result = run_check(*AGAINST, folder=tmp_path, account=sales.account, **variables)

    assert found(document(result))["API_VERSION_REMOVED:v1"] == ("WARNING", [])
    [unchecked] = document(result)["unchecked"]
    assert unchecked.startswith("Not known: the ")
    assert f"needs the permission appflow:{operation}" in unchecked
    assert (document(result)["exitReason"], result.returncode) == ("INCOMPLETE", 2)


def test_denied_flows_are_one_note(sales: Sales, tmp_path: Path) -> None:
    """Flows that may not be read are named together, with the reason once."""
    for name in ("accounts", "orders"):
        make_flow(sales, name, "v1")
    denied = {"DescribeFlow": error_for("", "AccessDeniedException", 403)}
    write_changed(tmp_path, supportedApiVersions=["v2"])

    with front(sales.account.cloud.environment(sales.account.id), denied) as variables:
        result = run_check(*AGAINST, folder=tmp_path, account=sales.account, **variables)

    [unchecked] = document(result)["unchecked"]
    assert unchecked.startswith("Not known: the flows accounts, orders. DescribeFlow failed with ")


@pytest.mark.parametrize("label", ["", "acme crm", "é"])
def test_text_that_is_no_label_fails(tmp_path: Path, label: str) -> None:
    """A text that cannot be a label is an error, and is not the same as no label."""
    result = run_check("crm:handler", "--against", label, folder=tmp_path)

    assert result.stderr.startswith(
        f"cdk-appflow-connector: {label!r} is not a connector label. A label has 2 to 256"
    )
    assert (result.stdout, result.returncode) == ("", 2)


def test_refused_comes_before_incomplete(sales: Sales, tmp_path: Path) -> None:
    """A connector that AppFlow would refuse exits with 1, also if its flows are not known."""
    write_changed(tmp_path, connectorName="")
    denied = {"ListFlows": error_for("", "AccessDeniedException", 403)}

    with front(sales.account.cloud.environment(sales.account.id), denied) as variables:
        result = run_check(*AGAINST, folder=tmp_path, account=sales.account, **variables)

    assert (document(result)["exitReason"], result.returncode) == ("REFUSED", 1)
    assert document(result)["findings"] is None


def test_flow_deleted_meanwhile_does_not_count(sales: Sales, tmp_path: Path) -> None:
    """A flow that is deleted between the list and its description is left out."""
    make_flow(sales, "orders", "v1")
    write_changed(tmp_path, supportedApiVersions=["v2"], connectorVersion="2.0")
    gone = {"DescribeFlow": error_for("", "ResourceNotFoundException", 404)}

    with front(sales.account.cloud.environment(sales.account.id), gone) as variables:
        result = run_check(*AGAINST, folder=tmp_path, account=sales.account, **variables)

    assert (document(result)["exitReason"], document(result)["unchecked"]) == ("PASSED", [])


def test_unregistered_label_is_an_error(account: Account, tmp_path: Path) -> None:
    """A label under which nothing is registered is an error with the next step."""
    write_changed(tmp_path)

    result = run_check(*AGAINST, folder=tmp_path, account=account)

    assert result.stderr == (
        f"cdk-appflow-connector: No connector is registered under {LABEL} in account {account.id},"
        " Region us-east-1. `cdk-appflow-connector status` lists all labels. Leave --against out if"
        " the connector is not registered yet\n"
    )
    assert (result.stdout, result.returncode) == ("", 2)


def test_denied_connector_is_an_error(sales: Sales, tmp_path: Path) -> None:
    """If the registered connector may not be read, the error names the permission."""
    write_changed(tmp_path)
    denied = {"DescribeConnector": error_for("", "AccessDeniedException", 403)}

    with front(sales.account.cloud.environment(sales.account.id), denied) as variables:
        result = run_check(*AGAINST, folder=tmp_path, account=sales.account, **variables)

    assert "The call needs the permission appflow:DescribeConnector;" in result.stderr
    assert result.returncode == 2


def test_check_changes_nothing(sales: Sales, tmp_path: Path) -> None:
    """A check makes calls to AppFlow that describe and list only."""
    make_flow(sales, "orders", "v1")
    write_changed(tmp_path)
    before = len(sales.account.calls())

    run_check(*AGAINST, "--entities", folder=tmp_path, account=sales.account)

    made = {one["operation"] for one in sales.account.calls(after=before)}
    assert made == {"DescribeConnector", "DescribeConnectorProfiles", "ListFlows", "DescribeFlow"}


def test_json_is_complete(sales: Sales, tmp_path: Path) -> None:
    """The object of ``--json`` has the same members, whatever the check finds."""
    write_changed(tmp_path)
    (tmp_path / "broken.py").write_text("def handler(e, c): return json")
    results = [
        run_check(*arguments, "--json", folder=tmp_path, account=sales.account)
        for arguments in (AGAINST, ("crm:handler", "--entities"), ("broken:handler",))
    ]

    assert {tuple(json.loads(result.stdout)) for result in results} == {
        (
            *("source", "configuration", "refused", "advice", "against", "findings"),
            *("entities", "unchecked", "notes", "exitReason"),
        )
    }
