"""The calls to Amazon AppFlow: their tokens, their retries, and the check that they took effect.

Source of operations, members and errors: the service model 2020-08-23 in botocore.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.parsers import ResponseParserError

from . import sdk, time_budget
from .errors import (
    RETRY_SECONDS,
    AlreadyRegisteredError,
    AppFlowError,
    CallError,
    NotRegisteredError,
    OutOfTimeError,
    call_error,
)
from .request import Registration
from .time_budget import UPDATE_VISIBLE_SECONDS, TimeBudget


class Connector(NamedTuple):
    """A registered connector, as DescribeConnector shows it."""

    connector_label: str
    connector_arn: str
    lambda_arn: str
    description: str
    version: str
    configuration: Mapping[str, Any]

    def matches(self, lambda_arn: str, description: str) -> bool:
        """Whether it is registered with this Lambda ARN and this description."""
        return (self.lambda_arn, self.description) == (lambda_arn, description)


class AppFlow:
    """AppFlow on behalf of one CloudFormation request, for the one registration that it is about.

    Args:
        client: a boto3 AppFlow client without retries. No retry mode of the SDK waits for IAM, cold
            starts or conflicts, or fits into the time budget.
        registration: what the template asks for.
        request_id: CloudFormation's id of the request. All tries of an operation carry the client
            token made from it, so an event that is delivered twice takes effect once.
        budget: the time that calls and pauses may take.
        wait_until_ready: waits until AppFlow can invoke the connector's function.
    """

    def __init__(
        self,
        client: Any,
        registration: Registration,
        *,
        request_id: str,
        budget: TimeBudget,
        wait_until_ready: Callable[[], None],
    ) -> None:
        self._client = client
        self._request_id = request_id
        self._wait_until_ready = wait_until_ready
        self.registration = registration
        self.budget = budget

    def describe(self) -> Connector | None:
        """Return the registered connector, or None."""
        try:
            response = self._call(
                "DescribeConnector",
                connectorType="CustomConnector",
                connectorLabel=self.registration.connector_label,
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

    def register(self) -> None:
        """Register the connector.

        Raises:
            AlreadyRegisteredError: a connector is registered under the label.
            AppFlowError: AppFlow refused.
        """
        self._wait_until_ready()
        self._call(
            "RegisterConnector",
            self._raise_if_label_taken,
            connectorProvisioningType="LAMBDA",
            clientToken=self._token("register"),
            **self._desired_state(self.registration.description),
        )

    def update(self, *, description: str | None, operation: str = "update") -> None:
        """Set the registration's Lambda ARN and have AppFlow read the connector's configuration.

        Args:
            description: the new description, or None to keep the registered one.
            operation: part of the token. AppFlow ignores a call whose token it knows.

        Raises:
            NotRegisteredError: no connector is registered under the label.
            AppFlowError: AppFlow refused.
        """
        self._wait_until_ready()
        self._call(
            "UpdateConnectorRegistration",
            clientToken=self._token(operation),
            **self._desired_state(description),
        )

    def unregister(self) -> None:
        """Unregister the connector, until AppFlow no longer shows it with the Lambda ARN.

        Raises:
            AppFlowError: AppFlow refused, for instance because a connector profile uses it.
        """
        for _ in self.budget.polls(UPDATE_VISIBLE_SECONDS):
            # "Not registered" can be the response to a second try whose first one took effect.
            with contextlib.suppress(NotRegisteredError):
                self._call(
                    "UnregisterConnector",
                    connectorLabel=self.registration.connector_label,
                    forceDelete=self.registration.force_delete,
                )
            registered = self.describe()
            if registered is None or registered.lambda_arn != self.registration.lambda_arn:
                return
        raise AppFlowError(
            f"connector {self.registration.connector_label}: AppFlow still shows the connector"
            " after unregistering it. Delete again."
        )

    def wait_until_updated(self) -> Connector:
        """Wait until AppFlow shows the Lambda ARN of the registration.

        Raises:
            AppFlowError: AppFlow still shows another ARN, or none, after half a minute.
        """
        registered = None
        for _ in self.budget.polls(UPDATE_VISIBLE_SECONDS):
            registered = self.describe()
            if registered is not None and registered.lambda_arn == self.registration.lambda_arn:
                return registered
        raise AppFlowError(self._not_updated_message(registered))

    def _raise_if_label_taken(self, error: CallError) -> None:
        # The documentation does not name the error for a label that is in use.
        if error.code in ("ConflictException", "ValidationException"):
            registered = self.describe()
            if registered is not None:
                raise AlreadyRegisteredError(self.registration, registered.lambda_arn)

    def _desired_state(self, description: str | None) -> dict[str, Any]:
        state: dict[str, Any] = {
            "connectorLabel": self.registration.connector_label,
            "connectorProvisioningConfig": {"lambda": {"lambdaArn": self.registration.lambda_arn}},
        }
        if description is not None:
            state["description"] = description
        return state

    def _not_updated_message(self, registered: Connector | None) -> str:
        label = self.registration.connector_label
        if registered is None:
            return (
                f"connector {label}: AppFlow does not show the connector after registering it."
                " Deploy again."
            )
        return (
            f"connector {label}: AppFlow accepted the update but still shows"
            f" {registered.lambda_arn}. Another stack or an operator may be updating the same"
            " label; make sure that only one of them manages it."
        )

    def _token(self, operation: str) -> str:
        # AppFlow refuses a token that comes back with other parameters.
        return f"{self._request_id}-{operation}"

    def _call(
        self,
        operation: str,
        on_error: Callable[[CallError], None] = lambda _: None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Call an operation until it succeeds or its error is final.

        ``on_error`` receives each error first, and may raise another one in its place.
        """
        method = getattr(self._client, xform_name(operation))
        first_seen: dict[str, float] = {}
        tries = enumerate(self.budget.pauses(), start=1)
        error: AppFlowError = OutOfTimeError(self.registration, operation)
        while True:
            attempt, pause = next(tries)
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
                if not self.budget.pause(pause, until=until):
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
}


def _checked_response(
    method: Callable[..., dict[str, Any]], parameters: Mapping[str, Any], operation: str
) -> dict[str, Any]:
    response = sdk.call(method, parameters)
    member = _REQUIRED_MEMBERS.get(operation)
    if member is not None and member not in response:
        raise ResponseParserError(f"the response has no {member}")
    return response
