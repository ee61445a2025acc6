"""What somebody reads in the events of a stack when a call to AppFlow fails."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from connector_registration.errors import NotRegisteredError, readable
from connector_registration.request import Registration

ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm:live"
REGISTRATION = Registration("acme-crm", ARN, None, None, False)


def refused(code: str, message: str = "AppFlow's words", status: int = 400) -> ClientError:
    """What the SDK raises for an error answer."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Any")


@pytest.mark.parametrize(
    ("code", "operation", "advice"),
    [
        *[
            (
                "AccessDeniedException",
                operation,
                f" Needed: appflow:{operation} and lambda:InvokeFunction for the handler's role,"
                f" and a permission on {ARN} itself that lets appflow.amazonaws.com invoke it.",
            )
            for operation in ("RegisterConnector", "UpdateConnectorRegistration")
        ],
        *[
            (
                "AccessDeniedException",
                operation,
                f" Needed: appflow:{operation} on connector/acme-crm for the handler's role.",
            )
            for operation in ("DescribeConnector", "UnregisterConnector")
        ],
        (
            "ConnectorServerException",
            "RegisterConnector",
            " The connector's own error is in log group /aws/lambda/crm.",
        ),
        (
            "ConflictException",
            "UnregisterConnector",
            " Delete the connector profiles and flows that use it, or deploy force_unregister=True"
            " first; then delete again.",
        ),
        ("ConflictException", "UpdateConnectorRegistration", ""),
        ("ValidationException", "UnregisterConnector", ""),
        (
            "ServiceQuotaExceededException",
            "RegisterConnector",
            " Unregister connectors nobody uses, or ask AWS for a higher AppFlow quota.",
        ),
        ("ResourceNotFoundException", "DescribeConnector", ""),
    ],
)
def test_says_what_to_do(code: str, operation: str, advice: str) -> None:
    error = readable(refused(code), operation, REGISTRATION)

    assert str(error) == f"connector acme-crm: {code} from {operation}: AppFlow's words.{advice}"
    assert error.code == code
    assert isinstance(error, NotRegisteredError) == (code == "ResourceNotFoundException")


@pytest.mark.parametrize(
    "cause",
    [
        EndpointConnectionError(endpoint_url="https://appflow.example"),
        ResponseParserError("the answer has no connectorArn"),
    ],
)
def test_calls_everything_without_a_readable_answer_connection_trouble(cause: Exception) -> None:
    error = readable(cause, "DescribeConnector", REGISTRATION)

    assert error.code == "ConnectionTrouble"
    assert str(error) == (
        f"connector acme-crm: ConnectionTrouble from DescribeConnector: {str(cause).rstrip('.')}."
        " Check that AppFlow exists in this Region, and that the handler has a route to it if it"
        " runs in a VPC."
    )


def test_names_an_error_of_the_sdk_s_own_by_its_type() -> None:
    error = readable(NoCredentialsError(), "DescribeConnector", REGISTRATION)

    assert str(error) == (
        "connector acme-crm: NoCredentialsError from DescribeConnector: Unable to locate"
        " credentials."
    )


@pytest.mark.parametrize(
    ("code", "status", "is_taken_for"),
    [
        ("TooMany", 429, "ThrottlingException"),
        ("", 500, "InternalServerException"),
        ("ServiceUnavailable", 503, "InternalServerException"),
        ("Throttling", 429, "Throttling"),
        ("Throttling", 500, "Throttling"),
        ("ValidationException", 499, "ValidationException"),
    ],
)
def test_takes_an_unknown_code_by_its_status(code: str, status: int, is_taken_for: str) -> None:
    error = readable(refused(code, status=status), "DescribeConnector", REGISTRATION)

    assert error.code == is_taken_for


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Ends with a stop.", "Ends with a stop."),
        ("Ends without", "Ends without."),
        ("Of several\n\t lines", "Of several lines."),
        ("x" * 149 + ".", "x" * 149 + "."),
        ("x" * 150, "x" * 150 + "."),
        ("x" * 151, "x" * 150 + "..."),
        ("", "HTTP status 418."),
    ],
)
def test_keeps_the_start_of_appflow_s_message(message: str, shown: str) -> None:
    cause = refused("ValidationException", message, status=418)

    error = readable(cause, "DescribeConnector", REGISTRATION)

    assert str(error) == (
        f"connector acme-crm: ValidationException from DescribeConnector: {shown}"
    )
