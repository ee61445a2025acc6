"""Something that connector profiles or flows can depend on, and that a configuration has lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .differences import modes_of
from .usage import Use

Configuration = Mapping[str, Any]

OTHER = "OTHER"
"""In an id: every value that a list lacks now, and that the list did not exclude before."""


class Loss(NamedTuple):
    """Something that is lost.

    Attributes:
        id: a stable id.
        text: the change in words.
        path: the difference between the configurations.
        uses: what uses it, or may use it.
        value: the one value of a list that is lost or new; None if the whole difference is meant.
    """

    id: str
    text: str
    path: str
    uses: list[Use]
    value: str | None = None


def encoded(value: str, marks: str = "") -> str:
    """A value as a part of an id, in which every character can be seen.

    A comma is encoded as well, because it separates the ids in a parameter of CloudFormation.

    Args:
        value: the value.
        marks: the characters that separate parts of the id.
    """
    return "".join(
        one if one.isprintable() and one not in f" %,{marks}" else _in_percents(one)
        for one in value
    )


def _in_percents(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))


def id_with_key(what: str, key: str, place: str = "", value: str = "") -> str:
    """The id of a loss: ``WHAT:key``, ``WHAT:key@place`` or ``WHAT:key@place=value``."""
    key, place, value = (encoded(part, "@=") for part in (key, place, value))
    return f"{what}:{key}{place and f'@{place}'}{value and f'={value}'}"


def at(configuration: Configuration, path: str) -> Any:
    """The value at a path, or None."""
    found: Any = configuration
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def texts(configuration: Configuration, path: str) -> list[str]:
    """The texts in the list at a path."""
    found = at(configuration, path)
    items = found if isinstance(found, list) else []
    return list(dict.fromkeys(one for one in items if isinstance(one, str) and one))


def structures(
    configuration: Configuration, path: str, identity: str = "key"
) -> list[Mapping[str, Any]]:
    """The structures in the list at a path that have an identity."""
    found = at(configuration, path)
    items = found if isinstance(found, list) else []
    return [one for one in items if isinstance(one, Mapping) and isinstance(one.get(identity), str)]


def supports(configuration: Configuration, flag: str) -> bool:
    """Whether a connector supports an authentication."""
    return at(configuration, f"authenticationConfig.{flag}") is True


def can_be(configuration: Configuration, mode: str) -> bool:
    """Whether a connector has a mode."""
    return mode in modes_of(configuration)


def possible(uses: Iterable[Use]) -> list[Use]:
    """Uses of which none is certain."""
    return [use._replace(is_certain=False) for use in uses]


def lost_values(
    before: list[str],
    after: list[str],
    uses: Iterable[Use],
    allows: Callable[[str, Any], bool] = str.__eq__,
    *,
    empty_limits: bool = False,
) -> Iterator[tuple[str | None, list[Use]]]:
    """The values that a list has lost, and what uses each of them.

    AWS does not document what an empty list means. As far as is known, most lists limit nothing if
    they are empty. Therefore a list that was empty has lost every value that it lacks now: None
    stands for these values. A list that becomes empty may have lost its values, and only if it
    limits nevertheless, that is certain.

    Args:
        before: the values before.
        after: the values now.
        uses: what uses a value; the value None stands for one that AppFlow does not show.
        allows: whether a value of the list allows a used one.
        empty_limits: whether an empty list allows no value.
    """
    left = [u for u in uses if u.value is None or not any(allows(v, u.value) for v in after)]
    if not after and not empty_limits:
        left = possible(left)
    if after and not before:
        yield None, left
    for value in before:
        if value not in after:
            yield value, [use for use in left if use.value is None or allows(value, use.value)]


def now_required(
    before: Mapping[Any, Mapping[str, Any]], after: Mapping[Any, Mapping[str, Any]]
) -> Iterator[Any]:
    """The keys of structures that are required now and were not."""
    for key, structure in after.items():
        if structure.get("isRequired") and not before.get(key, {}).get("isRequired"):
            yield key


def member_path(path: str, member: str, is_new: bool) -> str:
    """The path of a structure that is new, or of a member of it that differs."""
    return path if is_new else f"{path}.{member}"
