"""What a deployed template asks for, without asking CloudFormation to deploy it again.

A value of a template is a literal or an intrinsic function. The template that GetTemplate returns,
the parameters of DescribeStacks and the physical ids of ListStackResources are enough to evaluate
the few functions that the ARN of a Lambda function comes as. CloudFormation keeps all of them as
long as the stack exists. The alternative, the evaluated properties in the events of the stack, goes
after 90 days, and connectors live longer than that.

Values that a later deployment would see differently (dynamic references, outputs of other stacks
that are no exports) and functions that the construct does not make (conditions, mappings) are not
evaluated: they are reported as what cannot be told.

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


class CannotTellError(Exception):
    """A value that only CloudFormation can evaluate; the message is what stands in the way."""


class Resource(NamedTuple):
    """A resource of a stack, as ListStackResources has it.

    ``physical_id`` is empty as long as the resource is not made.
    """

    logical_id: str
    physical_id: str
    type: str


class Template:
    """A deployed template.

    Args:
        body: the template.
        stack_id: the ARN of its stack.
        parameters: the parameters of the stack by their keys, as DescribeStacks has them.
        resources: the resources of the stack by their logical ids.
        exported: gives the value of an export by its name; raises KeyError if there is none.
    """

    def __init__(
        self,
        body: Mapping[str, Any],
        *,
        stack_id: str,
        parameters: Mapping[str, Mapping[str, Any]],
        resources: Mapping[str, Resource],
        exported: Callable[[str], str],
    ) -> None:
        self._body = body
        self._parameters = parameters
        self._resources = resources
        self._exported = exported
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
        """The value of a property of a resource, or None if the template does not set it.

        Raises:
            CannotTellError: only CloudFormation can evaluate it.
        """
        resource = self._body.get("Resources", {}).get(logical_id)
        if resource is None:
            raise CannotTellError(f"the stack's template has no resource {logical_id}")
        value = resource.get("Properties", {}).get(name)
        return None if value is None else self._evaluate(value)

    def _evaluate(self, value: Any) -> str:
        if isinstance(value, str):
            if "{{resolve:" in value:
                raise CannotTellError(f"it is the dynamic reference {value}")
            return value
        if isinstance(value, Mapping) and len(value) == 1:
            [(function, argument)] = value.items()
            if function in self._functions:
                return self._functions[function](argument)
            raise CannotTellError(f"it depends on {function}")
        raise CannotTellError(f"it is {value!r}")

    def _ref(self, name: Any) -> str:
        if name in self._pseudo_parameters:
            return self._pseudo_parameters[name]
        if name in self._parameters:
            return self._parameter(name)
        resource = self._resources.get(name)
        if resource is None or resource.type not in (*_LAMBDA_QUALIFIERS, "AWS::Lambda::Function"):
            kind = resource.type if resource else "unknown"
            raise CannotTellError(f"it depends on Ref of {name}, whose type is {kind}")
        return resource.physical_id

    def _parameter(self, name: str) -> str:
        declared = self._body.get("Parameters", {}).get(name, {})
        from_parameter_store = str(declared.get("Type")).startswith("AWS::SSM::Parameter::Value")
        value = self._parameters[name].get(
            "ResolvedValue" if from_parameter_store else "ParameterValue"
        )
        if value is None or str(declared.get("NoEcho")).lower() == "true":
            raise CannotTellError(f"CloudFormation does not show the value of parameter {name}")
        return str(value)

    def _get_att(self, argument: Any) -> str:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        resource = self._resources.get(name)
        if resource is None or (resource.type, attribute) != ("AWS::Lambda::Function", "Arn"):
            raise CannotTellError(f"it depends on Fn::GetAtt of {name}.{attribute}")
        place = "${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}"
        return self._sub(f"arn:{place}:function:{resource.physical_id}")

    def _join(self, argument: Any) -> str:
        delimiter, parts = argument
        if not isinstance(parts, list):
            raise CannotTellError("it depends on Fn::Join of a list that is not in the template")
        return str(delimiter).join(map(self._evaluate, parts))

    def _sub(self, argument: Any) -> str:
        if not isinstance(argument, str):
            raise CannotTellError("it depends on Fn::Sub with variables of its own")

        def value(match: re.Match[str]) -> str:
            is_literal, name = match.groups()
            if is_literal:
                return "${" + name + "}"
            return self._get_att(name) if "." in name else self._ref(name)

        return _SUBSTITUTION.sub(value, argument)

    def _import_value(self, argument: Any) -> str:
        name = self._evaluate(argument)
        try:
            return self._exported(name)
        except KeyError:
            raise CannotTellError(f"there is no export {name}") from None
