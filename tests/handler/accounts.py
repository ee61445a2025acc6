"""An account that many tests use, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support import LastingAccount


@dataclass(frozen=True)
class ReusedAccount(LastingAccount):
    """An account that keeps its functions from test to test: cold starts take longest in a test."""

    _functions: dict[str, tuple[str, bool]] = field(default_factory=dict)
    _earlier_calls: list[int] = field(default_factory=lambda: [0])

    def reset(self) -> None:
        """Remove what the tests before have registered, and forget their calls."""
        operations = {call["operation"] for call in self.calls()}
        if operations & {"CreateConnectorProfile", "CreateFlow"}:
            self.clear()
        elif "RegisterConnector" in operations:
            self.clear_connectors()
        self._earlier_calls[0] += len(self.calls())

    def calls(self, *, after: int = 0) -> list[Mapping[str, Any]]:
        """The calls since the test began."""
        return super().calls(after=self._earlier_calls[0] + after)

    def make_function(self, name: str, source: str, *, granted: bool = True) -> str:
        if name not in self._functions:
            arn = super().make_function(name, source, granted=granted)
            self._functions[name] = source, granted
            return arn
        arn = f"arn:aws:lambda:{self.region}:{self.id}:function:{name}"
        kept_source, kept_granted = self._functions[name]
        if source != kept_source:
            self.change_code(name, source)
        if granted and not kept_granted:
            self.grant_appflow(arn)
        elif kept_granted and not granted:
            self.client("lambda").remove_permission(FunctionName=name, StatementId="AppFlow")
        self._functions[name] = source, granted
        return arn

    def change_code(self, name: str, source: str) -> None:
        super().change_code(name, source)
        self._functions[name] = source, self._functions[name][1]

    def grant_appflow(self, arn: str, **conditions: str) -> None:
        super().grant_appflow(arn, **conditions)
        name = arn.split(":")[6]
        if name in self._functions:
            self._functions[name] = self._functions[name][0], True
