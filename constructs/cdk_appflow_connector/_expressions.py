"""Expressions in resolved values: which of them only the deployment knows, and which are secret.

A resolved value has the form that it has in the template. CloudFormation replaces two kinds of
expressions in it: intrinsic functions, which are members such as ``Ref`` or ``Fn::Sub``, and
dynamic references, which are texts such as ``{{resolve:ssm:name}}``.
Source: "Intrinsic function reference" and "Get values stored in other services using dynamic
references" in the CloudFormation User Guide.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import aws_cdk as cdk

from ._template_file import read_template

_Element = TypeVar("_Element", bound=cdk.CfnElement)

# The result of these functions changes with their arguments only.
_PURE = frozenset({"Fn::Join", "Fn::Select", "Fn::Split", "Fn::Base64", "Fn::Sub"})

# An output of a stack is no secret, and its value has the same name in every stack.
_OUTPUT_OF_A_STACK = "Fn::GetStackOutput"

# The values of exports and outputs can be listed.
_PUBLIC = frozenset({"Fn::ImportValue", _OUTPUT_OF_A_STACK})

_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:(?P<service>[^:}]*)")
_SSM_REFERENCE = re.compile(r"\{\{resolve:ssm:[^{}]*\}\}")

# ``secretsmanager``, ``ssm-secure`` and a service of which only the deployment knows the name.
_SECRET_SERVICE = re.compile(r"secret|secure|^$|\$")

_IN_SUB = re.compile(r"\$\{\s*(?P<name>[^!}][^}]*?)\s*\}")

_PSEUDO = "AWS::"


class Template:
    """The elements of a stack's template that expressions refer to by name."""

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack
        self._elements: Mapping[str, cdk.CfnElement] = {}

    def _element(self, name: Any, kind: type[_Element]) -> _Element | None:
        """The element with a logical id, if it is of a kind."""
        if not isinstance(name, str) or name.startswith(_PSEUDO) or "." in name:
            return None
        if name not in self._elements:
            # The app may add elements until the end of synthesis, and so does the CDK.
            self._elements = elements_of(self._stack)
        element = self._elements.get(name)
        return element if isinstance(element, kind) else None

    def definitions(self, value: Any) -> Mapping[str, Mapping[str, Any]]:
        """The mappings and conditions that a value refers to, also through each other."""
        mappings: dict[str, Any] = {}
        conditions: dict[str, Any] = {}
        values = [value]
        while values:
            for function, arguments in _intrinsics(values.pop()):
                name = arguments[0] if isinstance(arguments, list) and arguments else arguments
                if function == "Fn::FindInMap":
                    mapping = self._element(name, cdk.CfnMapping)
                    if mapping is not None:
                        mappings[name] = _contents(mapping)
                elif function in ("Fn::If", "Condition"):
                    condition = self._element(name, cdk.CfnCondition)
                    if condition is not None and name not in conditions:
                        conditions[name] = self._stack.resolve(condition.expression)
                        values.append(conditions[name])
        found = {"Mappings": mappings, "Conditions": conditions}
        return {section: members for section, members in found.items() if members}

    def is_deploy_time(self, value: Any) -> bool:
        """Whether only the deployment knows a value.

        Pseudo parameters do not count: they are the same at each deployment of a stack. The
        contents of a mapping are known, too.
        """
        if _DYNAMIC_REFERENCE.search(text_of(value)):
            return True
        return any(
            self._is_deploy_time_function(function, arguments)
            for function, arguments in _intrinsics(value)
        )

    def _is_deploy_time_function(self, function: str, arguments: Any) -> bool:
        if function in ("Ref", "Fn::Sub"):
            return any(not name.startswith(_PSEUDO) for name in _names(function, arguments))
        if function == "Fn::FindInMap":
            name = arguments[0] if isinstance(arguments, list) and arguments else None
            return self._element(name, cdk.CfnMapping) is None
        return function not in _PURE

    def is_secret(self, value: Any) -> bool:
        """Whether a value refers to a secret: a NoEcho parameter or a secret elsewhere."""
        return any(
            _SECRET_SERVICE.search(reference["service"])
            for reference in _DYNAMIC_REFERENCE.finditer(text_of(value))
        ) or any(
            self._is_no_echo(name)
            for function, arguments in _intrinsics(value)
            for name in _names(function, arguments)
        )

    def _is_no_echo(self, name: str) -> bool:
        parameter = self._element(name, cdk.CfnParameter)
        if parameter is None:
            return False
        return parameter.no_echo or self._is_secret_in_parent(name)

    def _is_secret_in_parent(self, name: str) -> bool:
        """Whether the parent stack passes a secret to a parameter of a nested stack.

        The CDK makes no such parameter NoEcho, also not for one that is in the parent.
        """
        parent, nested = self._stack.nested_stack_parent, self._stack.nested_stack_resource
        if parent is None or nested is None:
            return False
        parameters = parent.resolve(nested._cfn_properties).get("parameters")
        return Template(parent).is_secret((parameters or {}).get(name))

    def references(self, text: Any) -> list[Any]:
        """The expressions in a text that may be shown, without the text around them.

        An attribute of a resource may be a secret, such as that of an access key. CloudFormation
        and Parameter Store show the other values.
        """
        found: list[Any] = []
        for expression in self._references(text):
            if expression not in found:
                found.append(expression)
        return found

    def _references(self, text: Any) -> Iterator[Any]:
        match text:
            case str():
                yield from _SSM_REFERENCE.findall(text)
            case list():
                yield from self._references({"Fn::Join": ["", text]})
            case {"Fn::Join": [str(separator), list(parts)]}:
                before = ""
                for part in parts:
                    # What is inside a dynamic reference belongs to it, and may name a secret.
                    if not _ends_in_dynamic_reference(before):
                        yield from self._references(part)
                    before += text_of(part) + separator
            case {"Fn::If": [condition, *branches]}:
                chosen = [[digest(branch), *self.references(branch)] for branch in branches]
                yield {"Fn::If": [condition, *chosen]}
            case dict():
                yield from self._references_of_functions(text)

    def _references_of_functions(self, functions: Mapping[str, Any]) -> Iterator[Any]:
        for function, arguments in functions.items():
            for name in _names(function, arguments, in_dynamic_references=False):
                if not (name.startswith(_PSEUDO) or "." in name or self._is_no_echo(name)):
                    yield {"Ref": name}
            if function in _PUBLIC and not self.is_secret(arguments):
                yield {function: arguments}
            elif function != "Ref":
                yield from self._references(arguments)


def elements_of(stack: cdk.Stack) -> Mapping[str, cdk.CfnElement]:
    """The elements of a stack's template by their logical ids."""
    constructs = stack.node.find_all()
    elements = [one for one in constructs if isinstance(one, cdk.CfnElement)]
    if sum(isinstance(one, cdk.Stack) for one in constructs) > 1:
        # Those of nested stacks are in other templates.
        path = stack.node.path
        elements = [element for element in elements if element.stack.node.path == path]
    names = stack.resolve([element.logical_id for element in elements])
    return dict(zip(names, elements, strict=True))


def referenced_names(value: Any) -> Iterator[str]:
    """The logical ids and parameters that ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub`` refer to."""
    for function, arguments in _intrinsics(value):
        match function, arguments:
            case "Fn::GetAtt", [str(name), *_]:
                yield name
            case "Fn::GetAtt", str(name):
                yield name.partition(".")[0]
            case _:
                for name in _names(function, arguments):
                    yield name.partition(".")[0]


def is_known_everywhere(value: Any) -> bool:
    """Whether an expression means the same in the template of every stack."""
    return all(
        all(name.startswith(_PSEUDO) for name in _names(function, arguments))
        if function in ("Ref", "Fn::Sub")
        else function in _PURE or function == _OUTPUT_OF_A_STACK
        for function, arguments in _intrinsics(value)
    )


def text_of(value: Any) -> str:
    """A value as a text, in which references stand as in ``Fn::Sub``.

    The texts of lists and of arguments are on lines of their own. A function whose result is
    unknown is ``${}``.
    """
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": list(names)}:
            return "${" + ".".join(map(str, names)) + "}"
        case {"Fn::GetAtt": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(map(text_of, parts))
        case {"Fn::Sub": str(template)}:
            return template
        case {"Fn::Sub": [str(template), dict(variables)]}:
            return _substitute(template, variables)
        case list():
            return "\n".join(map(text_of, value))
        case dict():
            unknown = ["${}"] if any(map(_is_intrinsic, value)) else []
            return "\n".join([*unknown, *map(text_of, value.values())])
    return ""


def _substitute(template: str, variables: Mapping[str, Any]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        return text_of(variables[name]) if name in variables else match[0]

    return _IN_SUB.sub(replace, template)


def _is_intrinsic(name: str) -> bool:
    return name in ("Ref", "Condition") or name.startswith("Fn::")


def _intrinsics(value: Any) -> Iterator[tuple[str, Any]]:
    """Every intrinsic function in a value, with its arguments, the outer before the inner."""
    if isinstance(value, list):
        for member in value:
            yield from _intrinsics(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            # Fn::Transform and Fn::ForEach may stand beside other members.
            if name.startswith("Fn::") or (_is_intrinsic(name) and len(value) == 1):
                yield name, member
            yield from _intrinsics(member)


def _names(function: str, arguments: Any, *, in_dynamic_references: bool = True) -> Iterator[str]:
    """The names that ``Ref`` or ``Fn::Sub`` refers to; a dot separates an attribute."""
    match function, arguments:
        case "Ref", str(name):
            yield name
        case "Fn::Sub", str(template) | [str(template), *_]:
            variables = arguments[1] if isinstance(arguments, list) and arguments[1:] else {}
            for found in _IN_SUB.finditer(template):
                is_inside = _ends_in_dynamic_reference(template[: found.start()])
                if found["name"] not in variables and (in_dynamic_references or not is_inside):
                    yield found["name"]


def _ends_in_dynamic_reference(text: str) -> bool:
    return text.rfind("{{resolve:") > text.rfind("}}")


def _contents(mapping: cdk.CfnMapping) -> Any:
    """The contents of a mapping.

    The CDK shows them only in a template. A mapping that another stack refers to is copied there,
    so the template of a stack that has nothing else is made.
    """
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, auto_synth=False, analytics_reporting=False)
        stack = cdk.Stack(app, "Mapping")
        stack.resolve(mapping.find_in_map(cdk.Aws.REGION, cdk.Aws.REGION))
        [contents] = read_template(stack)["Mappings"].values()
    return contents


def digest(value: Any) -> str:
    """A hash of a resolved value, which does not depend on the order of members."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
