"""When, how often and in which order EventBridge receives events of functions.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.services import eventbridge

from .function_settings import FunctionSettings

logger = logging.getLogger("eventbridge")


@dataclass(frozen=True)
class _Waiting:
    """An event that is not delivered yet; the context has its account and Region."""

    event: dict[str, Any]
    is_call: bool
    since: float = field(default_factory=time.monotonic)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def due(self, settings: FunctionSettings) -> float:
        """When the event is to be delivered, by a monotonic clock."""
        if self.is_call:
            return self.since + settings.call_event_delay_seconds
        return self.since + settings.state_event_delay_seconds


class EventDelivery:
    """Delivers events in a thread of its own, as the settings of their accounts say.

    Args:
        settings: returns the settings of an account.
    """

    def __init__(self, settings: Callable[[str], FunctionSettings]) -> None:
        self._settings = settings
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def send(self, event: dict[str, Any], *, is_call: bool) -> None:
        """Deliver an event after its delay.

        Args:
            event: the event, as MiniStack's EventBridge keeps it.
            is_call: whether it is CloudTrail's event of a call, or Lambda's of a state.
        """
        with self._changed:
            self._waiting.append(_Waiting(event, is_call))
            self._changed.notify()

    def settings_changed(self) -> None:
        """Deliver what is due by the new settings of an account."""
        with self._changed:
            self._changed.notify()

    def reset(self) -> None:
        """Drop the events that are not delivered yet."""
        with self._changed:
            self._waiting.clear()

    def _run(self) -> None:
        while True:
            for waiting in self._next_batch():
                try:
                    waiting.context.run(self._deliver, waiting.event)
                except Exception:
                    logger.exception("The local cloud failed to deliver %s", waiting.event)

    def _next_batch(self) -> list[_Waiting]:
        """Wait until an event is due, and take it, with all that it takes along."""
        with self._changed:
            while True:
                by_due = sorted(self._waiting, key=self._due)
                now = time.monotonic()
                if by_due and self._due(by_due[0]) <= now:
                    batch = self._batch(by_due[0])
                    self._waiting = [one for one in self._waiting if one not in batch]
                    return batch
                self._changed.wait(self._due(by_due[0]) - now if by_due else None)

    def _batch(self, first: _Waiting) -> list[_Waiting]:
        account = first.event["Account"]
        if self._settings(account).event_order == "kept":
            return [first]
        return [one for one in reversed(self._waiting) if one.event["Account"] == account]

    def _due(self, waiting: _Waiting) -> float:
        return waiting.due(self._settings(waiting.event["Account"]))

    def _deliver(self, event: dict[str, Any]) -> None:
        copies = {"once": 1, "twice": 2}[self._settings(event["Account"]).event_delivery]
        eventbridge._archive_event(event)
        for _ in range(copies):
            eventbridge._dispatch_event(event)
