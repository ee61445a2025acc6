"""How long a policy can come to be at deployment.

IAM limits the characters of policies, and counts them when a reference has become a name or an ARN.
At synthesis each reference counts as the longest that it can become.

Sources of the lengths: CreateFunction and CreateAlias in the Lambda API Reference, CreateLogGroup
in the CloudWatch Logs API Reference, CreateStack in the CloudFormation API Reference; the endpoints
of botocore for partitions and Regions.
"""

from __future__ import annotations

import json
from typing import Any

_PARTITION, _REGION, _ACCOUNT = "aws-us-gov", "ap-southeast-1", "111122223333"

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

# The longest of what the handler's own statements name.
_LOG_GROUP_ARN = f"arn:{_PARTITION}:logs:{_REGION}:{_ACCOUNT}:log-group:{'n' * 512}:*"


def characters_of_arns(resolved: Any) -> int:
    """The characters of ARNs of connectors and their functions, with quotes and commas."""
    return _characters(resolved, attribute=_FUNCTION_ARN)


def characters_of_statements(resolved: list[Any]) -> int:
    """The characters of a policy of these statements."""
    return _characters({"Statement": resolved, "Version": "2012-10-17"}, attribute=_LOG_GROUP_ARN)


def _characters(resolved: Any, *, attribute: str) -> int:
    return len(json.dumps(_longest(resolved, attribute), separators=(",", ":")))


def _longest(value: Any, attribute: str) -> Any:
    """A resolved value with the longest text that each reference can become."""
    match value:
        case {"Ref": name}:
            return _PSEUDO_PARAMETERS.get(name, _ALIAS_ARN)
        case {"Fn::GetAtt": _}:
            return attribute
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_longest(part, attribute) for part in parts)
        case dict() if any(key.startswith("Fn::") for key in value):
            return _ALIAS_ARN
        case dict():
            return {key: _longest(member, attribute) for key, member in value.items()}
        case list():
            return [_longest(member, attribute) for member in value]
    return value
