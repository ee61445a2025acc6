"""Runs of flows from a bucket to a connector."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local_cloud.flow_support import Sales, end, message, task

ORDERS = "id,amount,price,paid\na,1,0.5,true\nb,20,1.5,false\nc,three,,\n"

# Refuses every record, with the request as the message.
SHOW_REQUEST = """
def write(event):
    event["connectorContext"] = sorted(event["connectorContext"])
    results = [{"isSuccess": False, "recordId": None, "errorMessage": json.dumps(event)}
               for _ in event["records"]]
    return {**failed("PartialWriteFailure", "refused"), "writeRecordResults": results}
"""

REFUSE_B = """
def write(event):
    refused = [json.loads(record)["id"] == "b" for record in event["records"]]
    results = [{"isSuccess": not no, "recordId": None, "errorMessage": "no b" if no else None}
               for no in refused]
    return {**failed("PartialWriteFailure", "one refused"), "writeRecordResults": results}
"""


def put(sales: Sales, text: str, key: str = "in/orders.csv") -> None:
    """Put a file into the bucket."""
    sales.s3.put_object(Bucket=sales.bucket, Key=key, Body=text.encode())


def going_on(sales: Sales) -> dict[str, Any]:
    """The settings of a flow that continues after a refused record."""
    return {
        "errorHandlingConfig": {
            "failOnFirstDestinationError": False,
            "bucketName": sales.bucket,
            "bucketPrefix": "errors",
        }
    }


def requests_of(sales: Sales, flow: dict[str, Any]) -> list[dict[str, Any]]:
    """The WriteData requests of a run, without repetitions."""
    sales.use(SHOW_REQUEST)
    sales.run(flow)
    return [json.loads(text) for text in {row["errorMessage"]: 0 for row in sales.rows("errors")}]


@pytest.mark.rule("SDK")
def test_records_are_written(sales: Sales) -> None:
    """A run reads the files under the prefix, and sends their records with WriteData."""
    put(sales, "id,amount\na,1\nb,2\n")
    put(sales, "id,amount\nc,3\n", key="in/more.csv")
    put(sales, "id\nd\n", key="elsewhere/orders.csv")

    record = sales.run(sales.writing())

    assert record["executionStatus"] == "Successful"
    result = record["executionResult"]
    assert result["recordsProcessed"] == 3
    assert result["bytesProcessed"] == len("id,amount\na,1\nb,2\n" + "id,amount\nc,3\n")
    assert result["bytesWritten"] == 3 * len('{"id": "a", "amount": 1}')


@pytest.mark.rule("SDK")
def test_write_request_has_typed_records(sales: Sales) -> None:
    """Values have the types of the entity's fields; a value of another type stays a text."""
    put(sales, ORDERS)

    [request] = requests_of(sales, sales.writing(**going_on(sales)))

    assert [json.loads(record) for record in request.pop("records")] == [
        {"id": "a", "amount": 1, "price": 0.5, "paid": True},
        {"id": "b", "amount": 20, "price": 1.5, "paid": False},
        {"id": "c", "amount": "three", "price": "", "paid": ""},
    ]
    assert request == {
        "type": "WriteDataRequest",
        "entityIdentifier": "order",
        "operation": "INSERT",
        "allOrNone": False,
        "connectorContext": [
            "apiVersion",
            "connectorRuntimeSettings",
            "credentials",
            "entityDefinition",
        ],
    }


@pytest.mark.rule("SDK")
@pytest.mark.parametrize("operation", ["UPDATE", "UPSERT", "DELETE"])
def test_write_operation_has_ids(sales: Sales, operation: str) -> None:
    """The write operation and its id fields are those of the flow."""
    put(sales, ORDERS)
    members: dict[str, Any] = {"writeOperationType": operation, "idFieldNames": ["id"]}

    [request] = requests_of(sales, sales.writing(**members, **going_on(sales)))

    assert (request["operation"], request["idFieldNames"]) == (operation, ["id"])


@pytest.mark.rule("API")
def test_filters_apply_to_files(sales: Sales) -> None:
    """Filters and mappings apply to the records of a file."""
    put(sales, "key,amount,note\na,1,x\nb,20,y\nc,3,z\n")
    tasks = [
        task("Map", ["key"], destinationField="id"),
        task("Filter", ["amount"], "LESS_THAN", taskProperties={"VALUE": "10"}),
        task("Filter", ["key"], "NOT_EQUAL_TO", taskProperties={"VALUE": "c"}),
    ]

    [request] = requests_of(sales, sales.writing(*tasks, **going_on(sales)))

    assert request["records"] == ['{"id": "a"}']


@pytest.mark.rule("API")
def test_json_lines_are_read(sales: Sales) -> None:
    """A JSON file has one record a line."""
    put(sales, '{"id": "a", "amount": 1}\n\n{"id": "b", "amount": 2}\n', key="in/orders.json")

    [request] = requests_of(sales, sales.writing(file_type="JSON", **going_on(sales)))

    assert request["records"] == ['{"id": "a", "amount": 1}', '{"id": "b", "amount": 2}']


@pytest.mark.rule("choice")
def test_batches_have_1000_records(sales: Sales) -> None:
    """A WriteData request has at most 1000 records."""
    put(sales, "id\n" + "".join(f"{number}\n" for number in range(2500)))
    sales.use(
        "sizes = []\n"
        "def write(event):\n"
        "    sizes.append(len(event['records']))\n"
        "    if len(sizes) == 3:\n"
        "        return failed('ServerError', str(sizes))\n"
        "    return {'isSuccess': True}\n"
    )

    assert "[1000, 1000, 500]" in message(sales.run(sales.writing()))


@pytest.mark.rule("choice")
def test_batches_fit_into_a_request(sales: Sales) -> None:
    """A WriteData request stays below the size that Lambda accepts."""
    put(sales, "id\n" + 5 * ("x" * 1_500_000 + "\n"))
    sales.use(
        "sizes = []\n"
        "def write(event):\n"
        "    sizes.append(len(event['records']))\n"
        "    if sum(sizes) == 5:\n"
        "        return failed('ServerError', str(sizes))\n"
        "    return {'isSuccess': True}\n"
    )

    assert "[2, 2, 1]" in message(sales.run(sales.writing()))


@pytest.mark.rule("SDK", "choice")
def test_refused_records_are_counted(sales: Sales) -> None:
    """A flow that continues counts refused records and writes them to the bucket for errors."""
    put(sales, "id\na\nb\nc\n")
    sales.use(REFUSE_B)

    record = sales.run(sales.writing(**going_on(sales)))

    assert record["executionStatus"] == "Successful"
    result = record["executionResult"]
    assert result["recordsProcessed"] == 3
    assert result["errorInfo"] == {"putFailuresCount": 1}
    assert result["bytesWritten"] == 2 * len('{"id": "a"}')
    assert sales.rows("errors") == [{"record": '{"id": "b"}', "errorMessage": "no b"}]


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    "handling", [{}, {"errorHandlingConfig": {"failOnFirstDestinationError": True}}]
)
def test_refused_record_ends_run(sales: Sales, handling: dict[str, Any]) -> None:
    """A flow that does not continue ends with `Error` at a batch with a refused record."""
    put(sales, "id\na\nb\nc\n")
    sales.use(REFUSE_B)

    record = sales.run(sales.writing(**handling))

    assert message(record) == "The connector has refused 1 of 3 records: no b"
    assert record["executionResult"]["errorInfo"]["putFailuresCount"] == 1


COMMUNICATION = "Error while communicating to connector: "
FAILURES = {
    "raises": ("raise ValueError('full')", "Got error from connector. full"),
    "fails": ("return failed('ServiceUnavailable', 'closed')", "ServiceUnavailable: closed"),
    "fails in part without results": (
        "return failed('PartialWriteFailure', 'some')",
        "PartialWriteFailure: some",
    ),
    "returns no list": (
        "return {'isSuccess': True, 'writeRecordResults': 3}",
        "invalid WriteData response (writeRecordResults is not a list of results).",
    ),
    "returns no results": (
        "return {'isSuccess': True, 'writeRecordResults': ['a']}",
        "invalid WriteData response (writeRecordResults is not a list of results).",
    ),
    "returns too many results": (
        "return {'isSuccess': True, 'writeRecordResults': [{'isSuccess': True}] * 2}",
        "invalid WriteData response (2 writeRecordResults for 1 records).",
    ),
}


@pytest.mark.rule("SDK", "choice")
@pytest.mark.parametrize(("body", "words"), FAILURES.values(), ids=FAILURES)
def test_failing_destination_ends_run(sales: Sales, body: str, words: str) -> None:
    """A run whose connector cannot write ends with `Error` and its words."""
    put(sales, "id\na\n")
    sales.use(f"def write(event):\n    {body}")

    record = sales.run(sales.writing(**going_on(sales)))

    assert message(record) == f"{COMMUNICATION}{words}"


@pytest.mark.rule("SDK")
@pytest.mark.parametrize("results", ["None", "[]", "[{'isSuccess': True}]"])
def test_results_may_be_left_out(sales: Sales, results: str) -> None:
    """A connector that reports success need not return a result for each record."""
    put(sales, "id\na\nb\n")
    sales.use(
        f"def write(event):\n    return {{'isSuccess': True, 'writeRecordResults': {results}}}"
    )

    record = sales.run(sales.writing())

    assert record["executionStatus"] == "Successful"
    assert "errorInfo" not in record["executionResult"]


@pytest.mark.rule("choice")
@pytest.mark.parametrize(
    ("file_type", "content", "words"),
    [
        ("CSV", b"id,amount\na\n", "row 2 has 1 values, not 2"),
        ("CSV", b"id\n\xff\n", "byte 4 is not UTF-8"),
        ("CSV", b'id\n"a" b\n', "',' expected after '\"'"),
        ("JSON", b'{"id": "a"}\n[1]\n', "line 2 is not a text with a JSON object"),
        ("JSON", b"id,amount\n", "line 1 is not a text with a JSON object"),
        ("JSON", b"[" * 100_000, "line 1 is not a text with a JSON object"),
    ],
)
def test_invalid_file_ends_run(sales: Sales, file_type: str, content: bytes, words: str) -> None:
    """A file that is not in its format ends the run with `Error`."""
    sales.s3.put_object(Bucket=sales.bucket, Key="in/orders", Body=content)

    record = sales.run(sales.writing(file_type=file_type))

    assert message(record) == (
        f"The object in/orders in bucket {sales.bucket} is not valid {file_type}: {words}."
    )


@pytest.mark.rule("SDK")
def test_flow_connects_two_connectors(sales: Sales) -> None:
    """A flow from a connector to a connector reads with QueryData and writes with WriteData."""
    flow = sales.writing(**going_on(sales))
    flow["sourceFlowConfig"] = end(
        "CustomConnector", source=True, properties={"entityName": "order"}
    )

    [request] = requests_of(sales, flow)

    assert json.loads(request["records"][0]) == {
        "id": "a",
        "amount": 1,
        "price": 0.5,
        "paid": True,
    }
