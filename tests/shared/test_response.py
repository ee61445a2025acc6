"""How a connector's response is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appflow_connector_configuration.response import parsed


@pytest.mark.parametrize("value", [None, 7, 0.5, "é\ud800", [], {"a": [{"b": None}]}])
@pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "bytes"])
def test_json_is_parsed(encode: Any, value: Any) -> None:
    """JSON is parsed as it is, as text and as bytes."""
    assert parsed(encode(json.dumps(value))) == value


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "Expecting value"),
        ("{'a': 1}", "Expecting property name"),
        ("[NaN]", "it contains NaN"),
        ('{"a": -Infinity}', "it contains -Infinity"),
        (b"\xff", "codec can't decode"),
        ("9" * 10_000, "Exceeds the limit"),
        ("[" * 100_000, "it is nested more than 100 levels deep"),
        ("[" * 101 + "1" + "]" * 101, "it is nested more than 100 levels deep"),
        ('{"a":' * 101 + "1" + "}" * 101, "it is nested more than 100 levels deep"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_other_payloads_are_refused(payload: str | bytes, reason: str) -> None:
    """What is no JSON, or is nested too deeply for recursion, is an error with the reason."""
    with pytest.raises(ValueError, match=reason):
        parsed(payload)


def test_hundred_levels_are_parsed() -> None:
    """A payload of a hundred levels is parsed."""
    assert json.dumps(parsed("[" * 100 + "1" + "]" * 100)).count("[") == 100
