"""Parts of flows whose extreme cases a run would not reach soon."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from custom_connector_queryfilter.queryfilter.parse_tree_builder import parse
from hypothesis import given
from hypothesis import strategies as st

from appflow_local_cloud.appflow.errors import ConnectorServerException
from appflow_local_cloud.appflow.filters import OPERATORS, RowFilter
from appflow_local_cloud.appflow.flows import Run
from appflow_local_cloud.appflow.formats import from_csv, from_texts, to_csv, to_json
from appflow_local_cloud.appflow.tasks import tasks_in
from appflow_local_cloud.appflow.transfers import MAX_PAGES, Asking, ConnectorSource

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DEFINITION: dict[str, Any] = {"fields": [{"fieldName": "id", "dataType": "String"}]}


def source(asking: Any) -> ConnectorSource:
    """A source that transfers all fields."""
    tasks = tasks_in([{"taskType": "Map_all", "sourceFields": []}])
    return ConnectorSource(asking, {"entityName": "order"}, DEFINITION, tasks)


def test_pages_are_limited() -> None:
    """A connector that always returns another token fails after a thousand pages."""
    tokens = count()

    def respond(*_: Any, **__: Any) -> dict[str, Any]:
        return {"isSuccess": True, "records": [], "nextToken": f"page {next(tokens)}"}

    pages = source(SimpleNamespace(response=respond)).pages(Run("1", NOW, NOW))

    with pytest.raises(ConnectorServerException) as error:
        list(pages)
    assert next(tokens) == MAX_PAGES == 1000
    assert str(error.value) == (
        "The connector has returned 1000 pages and another nextToken. A run of the local cloud ends"
        " there."
    )


@pytest.mark.parametrize(("seconds", "waited"), [(-1, 0), (2.5, 2.5), (3600, 60)])
def test_wait_of_throttling_is_limited(seconds: float, waited: float) -> None:
    """A run waits as long as a throttled connector asks for, at most a minute."""
    waits: list[float] = []
    details = {"errorCode": "RateLimitExceeded", "retryAfterSeconds": seconds}
    responses = [{"isSuccess": False, "errorDetails": details}, {"isSuccess": True}]
    connection: Any = SimpleNamespace(send=lambda *_, **__: responses.pop(0))
    cancelled: Any = SimpleNamespace(wait=waits.append, is_set=lambda: False)

    Asking(connection, cancelled).response("QueryDataRequest")

    assert waits == [waited]


VALUES = st.text(st.characters(codec="ascii", exclude_characters="\\"), max_size=20)


@given(
    operator=st.sampled_from([one for one in OPERATORS if one != "BETWEEN"]),
    values=st.lists(VALUES, min_size=1, max_size=3),
)
def test_expressions_are_in_the_language(operator: str, values: list[str]) -> None:
    """Amazon's parser of filter expressions accepts those of any filter of texts."""
    expression = RowFilter("name", operator, tuple(values)).expression("String")

    parse(expression)


@pytest.mark.parametrize(
    ("data_type", "value"),
    [("Integer", "7"), ("Double", "-1.5"), ("Boolean", "true"), ("Date", "2026-01-31")],
)
def test_expressions_of_other_types(data_type: str, value: str) -> None:
    """Values of other types than text are not quoted, and the parser accepts them."""
    expression = RowFilter("field", "EQUAL_TO", (value,)).expression(data_type)

    assert expression == f"field = {value}"
    parse(expression)


@pytest.mark.parametrize(
    ("operator", "values", "accepted"),
    [
        ("EQUAL_TO", ("10",), ["10", 10, "10.0"]),
        ("EQUAL_TO", ("9", "ab"), ["9", "ab"]),
        ("NOT_EQUAL_TO", ("10", "9"), ["ab", "", None, True]),
        ("LESS_THAN", ("10",), ["9", ""]),
        ("GREATER_THAN_OR_EQUAL_TO", ("10",), ["10", 10, "10.0", "ab", True]),
        ("BETWEEN", ("9", "10"), ["10", 10, "10.0", "9"]),
        ("CONTAINS", ("b", "9"), ["9", "ab"]),
        ("EQUAL_TO", ("true",), [True]),
    ],
)
def test_filters_compare_numbers_and_texts(
    operator: str, values: tuple[str, ...], accepted: list[Any]
) -> None:
    """A filter compares numbers as numbers, all else as texts, and null matches NOT_EQUAL_TO."""
    candidates = ["10", 10, "10.0", "9", "ab", "", None, True]

    found = [one for one in candidates if RowFilter("f", operator, values).accepts({"f": one})]

    assert found == accepted


# Python's csv accepts NUL since 3.11.
CSV_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="" if sys.version_info >= (3, 11) else "\0"),
    max_size=9,
)


@given(st.lists(st.lists(CSV_TEXTS, min_size=2, max_size=2), max_size=5))
def test_csv_keeps_texts(rows: list[list[str]]) -> None:
    """What is written as CSV is read as the same texts."""
    records = [dict(zip(["a", "b"], row, strict=True)) for row in rows]

    assert from_csv(to_csv(records, ["a", "b"])) == records


def test_nested_values_become_json() -> None:
    """A list or an object is JSON in a CSV file."""
    content = to_csv([{"a": [1, "ä"], "b": {"c": None}}], ["a", "b"])

    [record] = from_csv(content)
    assert [json.loads(value) for value in record.values()] == [[1, "ä"], {"c": None}]


def test_half_a_surrogate_pair_is_written() -> None:
    """Half of a surrogate pair, which is no character, is a question mark in a file."""
    records = from_texts([r'{"a": "\ud83d!"}'])

    assert to_json(records) == b'{"a": "?!"}\n'
    assert to_csv(records, ["a"]) == b"a\n?!\n"
