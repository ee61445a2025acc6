"""What the difference between two configurations of a connector means for those who use it.

The configurations are in the terms of DescribeConnector. The connector profiles and flows are as
DescribeConnectorProfiles and DescribeFlow return them.

What depends on what follows from the AppFlow service model 2020-08-23 in botocore. AWS does not
document it, nor what AppFlow does with a profile or a flow that uses what is gone.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .authentication import losses_of_authentication
from .differences import Difference, decided, differences, is_absent
from .lists import losses_from_lists
from .loss import Loss, encoded
from .settings import losses_of_settings
from .usage import Usage

__all__ = ["Finding", "Severity", "Usage", "findings", "losses"]


class Severity(enum.Enum):
    """How certain it is that a change breaks something."""

    ERROR = "ERROR"
    """Certain: a connector profile or flow that AppFlow shows uses what is gone."""

    WARNING = "WARNING"
    """Possible: AppFlow does not show what uses it, or nothing that AppFlow shows uses it."""

    INFO = "INFO"
    """Nothing breaks."""


class Finding(NamedTuple):
    """One difference between two configurations.

    Attributes:
        id: a stable id without blanks, for example ``API_VERSION_REMOVED:v51.0``.
        severity: how certain it is that the change breaks something.
        text: the change in words.
        profiles: the names of the connector profiles that it breaks or may break.
        flows: the names of the flows that it breaks or may break.
    """

    id: str
    severity: Severity
    text: str
    profiles: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


def losses(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Finding]:
    """The findings about what a connector profile or flow can depend on and the later one lacks.

    Nothing is certain, because what uses the connector is not looked at.
    """
    return [_finding(loss) for loss in _losses(before, after, Usage())]


def findings(
    before: Mapping[str, Any], after: Mapping[str, Any], usage: Usage | None = None
) -> list[Finding]:
    """The differences between two configurations, the most severe first.

    Args:
        before: the configuration that AppFlow shows, or showed before.
        after: the later configuration.
        usage: what uses the connector; None if it is not known. Nothing is then certain.
    """
    lost = list(_losses(before, after, usage or Usage()))
    found = [
        *map(_finding, lost),
        *(_version_findings(before, after) if lost else ()),
        *_other_findings(before, after, lost),
    ]
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


def _losses(before: Mapping[str, Any], after: Mapping[str, Any], usage: Usage) -> Iterator[Loss]:
    sides = decided(before), decided(after)
    yield from losses_of_authentication(*sides, usage)
    yield from losses_from_lists(*sides, usage)
    yield from losses_of_settings(*sides, usage)


def _finding(loss: Loss) -> Finding:
    certain = [use for use in loss.uses if use.is_certain]
    uses = certain or loss.uses
    return Finding(
        id=loss.id,
        severity=Severity.ERROR if certain else Severity.WARNING,
        text=loss.text,
        profiles=tuple(dict.fromkeys(use.profile for use in uses if use.profile)),
        flows=tuple(dict.fromkeys(use.flow for use in uses if use.flow)),
    )


def _version_findings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Finding]:
    old, new = before.get("connectorVersion"), after.get("connectorVersion")
    if old and new and not _is_raised(str(old), str(new)):
        text = f"connectorVersion is {new} and was {old}, although users can lose something"
        yield Finding(f"VERSION_NOT_RAISED:{encoded(str(new))}", Severity.WARNING, text)


def _is_raised(before: str, after: str) -> bool:
    numbers = [[int(part) for part in re.findall(r"\d+", one)] for one in (before, after)]
    return after != before and numbers[1] >= numbers[0]


def _other_findings(
    before: Mapping[str, Any], after: Mapping[str, Any], lost: list[Loss]
) -> Iterator[Finding]:
    for difference in differences(before, after):
        if not _is_explained(difference, lost):
            found = f"CONFIGURATION_CHANGED:{encoded(difference.path)}"
            yield Finding(found, Severity.INFO, _in_words(difference))


def _is_explained(difference: Difference, lost: list[Loss]) -> bool:
    """Whether losses explain a difference; of a list, all that is new in it and that it lost."""
    path = difference.path
    values = {loss.value for loss in lost if re.match(rf"{re.escape(loss.path)}($|[.@])", path)}
    added, removed = _changes(difference)
    return bool(values) and (None in values or values >= {*added, *removed})


def _changes(difference: Difference) -> tuple[list[str], list[str]]:
    """The texts that are new in a list, and those that it has lost."""
    sides = [
        [one for one in side if isinstance(one, str)] if isinstance(side, list) else []
        for side in (difference.before, difference.after)
    ]
    before, after = sides
    return [one for one in after if one not in before], [one for one in before if one not in after]


def _in_words(difference: Difference) -> str:
    path, before, after = difference
    added, removed = _changes(difference)
    if added or removed:
        parts = [(added, "is new"), (removed, "is gone")]
        return f"{path}: " + ", ".join(f"{one} {what}" for some, what in parts for one in some)
    if is_absent(after):
        return f"{path} is no longer set"
    if isinstance(after, str):
        return f"{path} is {after}" + (f" and was {before}" if before else "")
    return f"{path} is {'true' if after is True else 'new'}"
