"""The size of a template's policies as IAM counts it, in the Region with the longest name.

Source: "IAM and AWS STS quotas" in the IAM User Guide. White space does not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

ACCOUNT, REGION = "111122223333", "ap-southeast-1"

# What a token becomes at deployment, by the pseudo parameter.
_VALUES = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


def policies(resources: Mapping[str, Any], kind: str) -> list[int]:
    """The characters of each ``AWS::IAM::Policy`` or ``AWS::IAM::ManagedPolicy``."""
    return [
        _characters(resource["Properties"]["PolicyDocument"])
        for resource in resources.values()
        if resource["Type"] == f"AWS::IAM::{kind}"
    ]


def _characters(document: Any) -> int:
    def value(part: Any) -> Any:
        match part:
            case {"Ref": name}:
                return _VALUES.get(
                    name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Stack/id"
                )
            case {"Fn::Join": [separator, parts]}:
                return separator.join(value(piece) for piece in parts)
            case {"Fn::GetAtt": _}:
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:" + "x" * 100
            case dict():
                return {key: value(member) for key, member in part.items()}
            case list():
                return [value(member) for member in part]
        return part

    return len(re.sub(r"\s", "", json.dumps(value(document))))
