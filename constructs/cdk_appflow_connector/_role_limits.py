"""IAM's limits on the policies of one role, which several providers and the app may fill.

What the app attaches to the role counts as far as templates of the app show it. Only the deployment
knows what an expression becomes: one in a policy of the library counts as the longest value that it
can become, and one in another policy counts nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from constructs import Construct, Node

from ._environment import StackRecord, is_same_stack
from ._policy_sizes import max_policy_size, min_policy_size
from ._validation import (
    MAX_INLINE_POLICIES_SIZE,
    check_inline_policies,
    check_managed_policies,
)
from ._warnings import warn_managed_policy_quota

if TYPE_CHECKING:
    from ._handler_policies import HandlerPolicies

_ROLES_ID = "AppFlowConnectorRoles"

# Source: "IAM and AWS STS quotas" in the IAM User Guide. The default of a quota that can be raised
# to 20.
_MANAGED_POLICIES_QUOTA = 10

# Connectors have policies of their own only while this much is left. CloudFormation creates new
# policies before it deletes those that connectors no longer have, so IAM counts both for a while.
_RESERVE = 1_000


class _Roles(Construct):
    """The roles of an app that providers use."""

    def __init__(self, app: Construct) -> None:
        super().__init__(app, _ROLES_ID)
        self.by_path: dict[str, RoleLimits] = {}


@dataclass(frozen=True)
class InlinePolicy:
    """An inline policy that the library has created.

    Attributes:
        resource: the policy.
        logical_id: its logical id if it follows a label and the app has not set another one.
        size: computes its maximum size.
    """

    resource: cdk.CfnResource
    logical_id: str | None
    size: Callable[[Any], int]


class RoleLimits:
    """The policies of a role.

    Attributes:
        stack: the stack of the role.
        providers: the policies of each provider that uses the role.
    """

    def __init__(self, role: iam.Role, node: Node, stack: cdk.Stack) -> None:
        self._role = role
        self._node = node
        self.stack = stack
        self.providers: list[HandlerPolicies] = []
        self._is_full = False

    @property
    def first_provider(self) -> HandlerPolicies:
        """The provider whose stack reports what IAM would refuse."""
        return self.providers[0]

    @classmethod
    def of(cls, role: iam.Role, stack: StackRecord, *, is_in_stack: bool) -> RoleLimits:
        """The policies of a role, the same for all providers that use it.

        Args:
            role: the role.
            stack: a stack of the role's app.
            is_in_stack: whether the role is known to belong to this stack.
        """
        roles = stack.app_node.try_find_child(_ROLES_ID)
        if not isinstance(roles, _Roles):
            roles = _Roles(stack.app)
        node = role.node
        path = node.path
        if path not in roles.by_path:
            stack_of_role = stack.stack if is_in_stack else cdk.Stack.of(role)
            roles.by_path[path] = cls(role, node, stack_of_role)
        return roles.by_path[path]

    def make_room(self) -> None:
        """Let connectors share policies until all inline policies are sure to fit.

        They fit even if every connector had ``DESTROY``, so that a change of removal policies moves
        no permissions. The connectors that were created last share first.
        """
        if self._is_full:
            self._share_last()
            return
        connectors = [one for provider in self.providers for one in provider.connectors]
        with_own = [connector for connector in connectors if connector.shared is None]
        if not with_own:
            return
        size = sum(provider.inline_size(all_destroyed=True) for provider in self.providers)
        room = MAX_INLINE_POLICIES_SIZE - _RESERVE - size - self._max_own_size
        while with_own and room < 0:
            connector = with_own.pop()
            room += connector.inline_size(all_destroyed=True)
            connector.share()
            room -= connector.inline_size(all_destroyed=True)
        # More connectors need more room, so the question is not asked again.
        self._is_full = not with_own

    def _share_last(self) -> None:
        """Let the connectors share that were created last, as all others do."""
        for provider in self.providers:
            for connector in reversed(provider.connectors):
                if connector.shared is not None:
                    break
                connector.share()

    def check_inline_policies(self) -> None:
        """Raise ValueError if the known inline policies are larger than IAM accepts."""
        size = self._min_own_size
        size += sum(provider.inline_size() for provider in self.providers)
        check_inline_policies(size, self._role)

    def check_managed_policies(self, additional: int) -> None:
        """Raise ValueError if the role would have more managed policies than IAM attaches at all.

        Args:
            additional: the number of policies that will be added.
        """
        shared = sum(len(provider.shared) for provider in self.providers)
        check_managed_policies(shared + additional + self._given_managed_policies(), self._role)

    def validate(self, template_of: Callable[[cdk.Stack], Mapping[str, Any]]) -> Iterator[str]:
        """What IAM would refuse, when all resources of the app are known.

        Args:
            template_of: returns the template of a stack.
        """
        stacks = [self.stack]
        for provider in self.providers:
            if not any(is_same_stack(provider.stack, one) for one in stacks):
                stacks.append(provider.stack)
        attached = [
            policy
            for stack in stacks
            for policy in self._attached(stack, template_of(stack)["Resources"])
        ]
        sizes = [policy.size for policy in attached if policy.size is not None]
        managed = len(attached) - len(sizes)
        try:
            check_inline_policies(sum(sizes), self._role)
            check_managed_policies(managed, self._role)
        except ValueError as error:
            yield str(error)
        if managed > _MANAGED_POLICIES_QUOTA:
            warn_managed_policy_quota(self._role, managed, _MANAGED_POLICIES_QUOTA)

    def _attached(self, stack: cdk.Stack, resources: Mapping[str, Any]) -> Iterator[_Attached]:
        """The policies of the role that the template of a stack attaches to it."""
        ours = [
            policy
            for provider in self.providers
            if is_same_stack(provider.stack, stack)
            for policy in provider.inline_policies()
        ]
        asked = [policy for policy in ours if policy.logical_id not in resources]
        ids = [policy.resource.logical_id for policy in asked]
        role_name, *ids = stack.resolve([self.first_provider.role_name, *ids])
        sizes: dict[str | None, Callable[[Any], int]] = {one.logical_id: one.size for one in ours}
        sizes |= {name: policy.size for name, policy in zip(ids, asked, strict=True)}
        for name, resource in resources.items():
            properties = resource.get("Properties", {})
            size: Callable[[Any], int] = sizes.get(name, min_policy_size)
            if role_name == {"Ref": name}:
                yield from (_Attached() for _ in properties.get("ManagedPolicyArns", []))
                inline = properties.get("Policies", [])
                yield from (_Attached(size(policy["PolicyDocument"])) for policy in inline)
            elif role_name in (*properties.get("Roles", []), properties.get("RoleName")):
                is_managed = resource["Type"] == "AWS::IAM::ManagedPolicy"
                yield _Attached(None if is_managed else size(properties["PolicyDocument"]))

    def _given_managed_policies(self) -> int:
        """The number of managed policies that the app has given the role so far."""
        if self._resource is None:
            return 0
        return len(self.stack.resolve(self._resource.managed_policy_arns) or [])

    @functools.cached_property
    def default_policy(self) -> iam.Policy | None:
        """The policy that the CDK has made of statements added to the role so far."""
        policy = self._node.try_find_child("DefaultPolicy")
        return policy if isinstance(policy, iam.Policy) else None

    @functools.cached_property
    def _resource(self) -> iam.CfnRole | None:
        resource = self._node.default_child
        return resource if isinstance(resource, iam.CfnRole) else None

    @functools.cached_property
    def _max_own_size(self) -> int:
        """The size of the policies in the role's construct, at most, at the first registration."""
        return sum(map(max_policy_size, self._own_documents))

    @functools.cached_property
    def _min_own_size(self) -> int:
        """The same size at least, unless the policies are the library's own."""
        if self._is_created:
            return self._max_own_size
        return sum(map(min_policy_size, self._own_documents))

    @property
    def _is_created(self) -> bool:
        """Whether a provider has created the role, without inline policies."""
        return any(provider.has_created_role for provider in self.providers)

    @functools.cached_property
    def _own_documents(self) -> list[dict[str, Any]]:
        policies = None if self._is_created or self._resource is None else self._resource.policies
        inline = self.stack.resolve(policies) if policies else None
        documents = [policy["policyDocument"] for policy in inline or []]
        if self.default_policy is not None:
            documents.append(resolved_document(self.default_policy, self.stack))
        return documents


def resolved_document(policy: iam.Policy, stack: cdk.Stack) -> dict[str, Any]:
    """The document of a policy so far. To resolve the document itself would freeze it."""
    document: dict[str, Any] = stack.resolve(policy.document.to_json())
    return document


@dataclass(frozen=True)
class _Attached:
    """A policy of a role: the size of an inline policy, or None for a managed policy."""

    size: int | None = None
