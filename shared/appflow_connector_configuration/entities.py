"""The entities of a connector's application in AppFlow's terms, and what AppFlow refuses in them.

Sources: ListEntitiesRequest, DescribeEntityRequest and their responses in Amazon's SDKs for custom
connectors; ConnectorEntity and ConnectorEntityField of the AppFlow service model in botocore for
what AppFlow shows. AWS does not document the mapping between them; it follows from the names on
both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .model import Violation, service_model, violations

LIST, DESCRIBE = "ListEntitiesRequest", "DescribeEntityRequest"
"""The types of the requests about entities."""

# From AppFlow's members to the SDKs' members of a field.
_FIELD = {
    "identifier": "fieldName",
    "label": "label",
    "isPrimaryKey": "isPrimaryKey",
    "defaultValue": "defaultValue",
    "isDeprecated": "isDeprecated",
    "description": "description",
    "customProperties": "customProperties",
}
_SOURCE = ("isRetrievable", "isQueryable", "isTimestampFieldForIncrementalQueries")
_DESTINATION = (
    "isCreatable",
    "isNullable",
    "isUpsertable",
    "isUpdatable",
    "isDefaultedOnCreate",
    "supportedWriteOperations",
)


def listed_entities(response: Mapping[str, Any]) -> Any:
    """The entities in a successful response to ListEntitiesRequest, in AppFlow's terms.

    A value of a wrong type is returned as it is.
    """
    return _each(_empty_if_null(response.get("entities")), _shown_entity)


def described_fields(response: Mapping[str, Any]) -> Any:
    """The fields in a successful response to DescribeEntityRequest, in AppFlow's terms.

    A value of a wrong type is returned as it is, and None if there are no fields.
    """
    definition = response.get("entityDefinition")
    fields = definition.get("fields") if isinstance(definition, Mapping) else None
    return _each(fields, _shown_field)


def violations_in_list(response: Mapping[str, Any]) -> list[Violation]:
    """What AppFlow refuses in a successful response to ListEntitiesRequest."""
    shape = service_model().shape_for("ConnectorEntityList")
    found = [*violations(listed_entities(response), shape, "entities")]
    token = response.get("nextToken")
    if not isinstance(token, (str, type(None))):
        found.append(Violation("nextToken", token, "Member must be of type string"))
    return found


def violations_in_fields(response: Mapping[str, Any]) -> list[Violation]:
    """What AppFlow refuses in a successful response to DescribeEntityRequest."""
    shape = service_model().shape_for("ConnectorEntityFieldList")
    # An entity without fields cannot be in a flow.
    return [*violations(described_fields(response), shape, "entityDefinition.fields")]


def _empty_if_null(value: Any) -> Any:
    # The SDK in Python returns null instead of an empty list.
    return [] if value is None else value


def _each(items: Any, shown: Callable[[Any], Any]) -> Any:
    return [shown(item) for item in items] if isinstance(items, list) else items


def _shown_entity(entity: Any) -> Any:
    if not isinstance(entity, Mapping):
        return entity
    return _without_nulls(
        name=entity.get("entityIdentifier"),
        label=entity.get("label"),
        hasNestedEntities=entity.get("hasNestedEntities"),
    )


def _shown_field(field: Any) -> Any:
    if not isinstance(field, Mapping):
        return field
    plain = {name: field.get(theirs) for name, theirs in _FIELD.items()}
    return _without_nulls(
        **plain,
        supportedFieldTypeDetails={"v1": _field_type(field)},
        sourceProperties=_selected(field.get("readProperties"), _SOURCE),
        destinationProperties=_selected(field.get("writeProperties"), _DESTINATION),
    )


def _field_type(field: Mapping[str, Any]) -> dict[str, Any]:
    found = field.get("constraints")
    constraints: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    return _without_nulls(
        fieldType=field.get("dataType"),
        filterOperators=_empty_if_null(field.get("filterOperators")),
        supportedValues=constraints.get("allowedValues"),
        valueRegexPattern=constraints.get("allowedValuesRegexPattern"),
        supportedDateFormat=constraints.get("allowedDateFormat"),
        fieldValueRange=_range(constraints.get("allowedValueRange")),
        fieldLengthRange=_range(constraints.get("allowedLengthRange")),
    )


def _range(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return _without_nulls(minimum=value.get("minRange"), maximum=value.get("maxRange"))


def _selected(properties: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(properties, Mapping):
        return properties
    return _without_nulls(**{name: properties.get(name) for name in names})


def _without_nulls(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
