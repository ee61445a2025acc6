"""The row filters of a flow's tasks: as an expression for a connector, or applied to a record.

Source: the grammar ``CustomConnectorQueryFilter`` in Amazon's SDK for custom connectors, and
OperatorPropertiesKeys in the AppFlow API Reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Source: FieldDataType of the SDKs. Values of all other types are quoted.
_UNQUOTED_TYPES = frozenset(
    {
        *("Integer", "Float", "Double", "Long", "Short", "BigInteger", "BigDecimal"),
        *("Boolean", "Date", "DateTime"),
    }
)

_SYMBOLS = {
    "EQUAL_TO": "=",
    "NOT_EQUAL_TO": "!=",
    "LESS_THAN": "<",
    "LESS_THAN_OR_EQUAL_TO": "<=",
    "GREATER_THAN": ">",
    "GREATER_THAN_OR_EQUAL_TO": ">=",
    "CONTAINS": "CONTAINS",
}

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL_TO": lambda found, value: bool(found == value),
    "NOT_EQUAL_TO": lambda found, value: bool(found != value),
    "LESS_THAN": lambda found, value: bool(found < value),
    "LESS_THAN_OR_EQUAL_TO": lambda found, value: bool(found <= value),
    "GREATER_THAN": lambda found, value: bool(found > value),
    "GREATER_THAN_OR_EQUAL_TO": lambda found, value: bool(found >= value),
}

OPERATORS = (*_SYMBOLS, "BETWEEN")
"""The operators of row filters."""


@dataclass(frozen=True)
class RowFilter:
    """A condition on one field.

    Attributes:
        field: the name of the field.
        operator: one of ``OPERATORS``.
        values: the bounds of BETWEEN, or the values of which one has to match; with NOT_EQUAL_TO
            all have to match.
    """

    field: str
    operator: str
    values: tuple[str, ...]

    def expression(self, data_type: str) -> str:
        """The condition in the language of filter expressions.

        Args:
            data_type: the type of the field, as the SDKs spell it.
        """
        values = [_literal(value, data_type) for value in self.values]
        if self.operator == "BETWEEN":
            return f"{self.field} BETWEEN {values[0]} AND {values[1]}"
        symbol = _SYMBOLS[self.operator]
        conditions = [f"{self.field} {symbol} {value}" for value in values]
        if len(conditions) == 1:
            return conditions[0]
        conjunction = " and " if self.operator == "NOT_EQUAL_TO" else " or "
        return f"({conjunction.join(conditions)})"

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Whether a record meets the condition; an empty field meets NOT_EQUAL_TO only."""
        found = record.get(self.field)
        if found is None:
            return self.operator == "NOT_EQUAL_TO"
        if self.operator == "CONTAINS":
            return any(value in str(found) for value in self.values)
        if self.operator == "BETWEEN":
            low, high = self.values
            return _compare("GREATER_THAN_OR_EQUAL_TO", found, low) and _compare(
                "LESS_THAN_OR_EQUAL_TO", found, high
            )
        results = [_compare(self.operator, found, value) for value in self.values]
        return all(results) if self.operator == "NOT_EQUAL_TO" else any(results)


def _literal(value: str, data_type: str) -> str:
    if data_type in _UNQUOTED_TYPES:
        return value
    if '"' not in value:
        return f'"{value}"'
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace('"', r"\"")
    return f'"{escaped}"'


def _compare(operator: str, found: Any, value: str) -> bool:
    """Compare as numbers if both are numbers, otherwise as texts."""
    # A filter names a Boolean as JSON does.
    found = json.dumps(found) if isinstance(found, bool) else found
    numbers = _number(found), _number(value)
    if None in numbers:
        return _COMPARISONS[operator](str(found), value)
    return _COMPARISONS[operator](*numbers)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
