"""AppFlow's permission to invoke a connector's function.

A stack has one permission for each function and not for each connector: all statements about a
function share its resource policy of 20,480 bytes, which about 54 of them would fill.
Source: "Lambda quotas" in the AWS Lambda Developer Guide.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from ._connector_function import ConnectorFunction, Kind
from ._environment import StackRecord
from ._logical_ids import short_digest

# The construct ids make the logical ids of deployed permissions, so they may never change.
_PERMISSION_ID = "InvokePermission"


def invoke_permission(function: ConnectorFunction, stack: StackRecord) -> lambda_.CfnPermission:
    """AppFlow's permission in the account and Region of a stack to invoke a function.

    The permission belongs to none of the function's registrations, so that one of them can wait
    for another, and it is the same resource whichever is created first.

    Args:
        function: the function, version or alias.
        stack: the stack of the registration.

    Returns:
        The permission, which the registration must wait for.
    """
    key = function.key(stack)
    permission = stack.invoke_permissions.get(key)
    if permission is None:
        # function.add_permission would create none for an imported function of an unknown account.
        permission = lambda_.CfnPermission(
            stack,
            f"{_PERMISSION_ID}{short_digest(key)}",
            action="lambda:InvokeFunction",
            function_name=function.arn,
            principal="appflow.amazonaws.com",
            source_account=stack.account,
            source_arn=f"{stack.appflow_arn_prefix}*",
        )
        if function.resource is not None and function.kind is Kind.VERSION:
            _retain_on_replacement(permission)
        stack.invoke_permissions[key] = permission
    return permission


def _retain_on_replacement(permission: lambda_.CfnPermission) -> None:
    """Keep the permission of a version when the next version gets its own.

    Flows may still run on a version that is retained. The permission of a deleted version is
    deleted with it.
    """
    permission.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
    # CloudFormation's default, written because cfn-lint wants the two side by side.
    permission.cfn_options.deletion_policy = cdk.CfnDeletionPolicy.DELETE
