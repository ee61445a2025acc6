"""The time in the handler's tests: it passes during calls and pauses, and nothing waits for it."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone

BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)

RESPONSE = "response"
"""The operation of ``Latency`` that is the PUT of a response to CloudFormation."""

Action = Callable[[], object]
Condition = Callable[[], bool]


@dataclass
class Latency:
    """How many seconds a call takes: one half until the service has it, one for the response.

    Attributes:
        seconds: of each call, unless its operation is in ``by_operation``.
        by_operation: seconds by the name of an operation, or the two parts if they differ.
    """

    seconds: float = 0.05
    by_operation: dict[str, float | tuple[float, float]] = field(default_factory=dict)

    def parts(self, operation: str) -> tuple[float, float]:
        """The seconds until a call reaches the service, and from then until its response."""
        found = self.by_operation.get(operation, self.seconds)
        return found if isinstance(found, tuple) else (found / 2, found / 2)


class Task:
    """Something that goes on while other things do.

    Attributes:
        is_over: whether it has ended.
    """

    def __init__(self, clock: Clock, action: Action) -> None:
        self.is_over = False
        self._clock = clock
        self._action = action
        self._error: BaseException | None = None

    def wait(self) -> None:
        """Let time pass until it has ended, and raise what it has raised."""
        self._clock.wait(lambda: self.is_over)
        if self._error is not None:
            raise self._error

    def run(self) -> None:
        try:
            self._action()
        except BaseException as error:  # noqa: BLE001 - raised by wait.
            self._error = error
        self.is_over = True


class _Turn:
    """A thread that waits until it may go on."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.is_over = False
        self.is_stuck = False
        self._event = threading.Event()

    def give(self) -> None:
        self._event.set()

    def await_(self) -> None:
        self._event.wait()


class Clock:
    """Time that passes when something sleeps, calls or hangs, from the beginning of a year.

    Of all threads that use a clock, one runs at a time. When it lets time pass, the one runs on
    whose time comes first, so every run has the same order.

    Attributes:
        now: seconds since the beginning.
        slept: the length of each sleep.
        latency: how long calls take.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.latency = Latency()
        self._numbers = itertools.count()
        self._scheduled: list[tuple[float, int, Action | _Turn]] = []
        self._waiting: list[_Turn] = []
        self._is_acting = False
        self._error: Exception | None = None

    def at(self, time: float, action: Action) -> None:
        """Schedule an action that takes no time; it runs while time passes."""
        heapq.heappush(self._scheduled, (time, next(self._numbers), action))

    def start(self, action: Action, *, at: float = 0.0) -> Task:
        """Start something that takes time; it runs while time passes."""
        task = Task(self, action)

        def run() -> None:
            turn.await_()
            task.run()
            self._pass_on(None)

        turn = _Turn(lambda: False)
        threading.Thread(target=run, daemon=True).start()
        heapq.heappush(self._scheduled, (max(at, self.now), next(self._numbers), turn))
        return task

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return BEGINNING.timestamp() + self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, and run what is due, each at its time."""
        self.wait(lambda: False, until=self.now + seconds)

    def wait(self, condition: Condition, *, until: float = math.inf) -> bool:
        """Let time pass until a condition is true, or until a time, and return the condition."""
        assert not self._is_acting, "only a task can take time"
        turn = _Turn(condition)
        self._waiting.append(turn)
        if until < math.inf:
            heapq.heappush(self._scheduled, (until, next(self._numbers), turn))
        self._pass_on(turn)
        if turn.is_stuck:
            raise RuntimeError("nothing will happen any more")
        return condition()

    def check(self) -> None:
        """Raise what a scheduled action has raised."""
        if self._error is not None:
            raise self._error

    def _pass_on(self, mine: _Turn | None) -> None:
        """Run actions until it is a thread's turn, and wait if it is not this one's."""
        while (turn := self._next()) is None:
            pass
        if turn is mine:
            return
        turn.give()
        if mine is not None:
            mine.await_()

    def _next(self) -> _Turn | None:
        """Take what is next; return the thread whose turn it is, or None after an action."""
        if turn := _first(self._waiting, lambda turn: turn.condition()):
            return self._take(turn)
        if not self._scheduled:
            self._waiting[0].is_stuck = True
            return self._take(self._waiting[0])
        time, _, what = heapq.heappop(self._scheduled)
        if isinstance(what, _Turn):
            if what.is_over:
                return None
            self.now = max(self.now, time)
            return self._take(what)
        self.now = max(self.now, time)
        self._act(what)
        return None

    def _act(self, action: Action) -> None:
        self._is_acting = True
        try:
            action()
        except Exception as error:  # noqa: BLE001 - not a concern of the thread that runs it.
            self._error = self._error or error
        self._is_acting = False

    def _take(self, turn: _Turn) -> _Turn:
        turn.is_over = True
        if turn in self._waiting:
            self._waiting.remove(turn)
        return turn


def _first(turns: Iterable[_Turn], condition: Callable[[_Turn], bool]) -> _Turn | None:
    return next(filter(condition, turns), None)
