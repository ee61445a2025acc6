"""Conditions of templates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_cloud.stacks import Stack
from tests.support import Account

PARAMETERS = {
    "Names": {"Type": "CommaDelimitedList", "Default": "one,two"},
    "Empty": {"Type": "CommaDelimitedList", "Default": ""},
}

TRUE: dict[str, Any] = {
    "Join": [{"Fn::Join": ["-", {"Ref": "Names"}]}, "one-two"],
    "JoinEmpty": [{"Fn::Join": ["", {"Ref": "Empty"}]}, ""],
    "Select": [{"Fn::Select": [1, {"Ref": "Names"}]}, "two"],
    "Split": [{"Fn::Select": [1, {"Fn::Split": ["-", "three-four"]}]}, "four"],
    "Sub": [{"Fn::Sub": "${AWS::Region}-1"}, "us-east-1-1"],
    "FindInMap": [{"Fn::FindInMap": ["Map", "Key", "Name"]}, "value"],
}


@pytest.mark.rule("conditions")
@pytest.mark.parametrize("function", TRUE)
def test_condition_compares_results(account: Account, stack: Stack, function: str) -> None:
    """A condition may compare what functions return: `Fn::Join`, `Fn::Split` and others."""
    one, other = TRUE[function]
    conditions = {
        "Equal": {"Fn::Equals": [one, other]},
        "Different": {"Fn::Not": [{"Fn::Equals": [one, f"{other}!"]}]},
        "Wrong": {"Fn::Equals": [one, f"{other}!"]},
    }
    outputs = {name: {"Value": "shown", "Condition": name} for name in conditions}
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}

    reason = stack.deploy(
        {"Handle": handle},
        Parameters=PARAMETERS,
        Mappings={"Map": {"Key": {"Name": "value"}}},
        Conditions=conditions,
        Outputs=outputs,
    )

    assert reason == ""
    assert set(stack.outputs()) == {"Equal", "Different"}
