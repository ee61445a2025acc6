"""A hash that changes when the code or configuration of a connector's function does.

AppFlow reads a connector's configuration when the connector is registered, so new code under the
same ARN needs a refresh. CloudFormation sends a custom resource an Update only if one of its
properties changed. The ``FunctionHash`` property changes with the function.

What the template says is hashed. Of what only the deployment knows, the expressions are members of
``FunctionHash``, so that CloudFormation compares their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import jsii

from constructs import IConstruct

from ._connector_function import ConnectorFunction, Kind, properties_of
from ._environment import StackRecord, is_same_stack
from ._expressions import Template, digest, is_known_everywhere

# Properties that do not change what a connector returns. Many teams write the commit or the date of
# the deployment into tags.
_IRRELEVANT = frozenset({"Tags", "ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig"})

# Properties that are only hashed. Environment variables may be secrets. The others say where a
# function runs and who may use it, and most of them refer to resources of the stack.
_HASHED_ONLY = frozenset(
    {
        "AssumeRolePolicyDocument",
        "CodeSigningConfigArn",
        "DeadLetterConfig",
        "DeadLetterQueue",
        "DeploymentPreference",
        "Environment",
        "EventInvokeConfig",
        "Events",
        "FunctionName",
        "FunctionUrlConfig",
        "KmsKeyArn",
        "LoggingConfig",
        "PermissionsBoundary",
        "Policies",
        "Role",
        "VpcConfig",
    }
)

# Source code in the template. It can be long and contain secrets.
_INLINE_CODE = frozenset({"ZipFile", "InlineCode"})

_WEIGHTS = "AdditionalVersionWeights"


def function_hash(function: ConnectorFunction, stack: StackRecord) -> cdk.IResolvable | None:
    """The ``FunctionHash`` of a function, as a property value for a resource of ``stack``.

    It is computed during synthesis, so it includes everything that the app does to the function.
    It does not include the escape hatches ``add_override`` and ``add_property_override``.

    Returns:
        None for a function whose code cannot change under its ARN (a version) or is not known to
        the app (a function from elsewhere).
    """
    if function.resource is None or function.kind not in (Kind.FUNCTION, Kind.ALIAS):
        return None
    return cdk.Lazy.uncached_any(_FunctionHash(function, stack))


def alias_routing(function: ConnectorFunction) -> cdk.IResolvable | None:
    """The ``AliasRouting`` of a function: ``Weighted`` for an alias that routes to two versions.

    CodeDeploy shifts traffic by weights that are not in the template.
    """
    if function.resource is None or function.kind is not Kind.ALIAS:
        return None
    return cdk.Lazy.uncached_any(_AliasRouting(function.resource))


@jsii.implements(cdk.IAnyProducer)
class _AliasRouting:
    def __init__(self, alias: IConstruct) -> None:
        self._alias = alias

    def produce(self, context: cdk.IResolveContext) -> Any:  # noqa: ARG002 - CDK's signature
        routing = _with_template_names(properties_of(self._alias)).get("RoutingConfig")
        weights = routing if _is_expression(routing) else (routing or {}).get(_WEIGHTS)
        return "Weighted" if weights else None


@jsii.implements(cdk.IAnyProducer)
class _FunctionHash:
    def __init__(self, function: ConnectorFunction, stack: StackRecord) -> None:
        self._function = function
        self._stack = stack

    def produce(self, context: cdk.IResolveContext) -> Any:  # noqa: ARG002 - CDK's signature
        hashed: list[Any] = []
        definitions: dict[str, dict[str, Any]] = {}
        deploy_time_values: dict[str, Any] = {}
        for resource in (self._function.resource, self._function.latest):
            if resource is None:
                continue
            properties = _relevant_properties(resource)
            template = self._stack.template_of(cdk.Stack.of(resource))
            hashed.append(properties)
            for section, members in template.definitions(properties).items():
                definitions.setdefault(section, {}).update(members)
            deploy_time_values.update(self._deploy_time_values(resource, properties, template))
        if definitions:
            hashed.append(definitions)
        return {"Hash": digest(hashed), **deploy_time_values}

    def _deploy_time_values(
        self, resource: IConstruct, properties: Mapping[str, Any], template: Template
    ) -> dict[str, Any]:
        """The expressions whose values can change although the template stays the same.

        Of a function in another stack, these are the few that need no export: an exported value
        could never change again.
        """
        named = _with_template_names(properties)
        shown = {
            name: _deploy_time_value(name, value, template)
            for name, value in named.items()
            if name not in _HASHED_ONLY
        }
        if is_same_stack(cdk.Stack.of(resource), self._stack.stack):
            # Both are included in any case, also if they contain no expression.
            shown["Layers"] = (
                None if template.is_secret(named.get("Layers")) else named.get("Layers")
            )
            shown["Version"] = named.get("FunctionVersion")
        else:
            shown = {name: value for name, value in shown.items() if is_known_everywhere(value)}
        shown.pop("FunctionVersion", None)
        return {name: value for name, value in shown.items() if value}


def _deploy_time_value(name: str, value: Any, template: Template) -> Any:
    """A property as ``FunctionHash`` contains it, or None if it has nothing for the deployment."""
    if not template.is_deploy_time(value):
        return None
    if name in _INLINE_CODE or (_is_expression(value) and _has_inline_code(value)):
        return template.references(value)
    if _is_expression(value) or not isinstance(value, dict):
        return None if template.is_secret(value) else value
    members = {}
    for member, content in value.items():
        if template.is_deploy_time(content):
            members[member] = _deploy_time_value(member, content, template)
        elif member not in _INLINE_CODE:
            members[member] = content
    shown = {member: content for member, content in members.items() if content}
    return shown if template.is_deploy_time(shown) else None


def _is_expression(value: Any) -> bool:
    return isinstance(value, dict) and any(key == "Ref" or key.startswith("Fn::") for key in value)


def _has_inline_code(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_inline_code, value))
    if not isinstance(value, dict):
        return False
    names = map(_template_name, value)
    return not _INLINE_CODE.isdisjoint(names) or any(map(_has_inline_code, value.values()))


def _with_template_names(value: Any) -> Any:
    """A value with the names that its members have in the template, such as ``S3Key``."""
    if isinstance(value, list):
        return list(map(_with_template_names, value))
    if not isinstance(value, dict) or _is_expression(value):
        return value
    return {_template_name(name): _with_template_names(value[name]) for name in value}


def _template_name(name: str) -> str:
    return name[:1].upper() + name[1:]


def _relevant_properties(resource: IConstruct) -> dict[str, Any]:
    properties = properties_of(resource)
    return {
        name: value for name, value in properties.items() if _template_name(name) not in _IRRELEVANT
    }
