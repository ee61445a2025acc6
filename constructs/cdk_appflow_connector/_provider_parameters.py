"""The parameters, conditions and outputs of the provider's template, for people to read.

Sources of what AWS allows: RegisterConnector in the AppFlow API Reference, CreateFunction in the
Lambda API Reference, CreateStack in the CloudFormation API Reference, PutRetentionPolicy in the
CloudWatch Logs API Reference. A pattern applies to each value of a list. Source: "Specify
validation checks for CommaDelimitedList parameter" in What's New with AWS, of December 2022.
"""

from __future__ import annotations

from typing import Any

HANDLER_FOLDER = "handler"
"""The folder of the handler's code, beside the template."""

_RETENTION_DAYS = [
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
]

# The construct's default, one month.
_DEFAULT_RETENTION_DAYS = 30


def _list(description: str, pattern: str, constraint: str, **others: Any) -> dict[str, Any]:
    return {
        "Type": "CommaDelimitedList",
        "Description": description,
        **others,
        "AllowedPattern": pattern,
        "ConstraintDescription": constraint,
    }


def _flag(description: str) -> dict[str, Any]:
    return {
        "Type": "String",
        "Description": description,
        "Default": "false",
        "AllowedValues": ["true", "false"],
    }


PARAMETERS: dict[str, Any] = {
    "ConnectorLabels": _list(
        "The labels of the connectors that the handler registers. An asterisk at the end of a label"
        " stands for any text.",
        r"^([a-zA-Z0-9][a-zA-Z0-9_!@#.-]{0,255}\*?|\*)$",
        "must be labels, separated by commas: a letter or digit, then letters, digits and _!@#.-,"
        " and perhaps an asterisk",
    ),
    "FunctionArns": _list(
        "The ARNs of the connectors' functions. End an ARN with :* for all versions and aliases of"
        " a function, or with * for all functions whose names begin so. For an alias, give the"
        " function's ARN as well.",
        r"^(arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_-]*)?\*?|\*)$",
        "must be ARNs, separated by commas:"
        " arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>], and perhaps an"
        " asterisk",
    ),
    "StackNames": _list(
        "The names of the stacks with registrations. The handler reads their events, so that it"
        " restores a registration after a cancelled update. An asterisk at the end of a name stands"
        " for any text, as in the names of nested stacks.",
        r"^([a-zA-Z][a-zA-Z0-9-]{0,127}\*?|\*)$",
        "must be names of stacks, separated by commas: a letter, then letters, digits and -, and"
        " perhaps an asterisk",
    ),
    "MayUnregister": _flag(
        "Whether the handler may unregister the connectors, for registrations with RemovalPolicy"
        " Destroy."
    ),
    "MayReadFlows": _flag(
        "Whether the handler may read connector profiles and flows, for registrations with"
        " OnBreakingChange Fail."
    ),
    "SubnetIds": _list(
        "The subnets to run the handler in, with routes to AppFlow, CloudFormation, Lambda and S3."
        " Default: no VPC.",
        "^(subnet-[a-f0-9]+)?$",
        "must be ids of subnets, separated by commas, or empty",
        Default="",
    ),
    "SecurityGroupIds": _list(
        "The security groups of the handler in the subnets. Required with SubnetIds.",
        "^(sg-[a-f0-9]+)?$",
        "must be ids of security groups, separated by commas, or empty",
        Default="",
    ),
    "LogRetentionDays": {
        "Type": "Number",
        "Description": "How many days CloudWatch Logs keeps the log of the handler.",
        "Default": _DEFAULT_RETENTION_DAYS,
        "AllowedValues": _RETENTION_DAYS,
    },
    "PermissionsBoundaryArn": {
        "Type": "String",
        "Description": "The ARN of the permissions boundary of the handler's role. Default: no"
        " boundary.",
        "Default": "",
        "AllowedPattern": r"^(arn:aws:iam::([0-9]{12}|aws):policy/[a-zA-Z0-9+=,.@_/-]+)?$",
        "ConstraintDescription": "must be the ARN of a policy, or empty",
    },
}


def _joined(delimiter: str, parameter: str) -> dict[str, Any]:
    return {"Fn::Join": [delimiter, {"Ref": parameter}]}


def _is_true(parameter: str) -> dict[str, Any]:
    return {"Fn::Equals": [{"Ref": parameter}, "true"]}


def _differ(one: Any, other: Any) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [one, other]}]}


# Of all values, one begins with an asterisk if it is * alone. The last is "*none".
_LISTS = [_joined(",", name) for name in ("ConnectorLabels", "FunctionArns", "StackNames")]
_VALUES = {"Fn::Join": [",", ["", *_LISTS, "*none"]]}

_NETWORK = {"Fn::Join": ["", [_joined("", "SubnetIds"), _joined("", "SecurityGroupIds")]]}

CONDITIONS: dict[str, Any] = {
    "MayUnregister": _is_true("MayUnregister"),
    "MayReadFlows": _is_true("MayReadFlows"),
    "InVpc": _differ(_NETWORK, ""),
    "HasBoundary": _differ({"Ref": "PermissionsBoundaryArn"}, ""),
    "AllowsAll": _differ({"Fn::Select": [1, {"Fn::Split": [",*", _VALUES]}]}, "none"),
}

OUTPUTS: dict[str, Any] = {
    "ServiceToken": {
        "Description": "The ServiceToken of resources of type Custom::AppFlowConnectorRegistration",
        "Value": {"Fn::GetAtt": ["Handler", "Arn"]},
        "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-ServiceToken"}},
    },
    "Warning": {
        "Condition": "AllowsAll",
        "Description": "Shown if a list contains * alone",
        "Value": "The handler may use all connectors, functions or stacks of the account and"
        " Region, because ConnectorLabels, FunctionArns or StackNames contains *. List them"
        " instead.",
    },
}
