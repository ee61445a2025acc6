"""What the handler may do, with the lists of a template's parameters in place of one connector.

A list becomes ARNs by ``Fn::Join``, whose delimiter is a literal, so that no ARN of a list contains
the Region or the account of the stack. The Region is a condition of the statement instead. AppFlow
and CloudFormation have no resources that another account may share, so a role reaches those of
this account only. Neither ``Fn::ForEach`` nor a macro is used: both need CAPABILITY_AUTO_EXPAND,
and a transform on each deployment.
Sources: ``Fn::Join`` in the CloudFormation Template Reference; "Resource-based policies within
Amazon AppFlow" in the Amazon AppFlow User Guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import aws_cdk as cdk

PLACEHOLDER_LABEL = "placeholder"
PLACEHOLDER_FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:placeholder"

_IN_REGION = {
    "Condition": {"StringEquals": {"aws:RequestedRegion": {"Ref": "AWS::Region"}}},
}

# AppFlow is in no other partition.
_CONNECTOR_ARN = "arn:aws:appflow:*:*:connector/"
_STACK_ARN = "arn:aws:cloudformation:*:*:stack/"


def _list_of(prefix: str, parameter: str, suffix: str) -> dict[str, Any]:
    """Each value of a parameter between two texts."""
    values = {"Fn::Join": [f"{suffix},{prefix}", {"Ref": parameter}]}
    text = {"Fn::Sub": [f"{prefix}${{Values}}{suffix}", {"Values": values}]}
    return {"Fn::Split": [",", text]}


_CONNECTORS = _list_of(_CONNECTOR_ARN, "ConnectorLabels", "")
_FUNCTIONS = {"Ref": "FunctionArns"}
_STACKS = _list_of(_STACK_ARN, "StackNames", "/*")
_LISTS = (_CONNECTORS, _FUNCTIONS, _STACKS)


class Permissions:
    """The permissions in stacks with the placeholder.

    Args:
        stack: any of the stacks.
        resources: the resources of each stack, by the condition of the template under which a
            handler has the permissions of that stack. The permissions of the stack under the empty
            text need no condition.
    """

    def __init__(self, stack: cdk.Stack, resources: Mapping[str, Mapping[str, Any]]) -> None:
        connector = stack.format_arn(
            service="appflow", resource="connector", resource_name=PLACEHOLDER_LABEL
        )
        functions = {"Resource": _FUNCTIONS}
        self._targets = {
            json.dumps(stack.resolve(connector)): {"Resource": _CONNECTORS, **_IN_REGION},
            json.dumps({"Ref": "AWS::StackId"}): {"Resource": _STACKS, **_IN_REGION},
            json.dumps(PLACEHOLDER_FUNCTION): functions,
            json.dumps(f"{PLACEHOLDER_FUNCTION}:alias"): functions,
        }
        # The conditions of each action, by what is allowed.
        self._granted: dict[str, dict[str, str]] = {}
        for condition, of_stack in resources.items():
            for statement in _statements_of(of_stack):
                self._add(condition, statement)

    def statements(self) -> list[Any]:
        """The statements of one policy with all permissions."""
        return [
            statement
            for target, granted in self._granted.items()
            for statement in _statements(json.loads(target), granted)
        ]

    def _add(self, condition: str, statement: Mapping[str, Any]) -> None:
        # Another kind of statement would lose what makes it another one.
        assert set(statement) == {"Action", "Effect", "Resource"}, statement
        assert statement["Effect"] == "Allow", statement
        for resource in _listed(statement["Resource"]):
            target = self._targets.get(json.dumps(resource)) or {"Resource": _as_text(resource)}
            granted = self._granted.setdefault(json.dumps(target), {})
            for action in _listed(statement["Action"]):
                granted.setdefault(action, condition)


def _statements_of(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The statements of the policies in a stack."""
    for resource in resources.values():
        document = resource.get("Properties", {}).get("PolicyDocument")
        if document is not None:
            yield from document["Statement"]


def _statements(target: dict[str, Any], granted: Mapping[str, str]) -> Iterator[Any]:
    """The statements that allow actions, each of them under its condition."""
    # The list of a parameter may be long, so only one statement has it.
    if target["Resource"] in _LISTS:
        actions = [_if(granted[action], action) for action in sorted(granted)]
        yield {"Effect": "Allow", "Action": actions, **target}
        return
    for condition in dict.fromkeys(granted.values()):
        actions = sorted(action for action in granted if granted[action] == condition)
        yield _if(condition, {"Effect": "Allow", "Action": actions, **target})


def _if(condition: str, value: Any) -> Any:
    """A value under a condition, or always if the condition is the empty text."""
    if condition == "":
        return value
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def _as_text(resource: Any) -> Any:
    """An ARN that the CDK has joined, as the substitution that people write."""
    match resource:
        case {"Fn::Join": ["", list(parts)]}:
            return {"Fn::Sub": "".join(map(_part, parts))}
    return resource


def _part(part: Any) -> str:
    return part if isinstance(part, str) else f"${{{part['Ref']}}}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
