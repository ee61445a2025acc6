"""The events of a stack: how they are read, and in which words CloudFormation records them.

Source: DescribeStackEvents in the AWS CloudFormation API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from . import sdk, time_budget
from .advice import CONNECTION_ERROR, THROTTLING_CODES
from .errors import CallError, call_error
from .request import Registration
from .time_budget import STACK_EVENTS_SECONDS, TimeBudget

# In a large stack, the events of all other resources may come before those of this one.
_MAX_EVENTS = 1000

# For how many seconds the handler asks again. CloudFormation throttles it if many registrations of
# a stack are cancelled at once. In a VPC there may be no route to CloudFormation.
_RETRY_SECONDS = {
    **dict.fromkeys((*THROTTLING_CODES, "InternalServerException"), 60.0),
    CONNECTION_ERROR: STACK_EVENTS_SECONDS,
}

StackEvent = Mapping[str, Any]
Answer = TypeVar("Answer")


class StackHistory:
    """The events of a stack, read anew for each question.

    The answer is None if they do not tell: the role may not read them, CloudFormation cannot be
    reached, or they lie behind too many others.

    Attributes:
        is_denied: whether a question has shown that the role may not read them.
    """

    def __init__(self, stack_id: str, registration: Registration, budget: TimeBudget) -> None:
        self._stack_id = stack_id
        self._registration = registration
        self._budget = budget
        self._is_unreadable = False
        self.is_denied = False

    def status(self, events: Iterable[StackEvent]) -> str | None:
        """Return the latest status of the stack itself."""
        return next(map(status_of, filter(self.is_about_stack, events)), None)

    def is_about_stack(self, event: StackEvent) -> bool:
        """Whether an event is the stack's own."""
        found: bool = event.get("PhysicalResourceId") == self._stack_id
        return found

    def ask(
        self, question: Callable[[Iterable[StackEvent]], Answer | None], *, required: bool = False
    ) -> Answer | None:
        """Answer a question about the events, newest first.

        Args:
            question: its answer is None if the events do not tell.
            required: whether throttling is an error.

        Raises:
            CallError: CloudFormation throttles the handler.
        """
        if self._is_unreadable:
            return None
        started = time_budget.clock.monotonic()
        pauses = self._budget.pauses()
        while True:
            answer, refusal = self._ask_once(question)
            if refusal is None:
                return answer
            until = started + _RETRY_SECONDS.get(refusal.code, 0)
            if not self._budget.pause(next(pauses), until=until):
                break
        if refusal.code in THROTTLING_CODES:
            if required:
                raise refusal
        else:
            # Another question would take as long and tell as little.
            self._is_unreadable = True
            self.is_denied = refusal.code.startswith("AccessDenied")
        return None

    def _ask_once(
        self, question: Callable[[Iterable[StackEvent]], Answer | None]
    ) -> tuple[Answer | None, CallError | None]:
        started, outcome = time_budget.clock.monotonic(), "OK"
        answer, refusal = None, None
        try:
            answer = question(_ReadOnce(self._read()))
        except TooManyEventsError:
            outcome = "not among the latest events"
        except TooSlowError:
            outcome, self._is_unreadable = "too slow", True
        except sdk.CALL_ERRORS as cause:
            outcome = str(cause)
            refusal = call_error(cause, "DescribeStackEvents", self._registration)
        label = self._registration.connector_label
        sdk.log_call("DescribeStackEvents", label, started, outcome)
        return answer, refusal

    def _read(self) -> Iterator[StackEvent]:
        """Yield the stack events, newest first.

        Raises:
            TooManyEventsError: there are more than the handler reads.
            TooSlowError: reading them takes too long.
        """
        until = time_budget.clock.monotonic() + STACK_EVENTS_SECONDS
        describe = sdk.client("cloudformation").describe_stack_events
        parameters, read = {"StackName": self._stack_id}, 0
        while True:
            page = sdk.call(describe, parameters)
            yield from page["StackEvents"]
            read += len(page["StackEvents"])
            if "NextToken" not in page:
                return
            if read >= _MAX_EVENTS:
                raise TooManyEventsError
            if time_budget.clock.monotonic() > until:
                raise TooSlowError
            parameters["NextToken"] = page["NextToken"]


class TooManyEventsError(Exception):
    """The stack has more events than the handler reads."""


class TooSlowError(Exception):
    """CloudFormation takes too long to show the stack's events."""


class _ReadOnce(Iterable[StackEvent]):
    """Stack events that are read when they are needed, and can be iterated over again."""

    def __init__(self, source: Iterator[StackEvent]) -> None:
        self._source = source
        self._read: list[StackEvent] = []

    def __iter__(self) -> Iterator[StackEvent]:
        yield from self._read
        for event in self._source:
            self._read.append(event)
            yield event


def is_in_progress(event: StackEvent) -> bool:
    """Whether an event begins an operation, or a part of it."""
    return status_of(event).endswith("_IN_PROGRESS")


def status_of(event: StackEvent) -> str:
    """The status of the resource or stack that an event is about."""
    status: str = event["ResourceStatus"]
    return status
