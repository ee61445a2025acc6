"""AppFlow's permission to invoke a connector's function.

A stack has one for each function and not for each connector: all statements about a function share
its resource policy of 20,480 bytes, which about 54 of them would fill.
Source: "Lambda quotas" in the AWS Lambda Developer Guide.
"""

from __future__ import annotations

import hashlib
import weakref

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import Construct, IConstruct

_PERMISSIONS_ID = "AppFlowConnectorPermissions"


class _Permissions:
    """The permissions made in a stack, kept in the construct tree.

    In the tree, since a stack that was not made in Python is another object each time that Python
    gets it. A function has a child here, which depends on its permission.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        found = stack.node.try_find_child(_PERMISSIONS_ID) or Construct(stack, _PERMISSIONS_ID)
        assert isinstance(found, Construct)
        self._construct = found
        self._node = found.node
        self._known: dict[str, IConstruct] = {}

    def find(self, function_arn: str) -> IConstruct | None:
        if function_arn not in self._known:
            function = self._node.try_find_child(_key(function_arn))
            if function is None:
                return None
            [self._known[function_arn]] = function.node.dependencies
        return self._known[function_arn]

    def add(self, function_arn: str, permission: IConstruct) -> None:
        Construct(self._construct, _key(function_arn)).node.add_dependency(permission)
        self._known[function_arn] = permission


# Those of the stacks that Python holds, as asking the CDK takes a while.
_permissions: weakref.WeakKeyDictionary[cdk.Stack, _Permissions] = weakref.WeakKeyDictionary()


def let_appflow_invoke(
    scope: Construct,
    function_arn: str,
    function_resource: IConstruct | None,
    *,
    stack: cdk.Stack,
    account: str,
    source_arn: str,
) -> IConstruct:
    """Let AppFlow invoke a function.

    Args:
        scope: the registration, in which the permission is made if it is the function's first.
        function_arn: of the function, version or alias. A token is the same for all registrations
            of one function.
        function_resource: of the function, None for an imported one.
        stack: of the registration.
        account: of the stack.
        source_arn: the resources of AppFlow that may invoke it.

    Returns:
        The permission, for which a registration has to wait.
    """
    permissions = _permissions.get(stack)
    if permissions is None:
        permissions = _permissions[stack] = _Permissions(stack)
    permission = permissions.find(function_arn)
    if permission is None:
        # A resource of its own rather than function.add_permission, which leaves the permission out
        # for imported functions whose account it does not know.
        permission = lambda_.CfnPermission(
            scope,
            "AppFlowPermission",
            action="lambda:InvokeFunction",
            function_name=function_arn,
            principal="appflow.amazonaws.com",
            source_account=account,
            source_arn=source_arn,
        )
        if isinstance(function_resource, lambda_.CfnVersion):
            _keep_for_versions_before(permission)
        permissions.add(function_arn, permission)
    return permission


def _keep_for_versions_before(permission: lambda_.CfnPermission) -> None:
    """Leave a version its permission when the next version gets one.

    Flows may still run on a version that is kept. One that is deleted takes its permission along.
    """
    permission.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
    # CloudFormation's default, said because cfn-lint wants the two side by side.
    permission.cfn_options.deletion_policy = cdk.CfnDeletionPolicy.DELETE


def _key(function_arn: str) -> str:
    # Tokens may not be in the id of a construct, nor may slashes.
    return hashlib.sha256(function_arn.encode()).hexdigest()
