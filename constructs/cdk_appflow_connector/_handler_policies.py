"""IAM policies of the handler's role, kept within IAM's size limits.

The ids of constructs here make logical ids of deployed stacks, so none of them may ever change.

IAM limits the characters of policies, and counts them after a reference has become a name or an
ARN. At synthesis each reference therefore counts as the longest value that it can become.
Sources of the lengths: CreateFunction and CreateAlias in the Lambda API Reference, CreateLogGroup
in the CloudWatch Logs API Reference, CreateStack in the CloudFormation API Reference; the endpoints
of botocore for partitions and Regions.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from constructs import Construct

from ._connector_function import ConnectorFunction
from ._validation import check_inline_policies, check_managed_policies
from ._warnings import warn_managed_policy_quota

_CONNECTORS_ID = "Connectors"
_POLICY_ID = "Policy"
_UNREGISTER_ID = "UnregisterPolicy"

# Source: "IAM and AWS STS quotas" in the IAM User Guide. The first is the default of a quota that
# can be raised to 20.
_MANAGED_POLICIES_QUOTA = 10
_MAX_MANAGED_POLICY_SIZE = 6_144

# As many connectors with ordinary names fit into a managed policy. Another number would move the
# permissions of deployed connectors from one policy to another.
_CONNECTORS_PER_POLICY = 24

# The size of a managed policy without the ARNs of its connectors.
_EMPTY_POLICY_SIZE = 330

# Source: "Giving Lambda functions access to resources in an Amazon VPC" in the AWS Lambda Developer
# Guide. AWS's managed policies allow either more, for all logs, or less.
_NETWORK_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]

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

# The longest attribute in the statements that do not belong to a connector.
_LOG_GROUP_ARN = f"arn:{_PARTITION}:logs:{_REGION}:{_ACCOUNT}:log-group:{'n' * 512}:*"


def base_statements(log_group: logs.ILogGroup, *, in_vpc: bool) -> list[iam.PolicyStatement]:
    """The statements that do not depend on the connectors."""
    write_logs = iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )
    # The one action that IAM cannot limit to a connector: it has no resource type in the service
    # authorization reference of AppFlow.
    register = iam.PolicyStatement(actions=["appflow:RegisterConnector"], resources=["*"])
    # During a rollback, the handler checks whether the previous update has finished.
    stack_events = iam.PolicyStatement(
        actions=["cloudformation:DescribeStackEvents"], resources=[cdk.Aws.STACK_ID]
    )
    if not in_vpc:
        return [write_logs, register, stack_events]
    network = iam.PolicyStatement(actions=_NETWORK_ACTIONS, resources=["*"])
    return [write_logs, register, stack_events, network]


def create_role(provider: Construct, statements: list[iam.PolicyStatement]) -> iam.Role:
    """Create the handler's role with these statements."""
    role = iam.Role(
        provider,
        "Role",
        description="What the handler of AppFlow connector registrations may do",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    for statement in statements:
        role.add_to_policy(statement)
    return role


def attach_policy(
    provider: Construct, role: iam.Role, statements: list[iam.PolicyStatement]
) -> iam.Policy:
    """Attach a policy with these statements to a role of the app, perhaps from another stack.

    The policy belongs to the provider's stack. In the stack of the role, it would make the role
    depend on the provider's log group and the provider depend on the role.
    """
    return iam.Policy(provider, _POLICY_ID, roles=[role], statements=statements)


class HandlerPolicies:
    """The policies that allow the handler's role to manage each connector."""

    def __init__(self, provider: Construct, role: iam.Role) -> None:
        self._provider = provider
        self._role = role
        self._stack = cdk.Stack.of(provider)
        self._managed: list[_SizedPolicy] = []
        self._unregister_sizes: dict[iam.Policy, int] = {}

    def grant_registration(
        self, connector_arn: str, function: ConnectorFunction
    ) -> iam.ManagedPolicy:
        """Allow the handler to register a connector and to update its registration.

        Args:
            connector_arn: the ARN of the connector.
            function: the connector's function, version or alias.

        Returns:
            The policy, which the registration must wait for.

        Raises:
            ValueError: the role would have more managed policies than IAM accepts.
        """
        # IAM checks GetAlias against the function and not against the alias.
        # Source: "Actions, resources, and condition keys for AWS Lambda" in the Service
        # Authorization Reference.
        without_alias = function.arn_without_alias(self._stack)
        aliased = [] if without_alias is None else [without_alias]
        arns = self._stack.resolve([connector_arn, function.arn, *aliased])
        policy = self._policy_for(max_arns_size(arns))
        policy.add_statements(
            iam.PolicyStatement(
                actions=["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"],
                resources=[connector_arn],
            ),
            # AppFlow checks that its caller may invoke the function. The native
            # AWS::AppFlow::Connector needs the same permission. The handler reads whether the
            # function is ready to be invoked.
            iam.PolicyStatement(
                actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
                resources=[function.arn],
            ),
        )
        if aliased:
            policy.add_statements(
                iam.PolicyStatement(actions=["lambda:GetAlias"], resources=aliased)
            )
        return policy

    def grant_unregister(self, scope: Construct, connector_arn: str) -> iam.Policy:
        """Allow the handler to unregister a connector, in a separate inline policy.

        When a registration is removed from a stack, CloudFormation updates shared policies before
        it sends the Delete. This policy is deleted after the registration that depends on it.

        Args:
            scope: the registration, in which the policy is created.
            connector_arn: the ARN of the connector.

        Returns:
            The policy, which the registration must wait for.

        Raises:
            ValueError: the inline policies would be larger than IAM accepts.
        """
        statement = iam.PolicyStatement(
            actions=["appflow:DescribeConnector", "appflow:UnRegisterConnector"],
            resources=[connector_arn],
        )
        size = self._max_document_size([statement.to_statement_json()])
        total = self._base_size + sum(self._unregister_sizes.values()) + size
        check_inline_policies(total, self._role)
        policy = iam.Policy(scope, _UNREGISTER_ID, roles=[self._role], statements=[statement])
        self._unregister_sizes[policy] = size
        return policy

    def revoke_unregister(self, scope: Construct, policy: iam.Policy) -> None:
        """Remove a policy of ``grant_unregister`` from the registration that it was created in."""
        scope.node.try_remove_child(_UNREGISTER_ID)
        del self._unregister_sizes[policy]

    @functools.cached_property
    def _base_size(self) -> int:
        """The maximum size of the inline policies without those of the connectors."""
        policies = (
            self._role.node.try_find_child("DefaultPolicy"),
            self._provider.node.try_find_child(_POLICY_ID),
        )
        return sum(
            self._max_document_size(policy.document.to_json()["Statement"])
            for policy in policies
            if isinstance(policy, iam.Policy)
        )

    def _max_document_size(self, statements: list[Any]) -> int:
        return max_document_size(self._stack.resolve(statements))

    def _policy_for(self, size: int) -> iam.ManagedPolicy:
        """The managed policy for a connector whose ARNs have a given size."""
        if not self._managed or not self._managed[-1].fits(size):
            self._managed.append(_SizedPolicy(self._add_managed_policy()))
        last = self._managed[-1]
        last.connectors += 1
        last.size += size
        return last.policy

    def _add_managed_policy(self) -> iam.ManagedPolicy:
        number = len(self._managed) + 1
        count = number + self._other_managed_policies()
        check_managed_policies(count, self._role)
        if count == _MANAGED_POLICIES_QUOTA + 1 or (
            number == 1 and count > _MANAGED_POLICIES_QUOTA
        ):
            warn_managed_policy_quota(self._role, count, _MANAGED_POLICIES_QUOTA)
        return iam.ManagedPolicy(self._provider, f"{_CONNECTORS_ID}{number}", roles=[self._role])

    def _other_managed_policies(self) -> int:
        """The number of managed policies that the app has given the role."""
        resource = self._role.node.default_child
        if not isinstance(resource, iam.CfnRole):
            return 0
        return len(self._stack.resolve(resource.managed_policy_arns) or [])


@dataclass
class _SizedPolicy:
    """A managed policy and its size so far."""

    policy: iam.ManagedPolicy
    connectors: int = 0
    size: int = _EMPTY_POLICY_SIZE

    def fits(self, size: int) -> bool:
        """Whether the policy has room for a connector whose ARNs have a given size."""
        return (
            self.connectors < _CONNECTORS_PER_POLICY
            and self.size + size <= _MAX_MANAGED_POLICY_SIZE
        )


def max_arns_size(resolved: Any) -> int:
    """The maximum size of ARNs of connectors and their functions, with quotes and commas."""
    return _max_size(resolved, attribute=_FUNCTION_ARN)


def max_document_size(resolved: list[Any]) -> int:
    """The maximum size of a policy with these statements."""
    return _max_size({"Statement": resolved, "Version": "2012-10-17"}, attribute=_LOG_GROUP_ARN)


def _max_size(resolved: Any, *, attribute: str) -> int:
    return len(json.dumps(_with_longest_values(resolved, attribute), separators=(",", ":")))


def _with_longest_values(value: Any, attribute: str) -> Any:
    """A resolved value in which each reference is the longest text that it can become."""
    match value:
        case {"Ref": name}:
            return _PSEUDO_PARAMETERS.get(name, _ALIAS_ARN)
        case {"Fn::GetAtt": _}:
            return attribute
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_with_longest_values(part, attribute) for part in parts)
        case dict() if any(key.startswith("Fn::") for key in value):
            return _ALIAS_ARN
        case dict():
            return {key: _with_longest_values(member, attribute) for key, member in value.items()}
        case list():
            return [_with_longest_values(member, attribute) for member in value]
    return value
