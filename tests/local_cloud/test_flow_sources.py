"""Runs of flows from a connector to a bucket."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.local_cloud.flow_support import MAP_ALL, THROTTLED, Sales, message, task
from tests.support import Account

SHOW_REQUEST = """
def query(event):
    return {"isSuccess": True, "records": [json.dumps({"id": json.dumps(event)})]}
"""

PAGES = """
def query(event):
    first = int(event.get("nextToken") or 0)
    following = first + 1
    return {"isSuccess": True, "records": [json.dumps(ORDERS[first])],
            "nextToken": str(following) if following < len(ORDERS) else None}
"""


def request_of(sales: Sales, *tasks: Any) -> dict[str, Any]:
    """The QueryData request that the connector receives in a run with some tasks."""
    sales.use(SHOW_REQUEST)
    sales.run(sales.reading(*tasks))
    [row] = sales.rows()
    request: dict[str, Any] = json.loads(row["id"])
    return request


@pytest.mark.rule("SDK")
def test_run_writes_all_records(sales: Sales) -> None:
    """A run requests the records of the entity with QueryData, and writes them to the bucket."""
    record = sales.run(sales.reading())

    assert record["executionStatus"] == "Successful"
    result = record["executionResult"]
    assert result["recordsProcessed"] == 3
    assert sales.rows() == [
        {"id": "a", "amount": 1, "price": 0.5, "paid": True},
        {"id": "b", "amount": 20, "price": 1.5, "paid": False},
        {"id": "c", "amount": 3, "price": 2, "paid": None},
    ]
    [text] = sales.files().values()
    assert result["bytesWritten"] == len(text)
    # The connector's own text differs from the file's by nothing but the ends of lines.
    assert result["bytesProcessed"] == len(text) - 3
    assert "errorInfo" not in result


@pytest.mark.rule("SDK")
def test_request_has_context(sales: Sales) -> None:
    """A request carries the secret's ARN, settings, API version and entity definition."""
    request = request_of(sales)

    [profile] = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]
    context = request.pop("connectorContext")
    definition = context.pop("entityDefinition")
    assert [field["fieldName"] for field in definition["fields"]] == [
        "id",
        "amount",
        "price",
        "paid",
    ]
    assert context == {
        "credentials": {
            "secretArn": profile["credentialsArn"],
            "authenticationType": "BasicAuth",
        },
        "apiVersion": "v1",
        "connectorRuntimeSettings": {},
    }
    assert request == {
        "type": "QueryDataRequest",
        "entityIdentifier": "order",
        "selectedFieldNames": ["id", "amount", "price", "paid"],
        "maxResults": 1000,
    }


@pytest.mark.rule("SDK")
def test_settings_of_profile_and_flow_are_sent(sales: Sales) -> None:
    """A request carries the settings of the profile and those of the flow."""
    sales.use(SHOW_REQUEST)
    config = {"profileProperties": {"url": "https://acme.example", "region": "eu"}}
    sales.appflow.update_connector_profile(
        connectorProfileName="sales",
        connectionMode="Public",
        connectorProfileConfig={
            "connectorProfileProperties": {"CustomConnector": config},
            "connectorProfileCredentials": {
                "CustomConnector": {"authenticationType": "APIKEY", "apiKey": {"apiKey": "k"}}
            },
        },
    )
    flow = sales.reading()
    properties = flow["sourceFlowConfig"]["sourceConnectorProperties"]["CustomConnector"]
    properties["customProperties"] = {"region": "us", "depth": "2"}

    sales.run(flow)

    context = json.loads(sales.rows()[0]["id"])["connectorContext"]
    assert context["connectorRuntimeSettings"] == {
        "url": "https://acme.example",
        "region": "us",
        "depth": "2",
    }
    assert context["credentials"]["authenticationType"] == "ApiKey"


@pytest.mark.rule("SDK")
def test_run_follows_next_tokens(sales: Sales) -> None:
    """A run requests all pages of records, and writes them to one file."""
    sales.use(PAGES)

    record = sales.run(sales.reading())

    assert record["executionResult"]["recordsProcessed"] == 3
    assert len(sales.files()) == 1
    assert [row["id"] for row in sales.rows()] == ["a", "b", "c"]


@pytest.mark.rule("API")
def test_mapping_selects_and_renames(sales: Sales) -> None:
    """A mapping selects a field, and gives it the name in the destination."""
    tasks = [
        task("Map", ["amount"], "NO_OP", destinationField="count"),
        task("Map", ["id"], destinationField="key"),
    ]

    sales.run(sales.reading(*tasks))

    assert list(sales.rows()[0].items()) == [("count", 1), ("key", "a")]


@pytest.mark.rule("API")
def test_projection_selects_fields(sales: Sales) -> None:
    """A projection without mappings transfers its fields under their own names."""
    sales.run(sales.reading(task("Filter", ["price", "id"], "PROJECTION")))

    assert sales.rows()[0] == {"price": 0.5, "id": "a"}


@pytest.mark.rule("API")
def test_excluded_fields_are_left_out(sales: Sales) -> None:
    """Map_all transfers all fields of the entity except the excluded ones."""
    excluded = {"EXCLUDE_SOURCE_FIELDS_LIST": '["paid", "price"]'}

    sales.run(sales.reading(task("Map_all", [], taskProperties=excluded)))

    assert sales.rows()[1] == {"id": "b", "amount": 20}


@pytest.mark.rule("API")
def test_map_all_keeps_mappings(sales: Sales) -> None:
    """A mapping beside Map_all renames its field."""
    sales.run(sales.reading(MAP_ALL, task("Map", ["id"], destinationField="key")))

    assert sales.rows()[0] == {"amount": 1, "price": 0.5, "paid": True, "key": "a"}


@pytest.mark.rule("SDK")
@pytest.mark.parametrize(
    ("field", "operator", "properties", "expression"),
    [
        ("id", "EQUAL_TO", {"VALUE": "a"}, 'id = "a"'),
        ("id", "EQUAL_TO", {"VALUES": "a, b"}, '(id = "a" or id = "b")'),
        ("id", "NOT_EQUAL_TO", {"VALUES": "a,b"}, '(id != "a" and id != "b")'),
        ("id", "CONTAINS", {"VALUE": 'say "a"'}, "id CONTAINS 'say \"a\"'"),
        ("amount", "GREATER_THAN", {"VALUE": "10"}, "amount > 10"),
        ("price", "BETWEEN", {"LOWER_BOUND": "1", "UPPER_BOUND": "2"}, "price BETWEEN 1 AND 2"),
        ("paid", "EQUAL_TO", {"VALUE": "true"}, "paid = true"),
    ],
)
def test_filter_becomes_expression(
    sales: Sales, field: str, operator: str, properties: dict[str, str], expression: str
) -> None:
    """A filter of rows is sent to the connector as a filter expression."""
    request = request_of(
        sales, MAP_ALL, task("Filter", [field], operator, taskProperties=properties)
    )

    assert request["filterExpression"] == expression


@pytest.mark.rule("SDK")
def test_filters_are_joined(sales: Sales) -> None:
    """Several filters have to match at once."""
    filters = [
        task("Filter", ["amount"], "LESS_THAN", taskProperties={"VALUE": "5"}),
        task("Filter", ["id"], "EQUAL_TO", taskProperties={"VALUE": "a"}),
    ]

    request = request_of(sales, MAP_ALL, *filters)

    assert request["filterExpression"] == 'amount < 5 and id = "a"'


@pytest.mark.rule("API", "choice")
def test_csv_has_header(sales: Sales) -> None:
    """A CSV file has a header; null is an empty value."""
    sales.run(sales.reading(fileType="CSV"))

    assert list(sales.files().values()) == [
        "id,amount,price,paid\na,1,0.5,true\nb,20,1.5,false\nc,3,2,\n"
    ]


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ({}, r"out/orders/{run}-{time}"),
        ({"prefixType": "PATH", "prefixFormat": "MONTH"}, r"out/orders/\d{4}/\d\d/{run}-{time}"),
        (
            {"prefixType": "FILENAME", "prefixFormat": "DAY"},
            r"out/orders/\d{4}-\d\d-\d\d-{run}-{time}",
        ),
        (
            {"prefixType": "PATH_AND_FILENAME", "prefixFormat": "YEAR"},
            r"out/orders/\d{4}/\d{4}-{run}-{time}",
        ),
        (
            {"pathPrefixHierarchy": ["SCHEMA_VERSION", "EXECUTION_ID"]},
            r"out/orders/1/{run}/{run}-{time}",
        ),
    ],
    ids=["none", "path", "filename", "both", "hierarchy"],
)
def test_prefix_names_file(sales: Sales, prefix: dict[str, Any], key: str) -> None:
    """A file is below the bucket's prefix and the flow's name, and has the parts of its prefix."""
    record = sales.run(sales.reading(fileType="JSON", prefixConfig=prefix))

    [found] = sales.files()
    run, time = record["executionId"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    assert re.fullmatch(key.replace("{run}", run).replace("{time}", time), found)


@pytest.mark.rule("choice")
def test_run_without_records_writes_no_file(sales: Sales) -> None:
    """A run without records succeeds and writes no file."""
    sales.use("ORDERS = []")

    record = sales.run(sales.reading())

    assert record["executionStatus"] == "Successful"
    assert record["executionResult"]["recordsProcessed"] == 0
    assert sales.files() == {}


COMMUNICATION = "Error while communicating to connector: "
FAILURES = {
    "raises": ("raise ValueError('out of order')", "Got error from connector. out of order"),
    "fails": (
        "return failed('ServerError', 'the application fails')",
        "ServerError: the application fails",
    ),
    "refuses credentials": (
        "return failed('InvalidCredentials', 'the password is wrong')",
        "InvalidCredentials: the password is wrong",
    ),
    "returns no object": (
        "return 'rows'",
        "Got error from connector. No valid response and error details found.",
    ),
    "returns no details": (
        "return {'isSuccess': False, 'errorDetails': 'sorry'}",
        'no errorMessage in the errorDetails, "sorry"',
    ),
    "returns no list": (
        "return {'isSuccess': True, 'records': {'id': 'a'}}",
        "invalid QueryData response (records is not a list).",
    ),
    "returns objects": (
        "return {'isSuccess': True, 'records': ['{}', {'id': 'a'}]}",
        "invalid QueryData response (record 2 is not a text with a JSON object).",
    ),
    "returns invalid JSON": (
        "return {'isSuccess': True, 'records': ['{id: a}']}",
        "invalid QueryData response (record 1 is not a text with a JSON object).",
    ),
    "returns nested JSON": (
        "return {'isSuccess': True, 'records': ['[' * 100_000]}",
        "invalid QueryData response (record 1 is not a text with a JSON object).",
    ),
    "returns NaN": (
        "return {'isSuccess': True, 'records': ['{\"amount\": NaN}']}",
        "invalid QueryData response (record 1 is not a text with a JSON object).",
    ),
    "returns a number as token": (
        "return {'isSuccess': True, 'records': [], 'nextToken': 2}",
        "invalid QueryData response (nextToken is not a string).",
    ),
}


@pytest.mark.rule("SDK", "choice")
@pytest.mark.parametrize(("body", "words"), FAILURES.values(), ids=FAILURES)
def test_failing_connector_ends_run(sales: Sales, body: str, words: str) -> None:
    """A run whose connector fails or responds with nonsense ends with `Error` and its words."""
    sales.use(f"def query(event):\n    {body}")

    record = sales.run(sales.reading())

    assert message(record) == f"{COMMUNICATION}{words}"
    assert record["executionResult"]["errorInfo"]["putFailuresCount"] == 0
    assert sales.files() == {}


@pytest.mark.rule("choice")
def test_failure_midway_keeps_counts(sales: Sales) -> None:
    """A run that fails at a later page reports what it has read, and writes no file."""
    sales.use(
        PAGES + "first_page = query\n"
        "def query(event):\n"
        "    if event.get('nextToken'): return failed('ServerError', 'page 2 fails')\n"
        "    return first_page(event)\n"
    )

    record = sales.run(sales.reading())

    assert message(record) == f"{COMMUNICATION}ServerError: page 2 fails"
    assert record["executionResult"]["recordsProcessed"] == 1
    assert sales.files() == {}
    [flow] = sales.appflow.list_flows()["flows"]
    details = flow["lastRunExecutionDetails"]
    assert details["mostRecentExecutionStatus"] == "Error"
    assert details["mostRecentExecutionMessage"] == message(record)


@pytest.mark.rule("choice")
def test_slow_connector_ends_run(sales: Sales) -> None:
    """A connector that takes longer than `connectorTimeoutSeconds` ends the run with `Error`."""
    sales.appflow.create_flow(**sales.reading())
    sales.use("def query(event):\n    time.sleep(5)")
    sales.account.local_cloud.configure_appflow(sales.account.id, connectorTimeoutSeconds=0.5)

    record = sales.start()

    assert message(record) == f"{COMMUNICATION}the function did not respond within 0.5 seconds."


@pytest.mark.rule("SDK", "choice")
def test_throttled_request_is_repeated(sales: Sales) -> None:
    """A request whose failure has `retryAfterSeconds` is sent again, at most twice."""
    sales.use(
        "tries = []\n"
        "def query(event):\n"
        "    tries.append(1)\n"
        "    if len(tries) < 3:\n"
        "        return failed('RateLimitExceeded', 'too fast', retryAfterSeconds=0)\n"
        "    return {'isSuccess': True, 'records': ['{\"id\": \"a\"}']}\n"
    )

    assert sales.run(sales.reading())["executionStatus"] == "Successful"

    sales.use(
        "def query(event):\n"
        "    return failed('RateLimitExceeded', 'too fast', retryAfterSeconds=0)\n"
    )
    assert message(sales.start()) == f"{COMMUNICATION}RateLimitExceeded: too fast"


@pytest.mark.rule("choice")
def test_repeated_token_ends_run(sales: Sales) -> None:
    """A page with the token that led to it ends the run with `Error`."""
    sales.use(
        "def query(event):\n    return {'isSuccess': True, 'records': [], 'nextToken': 'next'}"
    )

    record = sales.run(sales.reading())

    assert message(record) == (
        f"{COMMUNICATION}the nextToken next leads to a page with the same nextToken."
    )


@pytest.mark.rule("choice")
def test_permission_lost_after_creation(sales: Sales) -> None:
    """A bucket whose policy no longer allows AppFlow's action ends the run with `Error`."""
    sales.appflow.create_flow(**sales.reading())
    sales.s3.delete_bucket_policy(Bucket=sales.bucket)

    record = sales.start()

    assert message(record).startswith(
        f"The policy of bucket {sales.bucket} does not allow appflow.amazonaws.com to perform"
        f" s3:PutObject on arn:aws:s3:::{sales.bucket}/out/orders/"
    )


@pytest.mark.rule("API")
def test_unregistered_connector_ends_run(sales: Sales) -> None:
    """A flow whose connector was unregistered by force fails."""
    sales.appflow.create_flow(**sales.reading())
    sales.appflow.unregister_connector(connectorLabel="acme-crm", forceDelete=True)

    assert message(sales.start()) == "Connector acme-crm is not registered."


@pytest.mark.rule("API")
def test_cancelled_run_ends(sales: Sales) -> None:
    """A cancelled run ends as `Canceled` and writes nothing."""
    sales.appflow.create_flow(**sales.reading())
    sales.use(THROTTLED)
    run = sales.appflow.start_flow(flowName="orders")["executionId"]

    cancelled = sales.appflow.cancel_flow_executions(
        flowName="orders", executionIds=[run, "unknown"]
    )

    assert cancelled["invalidExecutions"] == ["unknown"]
    record = sales.account.ended_run("orders", run)
    assert record["executionStatus"] == "Canceled"
    assert "errorInfo" not in record["executionResult"]
    assert sales.files() == {}


@pytest.mark.rule("choice")
def test_flow_runs_once_at_a_time(sales: Sales) -> None:
    """Starting a flow during its run: `ConflictException`; deleting it needs `forceDelete`."""
    appflow = sales.appflow
    appflow.create_flow(**sales.reading())
    sales.use(THROTTLED)
    appflow.start_flow(flowName="orders")

    with pytest.raises(appflow.exceptions.ConflictException, match="A run of flow orders is in pr"):
        appflow.start_flow(flowName="orders")
    with pytest.raises(appflow.exceptions.ConflictException, match="a run of it is in progress"):
        appflow.delete_flow(flowName="orders")
    appflow.delete_flow(flowName="orders", forceDelete=True)

    assert appflow.list_flows()["flows"] == []


@pytest.mark.rule("API", "choice")
def test_records_have_pages(sales: Sales) -> None:
    """DescribeFlowExecutionRecords returns pages, the newest run first."""
    sales.appflow.create_flow(**sales.reading())
    runs = [sales.start()["executionId"] for _ in range(3)]

    first = sales.appflow.describe_flow_execution_records(flowName="orders", maxResults=2)
    second = sales.appflow.describe_flow_execution_records(
        flowName="orders", maxResults=2, nextToken=first["nextToken"]
    )

    shown = [record["executionId"] for page in (first, second) for record in page["flowExecutions"]]
    assert shown == runs[::-1]
    assert "nextToken" not in second


@pytest.mark.rule("API")
def test_repeated_start_runs_once(sales: Sales) -> None:
    """StartFlow with the same client token returns the same run."""
    sales.appflow.create_flow(**sales.reading())

    runs = {
        sales.appflow.start_flow(flowName="orders", clientToken="once")["executionId"]
        for _ in range(2)
    }

    assert {sales.account.ended_run("orders", run)["executionId"] for run in runs} == runs
    assert len(sales.account.runs("orders")) == len(runs) == 1


@pytest.mark.rule("SDK")
def test_connector_can_read_its_secret(account: Account, sales: Sales) -> None:
    """The secret of the profile's credentials has the members that the SDKs read."""
    [profile] = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]

    secret = account.client("secretsmanager").get_secret_value(SecretId=profile["credentialsArn"])

    assert json.loads(secret["SecretString"]) == {"userName": "u", "password": "p"}
    assert re.fullmatch(rf"appflow!{account.id}-acme-crm-\d+", secret["Name"])
