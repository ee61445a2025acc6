"""The likely cause and the next step for each error of a call to AppFlow."""

from __future__ import annotations

from .request import Registration

CONNECTION_ERROR = "ConnectionError"
"""The handler's code for a call without a readable response."""

THROTTLING_CODES = (
    "ThrottlingException",
    "TooManyRequestsException",
    "Throttling",
    "RequestLimitExceeded",
)

# By code, or by code and operation.
_ADVICE: dict[str, str] = {
    **dict.fromkeys(
        (
            "AccessDeniedException from RegisterConnector",
            "AccessDeniedException from UpdateConnectorRegistration",
        ),
        "Allow appflow.amazonaws.com to invoke exactly {function_arn}, and allow the handler's role"
        " appflow:{operation} and lambda:InvokeFunction (in the provider's template:"
        " ConnectorLabels and FunctionArns).",
    ),
    "AccessDeniedException from DescribeConnectorProfiles": (
        "Allow the handler's role appflow:{operation} on * (in the provider's template:"
        " MayReadFlows=true)."
    ),
    **dict.fromkeys(
        ("AccessDeniedException from ListFlows", "AccessDeniedException from DescribeFlow"),
        "Allow the handler's role appflow:{operation} on {flow_arns} (in the provider's template:"
        " MayReadFlows=true).",
    ),
    "AccessDeniedException from UnregisterConnector": (
        "Allow the handler's role appflow:{operation} on {connector_arn} (in the provider's"
        " template: MayUnregister=true)."
    ),
    "AccessDeniedException": (
        "Allow the handler's role appflow:{operation} on {connector_arn} (in the provider's"
        " template: ConnectorLabels)."
    ),
    **dict.fromkeys(
        ("ConnectorServerException", "ConnectorAuthenticationException"),
        "The connector's own error is in its log group, by default /aws/lambda/{function_name}.",
    ),
    "ConflictException from UnregisterConnector": (
        "Delete the connector profiles and flows that use the connector, or deploy"
        " force_delete=True first. Then delete again."
    ),
    "ConflictException": (
        "Another update of this connector is in progress. Deploy again when it has finished."
    ),
    "ServiceQuotaExceededException": (
        "Unregister connectors that are no longer used, or request a higher AppFlow quota."
    ),
    "ResourceNotFoundException": "Check that {function_arn} exists, and deploy again.",
    "ValidationException": "Correct the value that AppFlow names, and deploy again.",
    **dict.fromkeys(
        ("InternalServerException", "RequestTimeoutException"),
        "AppFlow did not recover in time. Deploy again later.",
    ),
    **dict.fromkeys(
        (f"{code} from DescribeStackEvents" for code in THROTTLING_CODES),
        "The account exceeds its CloudFormation request rate. Deploy again.",
    ),
    **dict.fromkeys(
        THROTTLING_CODES,
        "The account exceeds its AppFlow request rate. Deploy again, fewer stacks at a time.",
    ),
    CONNECTION_ERROR: (
        "Check that AppFlow is available in this Region, and that the handler has a route to it if"
        " it runs in a VPC."
    ),
}
_OTHER_ADVICE = "Deploy again. If the error persists, look it up in the AppFlow API Reference."


def advice(code: str, operation: str, registration: Registration) -> str:
    """Return the advice about an error, with the names of its resources."""
    function_arn = registration.lambda_arn
    _, partition, _, region, account, _, function_name = function_arn.split(":")[:7]
    template = _ADVICE.get(f"{code} from {operation}") or _ADVICE.get(code, _OTHER_ADVICE)
    appflow_arn = f"arn:{partition}:appflow:{region}:{account}"
    return template.format(
        operation=operation,
        function_arn=function_arn,
        function_name=function_name,
        connector_arn=f"{appflow_arn}:connector/{registration.connector_label}",
        flow_arns=f"{appflow_arn}:flow/*",
    )
