"""What the output of all commands has in common."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

# In a file or a pipe no cell is folded, so that a search finds whole ARNs.
_FILE_WIDTH = 100_000

_MAX_ITEMS = 5
_MAX_VALUE_LENGTH = 60


def console() -> Console:
    """The console of the standard output."""
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    # Rich would replace a word between two colons of an ARN by an emoji.
    return Console(width=width, highlight=False, emoji=False)


def progress(text: str) -> AbstractContextManager[object]:
    """Show a spinner while the context is active, on an interactive terminal only."""
    return Console(stderr=True).status(escape(text)) if sys.stderr.isatty() else nullcontext()


def print_connectors(connectors: Iterable[Mapping[str, Any]], *, account: str, region: str) -> None:
    """Print what is known about connectors as one JSON object."""
    document = {"account": account, "region": region, "connectors": list(connectors)}
    print(json.dumps(document, indent=2))


def counted(values: Iterable[Enum], kinds: type[Enum]) -> str:
    """How many values are of each kind, in the order of the kinds."""
    counts = Counter(values)
    return ", ".join(f"{counts[kind]} {kind.value}" for kind in kinds if counts[kind])


def indented(markup: str) -> Padding:
    """Lines that are wrapped behind an indentation."""
    return Padding(markup, (0, 0, 0, 2), expand=False)


def sentence(text: str) -> str:
    """A text on one line with a full stop; the messages of services have both or neither."""
    return escape(" ".join(text.split()).removesuffix(".")) + "."


def changes(rows: Iterable[tuple[str, Any, Any]]) -> list[Padding]:
    """Differences, each on one short line: of a list, only what was added or removed.

    Args:
        rows: the path of each member that differs, and its first and second value; a value is None
            if it is absent.
    """
    lines = [(path, _change(before, after)) for path, before, after in rows]
    width = max((len(path) for path, _ in lines), default=0)
    return [indented(f"{escape(path.ljust(width))}  {text}") for path, text in lines]


def _change(before: Any, after: Any) -> str:
    if _is_plain_list(before) and _is_plain_list(after):
        removed = [f"-{item}" for item in before or [] if item not in (after or [])]
        added = [f"+{item}" for item in after or [] if item not in (before or [])]
        return escape(" ".join([*_cut(removed), *_cut(added)]))
    if before is None and isinstance(after, dict):
        return "added"
    if after is None and isinstance(before, dict):
        return "removed"
    return f"{_shown(before)} -> {_shown(after)}"


def _is_plain_list(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def _cut(items: Sequence[str]) -> list[str]:
    left_out = len(items) - _MAX_ITEMS
    return [*items[:_MAX_ITEMS], *([f"({left_out} more)"] if left_out > 0 else [])]


def _shown(value: Any) -> str:
    if value is None:
        return "[dim]none[/]"
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > _MAX_VALUE_LENGTH:
        text = f"{text[:_MAX_VALUE_LENGTH]}..."
    return escape(text) or "[dim]empty[/]"
