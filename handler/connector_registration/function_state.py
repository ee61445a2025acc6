"""Whether the connector's Lambda function can be invoked with its current code.

AppFlow invokes the function when it registers or refreshes a connector. A function that is being
created cannot be invoked, and one that is being updated still runs its old code and configuration.
An alias with a weighted second version runs either of the two. Source: "Lambda function states" and
"Implement Lambda canary deployments using a weighted alias" in the AWS Lambda Developer Guide.
"""

from __future__ import annotations

from typing import Any

from botocore import xform_name

from . import sdk, time_budget
from .errors import FunctionFailedError, FunctionNotReadyError
from .request import Request
from .stack_events import StackEvents
from .time_budget import TimeBudget


class FunctionState:
    """The state of the function that a request registers."""

    def __init__(self, request: Request, budget: TimeBudget, stack_events: StackEvents) -> None:
        self._request = request
        self._budget = budget
        self._stack_events = stack_events

    def wait_until_ready(self) -> None:
        """Wait until the function is created and updated, and its alias has one version.

        A role that may not read the state loses this wait and nothing else.

        Raises:
            FunctionFailedError: Lambda could not create or update the function.
            FunctionNotReadyError: the function is not ready when the time is up.
        """
        reason = None
        for _ in self._budget.polls():
            reason = self._pending_creation_or_update() or self._pending_traffic_shift()
            if reason is None:
                return
        raise FunctionNotReadyError(self._request.desired, str(reason))

    def _pending_creation_or_update(self) -> str | None:
        """Return what the function waits for, or None if it waits for nothing."""
        function = self._read(
            "GetFunctionConfiguration", FunctionName=self._request.desired.lambda_arn
        )
        for member in ("State", "LastUpdateStatus"):
            status = function.get(member)
            text = f"{member} is {status}"
            if detail := function.get(f"{member}Reason"):
                text += f" ({detail})"
            if status in ("Pending", "InProgress"):
                return text
            # After a failed update the function runs its old code, which a rollback can restore.
            if status == "Failed" and (member == "State" or not self._stack_events.is_rollback()):
                raise FunctionFailedError(self._request.desired, text)
        return None

    def _pending_traffic_shift(self) -> str | None:
        """Return that an alias still has a second version, or None if it has not."""
        *function, qualifier = self._request.desired.lambda_arn.split(":")
        is_alias = len(function) == 7 and not qualifier.isdigit()
        if not is_alias or self._request.desired.alias_is_weighted:
            return None
        alias = self._read("GetAlias", FunctionName=":".join(function), Name=qualifier)
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
        return f"its alias still routes to version {', '.join(weights)} too" if weights else None

    def _read(self, operation: str, **parameters: str) -> dict[str, Any]:
        """Call Lambda, and return an empty response if that fails."""
        started, outcome = time_budget.clock.monotonic(), "OK"
        found: dict[str, Any] = {}
        try:
            found = sdk.call(getattr(sdk.client("lambda"), xform_name(operation)), parameters)
        except sdk.CALL_ERRORS as error:
            outcome = str(error)
        sdk.log_call(operation, self._request.desired.connector_label, started, outcome)
        return found
