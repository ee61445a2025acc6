"""The size of IAM policies as IAM counts it, at the most that a deployment can make of them.

IAM limits the characters of policies, and counts them after a reference has become a name or an
ARN. At synthesis each reference therefore counts as the longest value that it can become.
Sources of the lengths: CreateFunction and CreateAlias in the Lambda API Reference, CreateLogGroup
in the CloudWatch Logs API Reference, CreateStack in the CloudFormation API Reference; the endpoints
of botocore for Regions. AppFlow is in no other partition than aws.
"""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk

_PARTITION, _REGION, _ACCOUNT = "aws", "ap-southeast-1", "111122223333"

_PSEUDO_PARAMETERS = {
    "AWS::Partition": _PARTITION,
    "AWS::Region": _REGION,
    "AWS::AccountId": _ACCOUNT,
    "AWS::StackId": (
        f"arn:{_PARTITION}:cloudformation:{_REGION}:{_ACCOUNT}:stack/{'n' * 128}/{'u' * 36}"
    ),
}

_FUNCTION_ARN = f"arn:{_PARTITION}:lambda:{_REGION}:{_ACCOUNT}:function:{'n' * 64}"
_ALIAS_ARN = f"{_FUNCTION_ARN}:{'a' * 128}"

# The longest attribute in the statements that do not belong to a connector.
_LOG_GROUP_ARN = f"arn:{_PARTITION}:logs:{_REGION}:{_ACCOUNT}:log-group:{'n' * 512}:*"


def policy_document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A policy that consists of statements."""
    return {"Statement": statements, "Version": "2012-10-17"}


class LongestTexts:
    """The longest text that each text of connector policies in a stack can become.

    Most ARNs begin as others do, so few of them are sent to the CDK, which knows what a token is.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack
        self._by_prefix: dict[str, str] = {}

    def max_size(self, value: Any) -> int:
        """The maximum size of a policy, or of a list of ARNs, with quotes and commas."""
        return _size(self._longest(value))

    def _longest(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: self._longest(member) for key, member in value.items()}
            case list():
                return [self._longest(member) for member in value]
            case str() if "${" in value:
                end = value.rindex("}") + 1
                return self._longest_prefix(value[:end]) + value[end:]
        return value

    def _longest_prefix(self, text: str) -> str:
        if text not in self._by_prefix:
            resolved = self._stack.resolve(text)
            self._by_prefix[text] = _with_longest_values(resolved, _FUNCTION_ARN)
        return self._by_prefix[text]


def max_connector_policy_size(document: dict[str, Any]) -> int:
    """The maximum size of a policy about a connector and its function."""
    return _size(_with_longest_values(document, _FUNCTION_ARN))


def max_policy_size(document: dict[str, Any]) -> int:
    """The maximum size of a policy that may name a log group."""
    return _size(_with_longest_values(document, _LOG_GROUP_ARN))


def min_policy_size(document: dict[str, Any]) -> int:
    """The size of a policy without what its expressions become, which only the deployment knows."""
    return _size(_without_expressions(document))


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _with_longest_values(value: Any, attribute: str) -> Any:
    """A resolved value in which each reference is the longest text that it can become."""
    match value:
        case {"Ref": name}:
            return _PSEUDO_PARAMETERS.get(name, _ALIAS_ARN)
        case {"Fn::GetAtt": _}:
            return attribute
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_with_longest_values(part, attribute) for part in parts)
        case dict() if _is_expression(value):
            return _ALIAS_ARN
        case dict():
            return {key: _with_longest_values(member, attribute) for key, member in value.items()}
        case list():
            return [_with_longest_values(member, attribute) for member in value]
    return value


def _without_expressions(value: Any) -> Any:
    match value:
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(map(_without_expressions, parts))
        case dict() if _is_expression(value):
            return ""
        case dict():
            return {key: _without_expressions(member) for key, member in value.items()}
        case list():
            return [_without_expressions(member) for member in value]
    return value


def _is_expression(value: dict[str, Any]) -> bool:
    return any(key == "Ref" or key.startswith("Fn::") for key in value)
