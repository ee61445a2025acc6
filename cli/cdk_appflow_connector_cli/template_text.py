"""A template as YAML that people read: short forms of functions, and resources apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_WIDTH = 100

# The entries of these sections have an empty line between them.
_SPACED = ("Parameters", "Resources", "Outputs")


def yaml_text(template: Mapping[str, Any]) -> str:
    """The text of a template, its sections in their order."""
    return "\n".join(_section(name, section) for name, section in template.items())


def _section(name: str, section: Any) -> str:
    text: str = yaml.dump({name: section}, Dumper=_Dumper, sort_keys=False, width=_WIDTH)
    return re.sub(r"(?<!:)\n(?=  \w)", "\n\n", text) if name in _SPACED else text


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes ``{"Ref": "Name"}`` as ``!Ref Name``, and each value in full."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the dumper's signature
        """Whether a value that is the same object as another is written again: always."""
        return True

    def increase_indent(
        self,
        flow: bool = False,
        indentless: bool = False,  # noqa: ARG002 - the dumper's signature
    ) -> None:
        """Indent the members of lists too."""
        super().increase_indent(flow, False)

    def choose_scalar_style(self) -> Any:
        """No quotes around the argument of a function unless it needs them."""
        style = super().choose_scalar_style()
        event: Any = self.event
        analysis: Any = self.analysis
        if style == "'" and (event.tag or "").startswith("!"):
            plain = analysis.allow_flow_plain if self.flow_level else analysis.allow_block_plain
            return "" if plain else style
        return style


def _represent(dumper: _Dumper, value: dict[str, Any]) -> yaml.Node:
    match [*value.items()]:
        case [("Fn::GetAtt", [*parts])]:
            return dumper.represent_scalar("!GetAtt", ".".join(parts))
        case [(("Ref" | "Fn::Sub") as function, str(text))]:
            return dumper.represent_scalar(_tag(function), text)
        case [(str(function), list(arguments))] if function.startswith("Fn::"):
            return _represent_list(dumper, arguments, _tag(function))
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=False)


def _tag(function: str) -> str:
    return f"!{function.removeprefix('Fn::')}"


def _represent_list(
    dumper: _Dumper, value: list[Any], tag: str = "tag:yaml.org,2002:seq"
) -> yaml.Node:
    # Short lists of texts are on one line.
    node = dumper.represent_sequence(tag, value)
    are_scalars = all(isinstance(member, yaml.ScalarNode) for member in node.value)
    node.flow_style = are_scalars and sum(len(member.value) for member in node.value) < _WIDTH // 2
    return node


_Dumper.add_representer(dict, _represent)
_Dumper.add_representer(list, _represent_list)
