"""Lists of connectors and connector profiles, and their pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.local_cloud.support import LABEL, refusal
from tests.support import Account, new_account_id


@pytest.mark.rule("API")
@pytest.mark.parametrize("operation", ["list_connectors", "describe_connectors"])
def test_list_has_pages(account: Account, appflow: Any, arn: str, operation: str) -> None:
    """A list has pages of `maxResults` entries."""
    labels = [f"acme-{number}" for number in range(5)]
    for label in labels:
        account.register(label, arn)
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    for _ in range(3):
        page = getattr(appflow, operation)(maxResults=2, **token)
        pages.append([connector["connectorLabel"] for connector in page["connectors"]])
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else {}

    assert pages == [labels[0:2], labels[2:4], labels[4:5]]
    assert token == {}


@pytest.mark.rule("choice")
def test_changes_between_pages_skip_nothing(account: Account, appflow: Any, arn: str) -> None:
    """Changes between two pages cause no entry to be skipped or repeated."""
    for label in ("b1", "b2", "b3", "b4"):
        account.register(label, arn)
    first = appflow.list_connectors(maxResults=2)

    appflow.unregister_connector(connectorLabel="b2")
    account.register("a1", arn)
    account.register("b5", arn)
    second = appflow.list_connectors(nextToken=first["nextToken"])

    assert [one["connectorLabel"] for one in first["connectors"]] == ["b1", "b2"]
    assert [one["connectorLabel"] for one in second["connectors"]] == ["b3", "b4", "b5"]


@pytest.mark.rule("API")
def test_page_has_20_entries_by_default(account: Account, appflow: Any, arn: str) -> None:
    """A page has 20 entries by default."""
    for number in range(21):
        account.register(f"acme-{number:02d}", arn)

    first = appflow.list_connectors()
    second = appflow.list_connectors(nextToken=first["nextToken"])

    assert len(first["connectors"]) == 20
    assert len(second["connectors"]) == 1
    assert "nextToken" not in second


@pytest.mark.rule("API")
def test_list_covers_one_account_and_region(account: Account, appflow: Any, arn: str) -> None:
    """A list has the connectors of one account and Region."""
    account.register(LABEL, arn)
    neighbour = Account(account.cloud, new_account_id())
    elsewhere = replace(account, region="eu-west-1")

    assert len(appflow.list_connectors()["connectors"]) == 1
    for other in (neighbour, elsewhere):
        assert other.client("appflow").list_connectors()["connectors"] == []


@pytest.mark.rule("API")
def test_connectors_are_filtered_by_type(account: Account, appflow: Any, arn: str) -> None:
    """DescribeConnectors returns the requested connector types."""
    account.register(LABEL, arn)

    def labels(types: list[str]) -> list[str]:
        found = appflow.describe_connectors(connectorTypes=types)["connectors"]
        return [one["connectorLabel"] for one in found]

    assert labels(["Salesforce"]) == []
    assert labels(["Salesforce", "CustomConnector"]) == [LABEL]


@pytest.mark.rule("choice")
def test_unknown_next_token_is_refused(appflow: Any) -> None:
    """A `nextToken` that AppFlow did not return: `ValidationException`, 400."""
    code, status, message = refusal(appflow.list_connectors, nextToken="made-up")

    assert (code, status) == ("ValidationException", 400)
    assert message == (
        "The nextToken made-up is not from a page of this list. Send the nextToken that"
        " ListConnectors returned for the same parameters, or leave it out for the first page."
    )


@pytest.mark.rule("choice")
@pytest.mark.parametrize(
    ("operation", "filters"),
    [
        ("list_connectors", {}),
        ("describe_connector_profiles", {}),
        ("describe_connectors", {}),
        ("describe_connectors", {"connectorTypes": ["CustomConnector", "S3"]}),
    ],
)
def test_next_token_of_other_list_is_refused(
    account: Account, appflow: Any, arn: str, operation: str, filters: dict[str, Any]
) -> None:
    """A `nextToken` of another operation or of other filters: `ValidationException`, 400."""
    account.register("acme-1", arn)
    account.register("acme-2", arn)
    of_custom = {"connectorTypes": ["CustomConnector"]}
    token = appflow.describe_connectors(**of_custom, maxResults=1)["nextToken"]

    code, _, message = refusal(getattr(appflow, operation), **filters, nextToken=token)

    assert code == "ValidationException"
    assert message.startswith(f"The nextToken {token} is not from a page of this list. ")
    [rest] = appflow.describe_connectors(**of_custom, nextToken=token)["connectors"]
    assert rest["connectorLabel"] == "acme-2"
