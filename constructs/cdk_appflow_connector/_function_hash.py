"""The function behind a connector, and a hash that changes when its code or configuration does.

AppFlow reads a connector's configuration when the connector is registered, so new code under the
same ARN needs a refresh. CloudFormation sends a custom resource an Update only if one of its
properties changed. The ``FunctionHash`` property changes with the function.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from constructs import IConstruct

from ._environment import is_same_stack

# Properties that do not change what a connector returns. Many teams write the commit or the date of
# the deployment into tags.
_IRRELEVANT = frozenset({"tags", "reservedConcurrentExecutions", "provisionedConcurrencyConfig"})

_DEPLOY_TIME_FUNCTIONS = frozenset({"Fn::GetAtt", "Fn::ImportValue"})

_LATEST = "$LATEST"


class ConnectorFunction(NamedTuple):
    """The function, version or alias that is a connector.

    ``arn`` may be a token. ``resource`` is the CloudFormation resource, or None if it is imported.
    """

    construct: lambda_.IFunction
    arn: str
    resource: IConstruct | None

    @classmethod
    def of(cls, construct: lambda_.IFunction) -> ConnectorFunction:
        """The function of a construct."""
        # A SingletonFunction keeps its function in another construct, and this is the node of that.
        node = construct.permissions_node
        return cls(construct, construct.function_arn, node.default_child)


def function_hash(function: ConnectorFunction, stack: cdk.Stack) -> cdk.IResolvable | None:
    """The ``FunctionHash`` of a function, as a property value for a resource of ``stack``.

    It is computed during synthesis, so it includes everything that the app does to the function.
    It does not include the escape hatches ``add_override`` and ``add_property_override``.

    Returns:
        None for a function whose code cannot change under its ARN (a version) or is not known to
        the app (an imported function).
    """
    if isinstance(function.resource, lambda_.CfnFunction | lambda_.CfnAlias):
        return cdk.Lazy.uncached_any(_FunctionHash(function.construct, function.resource, stack))
    return None


@jsii.implements(cdk.IAnyProducer)
class _FunctionHash:
    def __init__(
        self,
        function: lambda_.IFunction,
        resource: lambda_.CfnFunction | lambda_.CfnAlias,
        stack: cdk.Stack,
    ) -> None:
        self._function = function
        self._resource = resource
        self._stack = stack

    def produce(self, context: cdk.IResolveContext) -> Any:  # noqa: ARG002 - CDK's signature
        stack = cdk.Stack.of(self._resource)
        properties = _relevant_properties(self._resource, stack)
        value: dict[str, Any] = {"Hash": _digest([properties, *self._latest_properties()])}
        # A layer's ARN, the version behind an alias and code that a parameter names can change at
        # deployment although the template stays the same. They are included for a function of this
        # stack only: a value that is exported to another stack could never change again.
        if is_same_stack(stack, self._stack):
            value.update(self._deploy_time_values(properties))
        return value

    def _latest_properties(self) -> list[dict[str, Any]]:
        """The properties of the function whose ``$LATEST`` an alias points to."""
        function = self._function
        if not isinstance(function, lambda_.Alias) or function.version.version != _LATEST:
            return []
        latest = function.lambda_.node.default_child
        return [_relevant_properties(latest, cdk.Stack.of(latest))] if latest else []

    def _deploy_time_values(self, properties: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self._resource, lambda_.CfnAlias):
            return {"Version": self._resource.function_version}
        values: dict[str, Any] = {}
        layers, code = self._resource.layers, properties["code"]
        if layers:
            values["Layers"] = layers
        if _is_deploy_time(code):
            values["Code"] = {name[0].upper() + name[1:]: code[name] for name in code}
        return values


def _is_deploy_time(resolved: Any) -> bool:
    """Whether a resolved value contains a deploy-time value."""
    if isinstance(resolved, list):
        return any(map(_is_deploy_time, resolved))
    if not isinstance(resolved, dict):
        return False
    if "Ref" in resolved:
        # Pseudo parameters are the same at each deployment of a stack.
        return not resolved["Ref"].startswith("AWS::")
    return not _DEPLOY_TIME_FUNCTIONS.isdisjoint(resolved) or any(
        map(_is_deploy_time, resolved.values())
    )


def _relevant_properties(resource: IConstruct, stack: cdk.Stack) -> dict[str, Any]:
    # Protected in CDK, yet the only complete view of a resource before its template exists.
    properties = stack.resolve(resource._cfn_properties)  # type: ignore[attr-defined]
    return {key: properties[key] for key in properties.keys() - _IRRELEVANT}


def _digest(properties: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()
