"""The function, version or alias that is a connector, and the CloudFormation resource behind it."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import IConstruct

from . import _arguments as arguments
from ._environment import Environment, StackRecord, is_same_stack
from ._expressions import text_of


class Kind(enum.Enum):
    """What a Lambda resource is to a connector."""

    FUNCTION = enum.auto()
    VERSION = enum.auto()
    ALIAS = enum.auto()


_KINDS = {
    "AWS::Lambda::Function": Kind.FUNCTION,
    "AWS::Serverless::Function": Kind.FUNCTION,
    "AWS::Lambda::Version": Kind.VERSION,
    "AWS::Lambda::Alias": Kind.ALIAS,
}

_LATEST = "$LATEST"

# Sources: the return values of each type in the CloudFormation Template Reference. The Ref of a
# version or alias is its ARN, and that of a function is its name.
_ARN_OF_FUNCTION = re.compile(r"\$\{(?P<name>\w+)\.Arn\}(:(?P<qualifier>[\w-]+))?", re.ASCII)
_ARN_OF_QUALIFIED = re.compile(r"\$\{(?P<name>\w+)(\.AliasArn|\.FunctionArn)?\}", re.ASCII)
_ARN_BY_NAME = re.compile(
    r"arn:.+:lambda:.+:function:\$\{(?P<name>\w+)\}(:(?P<qualifier>[\w-]+))?", re.ASCII
)
_NAME_OR_ARN_OF_FUNCTION = re.compile(r"\$\{(?P<name>\w+)(\.Arn)?\}", re.ASCII)

# What precedes the qualifier in the text of an ARN.
_QUALIFIED = re.compile(r"(.+:function:[^:]+|\$\{[^{}]+\.Arn\}):(?P<qualifier>[\w-]+)", re.ASCII)

# By their names in jsii, the classes of resources that are functions, versions or aliases, and one
# that can be: what others are is known without a question to the CDK.
_CLASSES = {
    "aws-cdk-lib.CfnResource": None,
    "aws-cdk-lib.aws_lambda.CfnAlias": Kind.ALIAS,
    "aws-cdk-lib.aws_lambda.CfnFunction": Kind.FUNCTION,
    "aws-cdk-lib.aws_lambda.CfnVersion": Kind.VERSION,
    "aws-cdk-lib.aws_sam.CfnFunction": Kind.FUNCTION,
}


FUNCTION = arguments.Argument(
    "a Lambda function, version or alias, or its CloudFormation resource",
    "Import a function from elsewhere with Function.from_function_arn(scope, id, arn)",
    lambda value: isinstance(value, cdk.CfnResource) or arguments.has_member(value, "function_arn"),
)
"""What the argument ``connector_function`` may be."""


@dataclass(frozen=True)
class ConnectorFunction:
    """The function, version or alias that is a connector.

    Attributes:
        construct: the construct that the app passed.
        arn: the registered ARN, which may be a token.
        resource: the CloudFormation resource, or None if it is not part of the app.
        kind: what the resource or the ARN is, or None if only the deployment knows.
    """

    construct: lambda_.IFunction | cdk.CfnResource
    arn: str
    resource: IConstruct | None
    kind: Kind | None

    @classmethod
    def of(cls, construct: lambda_.IFunction | cdk.CfnResource) -> ConnectorFunction:
        """The function of a construct.

        Raises:
            ValueError: the construct is no function, version or alias.
        """
        if isinstance(construct, cdk.CfnResource):
            return cls._of_resource(construct)
        try:
            arn = construct.function_arn
            # The ARN of a resource of the app is a token. A SingletonFunction keeps its function in
            # another construct, and this is its node.
            resource = None if _is_literal(arn) else construct.permissions_node.default_child
        except AttributeError:
            raise _refusal(construct) from None
        if resource is not None:
            return cls(construct, arn, resource, kind_of(resource))
        return cls._of_import(construct, arn)

    @classmethod
    def _of_resource(cls, resource: cdk.CfnResource) -> ConnectorFunction:
        kind = kind_of(resource)
        if kind is None:
            raise _refusal(resource)
        # The Ref of a function is its name, and that of a version or an alias is its ARN.
        # Source: the return values of each in the CloudFormation Template Reference.
        arn = resource.get_att("Arn").to_string() if kind is Kind.FUNCTION else resource.ref
        return cls(resource, arn, resource, kind)

    @classmethod
    def _of_import(cls, construct: lambda_.IFunction, arn: str) -> ConnectorFunction:
        """The function of an imported construct, whose ARN may refer to a resource of the app."""
        if _is_literal(arn):
            return cls(construct, arn, None, _kind_of_arn(arn) or Kind.FUNCTION)
        stack = cdk.Stack.of(construct)
        text = text_of(stack.resolve(arn))
        resource = _resource_with_arn(text, arn, stack)
        if resource is not None:
            return cls(construct, arn, resource, kind_of(resource))
        return cls(construct, arn, None, _kind_of_arn(text) or _kind_of_import(construct))

    @property
    def is_final(self) -> bool:
        """Whether the function stays the same, whatever the app adds later."""
        return self.resource is not None or self.is_literal

    @property
    def is_literal(self) -> bool:
        """Whether the ARN contains no token."""
        return _is_literal(self.arn)

    def environment_seen_from(self, stack: StackRecord) -> Environment:
        """Where the function is deployed, as far as synthesis knows it; often the same stack."""
        if self.is_literal:
            _, _, _, region, account, *_ = self.arn.split(":")
            return Environment(account, region)
        if self.construct.stack is stack.stack:
            return stack.environment
        # The oldest aws-cdk-lib supported has no ``env`` for a CloudFormation resource.
        if isinstance(self.construct, cdk.CfnResource):
            return Environment.of(self.construct.stack)
        return Environment.of(self.construct.env)

    @property
    def latest(self) -> cdk.CfnResource | None:
        """The function whose ``$LATEST`` an alias points to, if it is a resource of the app."""
        if self.kind is not Kind.ALIAS or self.resource is None:
            return None
        properties = properties_of(self.resource)
        version = properties.get("functionVersion") or properties.get("FunctionVersion")
        return _function_of_alias(self.resource) if version == _LATEST else None

    def arn_without_alias(self, stack: cdk.Stack) -> str | None:
        """The ARN of the function that an alias belongs to, for a policy in ``stack``.

        Returns:
            None unless the function is known to be an alias.
        """
        if self.kind is not Kind.ALIAS:
            return None
        if self.resource is not None:
            function = _function_of_alias(self.resource)
            if function is not None and is_same_stack(function.stack, stack):
                return function.get_att("Arn").to_string()
        elif _is_literal(self.arn):
            return self.arn.rpartition(":")[0]
        # The ARN of the function itself would be another export of its stack.
        return stack.format_arn(
            service="lambda",
            resource="function",
            resource_name=self.name(stack),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    def name(self, stack: cdk.Stack) -> str:
        """The name of the function, or of that of a version or alias, for ``stack``."""
        if _is_literal(self.arn):
            return self.arn.split(":")[6]
        resource = self.resource
        if (
            isinstance(resource, cdk.CfnResource)
            and self.kind is Kind.FUNCTION
            and is_same_stack(resource.stack, stack)
        ):
            return resource.ref
        return cdk.Fn.select(6, cdk.Fn.split(":", self.arn))

    def key(self, stack: StackRecord) -> str:
        """What identifies the function in templates of all stages and after every change of code.

        It is equal for the same function in one stack, and makes ids in that stack.
        """
        if self.is_literal:
            return self.arn
        if self.resource is None:
            return json.dumps(stack.stack.resolve(self.arn), sort_keys=True)
        path = self.resource.node.path
        in_stack = path.removeprefix(f"{stack.path}/")
        return in_stack if in_stack != path else path.removeprefix(f"{stack.stage_path}/")

    def is_in(self, stack: cdk.Stack) -> bool:
        """Whether the function, version or alias is a resource of a stack."""
        return self.resource is not None and is_same_stack(cdk.Stack.of(self.resource), stack)


def kind_of(resource: IConstruct) -> Kind | None:
    """What a resource is to a connector, or None if it is neither function, version nor alias."""
    if not isinstance(resource, cdk.CfnResource):
        return None
    known = _CLASSES.get(_jsii_name(resource))
    return known or _KINDS.get(resource.cfn_resource_type)


def _jsii_name(construct: IConstruct) -> str:
    return str(getattr(construct, "__jsii_type__", ""))


def properties_of(resource: IConstruct) -> dict[str, Any]:
    """The resolved properties of a resource, with the names that the CDK has for them."""
    stack = cdk.Stack.of(resource)
    # Protected in CDK, yet the only complete view of a resource before its template exists.
    properties: dict[str, Any] = stack.resolve(resource._cfn_properties)  # type: ignore[attr-defined]
    return properties


def _is_literal(arn: str) -> bool:
    """Whether an ARN contains no token, answered without a question to the CDK."""
    return "${" not in arn


def _kind_of_import(construct: IConstruct) -> Kind | None:
    """What an imported construct with the ARN of a token is, or None if it can be anything."""
    if not hasattr(construct, "version"):
        return None
    return Kind.ALIAS if hasattr(construct, "alias_name") else Kind.VERSION


def _kind_of_arn(text: str) -> Kind | None:
    """What the text of an ARN with a qualifier stands for, or None without a qualifier."""
    qualified = _QUALIFIED.fullmatch(text)
    if qualified is None:
        return None
    return Kind.VERSION if qualified["qualifier"].isdigit() else Kind.ALIAS


def _resource_with_arn(text: str, arn: str, stack: cdk.Stack) -> cdk.CfnResource | None:
    """The resource of the app whose ARN is a token, which resolves to a text in ``stack``."""
    if found := _ARN_OF_QUALIFIED.fullmatch(text):
        resource = _resource_named(found["name"], arn, stack)
        return None if resource is None or kind_of(resource) is Kind.FUNCTION else resource
    found = _ARN_OF_FUNCTION.fullmatch(text) or _ARN_BY_NAME.fullmatch(text)
    resource = _resource_named(found["name"], arn, stack) if found else None
    if found is None or resource is None or kind_of(resource) is not Kind.FUNCTION:
        return None
    return _alias_named(found["qualifier"], resource) if found["qualifier"] else resource


def _resource_named(name: str, value: Any, stack: cdk.Stack) -> cdk.CfnResource | None:
    """The Lambda resource with a logical id that a value refers to, perhaps in another stack."""
    if isinstance(value, str):
        tokens = cdk.Tokenization.reverse_string(value).tokens
        targets = [token.target for token in tokens if isinstance(token, cdk.Reference)]
        resources = [target for target in targets if isinstance(target, cdk.CfnResource)]
        if resources:
            return next(
                (one for one in resources if _has_logical_id(one, name) and kind_of(one)), None
            )
    return next((one for one in _lambda_resources(stack) if _has_logical_id(one, name)), None)


def _lambda_resources(stack: cdk.Stack) -> Iterator[cdk.CfnResource]:
    for construct in stack.node.find_all():
        if _jsii_name(construct) not in _CLASSES:
            continue
        assert isinstance(construct, cdk.CfnResource)
        if kind_of(construct) is not None and is_same_stack(construct.stack, stack):
            yield construct


def _has_logical_id(resource: cdk.CfnResource, name: str) -> bool:
    return bool(resource.stack.resolve(resource.logical_id) == name)


def _alias_named(name: str, function: cdk.CfnResource) -> cdk.CfnResource | None:
    """The alias of a function, from the stack of the function."""
    for resource in _lambda_resources(function.stack):
        if kind_of(resource) is Kind.ALIAS:
            properties = properties_of(resource)
            owner = _function_of_alias(resource)
            is_owner = owner is not None and owner.node.path == function.node.path
            if is_owner and name in (properties.get("name"), properties.get("Name")):
                return resource
    return None


def _function_of_alias(alias: IConstruct) -> cdk.CfnResource | None:
    """The function that an alias belongs to, if it is a resource of the app."""
    properties = alias._cfn_properties  # type: ignore[attr-defined]
    value = properties.get("functionName") or properties.get("FunctionName")
    stack = cdk.Stack.of(alias)
    found = _NAME_OR_ARN_OF_FUNCTION.fullmatch(text_of(stack.resolve(value)))
    return _resource_named(found["name"], value, stack) if found else None


def _refusal(value: object) -> ValueError:
    shown = arguments.shown(value)
    if isinstance(value, cdk.CfnResource):
        shown = f"{value.node.path}, a resource of type {value.cfn_resource_type}"
    return ValueError(
        f"connector_function is {shown}, but must be {FUNCTION.allowed}. {FUNCTION.remedy}"
    )
