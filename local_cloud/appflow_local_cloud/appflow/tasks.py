"""The tasks of a flow: which fields and rows it transfers, and under which names.

Source: Task, ConnectorOperator and OperatorPropertiesKeys in the AppFlow API Reference. The local
cloud serves filters and mappings, and refuses all other tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ValidationException
from .filters import OPERATORS, RowFilter
from .model import invalid, missing

_SERVED = ("Filter", "Map", "Map_all")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Tasks:
    """The tasks of a flow.

    Attributes:
        projected: the fields of all projections, or None if there is no projection.
        mappings: from fields of the source to fields of the destination, in the order of the tasks.
        maps_all: whether all other fields keep their names.
        excluded: the fields that ``maps_all`` leaves out.
        filters: the conditions that a record has to meet.
    """

    projected: tuple[str, ...] | None
    mappings: tuple[tuple[str, str], ...]
    maps_all: bool
    excluded: frozenset[str]
    filters: tuple[RowFilter, ...]

    def selected(self, fields: list[str]) -> list[str]:
        """The fields to request from a connector.

        Args:
            fields: all fields of the entity.
        """
        if self.maps_all:
            wanted = [name for name in fields if name not in self.excluded]
        else:
            wanted = list(self.projected or ())
        return list(dict.fromkeys([*wanted, *(source for source, _ in self.mappings)]))

    def columns(self, fields: list[str]) -> list[str]:
        """The fields that the destination receives.

        Args:
            fields: all fields of the source.
        """
        return list(self.mapped(dict.fromkeys(fields)))

    def filter_expression(self, data_types: Mapping[str, str]) -> str | None:
        """The conditions in the language of filter expressions, or None without a condition."""
        conditions = [one.expression(data_types.get(one.field, "String")) for one in self.filters]
        return " and ".join(conditions) or None

    def accepts(self, record: Record) -> bool:
        """Whether a record meets all conditions."""
        return all(one.accepts(record) for one in self.filters)

    def mapped(self, record: Record) -> dict[str, Any]:
        """A record under the names of the destination."""
        if self.maps_all:
            renamed = {source for source, _ in self.mappings}
            kept = {k: v for k, v in record.items() if k not in self.excluded | renamed}
        elif not self.mappings:
            kept = {name: record.get(name) for name in self.projected or ()}
        else:
            kept = {}
        return {**kept, **{to: record.get(source) for source, to in self.mappings}}


def tasks_in(definitions: list[Mapping[str, Any]]) -> Tasks:
    """The tasks of a flow.

    Raises:
        ValidationException: the local cloud does not serve a task, or a task lacks a member.
    """
    projected: list[str] | None = None
    mappings: list[tuple[str, str]] = []
    excluded: list[str] = []
    filters: list[RowFilter] = []
    kinds = set()
    for number, task in enumerate(definitions, start=1):
        path = f"tasks.{number}.member"
        kind = task["taskType"]
        kinds.add(kind)
        if kind not in _SERVED:
            raise ValidationException(
                f"The local cloud does not serve the task {kind} at '{path}.taskType'. It serves"
                f" {', '.join(_SERVED)}."
            )
        if kind == "Map":
            mappings.append(_mapping(task, path))
        elif kind == "Map_all":
            excluded += _excluded(task, path)
        elif _operator(task, path) == "PROJECTION":
            projected = [*(projected or []), *task["sourceFields"]]
        else:
            filters.append(_row_filter(task, path))
    if not mappings and "Map_all" not in kinds and not projected:
        raise invalid("tasks", definitions, "Member must map or project at least one field")
    return Tasks(
        projected=None if projected is None else tuple(projected),
        mappings=tuple(mappings),
        maps_all="Map_all" in kinds,
        excluded=frozenset(excluded),
        filters=tuple(filters),
    )


def fields_in(definitions: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The path and the name of each field of the source that the tasks name."""
    for number, task in enumerate(definitions, start=1):
        for index, name in enumerate(task["sourceFields"], start=1):
            yield f"tasks.{number}.member.sourceFields.{index}.member", name


def filter_operators_in(definitions: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The path and the value of each operator of a filter."""
    for number, task in enumerate(definitions, start=1):
        if task["taskType"] == "Filter":
            path = f"tasks.{number}.member"
            yield f"{path}.connectorOperator", _operator(task, path)


def _operator(task: Mapping[str, Any], path: str) -> str:
    """The operator, under the name of any connector: Amazon's tests use that of the destination."""
    operators = list((task.get("connectorOperator") or {}).values())
    if len(operators) != 1:
        raise invalid(
            f"{path}.connectorOperator", operators, "Member must have exactly one operator"
        )
    return str(operators[0])


def _one_field(task: Mapping[str, Any], path: str) -> str:
    fields = task["sourceFields"]
    if len(fields) != 1:
        raise invalid(f"{path}.sourceFields", fields, "Member must have exactly one field")
    return str(fields[0])


def _mapping(task: Mapping[str, Any], path: str) -> tuple[str, str]:
    operator = _operator(task, path) if task.get("connectorOperator") else "NO_OP"
    if operator != "NO_OP":
        raise ValidationException(
            f"The local cloud does not serve the operator {operator} of the task Map at"
            f" '{path}.connectorOperator'. It serves NO_OP."
        )
    if not task.get("destinationField"):
        raise missing(f"{path}.destinationField")
    return _one_field(task, path), task["destinationField"]


def _excluded(task: Mapping[str, Any], path: str) -> list[str]:
    text = (task.get("taskProperties") or {}).get("EXCLUDE_SOURCE_FIELDS_LIST", "[]")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, list):
        raise invalid(
            f"{path}.taskProperties.EXCLUDE_SOURCE_FIELDS_LIST.member",
            text,
            "Member must be a JSON list of fields",
        )
    return fields


def _row_filter(task: Mapping[str, Any], path: str) -> RowFilter:
    operator = _operator(task, path)
    if operator not in OPERATORS:
        raise ValidationException(
            f"The local cloud does not serve the operator {operator} of the task Filter at"
            f" '{path}.connectorOperator'. It serves PROJECTION, {', '.join(OPERATORS)}."
        )
    properties = task.get("taskProperties") or {}
    if operator == "BETWEEN":
        names = ("LOWER_BOUND", "UPPER_BOUND")
        for name in names:
            if name not in properties:
                raise missing(f"{path}.taskProperties.{name}.member")
        values = tuple(properties[name] for name in names)
    elif "VALUE" in properties:
        values = (properties["VALUE"],)
    elif "VALUES" in properties:
        values = tuple(value.strip() for value in properties["VALUES"].split(","))
    else:
        raise missing(f"{path}.taskProperties.VALUE.member")
    return RowFilter(_one_field(task, path), operator, values)
