"""The reasons that the stack's events show when a call to AppFlow fails."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError
from connector_registration.errors import NotRegisteredError, call_error
from connector_registration.request import Registration

from tests.handler.events import FUNCTION_ARN, LABEL

ARN = f"{FUNCTION_ARN}:live"
REGISTRATION = Registration(LABEL, ARN, None, None, False)


def refused(code: str, message: str = "AppFlow's words", status: int = 400) -> ClientError:
    """What the SDK raises for an error response."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Any")


THROTTLED = "The account exceeds its AppFlow request rate. Deploy again, fewer stacks at a time."
FAULTY = "AppFlow did not recover in time. Deploy again later."
UNKNOWN = "Deploy again. If the error persists, look it up in the AppFlow API Reference."


@pytest.mark.parametrize(
    ("code", "operation", "advice"),
    [
        *[
            (
                "AccessDeniedException",
                operation,
                f"Allow appflow.amazonaws.com to invoke exactly {ARN}, and allow the handler's"
                f" role appflow:{operation} and lambda:InvokeFunction (in the provider's template:"
                " ConnectorLabels and FunctionArns).",
            )
            for operation in ("RegisterConnector", "UpdateConnectorRegistration")
        ],
        *[
            (
                "AccessDeniedException",
                operation,
                f"Allow the handler's role appflow:{operation} on"
                " arn:aws:appflow:us-east-1:111122223333:connector/acme-crm (in the provider's"
                f" template: {parameter}).",
            )
            for operation, parameter in (
                ("DescribeConnector", "ConnectorLabels"),
                ("UnregisterConnector", "MayUnregister=true"),
            )
        ],
        (
            "ConnectorServerException",
            "RegisterConnector",
            "The connector's own error is in its log group, by default /aws/lambda/crm.",
        ),
        (
            "ConnectorAuthenticationException",
            "UpdateConnectorRegistration",
            "The connector's own error is in its log group, by default /aws/lambda/crm.",
        ),
        (
            "ConflictException",
            "UnregisterConnector",
            "Delete the connector profiles and flows that use the connector, or deploy"
            " force_delete=True first. Then delete again.",
        ),
        (
            "ConflictException",
            "UpdateConnectorRegistration",
            "Another update of this connector is in progress. Deploy again when it has finished.",
        ),
        (
            "ValidationException",
            "UpdateConnectorRegistration",
            "Correct the value that AppFlow names, and deploy again.",
        ),
        (
            "ServiceQuotaExceededException",
            "RegisterConnector",
            "Unregister connectors that are no longer used, or request a higher AppFlow quota.",
        ),
        (
            "ResourceNotFoundException",
            "UpdateConnectorRegistration",
            f"Check that {ARN} exists, and deploy again.",
        ),
        ("ThrottlingException", "RegisterConnector", THROTTLED),
        ("TooManyRequestsException", "RegisterConnector", THROTTLED),
        ("Throttling", "RegisterConnector", THROTTLED),
        ("RequestLimitExceeded", "RegisterConnector", THROTTLED),
        ("InternalServerException", "RegisterConnector", FAULTY),
        ("RequestTimeoutException", "RegisterConnector", FAULTY),
        ("UnrecognizedClientException", "RegisterConnector", UNKNOWN),
    ],
)
def test_error_ends_with_the_next_step(code: str, operation: str, advice: str) -> None:
    """Every error names the connector, the code, the operation and the next step."""
    error = call_error(refused(code), operation, REGISTRATION)

    assert str(error) == f"connector acme-crm: {code} from {operation}: AppFlow's words. {advice}"
    assert error.code == code
    assert isinstance(error, NotRegisteredError) == (code == "ResourceNotFoundException")


def test_modelled_errors_have_specific_advice() -> None:
    """No error of AppFlow's service model falls back to the general advice."""
    model = ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")
    operations = ["RegisterConnector", "UpdateConnectorRegistration", "UnregisterConnector"]

    for operation in operations:
        for shape in model.operation_model(operation).error_shapes:
            error = call_error(refused(shape.name), operation, REGISTRATION)
            assert UNKNOWN not in str(error)


@pytest.mark.parametrize(
    "cause",
    [
        EndpointConnectionError(endpoint_url="https://appflow.example"),
        ResponseParserError("the response has no connectorArn"),
    ],
)
def test_unreadable_response_is_a_connection_error(cause: Exception) -> None:
    """A call without a readable response is reported as a connection error."""
    error = call_error(cause, "DescribeConnector", REGISTRATION)

    assert error.code == "ConnectionError"
    assert str(error) == (
        f"connector acme-crm: ConnectionError from DescribeConnector: {str(cause).rstrip('.')}."
        " Check that AppFlow is available in this Region, and that the handler has a route to it"
        " if it runs in a VPC."
    )


def test_error_of_the_sdk_has_its_type_as_code() -> None:
    """An error of the SDK itself is reported under its type."""
    error = call_error(NoCredentialsError(), "DescribeConnector", REGISTRATION)

    assert str(error) == (
        "connector acme-crm: NoCredentialsError from DescribeConnector: Unable to locate"
        f" credentials. {UNKNOWN}"
    )


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("TooMany", 429, "ThrottlingException"),
        ("", 500, "InternalServerException"),
        ("ServiceUnavailable", 503, "InternalServerException"),
        ("Throttling", 429, "Throttling"),
        ("Throttling", 500, "Throttling"),
        ("ValidationException", 499, "ValidationException"),
    ],
)
def test_unknown_code_is_read_from_the_status(code: str, status: int, expected: str) -> None:
    """An unknown code is replaced by what the HTTP status means."""
    error = call_error(refused(code, status=status), "DescribeConnector", REGISTRATION)

    assert error.code == expected


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Ends with a stop.", "Ends with a stop."),
        ("Ends without", "Ends without."),
        ("Of several\n\t lines", "Of several lines."),
        ("x" * 119 + ".", "x" * 119 + "."),
        ("x" * 120, "x" * 120 + "."),
        ("x" * 121, "x" * 120 + "..."),
        ("", "HTTP status 418."),
    ],
)
def test_message_is_truncated_to_its_start(message: str, shown: str) -> None:
    """AppFlow's message is one line, ends with a full stop and keeps its start."""
    cause = refused("ValidationException", message, status=418)

    error = call_error(cause, "DescribeConnector", REGISTRATION)

    assert str(error) == (
        f"connector acme-crm: ValidationException from DescribeConnector: {shown} Correct the value"
        " that AppFlow names, and deploy again."
    )
