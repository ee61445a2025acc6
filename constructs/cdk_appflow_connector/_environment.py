"""Where a stack is deployed, and what the library keeps for each stack.

Every question to the CDK is a message to a Node.js process. A stack may contain 200 registrations,
so what is the same for all of them is asked for once and kept in the construct tree.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from ._expressions import Template

if TYPE_CHECKING:
    from .connector_registration import ConnectorRegistration

_RECORD_ID = "AppFlowConnectorStackRecord"

# A token contains characters that none of these allow, so a literal is recognised without asking
# the CDK.
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]+", re.ASCII)


class Comparison(enum.Enum):
    """The result of comparing two environments, named after the CDK's ``TokenComparison``."""

    SAME = enum.auto()
    DIFFERENT = enum.auto()
    UNRESOLVED = enum.auto()


class _Deployed(Protocol):
    """A stack, or the ``env`` of a resource."""

    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...


class Environment(NamedTuple):
    """An account and a Region; None for one that is a deploy-time value."""

    account: str | None
    region: str | None

    @classmethod
    def of(cls, deployed: _Deployed) -> Environment:
        """The environment of a stack or of a resource's ``env``."""
        account, region = deployed.account, deployed.region
        return cls(
            account if _ACCOUNT.fullmatch(account) else None,
            region if _REGION.fullmatch(region) else None,
        )

    def compare(self, other: Environment) -> Comparison:
        """Compare two environments as far as synthesis knows them."""
        pairs = [*zip(self, other, strict=True)]
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            return Comparison.DIFFERENT
        return Comparison.UNRESOLVED if None in (*self, *other) else Comparison.SAME


class StackRecord(Construct):
    """What the library knows about a stack and keeps for all of its registrations.

    jsii returns a construct that was made in Python as the same Python object each time. For a
    stack that the CDK made, it returns a new Python object each time. Its record is found in both.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        super().__init__(stack, _RECORD_ID)
        stage = cdk.Stage.of(stack)
        assert stage is not None, "every stack is in a stage"
        self.stack = stack
        self.environment = Environment.of(stack)
        self.account = stack.account
        self.stage_path = stage.node.path
        # CloudFormation deploys a nested stack where it deploys the stack around it.
        self.root_path = root_stack(stack).node.path
        self.app_node = stage.node.root.node
        self.appflow_arn_prefix = stack.format_arn(
            service="appflow", resource="", arn_format=cdk.ArnFormat.NO_RESOURCE_NAME
        )
        # By the path of the function, version or alias, or by the ARN of one from elsewhere.
        self.invoke_permissions: dict[str, lambda_.CfnPermission] = {}
        self.is_checked = False
        self.registrations: list[ConnectorRegistration] = []
        parent = stack.nested_stack_parent
        self.parent = None if parent is None else StackRecord.of(parent)
        self.nested: list[StackRecord] = []
        if self.parent is not None:
            self.parent.nested.append(self)
        self._templates: dict[str, Template] = {}

    @classmethod
    def of(cls, stack: cdk.Stack) -> StackRecord:
        """The record of a stack, created on first use."""
        record = stack.node.try_find_child(_RECORD_ID)
        return record if isinstance(record, cls) else cls(stack)

    def template_of(self, stack: cdk.Stack) -> Template:
        """The template of this stack, or of another stack with a function of a registration."""
        return self._templates.setdefault(stack.node.path, Template(stack))


def is_same_stack(stack: cdk.Stack, other: cdk.Stack) -> bool:
    """Whether two Python objects stand for one stack."""
    return stack is other or stack.node.path == other.node.path


def root_stack(stack: cdk.Stack) -> cdk.Stack:
    """The stack at the top of a chain of nested stacks, which is often the stack itself."""
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack
