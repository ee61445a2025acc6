"""IAM policies of the handler's role, kept within IAM's limits.

The ids of constructs here make logical ids of deployed stacks, so none of them may ever change.

A registration waits for the policy that names its function. If two registrations share a policy,
each of them waits for the functions of both. So connectors have inline policies of their own while
those are sure to fit, and share managed policies beyond.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from constructs import Construct, IConstruct

from ._connector_function import ConnectorFunction
from ._dependencies import wait_for, wait_no_longer_for
from ._environment import StackRecord
from ._logical_ids import PolicyNames, logical_id_of, override_logical_id
from ._policy_sizes import (
    LongestTexts,
    max_connector_policy_size,
    max_policy_size,
    policy_document,
)
from ._role_limits import InlinePolicy, RoleLimits, resolved_document

_CONNECTORS_ID = "Connectors"
_POLICY_ID = "Policy"
_UNREGISTER_ID = "UnregisterPolicy"
_USAGE_ID = "UsagePolicy"

# Source: "IAM and AWS STS quotas" in the IAM User Guide.
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
    network = [network_statement()] if in_vpc else []
    return [write_logs, register, stack_events, *network]


def network_statement() -> iam.PolicyStatement:
    """What Lambda needs to run a function in a VPC."""
    return iam.PolicyStatement(actions=_NETWORK_ACTIONS, resources=["*"])


def create_role(
    provider: Construct, statements: list[iam.PolicyStatement], role_name: str | None
) -> iam.Role:
    """Create the handler's role with these statements."""
    role = iam.Role(
        provider,
        "Role",
        role_name=role_name,
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
    names = PolicyNames(provider, cdk.Stack.of(provider), cdk.Stack.of(role))
    name = names.of_provider("Handler")
    return iam.Policy(provider, _POLICY_ID, policy_name=name, roles=[role], statements=statements)


class HandlerPolicies:
    """The policies that allow the handler's role to manage the connectors of a provider.

    Args:
        provider: the provider.
        stack: the stack of the provider, which all policies of the provider belong to.
        role: the role of the handler.
        policy: the policy of ``attach_policy``, if the app has passed the role.
        has_created_role: whether ``create_role`` has created the role.
    """

    def __init__(
        self,
        provider: Construct,
        stack: StackRecord,
        role: iam.Role,
        policy: iam.Policy | None,
        *,
        has_created_role: bool,
    ) -> None:
        self._provider = provider
        self.stack = stack.stack
        self.role_name = role.role_name
        self._policy = policy
        self.has_created_role = has_created_role
        self.limits = RoleLimits.of(role, stack, is_in_stack=has_created_role)
        self._names = PolicyNames(provider, self.stack, self.limits.stack)
        self.texts = LongestTexts(self.stack)
        self.connectors: list[ConnectorPolicies] = []
        self.shared: list[SharedPolicy] = []
        arn_prefix = stack.appflow_arn_prefix
        unregister, usage = [_unregister_requests(arn_prefix)], _usage_statements(arn_prefix)
        self.unregister = AdditionalPolicy(self, _UNREGISTER_ID, unregister)
        self.usage = AdditionalPolicy(self, _USAGE_ID, usage)
        self.limits.providers.append(self)

    def add(
        self,
        registration: Construct,
        resource: cdk.CfnResource,
        label: str | None,
        connector_arn: str,
        function: ConnectorFunction,
    ) -> ConnectorPolicies:
        """Allow the handler to register a connector and to update its registration.

        Args:
            registration: the registration, in which the connector's own policy is created.
            resource: the custom resource, which waits for the policies.
            label: the label of the connector, or None if only the deployment knows it.
            connector_arn: the ARN of the connector.
            function: the connector's function, version or alias.

        Raises:
            ValueError: the role would have more managed policies than IAM accepts.
        """
        connector = ConnectorPolicies(self, registration, resource, label, connector_arn, function)
        self.connectors.append(connector)
        try:
            self.limits.make_room()
            connector.write()
        except BaseException:
            connector.discard()
            raise
        return connector

    def policy_for(self, connector: ConnectorPolicies) -> SharedPolicy:
        """The shared policy for one more connector."""
        if not self.shared or not self.shared[-1].fits(connector):
            number = len(self.shared) + 1
            self.limits.check_managed_policies(1)
            connectors: list[ConnectorPolicies] = []
            policy = iam.CfnManagedPolicy(
                self._provider,
                f"{_CONNECTORS_ID}{number}",
                # Resolved a few times, and not sent to the CDK again with each connector.
                policy_document=cdk.Lazy.any(_SharedDocument(connectors)),
                roles=[self.role_name],
            )
            self.shared.append(SharedPolicy(policy, connectors))
        return self.shared[-1]

    def create_inline_policy(
        self, registration: Construct, label: str | None, statements: list[dict[str, Any]]
    ) -> iam.CfnPolicy:
        """Create the inline policy of a connector in its registration."""
        policy = iam.CfnPolicy(
            registration,
            _POLICY_ID,
            policy_name=self._names.of_connector(registration, label),
            policy_document=policy_document(statements),
            roles=[self.role_name],
        )
        override_logical_id(label, policy, "Policy")
        return policy

    def create_additional_policy(
        self, construct_id: str, statements: list[dict[str, Any]]
    ) -> iam.CfnPolicy:
        """Create an inline policy that does not belong to one connector."""
        return iam.CfnPolicy(
            self._provider,
            construct_id,
            policy_name=self._names.of_provider(construct_id.removesuffix(_POLICY_ID)),
            policy_document=policy_document(statements),
            roles=[self.role_name],
        )

    def remove_shared(self, shared: SharedPolicy) -> None:
        """Remove a shared policy that no connector is left in."""
        self.shared.remove(shared)
        self._provider.node.try_remove_child(shared.policy.node.id)

    def remove_unused(self) -> None:
        """Remove the additional policies that no connector needs."""
        if not any(connector.may_unregister for connector in self.connectors):
            self.unregister.remove()
        if not any(connector.may_read_usage for connector in self.connectors):
            self.usage.remove()

    def remove_additional_policy(self, policy: iam.CfnPolicy) -> None:
        """Remove what ``create_additional_policy`` has created."""
        self._provider.node.try_remove_child(policy.node.id)

    def check_inline_policies(self) -> None:
        """Raise ValueError if the inline policies are larger than IAM accepts."""
        self.limits.make_room()
        self.limits.check_inline_policies()

    def inline_policies(self) -> Iterator[InlinePolicy]:
        """The inline policies that the library has created."""
        for connector in self.connectors:
            if connector.policy is not None:
                name = logical_id_of(connector.label, "Policy")
                yield InlinePolicy(connector.policy, name, max_connector_policy_size)
        base = [policy.node.default_child for policy in self._base_policies()]
        for policy in (self.unregister.policy, self.usage.policy, *base):
            if isinstance(policy, cdk.CfnResource):
                yield InlinePolicy(policy, None, max_policy_size)

    def inline_size(self, *, all_destroyed: bool = False) -> int:
        """The maximum size of the inline policies, perhaps as if every connector had ``DESTROY``.

        Those in the construct of the role are not included.
        """
        sizes = [connector.inline_size(all_destroyed) for connector in self.connectors]
        if all_destroyed or self.unregister.policy is not None:
            sizes.append(self.unregister.size)
        if self.usage.policy is not None:
            sizes.append(self.usage.size)
        return sum(sizes) + self._policy_size

    @functools.cached_property
    def _policy_size(self) -> int:
        if self._policy is None:
            return 0
        return max_policy_size(resolved_document(self._policy, self.stack))

    def _base_policies(self) -> list[IConstruct]:
        """The policies with the statements that do not depend on the connectors."""
        found: list[IConstruct | None] = [self._policy]
        if self.has_created_role:
            found.append(self.limits.default_policy)
        return [policy for policy in found if policy is not None]


class AdditionalPolicy:
    """An inline policy that some registrations of a provider need besides their own.

    Attributes:
        policy: the policy, or None while no registration needs it.
    """

    def __init__(
        self, policies: HandlerPolicies, construct_id: str, statements: list[dict[str, Any]]
    ) -> None:
        self._policies = policies
        self._construct_id = construct_id
        self._statements = statements
        self.policy: iam.CfnPolicy | None = None

    @functools.cached_property
    def size(self) -> int:
        """The maximum size of the policy, whether it exists or not."""
        return self._policies.texts.max_size(policy_document(self._statements))

    def get(self) -> iam.CfnPolicy:
        """The policy, created for the first registration."""
        if self.policy is None:
            self.policy = self._policies.create_additional_policy(
                self._construct_id, self._statements
            )
        return self.policy

    def remove(self) -> None:
        """Remove the policy if there is one."""
        if self.policy is not None:
            self._policies.remove_additional_policy(self.policy)
            self.policy = None


class ConnectorPolicies:
    """What the handler may do with a connector, and which policies say so.

    When a registration is removed from a stack, CloudFormation updates shared policies before it
    sends the Delete. An inline policy is deleted after the registration that depends on it, so the
    permission to unregister is always in one.

    Attributes:
        registration: the registration.
        label: the label of the connector, or None if only the deployment knows it.
        function: the connector's function, version or alias.
        functions: the ARNs of the Lambda functions in the policy.
        shared: the policy that the connector shares with others, or None if it has its own.
        policy: the inline policy of the connector, if it needs one.
        may_unregister: whether the handler may unregister the connector.
        may_read_usage: whether the handler may read the connector profiles and flows.
    """

    def __init__(
        self,
        policies: HandlerPolicies,
        registration: Construct,
        resource: cdk.CfnResource,
        label: str | None,
        connector_arn: str,
        function: ConnectorFunction,
    ) -> None:
        self._policies = policies
        self.registration = registration
        self._resource = resource
        self.label = label
        self.connector_arn = connector_arn
        self.function = function
        # IAM checks GetAlias against the function and not against the alias.
        # Source: "Actions, resources, and condition keys for AWS Lambda" in the Service
        # Authorization Reference.
        self.function_of_alias = function.arn_without_alias(policies.stack)
        self.shared: SharedPolicy | None = None
        self.may_unregister = False
        self.may_read_usage = False
        self.policy: iam.CfnPolicy | None = None

    @property
    def functions(self) -> list[str]:
        """The ARNs of the function, version or alias, and of the function of an alias."""
        return [self.function.arn, *filter(None, [self.function_of_alias])]

    @property
    def arns(self) -> list[str]:
        """All ARNs in the policies of the connector."""
        return [self.connector_arn, *self.functions]

    @functools.cached_property
    def arns_size(self) -> int:
        """The maximum size of all ARNs."""
        return self._policies.texts.max_size(self.arns)

    @functools.cached_property
    def _own_size(self) -> int:
        document = policy_document(self._own_statements(may_unregister=True))
        return self._policies.texts.max_size(document)

    @functools.cached_property
    def _unregister_size(self) -> int:
        return self._policies.texts.max_size(policy_document(self._unregister_statements()))

    def share(self) -> None:
        """Move the permissions from the connector's own policy to one that it shares.

        A policy that is removed is deleted after every other resource has been updated, and a
        registration waits for its new policy, so its handler has the permissions all the time. A
        registration that has no policy yet is made to wait by its caller.
        """
        self.shared = self._policies.policy_for(self)
        self.shared.add(self)
        if self.policy is None:
            self.write()
        elif self.may_unregister:
            wait_for(self._resource, self.shared.policy)
            self.write()
        else:
            self._resource.replace_dependency(self.policy, self.shared.policy)
            self._remove_policy()

    def allow_unregistering(self) -> None:
        """Allow the handler to unregister the connector.

        Raises:
            ValueError: the inline policies would be larger than IAM accepts.
        """
        self.may_unregister = True
        try:
            self._policies.check_inline_policies()
        except ValueError:
            self.may_unregister = False
            raise
        self.write()
        wait_for(self._resource, self._policies.unregister.get())

    def forbid_unregistering(self) -> None:
        """Revoke what ``allow_unregistering`` has allowed."""
        if not self.may_unregister:
            return
        self.may_unregister = False
        self.write()
        wait_no_longer_for(self._resource, self._policies.unregister.get())
        self._policies.remove_unused()

    def allow_reading_usage(self) -> None:
        """Allow the handler to read what uses the connector.

        Raises:
            ValueError: the inline policies would be larger than IAM accepts.
        """
        self.may_read_usage = True
        policy = self._policies.usage.get()
        self._policies.check_inline_policies()
        wait_for(self._resource, policy)

    def discard(self) -> None:
        """Take everything back, because the registration is refused."""
        self._policies.connectors.remove(self)
        self.may_unregister = False
        self._policies.remove_unused()
        if self.shared is not None:
            self.shared.remove(self)
            if not self.shared.connectors:
                self._policies.remove_shared(self.shared)

    def inline_size(self, all_destroyed: bool) -> int:
        """The maximum size of the inline policy, perhaps as if the connector had ``DESTROY``."""
        if self.shared is None:
            return self._own_size
        return self._unregister_size if all_destroyed or self.may_unregister else 0

    def write(self) -> None:
        """Create, change or remove the inline policy, so that it has the right statements."""
        statements = self._inline_statements()
        if self.policy is None and statements:
            self.policy = self._policies.create_inline_policy(
                self.registration, self.label, statements
            )
            wait_for(self._resource, self.policy)
        elif self.policy is not None and statements:
            self.policy.policy_document = policy_document(statements)
        elif self.policy is not None:
            wait_no_longer_for(self._resource, self.policy)
            self._remove_policy()

    def _remove_policy(self) -> None:
        self.registration.node.try_remove_child(_POLICY_ID)
        self.policy = None

    def _inline_statements(self) -> list[dict[str, Any]]:
        if self.shared is None:
            return self._own_statements(may_unregister=self.may_unregister)
        return self._unregister_statements() if self.may_unregister else []

    def _own_statements(self, *, may_unregister: bool) -> list[dict[str, Any]]:
        unregister = ["appflow:UnRegisterConnector"] if may_unregister else []
        return [
            _allow(
                [
                    "appflow:DescribeConnector",
                    *unregister,
                    "appflow:UpdateConnectorRegistration",
                ],
                [self.connector_arn],
            ),
            *_function_statements([self]),
        ]

    def _unregister_statements(self) -> list[dict[str, Any]]:
        actions = ["appflow:DescribeConnector", "appflow:UnRegisterConnector"]
        return [_allow(actions, [self.connector_arn])]


class SharedPolicy:
    """A managed policy for several connectors, and its size so far."""

    def __init__(self, policy: iam.CfnManagedPolicy, connectors: list[ConnectorPolicies]) -> None:
        self.policy = policy
        self.connectors = connectors
        self._size = _EMPTY_POLICY_SIZE

    def fits(self, connector: ConnectorPolicies) -> bool:
        """Whether the policy has room for a connector."""
        return (
            len(self.connectors) < _CONNECTORS_PER_POLICY
            and self._size + connector.arns_size <= _MAX_MANAGED_POLICY_SIZE
        )

    def add(self, connector: ConnectorPolicies) -> None:
        """Add the permissions to register a connector and to update its registration."""
        self.connectors.append(connector)
        self._size += connector.arns_size

    def remove(self, connector: ConnectorPolicies) -> None:
        """Remove the permissions of a connector again."""
        self.connectors.remove(connector)
        self._size -= connector.arns_size


@jsii.implements(cdk.IStableAnyProducer)
class _SharedDocument:
    """The document of a shared policy, once all of its connectors are known."""

    def __init__(self, connectors: list[ConnectorPolicies]) -> None:
        self._connectors = connectors

    def produce(self) -> dict[str, Any]:
        """The permissions to register the connectors and to update their registrations."""
        actions = ["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"]
        connectors = [one.connector_arn for one in self._connectors]
        return policy_document(
            [_allow(actions, connectors), *_function_statements(self._connectors)]
        )


def _unregister_requests(arn_prefix: str) -> dict[str, Any]:
    """Allow to unregister, on the resource that a sample of AWS grants this action on.

    The service authorization reference of AppFlow lists connectors as the resources of
    UnRegisterConnector. The sample names this path of the API instead. No public source says which
    of the two AppFlow checks.
    Source: provider/lib/petstore-connector-stack.ts of
    aws-samples/amazon-appflow-petstore-custom-connector-example.
    """
    return _allow(["appflow:UnRegisterConnector"], [f"{arn_prefix}/unregister-connector"])


def _usage_statements(arn_prefix: str) -> list[dict[str, Any]]:
    """Allow to read what uses a connector.

    IAM cannot limit these actions to a connector: DescribeConnectorProfiles has no resource type,
    and the ARN of a flow contains no label.
    Source: "Actions, resources, and condition keys for Amazon AppFlow" in the Service Authorization
    Reference.
    """
    return [
        _allow(["appflow:DescribeConnectorProfiles"], ["*"]),
        _allow(["appflow:DescribeFlow", "appflow:ListFlows"], [f"{arn_prefix}flow/*"]),
    ]


def _function_statements(connectors: list[ConnectorPolicies]) -> list[dict[str, Any]]:
    """What the handler may do with the functions of connectors.

    AppFlow checks that its caller may invoke the function. The native AWS::AppFlow::Connector needs
    the same permission. The handler reads whether the function is ready to be invoked.
    """
    actions = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
    statements = [_allow(actions, [one.function.arn for one in connectors])]
    aliased = [one.function_of_alias for one in connectors if one.function_of_alias is not None]
    return [*statements, _allow(["lambda:GetAlias"], aliased)] if aliased else statements


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    """A statement in the form that the CDK gives it, with each resource once."""
    return {
        "Action": _one_or_all(actions),
        "Effect": "Allow",
        "Resource": _one_or_all(list(dict.fromkeys(resources))),
    }


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
