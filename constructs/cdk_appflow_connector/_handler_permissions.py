"""What the handler's role may do, and how much of it IAM takes.

The ids of constructs here make logical ids of deployed stacks: none of them may ever change.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from constructs import Construct

from ._policy_size import characters_of_arns, characters_of_statements

_CONNECTORS_ID = "Connectors"
_POLICY_ID = "Policy"

# Source: "IAM and AWS STS quotas" in the IAM User Guide.
_MOST_MANAGED_POLICIES = 10
_MANAGED_POLICY_CHARACTERS = 6_144
_INLINE_POLICIES_CHARACTERS = 10_240

# So many fit into a managed policy with ordinary names. Another number would move the permissions
# of deployed connectors from one policy to another.
_CONNECTORS_PER_POLICY = 24
_STATEMENTS_PER_CONNECTOR = 2

# Of a policy of connectors, without their ARNs.
_FRAME_CHARACTERS = 230

# The type of the metadata that holds the length of each policy to unregister a connector.
_UNREGISTERS = "cdk-appflow-connector:unregisters"

# Source: "Giving Lambda functions access to resources in an Amazon VPC" in the AWS Lambda Developer
# Guide. AWS's own policies have either more, for all logs, or less.
_NETWORK_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]


def what_the_handler_needs(log_group: logs.ILogGroup, *, in_vpc: bool) -> list[iam.PolicyStatement]:
    """What the handler needs whatever the connectors are."""
    write_logs = iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )
    # The one action that IAM cannot limit to a connector: it has no resource type in the service
    # authorization reference of AppFlow.
    register = iam.PolicyStatement(actions=["appflow:RegisterConnector"], resources=["*"])
    # A rollback asks whether the update before it has ended.
    look_back = iam.PolicyStatement(
        actions=["cloudformation:DescribeStackEvents"], resources=[cdk.Aws.STACK_ID]
    )
    if not in_vpc:
        return [write_logs, register, look_back]
    network = iam.PolicyStatement(actions=_NETWORK_ACTIONS, resources=["*"])
    return [write_logs, register, look_back, network]


def make_role(provider: Construct, permissions: list[iam.PolicyStatement]) -> iam.Role:
    """Make a role for the handler that may do this."""
    role = iam.Role(
        provider,
        "Role",
        description="What the handler of AppFlow connector registrations may do",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    for statement in permissions:
        role.add_to_policy(statement)
    return role


def let_role(
    provider: Construct, role: iam.Role, permissions: list[iam.PolicyStatement]
) -> iam.Policy:
    """Allow this to a role that somebody else has made, perhaps in another stack.

    In the provider's stack: within its own, the role would depend on the log group and more of the
    provider's, which depends on the role.
    """
    return iam.Policy(provider, _POLICY_ID, roles=[role], statements=permissions)


class HandlerPermissions:
    """What the role may do for each connector, in policies that are no larger than IAM takes."""

    def __init__(self, provider: Construct, role: iam.Role) -> None:
        self._provider = provider
        self._node = provider.node
        self._role = role
        self._stack = cdk.Stack.of(provider)

    def let_register(self, connector_arn: str, function_arn: str) -> iam.ManagedPolicy:
        """Allow the handler what registering a connector takes.

        Args:
            connector_arn: of the connector.
            function_arn: of the connector's function, version or alias.

        Returns:
            The policy, for which the registration has to wait.

        Raises:
            ValueError: IAM would refuse one more.
        """
        characters = characters_of_arns(self._stack.resolve([connector_arn, function_arn]))
        policy = self._policy_with_room(characters)
        policy.add_statements(
            iam.PolicyStatement(
                actions=["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"],
                resources=[connector_arn],
            ),
            # The native AWS::AppFlow::Connector asks this of its callers too: AppFlow invokes the
            # function with the caller's rights checked.
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function_arn]),
        )
        return policy

    def let_unregister(self, scope: Construct, connector_arn: str) -> iam.Policy:
        """Allow the handler to unregister a connector.

        It is a policy of its own. When a registration leaves a stack that stays, CloudFormation
        takes its statements out of shared policies first and sends the Delete afterwards; this
        policy goes together with the registration, and after it.

        Args:
            scope: the registration, which the policy is made in.
            connector_arn: of the connector.

        Returns:
            The policy.

        Raises:
            ValueError: IAM would refuse one more.
        """
        statement = iam.PolicyStatement(
            actions=["appflow:DescribeConnector", "appflow:UnRegisterConnector"],
            resources=[connector_arn],
        )
        characters = self._characters([statement.to_statement_json()])
        total = self._inline_characters + characters
        if total > _INLINE_POLICIES_CHARACTERS:
            raise ValueError(
                f"the inline policies of role {self._role.node.path} can come to have {total:,}"
                " characters with the permission to unregister this connector, but IAM takes"
                f" {_INLINE_POLICIES_CHARACTERS:,} for a role. Move some of the connectors with"
                " RemovalPolicy.DESTROY to another stack or another provider, or keep them with"
                " RemovalPolicy.RETAIN"
            )
        self._node.add_metadata(_UNREGISTERS, characters)
        self._inline_characters = total
        return iam.Policy(scope, "UnregisterPolicy", roles=[self._role], statements=[statement])

    @functools.cached_property
    def _inline_characters(self) -> int:
        """The characters that the inline policies of the role can come to have so far."""
        own = (
            self._role.node.try_find_child("DefaultPolicy"),
            self._node.try_find_child(_POLICY_ID),
        )
        characters = [
            self._characters(policy.document.to_json()["Statement"])
            for policy in own
            if isinstance(policy, iam.Policy)
        ]
        to_unregister: list[int] = [
            entry.data for entry in self._node.metadata if entry.type == _UNREGISTERS
        ]
        return sum(characters) + sum(to_unregister)

    def _characters(self, statements: list[Any]) -> int:
        return characters_of_statements(self._stack.resolve(statements))

    def _policy_with_room(self, characters: int) -> iam.ManagedPolicy:
        """The managed policy for a connector whose ARNs have so many characters."""
        if not self._policies or not self._policies[-1].has_room(characters):
            self._policies.append(_ConnectorsPolicy(self._another_policy()))
        last = self._policies[-1]
        last.connectors += 1
        last.characters += characters
        return last.policy

    def _another_policy(self) -> iam.ManagedPolicy:
        number = len(self._policies) + 1
        resource = self._role.node.default_child
        others = (
            self._stack.resolve(resource.managed_policy_arns) or []
            if isinstance(resource, iam.CfnRole)
            else []
        )
        if number + len(others) > _MOST_MANAGED_POLICIES:
            raise ValueError(
                f"with the permissions for this connector role {self._role.node.path} would have"
                f" {number + len(others)} managed policies, but IAM takes {_MOST_MANAGED_POLICIES}."
                " Move some of the stack's connectors to another stack or another provider"
            )
        return iam.ManagedPolicy(self._provider, f"{_CONNECTORS_ID}{number}", roles=[self._role])

    @functools.cached_property
    def _policies(self) -> list[_ConnectorsPolicy]:
        """The managed policies made so far."""
        policies: list[_ConnectorsPolicy] = []
        while policy := self._node.try_find_child(f"{_CONNECTORS_ID}{len(policies) + 1}"):
            assert isinstance(policy, iam.ManagedPolicy)
            statements = self._stack.resolve(policy.document.to_json()["Statement"])
            policies.append(
                _ConnectorsPolicy(
                    policy,
                    connectors=len(statements) // _STATEMENTS_PER_CONNECTOR,
                    characters=_FRAME_CHARACTERS
                    + characters_of_arns([statement["Resource"] for statement in statements]),
                )
            )
        return policies


@dataclass
class _ConnectorsPolicy:
    """A managed policy, and how full it is."""

    policy: iam.ManagedPolicy
    connectors: int = 0
    characters: int = _FRAME_CHARACTERS

    def has_room(self, characters: int) -> bool:
        """Whether a connector whose ARNs have so many characters fits in."""
        return (
            self.connectors < _CONNECTORS_PER_POLICY
            and self.characters + characters <= _MANAGED_POLICY_CHARACTERS
        )
