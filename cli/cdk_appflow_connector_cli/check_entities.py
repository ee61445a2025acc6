"""What flows use of an entity and the connector no longer has. Pure functions.

The findings continue those on configurations. They are certain as far as the context of the request
is that of the flows: the entities of an application can depend on the credentials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from appflow_connector_configuration.findings import Finding, Severity, Usage
from appflow_connector_configuration.loss import encoded
from appflow_connector_configuration.usage import End, ends


def used_entities(usage: Usage) -> list[str]:
    """The names of the entities that flows read from the connector or write to it."""
    return sorted({entity for _, entity, _ in _uses(usage)})


def entity_findings(
    fields: Mapping[str, Set[str]], missing: Sequence[str], usage: Usage
) -> list[Finding]:
    """The entities and fields that flows use and that are gone.

    Args:
        fields: the names of the fields of each entity that the connector describes.
        missing: the names of the entities that do not exist.
        usage: what uses the connector.
    """
    flows: dict[tuple[str, str], list[str]] = {}
    for flow, entity, used in _uses(usage):
        if entity in missing:
            flows.setdefault((entity, ""), []).append(flow)
        for field in sorted(used - fields.get(entity, used)):
            flows.setdefault((entity, field), []).append(flow)
    return [_finding(entity, field, sorted(set(names))) for (entity, field), names in flows.items()]


def _finding(entity: str, field: str, flows: Sequence[str]) -> Finding:
    if field:
        name = f"FIELD_REMOVED:{encoded(entity)}.{encoded(field)}"
        text = f"Entity {entity} has no field {field}"
    else:
        name, text = f"ENTITY_REMOVED:{encoded(entity)}", f"There is no entity {entity}"
    return Finding(name, Severity.ERROR, text, flows=tuple(flows))


def _uses(usage: Usage) -> Iterator[tuple[str, str, Set[str]]]:
    """The name, the entity and the fields of each flow, for each of its ends at the connector."""
    for end in ends(usage, "SOURCE"):
        if entity := end.properties.get("entityName"):
            yield end.flow["flowName"], entity, _read_fields(end)
    for end in ends(usage, "DESTINATION"):
        if entity := end.properties.get("entityName"):
            yield end.flow["flowName"], entity, _written_fields(end)


def _read_fields(end: End) -> set[str]:
    """The fields of the source that the tasks and the incremental transfer of a flow name."""
    made = set(_made_by_tasks(end.flow))
    fields = {
        field
        for task in end.flow.get("tasks") or []
        for field in task.get("sourceFields") or []
        if field not in made
    }
    incremental = end.config.get("incrementalPullConfig") or {}
    name = incremental.get("datetimeTypeFieldName")
    return fields | ({name} if name else set())


def _written_fields(end: End) -> set[str]:
    """The fields of the destination that the mappings of a flow name, and its keys."""
    mapped = {
        task["destinationField"]
        for task in end.flow.get("tasks") or []
        if task.get("taskType") == "Map" and task.get("destinationField")
    }
    return mapped | set(end.properties.get("idFieldNames") or [])


def _made_by_tasks(flow: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a task makes of others, such as a merged one, for a later task to map."""
    for task in flow.get("tasks") or []:
        made = task.get("destinationField")
        is_made = made and made not in (task.get("sourceFields") or [])
        if is_made and task.get("taskType") != "Map":
            yield made
