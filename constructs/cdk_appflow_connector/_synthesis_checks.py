"""Checks that need the whole template, made when the app is synthesised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import jsii

import constructs

from ._circles import find_circle
from ._environment import StackRecord, is_same_stack
from ._handler_check import HandlerCheck
from ._template_file import read_template


def check_at_synthesis(stack: StackRecord) -> None:
    """Check a stack, and the stacks around it, when the app is synthesised."""
    if stack.is_checked:
        return
    stack.is_checked = True
    stack.node_of_stack.add_validation(_Checks(stack))
    if stack.parent is not None:
        check_at_synthesis(stack.parent)


@jsii.implements(constructs.IValidation)
class _Checks:
    def __init__(self, stack: StackRecord) -> None:
        self._stack = stack

    def validate(self) -> list[str]:
        return [*self._errors()]

    def _errors(self) -> Iterator[str]:
        template = read_template(self._stack.stack)
        handlers = {one: HandlerCheck(one, template) for one in self._stack.providers}
        in_vpc = [provider for provider, handler in handlers.items() if handler.is_in_vpc]
        has_changed = [provider._allow_network() for provider in in_vpc]
        if any(has_changed):
            template = read_template(self._stack.stack)

        def template_of(stack: cdk.Stack) -> dict[str, Any]:
            return template if is_same_stack(stack, self._stack.stack) else read_template(stack)

        for handler in handlers.values():
            yield from handler.errors()
        yield from find_circle(self._stack, template)
        # jsii returns a construct that was made in Python as the same object each time.
        for provider in dict.fromkeys(one._provider for one in self._stack.registrations):
            policies = provider._policies
            if policies is not None and policies.limits.first_provider is policies:
                yield from policies.limits.validate(template_of)
