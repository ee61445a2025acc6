"""Logical ids and policy names that follow the label of a connector."""

from __future__ import annotations

import functools
import hashlib

import aws_cdk as cdk

from constructs import Construct

from ._environment import is_same_stack

# Source: PutRolePolicy in the IAM API Reference.
_MAX_POLICY_NAME = 128

# As many characters as the Region of the longest name has, with some for Regions to come.
_MAX_REGION = 20


def override_logical_id(label: str | None, resource: cdk.CfnResource, suffix: str = "") -> None:
    """Give a resource a logical id that follows the label and not the construct's path.

    A construct that is renamed or moved within its stack then stays the same resource. Under
    another logical id CloudFormation would create a new resource, which adopts the label, and then
    delete the old one, which with ``DESTROY`` unregisters the connector. Another label creates new
    resources, so the old policy still permits deleting the old registration. The CDK's own id
    stays for a label that only the deployment knows, which is None here.
    """
    logical_id = logical_id_of(label, suffix)
    if logical_id is not None:
        resource.override_logical_id(logical_id)


def logical_id_of(label: str | None, suffix: str = "") -> str | None:
    """The logical id that follows a label, or None for a label that only the deployment knows."""
    return None if label is None else f"{_name_of_label(label, 150)}{suffix}"


class PolicyNames:
    """The names of the inline policies that a provider attaches to a role.

    A role of another stack may have policies from several stacks, which IAM tells apart by their
    names only: a policy replaces another one of the same name.

    Args:
        provider: the provider.
        stack: the stack of the provider.
        stack_of_role: the stack of the role.
    """

    def __init__(self, provider: Construct, stack: cdk.Stack, stack_of_role: cdk.Stack) -> None:
        self._provider = provider
        self._stack = stack
        self._is_role_here = is_same_stack(stack_of_role, stack)

    def of_connector(self, registration: Construct, label: str | None) -> str:
        """The name of the policy for one connector, whose label may be unknown."""
        return self._on_role(
            self._name_of_path(registration) if label is None else _name_of_label(label, 60)
        )

    def of_provider(self, purpose: str) -> str:
        """The name of a policy for all connectors of the provider."""
        return self._on_role(f"{self._name_of_path(self._provider)}{purpose}")

    def _on_role(self, name: str) -> str:
        if self._is_role_here:
            return name
        stack_name, length = self._stack_name_and_length
        room = _MAX_POLICY_NAME - _MAX_REGION - len(name) - 2
        if length > room:
            stack_name = f"{stack_name[: room - 8]}{short_digest(stack_name)}"
        return f"{stack_name}-{self._region}-{name}"

    @functools.cached_property
    def _region(self) -> str:
        return self._stack.region

    @functools.cached_property
    def _stack_name_and_length(self) -> tuple[str, int]:
        """What stands for the stack in a name, and its length."""
        name = self._stack.stack_name
        if cdk.Token.is_unresolved(name):
            # The name of a nested stack can be longer than a policy's may be. Its id is unique.
            return cdk.Fn.select(2, cdk.Fn.split("/", cdk.Aws.STACK_ID)), 36
        return name, len(name)

    def _name_of_path(self, construct: Construct) -> str:
        # The path within the stack is the same in every stage of an app.
        path = construct.node.path.removeprefix(f"{self._stack.node.path}/")
        return f"AppFlowConnector{short_digest(path)}"


def _name_of_label(label: str, length: int) -> str:
    letters = "".join(filter(str.isalnum, label))
    return f"AppFlowConnector{letters[:length]}{short_digest(label)}"


def short_digest(text: str) -> str:
    """Eight characters that stand for a text in an id."""
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()
