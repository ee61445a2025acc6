"""The conditions of a deployed template.

Source: "Condition functions" in the CloudFormation Template Reference.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any


class UnresolvableError(Exception):
    """Only CloudFormation can evaluate the value; the message says why."""


def shown(value: Any) -> str:
    """A part of a template in a reason, shortened: aliases of YAML can make it long without end."""
    text = _beginning.repr(value)
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}..."


_MAX_SHOWN_LENGTH = 200
_beginning = reprlib.Repr()
_beginning.maxlevel = 3
_beginning.maxstring = _MAX_SHOWN_LENGTH


class Conditions:
    """The conditions of a template.

    Args:
        definitions: the section ``Conditions`` of the template.
        evaluate: evaluates a value that a condition compares; raises UnresolvableError if only
            CloudFormation can.
    """

    def __init__(self, definitions: Any, evaluate: Callable[[Any], str]) -> None:
        self._definitions = definitions if isinstance(definitions, Mapping) else {}
        self._evaluate = evaluate

    def choose(self, argument: Any) -> Any:
        """The value that Fn::If chooses, unevaluated.

        Raises:
            UnresolvableError: only CloudFormation can evaluate the condition.
        """
        match argument:
            case [str(name), if_true, if_false]:
                return if_true if self._is_true(name) else if_false
        raise UnresolvableError(f"it depends on Fn::If of {shown(argument)}")

    def _is_true(self, name: str) -> bool:
        if name not in self._definitions:
            raise UnresolvableError(f"the template has no condition {name}")
        try:
            return self._value_of(self._definitions[name])
        except UnresolvableError as error:
            raise UnresolvableError(f"condition {name} cannot be resolved: {error}") from error

    def _value_of(self, condition: Any) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self._is_true(name)
            case {"Fn::Equals": [first, second]}:
                return self._evaluate(first) == self._evaluate(second)
            case {"Fn::Not": [negated]}:
                return not self._value_of(negated)
            case {"Fn::And": [*parts]}:
                return all(map(self._value_of, parts))
            case {"Fn::Or": [*parts]}:
                return any(map(self._value_of, parts))
        raise UnresolvableError(f"it depends on {shown(condition)}")
