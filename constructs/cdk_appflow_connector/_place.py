"""Accounts and Regions, as far as they are known before deployment."""

from __future__ import annotations

import re
from typing import NamedTuple

import aws_cdk as cdk

# A token has characters that none of these may have, so that a text is told from one without asking
# the CDK, which takes a message to another process.
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]+", re.ASCII)


class Place(NamedTuple):
    """Where a stack or a function is; None for what is not known before deployment."""

    account: str | None
    region: str | None

    @classmethod
    def of(cls, account: str, region: str) -> Place:
        """The place of an account and a Region, each of which may be a token."""
        return cls(
            account if _ACCOUNT.fullmatch(account) else None,
            region if _REGION.fullmatch(region) else None,
        )

    def is_that_of(self, other: Place) -> bool | None:
        """Whether two places are one; None where too little is known to tell."""
        pairs = [*zip(self, other, strict=True)]
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            return False
        return None if None in (*self, *other) else True


def top_level(stack: cdk.Stack) -> cdk.Stack:
    """The stack that a stack is nested in, at whatever depth, or itself: they go to one place."""
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack
