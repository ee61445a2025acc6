"""Calls to Amazon AppFlow about one registration: how they are repeated, and what AppFlow shows.

Source of operations, members and errors: the service model 2020-08-23 in botocore.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.parsers import ResponseParserError

from . import sdk, time_budget
from .errors import (
    RETRY_SECONDS,
    AppFlowError,
    CallError,
    NotRegisteredError,
    OutOfTimeError,
    call_error,
)
from .request import Registration
from .time_budget import TimeBudget


class Connector(NamedTuple):
    """A registered connector, as DescribeConnector shows it."""

    connector_label: str
    connector_arn: str
    lambda_arn: str
    description: str
    version: str
    configuration: Mapping[str, Any]

    @property
    def registered_at(self) -> float:
        """The time of the registration in seconds since 1970, or infinity if it is not shown."""
        shown = self.configuration.get("registeredAt")
        return shown.timestamp() if isinstance(shown, datetime) else math.inf

    def matches(self, lambda_arn: str, description: str) -> bool:
        """Whether it is registered with this Lambda ARN and this description."""
        return (self.lambda_arn, self.description) == (lambda_arn, description)

    def differences(self, earlier: Connector) -> list[str]:
        """The members that AppFlow shows otherwise than earlier, but for the registration time."""
        old, new = earlier.configuration, self.configuration
        names = sorted({*old, *new} - {"registeredAt"})
        return [name for name in names if old.get(name) != new.get(name)]

    def is_same_registration(self, other: Connector | None) -> bool:
        """Whether another look shows this registration, which was not moved or made again."""
        return other is not None and (self.lambda_arn, self.registered_at) == (
            other.lambda_arn,
            other.registered_at,
        )


class AppFlowCalls:
    """Calls to AppFlow about one registration.

    Args:
        client: a boto3 AppFlow client without retries. No retry mode of the SDK waits for IAM, cold
            starts or conflicts, or fits into the time budget.
        registration: the registration, as a template asks for it.
        budget: the time that calls and pauses may take.
        wait_until_ready: waits until AppFlow can invoke the connector's function.
    """

    def __init__(
        self,
        client: Any,
        registration: Registration,
        *,
        budget: TimeBudget,
        wait_until_ready: Callable[[], object],
    ) -> None:
        self._client = client
        self._wait_until_ready = wait_until_ready
        self.registration = registration
        self.budget = budget

    def describe(self, *, seconds: float = math.inf) -> Connector | None:
        """Return the registered connector, or None. Retries end after some seconds."""
        try:
            response = self._call(
                "DescribeConnector",
                {
                    "connectorType": "CustomConnector",
                    "connectorLabel": self.registration.connector_label,
                },
                seconds=seconds,
            )
        except NotRegisteredError:
            return None
        shown = response["connectorConfiguration"]
        provisioning = shown.get("connectorProvisioningConfig", {})
        return Connector(
            connector_label=self.registration.connector_label,
            connector_arn=shown.get("connectorArn", ""),
            lambda_arn=provisioning.get("lambda", {}).get("lambdaArn", ""),
            description=shown.get("connectorDescription", ""),
            version=shown.get("connectorVersion", ""),
            configuration=shown,
        )

    def refresh(self, client_token: str) -> None:
        """Have AppFlow read the configuration of the function that is registered, whichever it is.

        Raises:
            AppFlowError: AppFlow refused.
        """
        self._call(
            "UpdateConnectorRegistration",
            {
                "clientToken": client_token,
                "connectorLabel": self.registration.connector_label,
            },
        )

    def read(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation that changes nothing.

        Raises:
            NotRegisteredError: AppFlow has no such resource.
            AppFlowError: AppFlow refused.
        """
        return self._call(operation, parameters)

    def _call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        on_error: Callable[[CallError], None] = lambda _: None,
        before_try: Callable[[], None] = lambda: None,
        seconds: float = math.inf,
    ) -> dict[str, Any]:
        """Call an operation until it succeeds or its error is final.

        ``on_error`` receives each error first, and may raise another one in its place. Retries end
        after some seconds.
        """
        method = getattr(self._client, xform_name(operation))
        deadline = time_budget.clock.monotonic() + seconds
        first_seen: dict[str, float] = {}
        tries = enumerate(self.budget.pauses(), start=1)
        error: AppFlowError = OutOfTimeError(self.registration, operation)
        while True:
            attempt, pause = next(tries)
            before_try()
            if self.budget.seconds_left() <= 0:
                # After a pause that took longer than planned, the last try's error says more.
                raise error
            started = time_budget.clock.monotonic()
            try:
                response = _checked_response(method, parameters, operation)
            except sdk.CALL_ERRORS as cause:
                error = refusal = call_error(cause, operation, self.registration)
                self._log(operation, attempt, started, refusal.code)
                on_error(refusal)
                if refusal.code == "ConnectorServerException":
                    # A permission to read the state may have spread by now, or an update begun.
                    self._wait_until_ready()
                now = time_budget.clock.monotonic()
                until = first_seen.setdefault(refusal.code, now) + RETRY_SECONDS.get(
                    refusal.code, 0
                )
                if not self.budget.pause(pause, until=min(until, deadline)):
                    raise refusal from cause
            else:
                self._log(operation, attempt, started, "OK")
                return response

    def _log(self, operation: str, attempt: int, started: float, outcome: str) -> None:
        label = self.registration.connector_label
        sdk.log_call(operation, label, started, outcome, attempt=attempt)


# The SDK turns a body that is not JSON into a response without these members, and raises nothing.
_REQUIRED_MEMBERS = {
    "RegisterConnector": "connectorArn",
    "UpdateConnectorRegistration": "connectorArn",
    "DescribeConnector": "connectorConfiguration",
    "DescribeConnectorProfiles": "connectorProfileDetails",
    "ListFlows": "flows",
    "DescribeFlow": "flowName",
}


def _checked_response(
    method: Callable[..., dict[str, Any]], parameters: Mapping[str, Any], operation: str
) -> dict[str, Any]:
    response = sdk.call(method, parameters)
    member = _REQUIRED_MEMBERS.get(operation)
    if member is not None and member not in response:
        raise ResponseParserError(f"the response has no {member}")
    return response
