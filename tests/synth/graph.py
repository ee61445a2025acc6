"""What each resource of a template waits for, as CloudFormation sees it.

Sources: "DependsOn attribute" and "Intrinsic function reference" in the CloudFormation Template
Reference. ``Ref``, ``Fn::GetAtt``, ``Fn::Sub`` and ``DependsOn`` make a resource wait for another.
"""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk

Graph = dict[str, set[str]]

_IN_SUB = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")


def graph_of(template: Mapping[str, Any]) -> Graph:
    """The logical ids that each resource of a template waits for."""
    resources = template.get("Resources", {})
    return {name: {*_references(one)} & resources.keys() for name, one in resources.items()}


def circle_in(graph: Graph) -> list[str]:
    """The logical ids of a circle, or an empty list."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def waits_for(graph: Graph, name: str) -> set[str]:
    """Everything that a resource waits for, directly or not."""
    found: set[str] = set()
    new = {name}
    while new:
        new = set().union(*(graph[one] for one in new)) - found
        found |= new
    return found


def templates_of(app: cdk.App) -> dict[str, dict[str, Any]]:
    """The templates of all stacks of a synthesised app, nested ones and stages included."""
    files = sorted(Path(app.outdir).rglob("*.template.json"))
    return {str(file.relative_to(app.outdir)): json.loads(file.read_text()) for file in files}


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"DependsOn": str(name)}:
            yield name
        case {"DependsOn": list(names)}:
            yield from names
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(text)}:
            yield text.partition(".")[0]
        case {"Fn::Sub": str(text) | [str(text), *_]}:
            yield from _IN_SUB.findall(text)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _references(member)
