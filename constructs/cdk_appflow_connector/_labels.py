"""The connector labels of an app. AppFlow allows a label once in an account and Region."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from constructs import Construct

from ._environment import Comparison, StackRecord
from ._validation import is_label

_LABELS_ID = "AppFlowConnectorLabels"


class _Use(NamedTuple):
    """A registration that uses a label."""

    scope: Construct
    construct_id: str
    stack: StackRecord

    @property
    def path(self) -> str:
        return f"{self.scope.node.path}/{self.construct_id}"

    def compare(self, other: _Use) -> Comparison:
        """Compare the environments that two registrations are deployed to."""
        if self.stack.root_path == other.stack.root_path:
            return Comparison.SAME
        compared = self.stack.environment.compare(other.stack.environment)
        # Stages exist to deploy the same stacks to several environments.
        if compared is Comparison.UNRESOLVED and self.stack.stage_path != other.stack.stage_path:
            return Comparison.DIFFERENT
        return compared


class _Labels(Construct):
    """The uses of each label in an app."""

    def __init__(self, app: Construct) -> None:
        super().__init__(app, _LABELS_ID)
        self.uses: defaultdict[str, list[_Use]] = defaultdict(list)

    @classmethod
    def of(cls, stack: StackRecord) -> _Labels:
        """The labels of the app that a stack belongs to."""
        found = stack.app_node.try_find_child(_LABELS_ID)
        if isinstance(found, cls):
            return found
        app = stack.app_node.root
        assert isinstance(app, Construct)
        return cls(app)


def check_label_is_unique(
    scope: Construct, construct_id: str, label: str, stack: StackRecord
) -> str | None:
    """Check a label against the other registrations of the app, and record its use.

    Returns:
        The path of a registration with this label in a stack that may be deployed to the same
        environment, or None. The label of a token is not checked.

    Raises:
        ValueError: another registration for the same environment has this label.
    """
    if not is_label(label):
        return None
    uses = _Labels.of(stack).uses[label]
    use = _Use(scope, construct_id, stack)
    possible = None
    for other in uses:
        match use.compare(other):
            case Comparison.SAME:
                raise ValueError(
                    f"connector_label is {label!r}, but {other.path} has this label already."
                    " AppFlow allows a label once in an account and Region, so each of the two"
                    " would overwrite the other. Give one of them another label"
                )
            case Comparison.UNRESOLVED:
                possible = possible or other
    uses.append(use)
    return possible.path if possible else None
