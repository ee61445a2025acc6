"""Templates in YAML, with the scalars and the short forms of CloudFormation."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from cdk_appflow_connector_cli.yaml_template import parse
from cfnlint.decode.cfn_yaml import loads
from hypothesis import given
from hypothesis import strategies as st

# Each of them is no text by YAML 1.1, or by YAML 1.2.
SCALARS = [
    *("012345678901", "111122223333", "0x1F", "0o17", "0b11", "1_000", "190:20:30"),
    *("1.10", "1e3", ".5", ".inf", "2010-09-09", "2001-12-14t21:59:43.10-05:00"),
    *("y", "N", "tRUE", "oN", "null", "~", "=", "<<"),
]
BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), "true"),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), "false"),
}


@pytest.mark.parametrize("scalar", SCALARS)
def test_every_scalar_is_text_as_written(scalar: str) -> None:
    """A scalar without quotes is the text that is written, as a value, in a list and as a key."""
    body = parse(f"{scalar}: {{value: {scalar}, list: [{scalar}]}}\n")

    assert body == {scalar: {"value": scalar, "list": [scalar]}}


@pytest.mark.parametrize("written", BOOLEANS)
def test_boolean_is_that_of_yaml(written: str) -> None:
    """A boolean of YAML 1.1 is true or false, as a value, in a list and as a key."""
    value = BOOLEANS[written]

    body = parse(f"{written}: {{value: {written}, list: [{written}]}}\n")

    assert body == {value: {"value": value, "list": [value]}}


@pytest.mark.parametrize("written", ["'Yes'", '"Yes"', "|-\n  Yes", ">-\n  Yes"])
def test_quoted_boolean_is_text(written: str) -> None:
    """A boolean in quotes or in a block is text."""
    assert parse(f"A: {written}\n") == {"A": "Yes"}


def test_last_of_two_members_counts() -> None:
    """Of two members with one name, the last one counts."""
    assert parse("A: a\nA: b\n") == {"A": "b"}


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("!Ref Function", {"Ref": "Function"}),
        ("!Ref No", {"Ref": "No"}),
        ("!Condition IsLive", {"Condition": "IsLive"}),
        ("!GetAtt Function.Arn", {"Fn::GetAtt": "Function.Arn"}),
        ("!GetAtt [Function, Arn]", {"Fn::GetAtt": ["Function", "Arn"]}),
        ("!Sub '${Function.Arn}:live'", {"Fn::Sub": "${Function.Arn}:live"}),
        ("!Sub ['${A}', {A: !Ref B}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
        ("!Join [':', [!Ref A, b]]", {"Fn::Join": [":", [{"Ref": "A"}, "b"]]}),
        ("!ImportValue arn", {"Fn::ImportValue": "arn"}),
        ("!FindInMap [A, !Ref B, 01]", {"Fn::FindInMap": ["A", {"Ref": "B"}, "01"]}),
        ("!If [A, !Ref B, c]", {"Fn::If": ["A", {"Ref": "B"}, "c"]}),
        (
            "!GetStackOutput {StackName: A, OutputName: B}",
            {"Fn::GetStackOutput": {"StackName": "A", "OutputName": "B"}},
        ),
        ("!OfALaterYear 7", {"Fn::OfALaterYear": "7"}),
        ("! 7", "7"),
        ("!!int 7", "7"),
    ],
)
def test_short_form_becomes_the_full_one(short: str, full: Any) -> None:
    """The short form of every intrinsic function becomes the full form, at any depth."""
    assert parse(f"A: {short}\nB: [{short}]\n") == {"A": full, "B": [full]}


def test_anchor_is_repeated() -> None:
    """An alias stands for the value of its anchor, with its functions."""
    body = parse("A: &arn !GetAtt F.Arn\nB: *arn\n")

    assert body == {"A": {"Fn::GetAtt": "F.Arn"}, "B": {"Fn::GetAtt": "F.Arn"}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "it is not a mapping", id="empty"),
        pytest.param("- a\n", "it is not a mapping", id="list"),
        pytest.param("a: [", "while parsing a flow node did not find expected", id="unfinished"),
        pytest.param("a: &a [*a]", "found unconstructable recursive node", id="recursive"),
        pytest.param("? [a]\n: b", "found unhashable key", id="key"),
        pytest.param("{}\n---\n{}", "expected a single document", id="documents"),
    ],
)
def test_what_is_no_template_is_refused(text: str, reason: str) -> None:
    """A text that is no template raises an error that says why, in one line."""
    with pytest.raises(ValueError, match=reason) as error:
        parse(text)

    assert "\n" not in str(error.value)


def test_deeply_nested_text_is_refused() -> None:
    """Lists that are nested more deeply than Python can read are an error as well."""
    limit = sys.getrecursionlimit()
    # Other tests in this process may have raised it.
    sys.setrecursionlimit(1000)
    try:
        with pytest.raises(ValueError, match="recursion depth"):
            parse(f"a: {'[' * 900}{']' * 900}")
    finally:
        sys.setrecursionlimit(limit)


def test_tag_of_python_makes_no_object() -> None:
    """A tag that names a class of Python makes text."""
    assert parse("a: !!python/object/apply:os.getcwd []\n") == {"a": []}


@given(
    st.dictionaries(
        st.text("abc:#-!", min_size=1, max_size=4), st.text(max_size=6).map(repr), max_size=3
    )
)
def test_any_text_is_parsed_or_refused(members: dict[str, str]) -> None:
    """No text raises another error than the one that says that it is no template."""
    text = "\n".join(f"{name}: {value}" for name, value in members.items())

    try:
        body = parse(text)
    except ValueError:
        return
    assert isinstance(body, dict)


def test_template_is_read_as_by_cfn_lint() -> None:
    """The parts of a template that refer to each other are those that cfn-lint reads."""
    text = """
Resources:
  Registration:
    Type: Custom::AppFlowConnectorRegistration
    Properties:
      LambdaArn: !GetAtt [Function, Arn]
      Description: !Join [" ", [!Ref AWS::StackName, !ImportValue name]]
"""

    assert parse(text) == loads(text)
