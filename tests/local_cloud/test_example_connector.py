"""The example connector answers every request of AppFlow."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / "examples" / "connector" / "crm.py"

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


@pytest.fixture
def handler() -> Handler:
    """The connector's handler, with all accounts as they were at first."""
    spec = importlib.util.spec_from_file_location("crm", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Handler = module.handler
    return found


def rows(handler: Handler, **members: Any) -> list[dict[str, Any]]:
    """The records that a request returns, by default those of the accounts 1 and 2."""
    request = {
        "type": "RetrieveDataRequest",
        "entityIdentifier": "account",
        "idFieldName": "id",
        "ids": ["1", "2"],
        **members,
    }
    return [json.loads(record) for record in handler(request, None)["records"]]


def write(handler: Handler, operation: str, **record: Any) -> dict[str, Any]:
    """The response to a request that changes an account."""
    request = {
        "type": "WriteDataRequest",
        "entityIdentifier": "account",
        "operation": operation,
        "records": [json.dumps(record)],
    }
    return handler(request, None)


def sdk_requests() -> list[str]:
    """The types of the requests in Amazon's SDK, as text: Python 3.13 cannot import it."""
    module = "custom_connector_sdk/lambda_handler/lambda_handler.py"
    source = Path(str(distribution("custom-connector-sdk").locate_file(module))).read_text()
    return re.findall(r"^[A-Z_]+ = '(\w+Request)'$", source, re.M)


@pytest.mark.parametrize("request_type", sdk_requests())
def test_every_request_succeeds(handler: Handler, request_type: str) -> None:
    """The connector answers each type of request that Amazon's SDK knows."""
    request = {"type": request_type, "idFieldName": "id", "ids": [], "records": []}

    assert handler({**request, "operation": "INSERT"}, None)["isSuccess"] is True


def test_unknown_requests_fail(handler: Handler) -> None:
    """A request of another type, or for another entity, gets the SDK's form of a failure."""
    unknown = handler({"type": "OtherRequest"}, None)
    other = handler({"type": "QueryDataRequest", "entityIdentifier": "lead"}, None)

    assert unknown["errorDetails"]["errorCode"] == "InvalidArgument"
    assert other["errorDetails"]["errorCode"] == "ResourceNotFoundError"


def test_records_are_retrieved_by_id(handler: Handler) -> None:
    """RetrieveData returns the selected fields of the records with the ids."""
    found = rows(handler, selectedFieldNames=["name"])

    assert found == [{"name": "Anvil Works"}, {"name": "Bolt & Sons"}]


@pytest.mark.parametrize("operation", ["INSERT", "UPDATE", "UPSERT", "DELETE"])
def test_records_are_written(handler: Handler, operation: str) -> None:
    """WriteData inserts, changes and deletes accounts."""
    key = "6" if operation == "INSERT" else "1"

    assert write(handler, operation, id=key, name="New")["isSuccess"] is True

    names = [row["name"] for row in rows(handler, ids=[key])]
    assert names == ([] if operation == "DELETE" else ["New"])


def test_missing_record_is_refused(handler: Handler) -> None:
    """WriteData reports a record that does not exist as refused."""
    response = write(handler, "UPDATE", id="9", name="New")

    assert response["errorDetails"]["errorCode"] == "PartialWriteFailure"
    [result] = response["writeRecordResults"]
    assert (result["isSuccess"], result["errorMessage"]) == (False, "No such id.")
