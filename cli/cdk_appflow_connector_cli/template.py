"""Evaluation of a deployed template's properties from what CloudFormation stores.

A property is a literal or an intrinsic function. The template from GetTemplate, the parameters from
DescribeStacks and the physical ids from ListStackResources are enough to evaluate conditions and
the functions that produce the ARN of a Lambda function. CloudFormation keeps them for the life of
the stack. The alternative, the evaluated properties in the stack events, is deleted after 90 days.

Dynamic references and the functions that are not listed in ``Template`` are reported as
unresolvable. An output of another or a nested stack has its current value, which can have changed
since the last deployment.

Sources: "Intrinsic function reference", "Pseudo parameters reference", AWS::Lambda::Alias and
AWS::Lambda::Version in the CloudFormation Template Reference; ListStackResources and
DescribeStackEvents in the CloudFormation API Reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .conditions import Conditions, UnresolvableError, shown

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]*)\}")

# The physical id of these is their ARN, which Ref and one attribute return.
_ARN_ATTRIBUTES = {"AWS::Lambda::Alias": "AliasArn", "AWS::Lambda::Version": "FunctionArn"}
_FUNCTION = "AWS::Lambda::Function"

_NO_VALUE = {"Ref": "AWS::NoValue"}

_NESTED_STACK = "AWS::CloudFormation::Stack"
_OUTPUTS = "Outputs."


class Resource(NamedTuple):
    """A resource of a stack, as ListStackResources returns it.

    ``physical_id`` is empty until the resource is created. ``status_reason`` is CloudFormation's
    explanation of the status, or empty.
    """

    logical_id: str
    physical_id: str
    type: str
    status: str = ""
    status_reason: str = ""


class StackOutput(NamedTuple):
    """An output of another stack, as Fn::GetStackOutput names it, or of a nested one.

    ``stack`` is its name or ARN.
    ``role_arn`` is the role with which CloudFormation reads the stack, or empty.
    """

    stack: str
    output: str
    region: str
    role_arn: str


class Template:
    """A deployed template.

    Args:
        body: the template, after its transforms.
        stack_id: the ARN of its stack.
        parameters: the parameters of the stack by key, as DescribeStacks returns them.
        resources: the resources of the stack by logical id.
        export_value: returns the value of an export by name; raises KeyError if it does not exist.
        output_value: returns the value of an output of another stack; raises UnresolvableError if
            it cannot be read.
    """

    def __init__(
        self,
        body: Mapping[str, Any],
        *,
        stack_id: str,
        parameters: Mapping[str, Mapping[str, Any]],
        resources: Mapping[str, Resource],
        export_value: Callable[[str], str],
        output_value: Callable[[StackOutput], str],
    ) -> None:
        self._body = body
        self._parameters = parameters
        self._resources = resources
        self._export_value = export_value
        self._output_value = output_value
        _, partition, _, region, account, path = stack_id.split(":", 5)
        self._pseudo_parameters = {
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": stack_id,
            "AWS::StackName": path.split("/")[1],
        }
        self._conditions = Conditions(body.get("Conditions"), self._evaluate)
        self._functions: Mapping[str, Callable[[Any], str]] = {
            "Ref": self._ref,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetStackOutput": self._get_stack_output,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
        }

    def property(self, logical_id: str, name: str) -> str | None:
        """The value of a property of a resource; None if the template does not set it.

        Raises:
            UnresolvableError: only CloudFormation can evaluate the value.
        """
        resources = _members(self._body.get("Resources"))
        if logical_id not in resources:
            raise UnresolvableError(f"the stack's template has no resource {logical_id}")
        properties = _members(_members(resources[logical_id]).get("Properties"))
        if name not in properties:
            for key in properties:
                # CloudFormation documents no merge keys of YAML.
                if key == "<<" or key.startswith("Fn::"):
                    raise UnresolvableError(f"the template may set it by {key} of the properties")
        value = self._chosen(properties.get(name))
        if value is None or value == _NO_VALUE:
            return None
        text = self._evaluate(value)
        # Fn::Join and Fn::Sub can put one together.
        if "{{resolve:" in text:
            raise UnresolvableError(f"it is the dynamic reference {text}")
        return text

    def _chosen(self, value: Any) -> Any:
        """The value in place of Fn::If."""
        while isinstance(value, Mapping) and set(value) == {"Fn::If"}:
            value = self._conditions.choose(value["Fn::If"])
        return value

    def _evaluate(self, value: Any) -> str:
        value = self._chosen(value)
        if isinstance(value, str):
            return value
        # CloudFormation passes on booleans and numbers as text; how it writes a fraction is not
        # documented.
        if isinstance(value, int):
            return str(value).lower()
        if isinstance(value, Mapping) and len(value) == 1:
            [(function, argument)] = value.items()
            if function in self._functions:
                return self._functions[function](argument)
            raise UnresolvableError(f"it depends on {function}")
        raise UnresolvableError(f"it is {shown(value)}, which is no text")

    def _ref(self, name: Any) -> str:
        if not isinstance(name, str):
            raise UnresolvableError(f"it depends on Ref of {shown(name)}")
        if name in self._pseudo_parameters:
            return self._pseudo_parameters[name]
        if name in self._parameters:
            return self._parameter(name)
        resource = self._resources.get(name)
        if resource is None or resource.type not in (*_ARN_ATTRIBUTES, _FUNCTION):
            kind = resource.type if resource else "unknown"
            raise UnresolvableError(f"it depends on Ref of {name}, whose type is {kind}")
        return _physical_id(resource)

    def _parameter(self, name: str) -> str:
        declared = _members(_members(self._body.get("Parameters")).get(name))
        from_parameter_store = str(declared.get("Type")).startswith("AWS::SSM::Parameter::Value")
        value = self._parameters[name].get(
            "ResolvedValue" if from_parameter_store else "ParameterValue"
        )
        is_secret = str(declared.get("NoEcho")).lower() == "true"
        # DescribeStacks returns asterisks in place of a secret, however the template spells NoEcho.
        if value is None or is_secret or set(value) == {"*"}:
            raise UnresolvableError(f"CloudFormation does not show the value of parameter {name}")
        return str(value)

    def _find_in_map(self, argument: Any) -> str:
        match argument:
            case [mapping, first, second]:
                keys = [self._evaluate(key) for key in (mapping, first, second)]
            case _:
                raise UnresolvableError(f"it depends on Fn::FindInMap of {shown(argument)}")
        value: Any = self._body.get("Mappings", {})
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if not isinstance(value, (str, int)):
            raise UnresolvableError(f"the template's mappings have no text {'.'.join(keys)}")
        return self._evaluate(value)

    def _get_att(self, argument: Any) -> str:
        match argument.split(".", 1) if isinstance(argument, str) else argument:
            case [str(name), str(attribute)]:
                resource = self._resources.get(name)
            case _:
                raise UnresolvableError(f"it depends on Fn::GetAtt of {shown(argument)}")
        if resource and (resource.type, attribute) == (_FUNCTION, "Arn"):
            prefix = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function"
            return f"{self._sub(prefix)}:{_physical_id(resource)}"
        if resource and _ARN_ATTRIBUTES.get(resource.type) == attribute:
            return _physical_id(resource)
        if resource and resource.type == _NESTED_STACK and attribute.startswith(_OUTPUTS):
            output, region = attribute.removeprefix(_OUTPUTS), self._ref("AWS::Region")
            return self._output_value(StackOutput(_physical_id(resource), output, region, ""))
        raise UnresolvableError(f"it depends on Fn::GetAtt of {name}.{attribute}")

    def _get_stack_output(self, argument: Any) -> str:
        match argument:
            case {"StackName": stack, "OutputName": output, **rest}:
                region = rest.get("Region", {"Ref": "AWS::Region"})
                parts = (stack, output, region, rest.get("RoleArn", ""))
                return self._output_value(StackOutput(*map(self._evaluate, parts)))
        raise UnresolvableError("it depends on Fn::GetStackOutput")

    def _import_value(self, argument: Any) -> str:
        name = self._evaluate(argument)
        try:
            return self._export_value(name)
        except KeyError:
            raise UnresolvableError(f"there is no export {name}") from None

    def _join(self, argument: Any) -> str:
        match argument:
            case [str(delimiter), [*parts]]:
                return delimiter.join(map(self._evaluate, parts))
        raise UnresolvableError("it depends on Fn::Join of a list that is not in the template")

    def _sub(self, argument: Any) -> str:
        match argument:
            case str(text):
                variables: Mapping[str, Any] = {}
            case [str(text), Mapping() as variables]:
                pass
            case _:
                raise UnresolvableError(f"it depends on Fn::Sub of {shown(argument)}")

        def value(found: re.Match[str]) -> str:
            is_literal, name = found.groups()
            if is_literal:
                return "${" + name + "}"
            if name in variables:
                return self._evaluate(variables[name])
            return self._get_att(name) if "." in name else self._ref(name)

        return _SUBSTITUTION.sub(value, text)


def _members(value: Any) -> Mapping[str, Any]:
    """A section of a template; an empty one is null, or text in YAML."""
    return value if isinstance(value, Mapping) else {}


def _physical_id(resource: Resource) -> str:
    if not resource.physical_id:
        raise UnresolvableError(f"resource {resource.logical_id} is not created")
    return resource.physical_id
