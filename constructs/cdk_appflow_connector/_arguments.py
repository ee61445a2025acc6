"""The types of arguments, refused by name before a construct exists.

The CDK checks the types of structs and enumerations only, and not at all with ``python -O``. What
it does not check fails in Node.js, often without the name of the argument.
"""

from __future__ import annotations

import contextlib
import enum
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk

from constructs import Construct

# A number of JavaScript represents greater integers inexactly, so two of them may look equal.
_MAX_INTEGER = 2**53 - 1

_MAX_SHOWN_LENGTH = 100


@dataclass(frozen=True)
class Argument:
    """What an argument may be.

    Attributes:
        allowed: what the argument may be, as an error says it.
        remedy: the next step after an error, a sentence without its full stop.
        accepts: whether a value is of an allowed type.
    """

    allowed: str
    remedy: str
    accepts: Callable[[Any], bool]

    def or_none(self) -> Argument:
        """The same argument, which may be None as well."""
        return Argument(
            f"{self.allowed} or None",
            self.remedy,
            lambda value: value is None or self.accepts(value),
        )


def instance(cls: type, remedy: str) -> Argument:
    """An argument that is an instance of a class, such as a construct or a member of an enum."""
    article = "an" if cls.__name__[0] in "AEIOU" else "a"
    return Argument(f"{article} {cls.__name__}", remedy, lambda value: isinstance(value, cls))


def implementing(member: str, allowed: str, remedy: str) -> Argument:
    """An argument that implements an interface of the CDK, recognised by one of its members.

    The interfaces of the CDK are protocols that ``isinstance`` does not accept.
    """
    return Argument(allowed, remedy, lambda value: has_member(value, member))


def implementing_list(member: str, allowed: str, remedy: str) -> Argument:
    """An argument that is a list of implementations of an interface of the CDK."""
    return Argument(
        allowed,
        remedy,
        lambda value: isinstance(value, list) and all(has_member(one, member) for one in value),
    )


SCOPE = Argument(
    "a construct",
    "Pass the construct in which to create this one, often self",
    lambda value: isinstance(value, Construct),
)
ID = Argument(
    "text",
    "Pass an id that is unique within scope",
    lambda value: isinstance(value, str),
)
TEXT = Argument(
    "text",
    "Pass text. Convert a token with Token.as_string(...)",
    lambda value: isinstance(value, str),
)
TEXTS = Argument(
    "a list of texts",
    "Pass a list, also of one text",
    lambda value: isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value),
)
FLAG = Argument("True or False", "Pass one of the two", lambda value: isinstance(value, bool))
INTEGER = Argument(
    "a whole number or the token of one",
    "Pass a whole number",
    lambda value: _is_number(value) and (value == int(value)),
)
DURATION = instance(cdk.Duration, "Pass for example Duration.minutes(10)")
MAPPING = Argument(
    "a mapping",
    "Pass a dictionary",
    lambda value: isinstance(value, Mapping),
)


def check_types(arguments: Mapping[str, Argument], values: Mapping[str, object]) -> None:
    """Raise ValueError for the first value that is not of the type of its argument.

    Args:
        arguments: what each argument may be, by its name.
        values: at least these arguments, by their names.
    """
    for name, argument in arguments.items():
        if not argument.accepts(values[name]):
            raise ValueError(
                f"{name} is {shown(values[name])}, but must be {argument.allowed}."
                f" {argument.remedy}"
            )


def check_json(name: str, value: object) -> None:
    """Raise ValueError for a value that CloudFormation cannot receive as a property.

    Args:
        name: the argument, or the place in it, as an error says it.
        value: the value, which may be or contain tokens.
    """
    _check_json(name, value, ())


def stack_of(scope: Construct) -> cdk.Stack:
    """The stack that a construct belongs to.

    Raises:
        ValueError: the construct belongs to no stack.
    """
    if isinstance(scope, cdk.Stack):
        return scope
    try:
        return cdk.Stack.of(scope)
    except RuntimeError:
        raise ValueError(
            f"scope is {shown(scope)}, which is in no stack, but must be a stack or a construct in"
            " one. Create a Stack in the app, and pass it or a construct in it"
        ) from None


@contextlib.contextmanager
def removed_if_refused(construct: Construct) -> Iterator[None]:
    """Remove a construct from its scope if the making of what is in it raises an error."""
    try:
        yield
    except BaseException:
        scope = construct.node.scope
        assert scope is not None, "only an app has no scope"
        scope.node.try_remove_child(construct.node.id)
        raise


def shown(value: object) -> str:
    """A value as an error shows it: equal at each synthesis, and of a readable length."""
    if _is_token(value):
        return "a token"
    if isinstance(value, Construct):
        return f"{type(value).__name__} {value.node.path!r}"
    if isinstance(value, enum.Enum):
        return str(value)
    text = repr(value)
    # The representation of most objects contains their address.
    if text.startswith("<") and not isinstance(value, type):
        return f"an object of class {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}..."


def _is_token(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value) and bool(cdk.Token.is_unresolved(value))
    return isinstance(value, str) and "${Token[" in value


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def has_member(value: object, member: str) -> bool:
    """Whether a value has a member of an interface of the CDK."""
    # A class has the member too, but is no implementation. An object that jsii returns for an
    # interface finds its members in another way than its class.
    return hasattr(type(value), member) or (
        not isinstance(value, type) and hasattr(value, "_delegates") and hasattr(value, member)
    )


def _check_json(name: str, value: object, around: tuple[object, ...]) -> None:
    if any(value is one for one in around):
        raise ValueError(f"{name} contains itself, but must be finite. Remove the cycle")
    match value:
        case dict():
            for key, member in value.items():
                if not isinstance(key, str) or _is_token(key):
                    raise ValueError(
                        f"{name} has the key {shown(key)}, but a key must be text without tokens."
                        " Name the value, for example 'Release'"
                    )
                _check_json(f"{name}[{key!r}]", member, (*around, value))
        case list():
            for index, member in enumerate(value):
                _check_json(f"{name}[{index}]", member, (*around, value))
        case _ if not _is_scalar(value):
            raise ValueError(
                f"{name} is {shown(value)}, but must be text, a finite number of at most"
                f" {_MAX_INTEGER}, True, False, None, a token, or a list or dictionary of these."
                " Pass text that changes with the value"
            )


def _is_scalar(value: object) -> bool:
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int | float):
        return math.isfinite(value) and (isinstance(value, float) or abs(value) <= _MAX_INTEGER)
    # An IResolvable. A Stack has a method of the same name.
    return has_member(value, "resolve") and not isinstance(value, Construct)
