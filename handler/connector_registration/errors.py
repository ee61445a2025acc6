"""The errors of a connector's registration, and which of AppFlow's errors a retry can clear.

Every text begins with ``connector <label>:``, by which ``stack_events`` recognises it in a stack's
events, and ends with the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.parsers import ResponseParserError

from .advice import CONNECTION_ERROR, THROTTLING_CODES, advice
from .request import Registration
from .response import ReportableError

if TYPE_CHECKING:
    from .appflow_calls import Connector

# Longer than any invocation with the default timeout.
_TRANSIENT_SECONDS = 600.0

# For how many seconds the handler retries after each error of a call, counted from the first such
# error. An error that is not listed is final. Retries also end with the time budget.
RETRY_SECONDS: dict[str, float] = {
    # The service asks for a later try, or its response was lost: retry while there is time.
    **dict.fromkeys(THROTTLING_CODES, _TRANSIENT_SECONDS),
    "RequestTimeoutException": _TRANSIENT_SECONDS,
    "InternalServerException": _TRANSIENT_SECONDS,
    CONNECTION_ERROR: _TRANSIENT_SECONDS,
    # The stack created the role and the function's permission seconds ago. IAM is eventually
    # consistent and needs up to about a minute.
    "AccessDeniedException": 60,
    # Another update of the same connector has to finish first. One call of it can take 45 seconds.
    "ConflictException": 60,
    # AppFlow waits ten seconds for the connector, and a cold start can take longer more than once.
    # There is time for three tries of ten seconds, and a broken connector fails the stack within
    # half a minute. Source: README and troubleshooting guide of the AppFlow Custom Connector SDK.
    "ConnectorServerException": 15,
}

# Truncated so that the advice stays near the beginning of the reason. AppFlow's message about a
# connector that raises an exception has 105 characters.
_MAX_MESSAGE_LENGTH = 120


class AppFlowError(ReportableError):
    """The registration is not what the template asks for.

    Attributes:
        problem: what is wrong, without the next step of a deployment.
    """

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(f"{problem} {next_step}" if next_step else problem)
        self.problem = problem


class CallError(AppFlowError):
    """AppFlow refused a call, or could not be reached.

    Attributes:
        code: AppFlow's error code, or ``ConnectionError`` if there was no response.
    """

    def __init__(self, problem: str, next_step: str, *, code: str) -> None:
        super().__init__(problem, next_step)
        self.code = code

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed at any moment, without a change of anything."""
        return RETRY_SECONDS.get(self.code) == _TRANSIENT_SECONDS


class NotRegisteredError(CallError):
    """No connector is registered under the label."""


class AlreadyRegisteredError(AppFlowError):
    """A connector is registered under the label.

    Attributes:
        registered: the registered connector.
    """

    def __init__(self, registration: Registration, registered: Connector) -> None:
        super().__init__(
            f"connector {registration.connector_label}: the label is already registered, with"
            f" {registered.lambda_arn}.",
            "Choose another label, or adopt the registration with adoption=Adoption.ALLOWED.",
        )
        self.registered = registered


class MissingRegistrationError(AppFlowError):
    """No connector is registered under the label although the template requires one."""

    def __init__(self, registration: Registration) -> None:
        super().__init__(
            f"connector {registration.connector_label}: the label is not registered, and adoption"
            " is REQUIRED.",
            "Register the connector first, or set adoption=Adoption.ALLOWED.",
        )


class BreakingChangeError(AppFlowError):
    """A refresh breaks what uses the connector, or it is not known whether it does."""


class OutOfTimeError(AppFlowError):
    """A call could not begin because it might not have ended in time."""

    def __init__(self, registration: Registration, operation: str) -> None:
        super().__init__(
            f"connector {registration.connector_label}: no time was left for {operation}.",
            "Deploy again.",
        )


class FunctionFailedError(AppFlowError):
    """Lambda could not create or update the connector's function."""

    def __init__(self, registration: Registration, state: str) -> None:
        super().__init__(
            f"connector {registration.connector_label}: {registration.lambda_arn} cannot be used,"
            f" since its {state}.",
            "Correct the function, and deploy again.",
        )


class FunctionNotReadyError(AppFlowError):
    """The connector's function was not ready in time."""

    def __init__(self, registration: Registration, reason: str) -> None:
        super().__init__(
            f"connector {registration.connector_label}: {registration.lambda_arn} was not ready in"
            f" time: {reason}.",
            "Deploy again when it is ready.",
        )


class TrafficShiftError(FunctionNotReadyError):
    """An alias still has a second version when the time for its shift is up."""


class StaleEventError(AppFlowError):
    """CloudFormation no longer waits for the response."""


class LateEventError(StaleEventError):
    """A stale event that this invocation has not begun to carry out."""

    def __init__(self, registration: Registration) -> None:
        super().__init__(
            f"connector {registration.connector_label}: CloudFormation no longer waits for this"
            " event, which arrived late or for a second time.",
            "Nothing was changed.",
        )


class CancelledEventError(StaleEventError):
    """A stale event for which this invocation may have changed something."""

    def __init__(self, registration: Registration) -> None:
        super().__init__(
            f"connector {registration.connector_label}: CloudFormation no longer waits for this"
            " event, which was cancelled or timed out.",
            "Nothing more is changed.",
        )


class RefreshFailedError(Exception):
    """Registrations could not be refreshed after a change outside of a deployment."""

    def __init__(self, errors: Sequence[AppFlowError]) -> None:
        problems = " ".join(error.problem for error in errors)
        super().__init__(
            f"{problems} Lambda repeats the event, at most twice. If the last time fails too, run"
            " cdk-appflow-connector refresh with the label."
        )


def call_error(cause: Exception, operation: str, registration: Registration) -> CallError:
    """Turn an exception of the SDK into an error that says what happened and what to do."""
    code, message = _code_and_message(cause)
    kind = NotRegisteredError if code == "ResourceNotFoundException" else CallError
    return kind(
        f"connector {registration.connector_label}: {code} from {operation}: {shortened(message)}",
        advice(code, operation, registration),
        code=code,
    )


def _code_and_message(cause: Exception) -> tuple[str, str]:
    # A response that cannot be read is handled like a lost one.
    if isinstance(cause, (HTTPClientError, BotocoreConnectionError, ResponseParserError)):
        return CONNECTION_ERROR, str(cause)
    if not isinstance(cause, ClientError):
        return type(cause).__name__, str(cause)
    # The SDK always sets all three; code and message may be empty.
    code, message = cause.response["Error"]["Code"], cause.response["Error"]["Message"]
    status = cause.response["ResponseMetadata"]["HTTPStatusCode"]
    if code not in RETRY_SECONDS:
        # A proxy in front of the service has codes of another set, or none.
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            code = "ThrottlingException"
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code = "InternalServerException"
    return code, message or f"HTTP status {status}"


def shortened(message: str) -> str:
    """The beginning of a service's message, in one line that ends with a full stop."""
    message = " ".join(message.split())
    if len(message) > _MAX_MESSAGE_LENGTH:
        message = message[:_MAX_MESSAGE_LENGTH] + "..."
    return message if message.endswith(".") else message + "."
