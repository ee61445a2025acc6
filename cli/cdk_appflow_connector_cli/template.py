"""Evaluation of a deployed template's properties from what CloudFormation stores.

A property is a literal or an intrinsic function. The template from GetTemplate, the parameters from
DescribeStacks and the physical ids from ListStackResources are enough to evaluate the functions
that produce the ARN of a Lambda function. CloudFormation keeps them for the life of the stack. The
alternative, the evaluated properties in the stack events, is deleted after 90 days.

Two kinds of values are reported as unresolvable: those that can have changed since the last
deployment (dynamic references, outputs of other stacks that are not exports), and functions that
the construct does not generate (conditions, mappings).

Sources: "Intrinsic function reference", "Pseudo parameters reference", AWS::Lambda::Alias and
AWS::Lambda::Version in the CloudFormation Template Reference; ListStackResources and
DescribeStackEvents in the CloudFormation API Reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]*)\}")

# The Ref of these is their ARN, and so is their physical id.
_LAMBDA_QUALIFIERS = ("AWS::Lambda::Alias", "AWS::Lambda::Version")


class UnresolvableError(Exception):
    """Only CloudFormation can evaluate the value; the message says why."""


class Resource(NamedTuple):
    """A resource of a stack, as ListStackResources returns it.

    ``physical_id`` is empty until the resource is created.
    """

    logical_id: str
    physical_id: str
    type: str


class Template:
    """A deployed template.

    Args:
        body: the template.
        stack_id: the ARN of its stack.
        parameters: the parameters of the stack by key, as DescribeStacks returns them.
        resources: the resources of the stack by logical id.
        export_value: returns the value of an export by name; raises KeyError if it does not exist.
    """

    def __init__(
        self,
        body: Mapping[str, Any],
        *,
        stack_id: str,
        parameters: Mapping[str, Mapping[str, Any]],
        resources: Mapping[str, Resource],
        export_value: Callable[[str], str],
    ) -> None:
        self._body = body
        self._parameters = parameters
        self._resources = resources
        self._export_value = export_value
        _, partition, _, region, account, path = stack_id.split(":", 5)
        self._pseudo_parameters = {
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": stack_id,
            "AWS::StackName": path.split("/")[1],
        }
        self._functions: Mapping[str, Callable[[Any], str]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
            "Fn::ImportValue": self._import_value,
        }

    def property(self, logical_id: str, name: str) -> str | None:
        """The value of a property of a resource; None if the template does not set it.

        Raises:
            UnresolvableError: only CloudFormation can evaluate the value.
        """
        resource = self._body.get("Resources", {}).get(logical_id)
        if resource is None:
            raise UnresolvableError(f"the stack's template has no resource {logical_id}")
        value = resource.get("Properties", {}).get(name)
        return None if value is None else self._evaluate(value)

    def _evaluate(self, value: Any) -> str:
        if isinstance(value, str):
            if "{{resolve:" in value:
                raise UnresolvableError(f"it is the dynamic reference {value}")
            return value
        if isinstance(value, Mapping) and len(value) == 1:
            [(function, argument)] = value.items()
            if function in self._functions:
                return self._functions[function](argument)
            raise UnresolvableError(f"it depends on {function}")
        raise UnresolvableError(f"it is {value!r}, which is no string")

    def _ref(self, name: Any) -> str:
        if name in self._pseudo_parameters:
            return self._pseudo_parameters[name]
        if name in self._parameters:
            return self._parameter(name)
        resource = self._resources.get(name)
        if resource is None or resource.type not in (*_LAMBDA_QUALIFIERS, "AWS::Lambda::Function"):
            kind = resource.type if resource else "unknown"
            raise UnresolvableError(f"it depends on Ref of {name}, whose type is {kind}")
        return resource.physical_id

    def _parameter(self, name: str) -> str:
        declared = self._body.get("Parameters", {}).get(name, {})
        from_parameter_store = str(declared.get("Type")).startswith("AWS::SSM::Parameter::Value")
        value = self._parameters[name].get(
            "ResolvedValue" if from_parameter_store else "ParameterValue"
        )
        if value is None or str(declared.get("NoEcho")).lower() == "true":
            raise UnresolvableError(f"CloudFormation does not show the value of parameter {name}")
        return str(value)

    def _get_att(self, argument: Any) -> str:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        resource = self._resources.get(name)
        if resource is None or (resource.type, attribute) != ("AWS::Lambda::Function", "Arn"):
            raise UnresolvableError(f"it depends on Fn::GetAtt of {name}.{attribute}")
        prefix = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function"
        return self._sub(f"{prefix}:{resource.physical_id}")

    def _join(self, argument: Any) -> str:
        delimiter, parts = argument
        if not isinstance(parts, list):
            raise UnresolvableError("it depends on Fn::Join of a list that is not in the template")
        return str(delimiter).join(map(self._evaluate, parts))

    def _sub(self, argument: Any) -> str:
        if not isinstance(argument, str):
            raise UnresolvableError("it depends on Fn::Sub with a map of variables")

        def value(match: re.Match[str]) -> str:
            is_literal, name = match.groups()
            if is_literal:
                return "${" + name + "}"
            return self._get_att(name) if "." in name else self._ref(name)

        return _SUBSTITUTION.sub(value, argument)

    def _import_value(self, argument: Any) -> str:
        name = self._evaluate(argument)
        try:
            return self._export_value(name)
        except KeyError:
            raise UnresolvableError(f"there is no export {name}") from None
