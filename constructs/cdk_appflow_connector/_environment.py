"""Where a stack is deployed, and what the library keeps for each stack.

Every question to the CDK is a message to a Node.js process. A stack may contain 200 registrations,
so what is the same for all of them is asked for once and kept in the construct tree.
"""

from __future__ import annotations

import enum
import functools
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from ._expressions import Template

if TYPE_CHECKING:
    from ._change_rule import ChangeRule
    from ._connector_function import ConnectorFunction
    from .connector_registration import ConnectorRegistration
    from .connector_registration_provider import ConnectorRegistrationProvider

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
        return cls.named(deployed.account, deployed.region)

    @classmethod
    def named(cls, account: str, region: str) -> Environment:
        """The environment of an account and a Region, of which each may be a token."""
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

    jsii returns a construct that was made in Python as the same Python object each time, so the
    record is an attribute of the stack. For a stack that the CDK made, jsii returns a new Python
    object each time. The record is then found in the construct tree.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        super().__init__(stack, _RECORD_ID)
        self.stack = stack
        self.node_of_stack = stack.node
        self.account, region = stack.account, stack.region
        self.environment = Environment.named(self.account, region)
        self.appflow_arn_prefix = f"arn:{stack.partition}:appflow:{region}:{self.account}:"
        self.stage, self.app = _stage_and_app(stack)
        self.app_node = self.app.node
        parent = stack.nested_stack_parent
        self.parent = None if parent is None else StackRecord.of(parent)
        # By the path of the function, version or alias, or by the ARN of one from elsewhere.
        self.invoke_permissions: dict[str, lambda_.CfnPermission] = {}
        self.change_rules: dict[str, ChangeRule] = {}
        # By the identity of the construct that the app passes.
        self.functions: dict[int, ConnectorFunction] = {}
        self.labels: Construct | None = None
        self.default_provider: ConnectorRegistrationProvider | None = None
        self.is_checked = False
        self.providers: list[ConnectorRegistrationProvider] = []
        self.registrations: list[ConnectorRegistration] = []
        self.nested: list[StackRecord] = []
        if self.parent is not None:
            self.parent.nested.append(self)
        self._templates: dict[str, Template] = {}

    @functools.cached_property
    def path(self) -> str:
        """The path of the stack."""
        return self.node_of_stack.path

    @functools.cached_property
    def stage_path(self) -> str:
        """The path of the stage that the stack belongs to, which is empty for an app."""
        return self.stage.node.path

    @functools.cached_property
    def root_path(self) -> str:
        """The path of the stack at the top of a chain of nested stacks.

        CloudFormation deploys a nested stack where it deploys the stack around it.
        """
        return self.path if self.parent is None else self.parent.root_path

    @functools.cached_property
    def unique_id(self) -> str:
        """The last part of the stack's ARN: 36 characters that no other stack has."""
        return cdk.Fn.select(2, cdk.Fn.split("/", cdk.Aws.STACK_ID))

    @classmethod
    def of(cls, stack: cdk.Stack) -> StackRecord:
        """The record of a stack, created on first use."""
        known = vars(stack).get(_RECORD_ID)
        if isinstance(known, cls):
            return known
        found = stack.node.try_find_child(_RECORD_ID)
        record = found if isinstance(found, cls) else cls(stack)
        vars(stack)[_RECORD_ID] = record
        return record

    def compare(self, other: StackRecord) -> Comparison:
        """Compare the environments that two stacks are deployed to."""
        if self.root_path == other.root_path:
            return Comparison.SAME
        compared = self.environment.compare(other.environment)
        # Stages exist to deploy the same stacks to several environments.
        if compared is Comparison.UNRESOLVED and self.stage_path != other.stage_path:
            return Comparison.DIFFERENT
        return compared

    def template_of(self, stack: cdk.Stack) -> Template:
        """The template of this stack, or of another stack with a function of a registration."""
        return self._templates.setdefault(stack.node.path, Template(stack))


def _stage_and_app(stack: cdk.Stack) -> tuple[cdk.Stage, Construct]:
    """The stage of a stack, and its app, which often is the stage."""
    stage = cdk.Stage.of(stack)
    assert stage is not None, "every stack is in a stage"
    app = stage if isinstance(stage, cdk.App) else stage.node.root
    assert isinstance(app, Construct)
    return stage, app


def is_same_stack(stack: cdk.Stack, other: cdk.Stack) -> bool:
    """Whether two Python objects stand for one stack."""
    return stack is other or stack.node.path == other.node.path


def root_stack(stack: cdk.Stack) -> cdk.Stack:
    """The stack at the top of a chain of nested stacks, which is often the stack itself."""
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack
