"""Who in an app has which label: AppFlow has room for one connector of a label in each place."""

from __future__ import annotations

import hashlib
import weakref
from typing import NamedTuple

import aws_cdk as cdk

from constructs import Construct

from ._place import Place, top_level
from ._validation import is_label

_LABELS_ID = "AppFlowConnectorLabels"


class _Claim(NamedTuple):
    """A registration that wants a label."""

    owner: str
    stack: str
    stage: str
    place: Place

    def meets(self, other: _Claim) -> bool | None:
        """Whether both labels go to one account and Region; None if that may be so."""
        if self.stack == other.stack:
            return True
        same = self.place.is_that_of(other.place)
        # Stages are there to deploy the same to several places.
        return False if same is None and self.stage != other.stage else same


class _Labels:
    """The labels of an app, as a stack claims them.

    They are kept in the construct tree, since a stack that was not made in Python is another object
    each time that Python gets it. A label has a child there, with its claims as metadata.
    """

    def __init__(self, stack: cdk.Stack, place: Place) -> None:
        stage = cdk.Stage.of(stack)
        assert stage is not None, "every stack is in a stage"
        root = stage.node.root
        labels = root.node.try_find_child(_LABELS_ID) or Construct(root, _LABELS_ID)  # type: ignore[arg-type]
        assert isinstance(labels, Construct)
        self._construct = labels
        self._node = labels.node
        # Nested stacks go where the stack around them goes.
        self._stack = top_level(stack).node.addr
        self._stage = stage.node.addr
        self._place = place

    def claim_of(self, owner: str) -> _Claim:
        return _Claim(owner, self._stack, self._stage, self._place)

    def add(self, label: str, claim: _Claim) -> list[_Claim]:
        """Add a claim of a label.

        Returns:
            The claims there were before.
        """
        key = hashlib.sha256(label.encode()).hexdigest()
        found = self._node.try_find_child(key)
        node = (found or Construct(self._construct, key)).node
        earlier = [entry.data for entry in node.metadata] if found else []
        node.add_metadata("claim", [*claim[:-1], list(claim.place)])
        return [
            _Claim(owner, stack, stage, Place(*place)) for owner, stack, stage, place in earlier
        ]


# What has been found for stacks that Python holds, as asking the CDK takes a while.
_labels: weakref.WeakKeyDictionary[cdk.Stack, _Labels] = weakref.WeakKeyDictionary()


def claim_label(
    scope: Construct, construct_id: str, label: str, stack: cdk.Stack, place: Place
) -> None:
    """Raise ValueError for a label that a registration for the same place has in this app.

    Two stacks of a stage get a warning where it is unknown whether they are meant for one place.
    """
    if not is_label(label):
        return
    labels = _labels.get(stack)
    if labels is None:
        labels = _labels[stack] = _Labels(stack, place)
    claim = labels.claim_of(f"{scope.node.path}/{construct_id}")
    earlier = labels.add(label, claim)
    certain = [other.owner for other in earlier if claim.meets(other)]
    possible = [other.owner for other in earlier if claim.meets(other) is None]
    message = (
        f"connector_label is {label!r}, but {{owner}} has this label already, and a label is"
        " unique in an account and Region: {consequence}. Give one of them another label"
    )
    if certain:
        consequence = "the two would take it from each other"
        raise ValueError(message.format(owner=certain[0], consequence=consequence))
    if possible:
        consequence = "should both stacks go to one place, they would fight over it"
        cdk.Annotations.of(stack).add_warning_v2(
            f"cdk-appflow-connector:duplicateLabel:{label}",
            message.format(owner=possible[0], consequence=consequence),
        )
