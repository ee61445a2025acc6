"""The calls that AppFlow has received, and their outcomes."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .access import Caller
from .errors import AppFlowError
from .tokens import Outcome

logger = logging.getLogger("appflow")

# Members with credentials, which are not recorded.
_SECRET_MEMBERS = frozenset({"connectorProfileConfig"})

# Members that name what a call is about, as its line in the log shows.
_NAMES = ("connectorProfileName", "connectorLabel", "flowName")


@dataclass(frozen=True)
class Call:
    """One call that AppFlow has received, and its outcome.

    Attributes:
        at: the machine's time, in ISO 8601.
        account: a number of 12 digits.
        region: the name of an AWS Region.
        caller: the ARN of the calling principal.
        operation: the name of the operation, or the path of the request if no operation is served
            there.
        parameters: the members of the request; empty if they break a rule of the service model.
        outcome: ``OK`` or an error code.
        remembered: whether the outcome is that of an earlier call with the same client token, so
            that this call had no effect.
    """

    at: str
    account: str
    region: str
    caller: str
    operation: str
    parameters: Mapping[str, Any]
    outcome: str
    remembered: bool


class Journal:
    """All calls of each account, the oldest first; each call is also logged in one line."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._lock = threading.Lock()

    def record(
        self, caller: Caller, operation: str, parameters: Mapping[str, Any], outcome: Outcome
    ) -> None:
        """Add a call."""
        result = outcome.result
        call = Call(
            at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            account=caller.account,
            region=caller.region,
            caller=caller.arn,
            operation=operation,
            parameters={k: value for k, value in parameters.items() if k not in _SECRET_MEMBERS},
            outcome=result.code if isinstance(result, AppFlowError) else "OK",
            remembered=outcome.remembered,
        )
        with self._lock:
            self._calls[call.account].append(call)
        logger.info("%s", _log_line(call))

    def calls(self, account: str, *, after: int) -> list[dict[str, Any]]:
        """The calls of an account without the first ``after``, as JSON objects."""
        with self._lock:
            return [vars(call) for call in self._calls[account][after:]]

    def clear(self) -> None:
        """Delete all calls."""
        with self._lock:
            self._calls.clear()


def _log_line(call: Call) -> str:
    names = (call.parameters.get(member) for member in _NAMES)
    name = next((name for name in names if name), None)
    called = f"{call.account} {call.operation}" + (f" {name}" if name else "")
    repeated = " (repeated: same client token)" if call.remembered else ""
    return f"{called}: {call.outcome}{repeated}"
