"""What AppFlow was asked, and what it answered."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .errors import AppFlowError
from .service import Caller
from .tokens import Answer

logger = logging.getLogger("appflow")

# Members with credentials, which nobody shall find here.
_SECRET_MEMBERS = frozenset({"connectorProfileConfig"})


@dataclass(frozen=True)
class Call:
    """One call that AppFlow received, and what became of it.

    Attributes:
        at: the machine's time, in ISO 8601.
        account: a number of 12 digits.
        region: the name of an AWS Region.
        caller: the ARN of who called.
        operation: the name of the API's operation, or the path that no operation is served at.
        parameters: the members of the request; empty if they break a rule of the model.
        outcome: ``OK`` or an error code.
        remembered: whether the answer was that to an earlier call with the same client token, so
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
    """All calls by account, the oldest first; one line of the log for each."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._lock = threading.Lock()

    def record(
        self, caller: Caller, operation: str, parameters: Mapping[str, Any], answer: Answer
    ) -> None:
        """Add a call."""
        result = answer.result
        call = Call(
            at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            account=caller.account,
            region=caller.region,
            caller=caller.arn,
            operation=operation,
            parameters={k: value for k, value in parameters.items() if k not in _SECRET_MEMBERS},
            outcome=result.code if isinstance(result, AppFlowError) else "OK",
            remembered=answer.remembered,
        )
        with self._lock:
            self._calls[call.account].append(call)
        label = parameters.get("connectorLabel", "")
        note = " (answered before)" if call.remembered else ""
        logger.info("%s %s %s: %s%s", call.account, operation, label, call.outcome, note)

    def calls(self, account: str, *, after: int) -> list[dict[str, Any]]:
        """The calls in an account but for the first so many, as JSON has them."""
        with self._lock:
            return [vars(call) for call in self._calls[account][after:]]

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()
