"""What CloudFormation has recorded about the resource of a request.

An event does not say whether CloudFormation still waits for its response, whether it reverts
another update, nor whether the invocation for that update has ended. The stack events do. Source:
DescribeStackEvents in the AWS CloudFormation API Reference.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import sdk
from .request import Request
from .stack_history import (
    StackEvent,
    StackHistory,
    TooManyEventsError,
    TooSlowError,
    is_in_progress,
    status_of,
)
from .time_budget import CLOCK_TOLERANCE_SECONDS, TimeBudget, last_effect_at

# CloudFormation records the reason of a failed response. Each of the handler's reasons that ends
# its work begins like this; a cancelled or timed-out request has a reason of CloudFormation's own.
_RESPONSE_REASON = re.compile(r"\bconnector [\w!@#.-]+: |\bproperty \w+ is ", re.ASCII)

# An older invocation can have no more effect, whenever CloudFormation stopped waiting for it.
_RECENT_SECONDS = last_effect_at(0, 0) + CLOCK_TOLERANCE_SECONDS

# The physical id of this resource type is the connector's label too.
_NATIVE_TYPE = "AWS::AppFlow::Connector"

# CloudFormation adds these events while a resource is being created or replaced.
_NOTE = re.compile(r"Resource creation Initiated|Requested update requires")


class StackEvents(StackHistory):
    """What the stack's events tell about the resource of a request."""

    def __init__(self, request: Request, budget: TimeBudget) -> None:
        super().__init__(request.stack_id, request.desired, budget)
        self._request = request

    def is_pending(self) -> bool | None:
        """Whether CloudFormation still waits for the response to the request.

        Raises:
            CallError: CloudFormation throttles the handler.
        """
        return self.ask(self._is_pending, required=True)

    def earlier_effects_end(self) -> float | None:
        """Until when earlier invocations for the resource may change its registration.

        An invocation whose response CloudFormation did not receive may still be running. The time
        is in seconds since 1970, and 0 if there is no such invocation.
        """
        return self.ask(self._earlier_effects_end)

    def was_skipped(self) -> bool | None:
        """Whether CloudFormation skipped the resource in the rollback before this request.

        The properties that CloudFormation takes for the resource's are then not those that the
        handler last registered.
        """
        return self.ask(self._was_skipped)

    def is_rollback(self) -> bool | None:
        """Whether CloudFormation rolls the stack back."""
        return self.ask(self._is_rollback)

    def has_had_label(self) -> bool | None:
        """Whether the resource had the desired label before, and CloudFormation did not delete it.

        The rollback of a change of the label returns to such a label.
        """
        return self.ask(self._has_had_label)

    def has_owner(self) -> bool | None:
        """Whether the resource, or another one of the stack, has the desired label."""
        label = self._request.desired.connector_label
        return self.ask(lambda events: self._owner(events, label) is not None)

    def reason_to_retain(self, registered_at: float) -> str | None:
        """Why a Delete must not unregister the label although the ARN is the resource's.

        None if there is no reason. ``registered_at`` is the time of the registration in seconds
        since 1970.

        Raises:
            CallError: CloudFormation throttles the handler.
        """
        return self.ask(lambda events: self._reason_to_retain(events, registered_at), required=True)

    def _is_pending(self, events: Iterable[StackEvent]) -> bool | None:
        issued_at = self._request.issued_at
        latest = next(filter(self._is_about_resource, events), None)
        if issued_at is None or latest is None:
            return None
        if not is_in_progress(latest) or _time(latest) > issued_at + CLOCK_TOLERANCE_SECONDS:
            return False
        # A request can fail, and its rollback begin, within the tolerance.
        differences = []
        for event in filter(self._is_about_resource, events):
            if self._request.request_id in _reason(event):
                return False
            if is_in_progress(event):
                differences.append(abs(_time(event) - issued_at))
            if _time(event) < issued_at - CLOCK_TOLERANCE_SECONDS:
                break
        # The time of a signature has no fractions of a second.
        return differences[0] < min(differences) + 1

    def _earlier_effects_end(self, events: Iterable[StackEvent]) -> float | None:
        oldest = sdk.now() - _RECENT_SECONDS
        recent, is_complete = [], False
        for event in events:
            begins_deployment = self.is_about_stack(event) and _is_deployment(event)
            if is_complete := begins_deployment or _time(event) < oldest:
                break
            recent.append(event)
        invocations = [*self._earlier_invocations(recent)]
        if not invocations and not is_complete:
            return None
        return max(
            (
                last_effect_at(invocation.begun_at, invocation.unanswered_at)
                for invocation in invocations
                if invocation.unanswered_at is not None
            ),
            default=0.0,
        )

    def _was_skipped(self, events: Iterable[StackEvent]) -> bool | None:
        previous = next(self._earlier_invocations(events), None)
        if previous is None:
            return None
        failed = [_has_failed(end) for end in previous.ends]
        if not any(failed):
            return False
        # CloudFormation completes a resource that it skips without sending a request.
        if not failed[0]:
            return True
        status = self.status(events)
        return None if status is None else "ROLLBACK" not in status

    def _is_rollback(self, events: Iterable[StackEvent]) -> bool | None:
        status = self.status(events)
        if status is not None:
            return "ROLLBACK" in status
        previous = next(self._earlier_invocations(events), None)
        return None if previous is None else previous.has_failed

    def _has_had_label(self, events: Iterable[StackEvent]) -> bool:
        label = self._request.desired.connector_label
        own = filter(self._is_about_resource, events)
        latest = next((event for event in own if event.get("PhysicalResourceId") == label), None)
        return latest is not None and not status_of(latest).startswith("DELETE")

    def _reason_to_retain(self, events: Iterable[StackEvent], registered_at: float) -> str | None:
        status = self.status(events)
        if status == "DELETE_IN_PROGRESS":
            return None
        label, own_id = self._request.desired.connector_label, self._request.logical_resource_id
        owner = self._owner(events, label, other_than=own_id)
        if owner is not None:
            return f"{owner} of the same stack has this label"
        if status is None or "ROLLBACK" not in status:
            return None
        deployments = filter(_is_deployment, filter(self.is_about_stack, events))
        begun_at = next(map(_time, deployments), 0.0)
        if registered_at < begun_at - CLOCK_TOLERANCE_SECONDS:
            return "it was registered before the deployment that is rolled back"
        return None

    def _earlier_invocations(self, events: Iterable[StackEvent]) -> Iterator[_Invocation]:
        """Yield the invocations for the resource before the one for this request, newest first."""
        own = self._request.issued_at
        next_at = sdk.now() if own is None else own
        is_first = True
        ends: list[StackEvent] = []
        for event in filter(self._is_about_resource, events):
            if not is_in_progress(event):
                ends.append(event)
            elif not _NOTE.match(_reason(event)):
                is_own = own is None or _time(event) >= own - CLOCK_TOLERANCE_SECONDS
                if ends or not (is_first and is_own):
                    yield _Invocation(_time(event), ends, next_at)
                is_first, ends, next_at = False, [], _time(event)
        if ends:
            yield _Invocation(_time(ends[-1]), ends, next_at)

    def _owner(
        self, events: Iterable[StackEvent], label: str, *, other_than: str | None = None
    ) -> str | None:
        """Return the logical id of a resource of the stack that has a label, or None."""
        types = (self._request.resource_type, _NATIVE_TYPE)
        deleted, settled = set(), {other_than}
        for event in _as_far_as_readable(events):
            logical_id, status = event["LogicalResourceId"], status_of(event)
            if event.get("ResourceType", types[0]) not in types or logical_id in settled:
                continue
            if status.startswith("DELETE") and status != "DELETE_FAILED":
                # After a replacement, this can be about a former physical id.
                deleted.add((logical_id, event.get("PhysicalResourceId")))
                continue
            settled.add(logical_id)
            found = (logical_id, event.get("PhysicalResourceId"))
            if found[1] == label and found not in deleted and status != "CREATE_FAILED":
                return str(logical_id)
        return None

    def _is_about_resource(self, event: StackEvent) -> bool:
        found: bool = event["LogicalResourceId"] == self._request.logical_resource_id
        return found


class _Invocation(NamedTuple):
    """An invocation of the handler for a resource, as the stack events show it.

    Attributes:
        begun_at: the time of its request.
        ends: the stack events that ended the request, newest first.
        next_at: the time of the next request.
    """

    begun_at: float
    ends: list[StackEvent]
    next_at: float

    @property
    def has_failed(self) -> bool:
        """Whether the request failed, as far as CloudFormation knows."""
        return bool(self.ends) and _has_failed(self.ends[0])

    @property
    def unanswered_at(self) -> float | None:
        """When CloudFormation stopped waiting for it, or None if its response arrived."""
        if not self.ends:
            return self.next_at
        return next((_time(end) for end in self.ends if not _is_response(end)), None)


def _as_far_as_readable(events: Iterable[StackEvent]) -> Iterator[StackEvent]:
    with contextlib.suppress(TooManyEventsError, TooSlowError):
        yield from events


def _is_response(event: StackEvent) -> bool:
    return not _has_failed(event) or bool(_RESPONSE_REASON.search(_reason(event)))


def _has_failed(event: StackEvent) -> bool:
    return status_of(event).endswith("_FAILED")


def _is_deployment(event: StackEvent) -> bool:
    return status_of(event) in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def _reason(event: StackEvent) -> str:
    reason: str = event.get("ResourceStatusReason", "")
    return reason


def _time(event: StackEvent) -> float:
    time: float = event["Timestamp"].timestamp()
    return time
