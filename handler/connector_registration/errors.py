"""AppFlow's errors: which of them pass by waiting, and what each means to the reader of a stack."""

from __future__ import annotations

from http import HTTPStatus

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.parsers import ResponseParserError

from .request import Registration
from .response import ForeseenError

_CONNECTION_TROUBLE = "ConnectionTrouble"
_THROTTLED = (
    "ThrottlingException",
    "TooManyRequestsException",
    "Throttling",
    "RequestLimitExceeded",
)

# For how many seconds each error of a call is waited out, counted from the first such answer. An
# error that is not listed is final. Every wait also ends with the time the invocation has left.
WAITED_OUT_SECONDS: dict[str, float] = {
    # The service asks for patience, or its answer got lost: worth all the time there is.
    **dict.fromkeys(_THROTTLED, 600),
    "RequestTimeoutException": 600,
    "InternalServerException": 600,
    _CONNECTION_TROUBLE: 600,
    # The stack made the role and the function's permission seconds ago; IAM is eventually
    # consistent and needs up to about a minute.
    "AccessDeniedException": 60,
    # Somebody else's update of the same connector has to finish first; one call of it can take 45.
    "ConflictException": 60,
    # A cold start of the connector's Lambda can outlast AppFlow's patience; a second try finds it
    # warm. A connector that is really broken fails the stack after these few seconds.
    "ConnectorServerException": 10,
}

# The service's words are cut at their end, so that the advice is near the beginning: 105 are those
# that every broken connector gets.
_MESSAGE_CHARACTERS = 120


class AppFlowError(ForeseenError):
    """AppFlow does not hold what it should."""


class CallError(AppFlowError):
    """AppFlow refused a call, or could not be reached.

    Attributes:
        code: AppFlow's error code, or ``ConnectionTrouble`` when no answer came.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class NotRegisteredError(CallError):
    """No connector is registered under the label."""


def readable(cause: Exception, operation: str, registration: Registration) -> CallError:
    """Turn what the SDK raised into an error that says what has happened and what to do."""
    code, message = _code_and_message(cause)
    label = registration.connector_label
    advice = _advice(code, operation, registration)
    text = f"connector {label}: {code} from {operation}: {_cut(message)} {advice}"
    kind = NotRegisteredError if code == "ResourceNotFoundException" else CallError
    return kind(text, code=code)


def _code_and_message(cause: Exception) -> tuple[str, str]:
    # An answer that cannot be read is as good as none.
    if isinstance(cause, (HTTPClientError, BotocoreConnectionError, ResponseParserError)):
        return _CONNECTION_TROUBLE, str(cause)
    if not isinstance(cause, ClientError):
        return type(cause).__name__, str(cause)
    # The SDK fills in all three whatever it is answered; the first two may be empty.
    code, message = cause.response["Error"]["Code"], cause.response["Error"]["Message"]
    status = cause.response["ResponseMetadata"]["HTTPStatusCode"]
    if code not in WAITED_OUT_SECONDS:
        # The service's front door has codes of its own, or none; the status tells what they mean.
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            code = "ThrottlingException"
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code = "InternalServerException"
    return code, message or f"HTTP status {status}"


def _cut(message: str) -> str:
    message = " ".join(message.split())
    if len(message) > _MESSAGE_CHARACTERS:
        message = message[:_MESSAGE_CHARACTERS] + "..."
    return message if message.endswith(".") else message + "."


# The likely cause and the next step, by code, or by code and operation.
_ADVICE: dict[str, str] = {
    **dict.fromkeys(
        (
            "AccessDeniedException from RegisterConnector",
            "AccessDeniedException from UpdateConnectorRegistration",
        ),
        "Let appflow.amazonaws.com invoke exactly {function_arn}, and the handler's role call"
        " appflow:{operation} and lambda:InvokeFunction.",
    ),
    "AccessDeniedException": "Let the handler's role call appflow:{operation} on {connector_arn}.",
    **dict.fromkeys(
        ("ConnectorServerException", "ConnectorAuthenticationException"),
        "The connector's own error is in its log group, by default /aws/lambda/{function_name}.",
    ),
    "ConflictException from UnregisterConnector": (
        "Delete the connector profiles and flows that use it, or deploy force_unregister=True"
        " first; then delete again."
    ),
    "ConflictException": "Another change of this connector is under way: deploy again after it.",
    "ServiceQuotaExceededException": (
        "Unregister connectors nobody uses, or ask AWS for a higher AppFlow quota."
    ),
    "ResourceNotFoundException": "See whether {function_arn} exists, and deploy again.",
    "ValidationException": "Correct the value that AppFlow names, and deploy again.",
    **dict.fromkeys(
        ("InternalServerException", "RequestTimeoutException"),
        "A fault of AppFlow's that did not pass: deploy again later.",
    ),
    **dict.fromkeys(
        _THROTTLED, "The account calls AppFlow too often: deploy again, fewer stacks at a time."
    ),
    _CONNECTION_TROUBLE: (
        "Check that AppFlow exists in this Region, and that the handler has a route to it if it"
        " runs in a VPC."
    ),
}
_OTHER_ADVICE = "Deploy again; if it stays, look the error up in the AppFlow API Reference."


def _advice(code: str, operation: str, registration: Registration) -> str:
    function_arn = registration.lambda_arn
    _, partition, _, region, account, _, function_name = function_arn.split(":")[:7]
    advice = _ADVICE.get(f"{code} from {operation}") or _ADVICE.get(code, _OTHER_ADVICE)
    return advice.format(
        operation=operation,
        function_arn=function_arn,
        function_name=function_name,
        connector_arn=(
            f"arn:{partition}:appflow:{region}:{account}:connector/{registration.connector_label}"
        ),
    )


def existing(registration: Registration, lambda_arn: str) -> AppFlowError:
    """The error of a label that is taken although the template wants it free."""
    return AppFlowError(
        f"connector {registration.connector_label}: it is registered already, for {lambda_arn}, and"
        " on_existing is FAIL. Choose another label, or take it over with on_existing ADOPT."
    )


def missing(registration: Registration) -> AppFlowError:
    """The error of a label that is free although the template wants it registered."""
    return AppFlowError(
        f"connector {registration.connector_label}: it is not registered, and on_missing is FAIL."
        " Register it first, or let on_missing REGISTER do it."
    )


def out_of_time(operation: str, registration: Registration) -> AppFlowError:
    """The error of a call that would not end in time."""
    label = registration.connector_label
    return AppFlowError(f"connector {label}: no time was left for {operation}. Deploy again.")


def no_longer_awaited(registration: Registration) -> AppFlowError:
    """The error of an event that has come too late."""
    return AppFlowError(
        f"connector {registration.connector_label}: CloudFormation has gone on without the answer"
        " to this event, which has come late or once more, so nothing was done."
    )
