"""A value that changes whenever a function's code or configuration does.

AppFlow keeps the configuration that a connector's Lambda gave at registration, so new code under an
old ARN has to be announced. CloudFormation sends a custom resource an Update only if one of its
properties changed. Hence this property.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from constructs import IConstruct

# What may change without making a connector answer differently. Tags above all: many teams put the
# commit or the date of the deployment into them.
_IRRELEVANT = frozenset({"tags", "reservedConcurrentExecutions", "provisionedConcurrencyConfig"})

_OF_DEPLOYMENT = frozenset({"Fn::GetAtt", "Fn::ImportValue"})

_LATEST = "$LATEST"


def lambda_revision(
    function: lambda_.IFunction, resource: IConstruct | None, stack: cdk.Stack
) -> cdk.IResolvable | None:
    """The revision of a function as a property value for a resource of ``stack``.

    ``resource`` is the function's own, None for an imported one.

    It is computed when the app is synthesised, so that everything the app does to the function
    counts. Changes made through the escape hatches ``add_override`` and ``add_property_override``
    are invisible to it.

    Returns:
        None for a function whose code cannot change under its ARN (a Version) or whose code the app
        does not know (an imported one).
    """
    if isinstance(function, lambda_.SingletonFunction):
        # It holds its function in a construct beside it.
        resource = function.permissions_node.default_child
    if isinstance(resource, lambda_.CfnFunction | lambda_.CfnAlias):
        return cdk.Lazy.uncached_any(_Revision(function, resource, stack))
    return None


@jsii.implements(cdk.IAnyProducer)
class _Revision:
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
        revision: dict[str, Any] = {"Hash": self._hash()}
        # The ARN of a layer, the version behind an alias and code that a parameter names can change
        # at deployment without any change of the template. They stay within their own stack: as a
        # value exported to another one they could never change again.
        if cdk.Stack.of(self._resource) is self._stack:
            revision.update(self._known_at_deployment())
        return revision

    def _hash(self) -> str:
        resources: list[IConstruct] = [self._resource]
        if isinstance(self._function, lambda_.Alias) and self._function.version.version == _LATEST:
            latest = self._function.lambda_.node.default_child
            resources += [latest] if latest else []
        properties = [_resolved_properties(resource) for resource in resources]
        return hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()

    def _known_at_deployment(self) -> dict[str, Any]:
        if isinstance(self._resource, lambda_.CfnAlias):
            return {"Version": self._resource.function_version}
        known: dict[str, Any] = {}
        if self._resource.layers:
            known["Layers"] = self._resource.layers
        code = _resolved_properties(self._resource)["code"]
        if _refers_to_deployment(code):
            known["Code"] = {name[0].upper() + name[1:]: code[name] for name in code}
        return known


def _refers_to_deployment(resolved: Any) -> bool:
    """Whether a value refers to something that only the deployment knows."""
    if isinstance(resolved, list):
        return any(map(_refers_to_deployment, resolved))
    if not isinstance(resolved, dict):
        return False
    if "Ref" in resolved:
        # Pseudo parameters are the same at each deployment of a stack.
        return not resolved["Ref"].startswith("AWS::")
    return not _OF_DEPLOYMENT.isdisjoint(resolved) or any(
        map(_refers_to_deployment, resolved.values())
    )


def _resolved_properties(resource: IConstruct) -> dict[str, Any]:
    # Protected in CDK, yet the only complete view of a resource before its template exists.
    properties = cdk.Stack.of(resource).resolve(resource._cfn_properties)  # type: ignore[attr-defined]
    return {key: properties[key] for key in properties.keys() - _IRRELEVANT}
