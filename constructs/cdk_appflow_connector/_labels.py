"""The connector labels of an app. AppFlow allows a label once in an account and Region."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from constructs import Construct

from ._environment import Comparison, StackRecord
from ._expressions import is_known_everywhere, text_of
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


class _Labels(Construct):
    """The uses of each label in an app."""

    def __init__(self, app: Construct) -> None:
        super().__init__(app, _LABELS_ID)
        self.uses: defaultdict[str, list[_Use]] = defaultdict(list)

    @classmethod
    def of(cls, stack: StackRecord) -> _Labels:
        """The labels of the app that a stack belongs to."""
        if not isinstance(stack.labels, cls):
            found = stack.app_node.try_find_child(_LABELS_ID)
            stack.labels = found if isinstance(found, cls) else cls(stack.app)
        return stack.labels


class LabelUse:
    """The use of a label by a new registration, which counts once it is recorded.

    Attributes:
        text: the label with pseudo parameters by their names, or None if it may become another
            label without a change of the app.
        possible_duplicate: the path of a registration with this label in a stack that may be
            deployed to the same environment, or None.
    """

    def __init__(
        self, use: _Use, others: list[_Use], text: str | None, possible_duplicate: str | None
    ) -> None:
        self._use = use
        self._others = others
        self.text = text
        self.possible_duplicate = possible_duplicate

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Let other registrations know that the label is in use, unless an error is raised."""
        self._others.append(self._use)
        try:
            yield
        except BaseException:
            self._others.remove(self._use)
            raise


def check_label_is_unique(
    scope: Construct, construct_id: str, label: str, stack: StackRecord
) -> LabelUse:
    """Check a label against the other registrations of the app.

    A label that only the deployment knows is not checked.

    Raises:
        ValueError: another registration for the same environment has this label.
    """
    use = _Use(scope, construct_id, stack)
    text = _constant_text(label, stack)
    if text is None:
        return LabelUse(use, [], None, None)
    uses = _Labels.of(stack).uses[_key(text, stack)]
    possible = None
    for other in uses:
        match use.stack.compare(other.stack):
            case Comparison.SAME:
                raise ValueError(
                    f"connector_label is {text!r}, but {other.path} has this label already."
                    " AppFlow allows a label once in an account and Region, so each of the two"
                    " would overwrite the other. Give one of them another label"
                )
            case Comparison.UNRESOLVED:
                possible = possible or other
    return LabelUse(use, uses, text, possible.path if possible else None)


def _constant_text(label: str, stack: StackRecord) -> str | None:
    """A label as a text that is the same at each deployment of a stack, or else None."""
    if is_label(label):
        return label
    resolved = stack.stack.resolve(label)
    is_constant = is_known_everywhere(resolved) and not stack.template_of(
        stack.stack
    ).is_deploy_time(resolved)
    return text_of(resolved) if is_constant else None


def _key(text: str, stack: StackRecord) -> str:
    """What equal labels have in common: the name of a stack makes labels of two stacks differ."""
    return f"{stack.path}: {text}" if "${AWS::Stack" in text else text
