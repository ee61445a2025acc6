"""Conditions of templates that compare what functions return.

MiniStack resolves ``Ref`` and some of ``Fn::Select`` in a condition, and compares other functions
as they are written.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks


class ResolvedConditions:
    """Resolves the functions in conditions before MiniStack evaluates them."""

    def __init__(self) -> None:
        self._evaluate = engine._evaluate_conditions

    def install(self) -> None:
        """Replace the functions of MiniStack."""
        for module in (engine, changesets, handlers, stacks):
            module._evaluate_conditions = self.evaluate

    def evaluate(self, template: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, bool]:
        """Whether each condition of a template is true.

        Args:
            template: the template.
            params: MiniStack's records of the parameters.
        """
        mappings = template.get("Mappings", {})
        conditions = {
            name: _resolved(condition, params, mappings)
            for name, condition in template.get("Conditions", {}).items()
        }
        found: dict[str, bool] = self._evaluate({**template, "Conditions": conditions}, params)
        return found


def _resolved(value: Any, params: Mapping[str, Any], mappings: Mapping[str, Any]) -> Any:
    """A condition in which both sides of each comparison are resolved."""
    match value:
        case {"Fn::Equals": list(sides)}:
            # A condition may name neither resources nor other conditions there.
            return {"Fn::Equals": engine._resolve_refs(sides, {}, params, {}, mappings, "", "")}
        case dict():
            return {name: _resolved(member, params, mappings) for name, member in value.items()}
        case list():
            return [_resolved(member, params, mappings) for member in value]
    return value
