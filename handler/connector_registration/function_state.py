"""Whether the connector's Lambda function can be invoked with its current code.

AppFlow invokes the function when it registers or refreshes a connector. A function that is being
created cannot be invoked, and one that is being updated still runs its old code and configuration.
An alias with a weighted second version runs either of the two. Source: "Lambda function states" and
"Implement Lambda canary deployments using a weighted alias" in the AWS Lambda Developer Guide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name

from . import sdk, time_budget
from .errors import (
    CallError,
    FunctionFailedError,
    FunctionNotReadyError,
    TrafficShiftError,
    call_error,
)
from .request import Registration
from .time_budget import TimeBudget


class FunctionState:
    """The state of the function that a connector is registered with.

    Args:
        registration: names the function.
        budget: the time that calls and pauses may take.
        accepts_old_code: whether a function can be used that Lambda could not update, and that so
            runs its old code.
        shift_seconds: for how long to wait until an alias has one version.
        client: the SDK's client of Lambda, as in ``sdk.TIMEOUTS``.

    Attributes:
        was_pending: whether the function was not ready at first.
        refusal: why the state could not be read, or None.
    """

    def __init__(
        self,
        registration: Registration,
        budget: TimeBudget,
        *,
        accepts_old_code: Callable[[], bool | None] = lambda: None,
        shift_seconds: float = math.inf,
        client: str = "lambda",
    ) -> None:
        self._registration = registration
        self._budget = budget
        self._accepts_old_code = accepts_old_code
        self._shift_seconds = shift_seconds
        self._client = client
        self._function: Mapping[str, Any] = {}
        self._alias: Mapping[str, Any] = {}
        self.was_pending = False
        self.refusal: CallError | None = None

    def wait_until_ready(self) -> None:
        """Wait until the function is created and updated, and its alias has one version.

        A role that may not read the state loses this wait and nothing else.

        Raises:
            FunctionFailedError: Lambda could not create or update the function.
            FunctionNotReadyError: the function is not ready when the time is up.
            TrafficShiftError: the alias has two versions when its time is up.
        """
        reason, shift_ends_at = None, math.inf
        for _ in self._budget.polls():
            self.refusal = None
            reason = self._pending_creation_or_update()
            if reason is None:
                reason = self._pending_traffic_shift()
                if reason is None:
                    return
                now = time_budget.clock.monotonic()
                shift_ends_at = min(shift_ends_at, now + self._shift_seconds)
                if now >= shift_ends_at:
                    raise TrafficShiftError(self._registration, reason)
            self.was_pending = True
        raise FunctionNotReadyError(self._registration, str(reason))

    def revision(self) -> str | None:
        """Return what differs between any two states of code, configuration and alias.

        It is that of the state for which ``wait_until_ready`` has waited, since a later one may not
        be in effect yet. None if the state could not be read.
        """
        parts = [self._function.get("LastModified"), self._function.get("CodeSha256")]
        if self._alias_name is not None:
            alias = self._alias or self._read_alias()
            parts.append(alias.get("RevisionId"))
        return None if None in parts else " ".join(map(str, parts))

    def _pending_creation_or_update(self) -> str | None:
        """Return what the function waits for, or None if it waits for nothing."""
        self._function = function = self._read(
            "GetFunctionConfiguration", FunctionName=self._registration.lambda_arn
        )
        for member in ("State", "LastUpdateStatus"):
            status = function.get(member)
            text = f"{member} is {status}"
            if detail := function.get(f"{member}Reason"):
                text += f" ({detail})"
            if status in ("Pending", "InProgress"):
                return text
            # A function that could not be created has no code to run.
            if status == "Failed" and (member == "State" or not self._accepts_old_code()):
                raise FunctionFailedError(self._registration, text)
        return None

    def _pending_traffic_shift(self) -> str | None:
        """Return that an alias still has a second version, or None if it has not."""
        if self._alias_name is None or self._registration.alias_is_weighted:
            return None
        self._alias = self._read_alias()
        weights = (self._alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
        return f"its alias still routes to version {', '.join(weights)} too" if weights else None

    @property
    def _alias_name(self) -> str | None:
        """The name of the alias that is registered, or None if it is none."""
        *function, qualifier = self._registration.lambda_arn.split(":")
        is_alias = len(function) == 7 and not qualifier.isdigit()
        return qualifier if is_alias else None

    def _read_alias(self) -> dict[str, Any]:
        function, _, name = self._registration.lambda_arn.rpartition(":")
        return self._read("GetAlias", FunctionName=function, Name=name)

    def _read(self, operation: str, **parameters: str) -> dict[str, Any]:
        """Call Lambda, and return an empty response if that fails."""
        started, outcome = time_budget.clock.monotonic(), "OK"
        found: dict[str, Any] = {}
        try:
            found = sdk.call(getattr(sdk.client(self._client), xform_name(operation)), parameters)
        except sdk.CALL_ERRORS as error:
            outcome = str(error)
            self.refusal = call_error(error, operation, self._registration)
        sdk.log_call(operation, self._registration.connector_label, started, outcome)
        return found
