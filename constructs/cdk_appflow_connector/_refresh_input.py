"""What the handler receives when a function changes outside of a deployment.

EventBridge sends constants of the template, with the id and the time of the event.
Source: InputTransformer in the EventBridge API Reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aws_cdk as cdk

Properties = Mapping[str, Any]

INPUT_PATHS = {"id": "$.id", "time": "$.time"}

# The properties of a registration that the handler needs to refresh it.
_PROPERTIES = ("ConnectorLabel", "OnBreakingChange", "AcknowledgedChanges", "AliasRouting")

# Of what only the deployment knows, the longest is a label.
_MAX_LABEL = 256

# What is not part of a registration, with the longest ARNs of a function and of a stack.
_MAX_OTHERS = 700


def input_template(
    function_arn: str,
    registrations: Iterable[Properties],
    stack_id: str | None,
    max_event_age: int,
    resolve: Callable[[Any], Any],
) -> str:
    """The input template of a rule's target.

    Args:
        function_arn: the registered ARN.
        registrations: the properties of the resource of each registration.
        stack_id: the stack that contains the function, if the handler can read its events.
        max_event_age: the seconds after which the handler ignores an event.
        resolve: resolves a property that is no text. The tokens in a text stay.
    """

    def known(value: Any) -> Any:
        if isinstance(value, list):
            # A token of a list is no text. This one is the text between the first and last quotes.
            return [cdk.Fn.join('","', value)] if cdk.Token.is_unresolved(value) else value
        return value if isinstance(value, str | None) else resolve(value)

    by_label = sorted(registrations, key=lambda one: str(one["ConnectorLabel"]))
    members = {
        "RequestType": "Refresh",
        "LambdaArn": function_arn,
        "Registrations": [_registration(one, known) for one in by_label],
        "MaxEventAgeSeconds": max_event_age,
    }
    return _template(members if stack_id is None else {**members, "StackId": stack_id})


def max_input_size(registrations: Iterable[Properties]) -> int:
    """The maximum length of the input template for some registrations."""
    found = [_registration(one, _longest) for one in registrations]
    return _MAX_OTHERS + len(_template({"Registrations": found}))


def _registration(properties: Properties, known: Callable[[Any], Any]) -> dict[str, Any]:
    found = {name: known(properties.get(name)) for name in _PROPERTIES}
    return {name: value for name, value in found.items() if value is not None}


def _longest(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_longest, value)]
    # A token of a list is a list of one text with a # in place of the $.
    is_known = value is None or (isinstance(value, str) and "{Token[" not in value)
    return value if is_known else "x" * _MAX_LABEL


def _template(members: Mapping[str, Any]) -> str:
    # EventBridge would read a text in angle brackets as a member of the event.
    text = json.dumps(members, separators=(",", ":")).replace("<", "\\u003c")
    return f'{text[:-1]},"EventId":<id>,"Time":<time>}}'
