"""The events that report a change of a function.

Lambda itself sends an event when a function or version has reached a state. CloudTrail sends the
calls of Lambda's API, if the account has a trail; the move of an alias is among these only. The
handler reads the function itself, so a superfluous event costs one invocation of it, and no more.

Sources: "Lambda Function state events in Amazon EventBridge" in the AWS Lambda Developer Guide,
"AWS Lambda events" in the EventBridge Events Reference, FunctionName of UpdateFunctionCode in the
Lambda API Reference, and "Comparison operators for use in event patterns" in the EventBridge User
Guide.
"""

from __future__ import annotations

from typing import Any

# CloudTrail adds the version of Lambda's API to them, as in UpdateFunctionCode20150331v2.
# An alias that is deleted and created again may have another version.
_CALLS = (
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "PublishVersion",
    "UpdateAlias",
    "CreateAlias",
)

# A trail may contain the invocations of the function too. A refresh invokes the function, so a rule
# for these events would invoke the handler for ever.
_FROM_LAMBDA_ITSELF = {"anything-but": {"suffix": "via CloudTrail"}}

Pattern = dict[str, Any]


def event_pattern(name: str) -> Pattern:
    """A pattern of EventBridge that matches the changes of one function.

    The guide says that Lambda's own events contain the ARN with the version, and not in which
    member, so each member that may contain it is compared.

    Args:
        name: the name of the function, which may be a token.
    """
    arns = [{"suffix": f":function:{name}"}, {"wildcard": f"*:function:{name}:*"}]
    # Lambda accepts a name, a part of the ARN, or the ARN, each with or without a version or alias.
    names = [name, {"prefix": f"{name}:"}, *arns]
    return {
        "source": ["aws.lambda"],
        "$or": [
            {
                "detail-type": [_FROM_LAMBDA_ITSELF],
                "$or": [
                    {"resources": arns},
                    {"detail": {"functionArn": arns}},
                    {"detail": {"functionName": [name]}},
                ],
            },
            {
                "detail": {
                    "eventName": [{"prefix": call} for call in _CALLS],
                    # A call that failed has changed nothing.
                    "errorCode": [{"exists": False}],
                    "requestParameters": {"functionName": names},
                },
            },
        ],
    }
