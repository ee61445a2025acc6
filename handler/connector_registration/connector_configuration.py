"""What a connector's function responds when it is asked for its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from appflow_connector_configuration.response import REQUEST, configuration_in, parsed

from . import sdk, time_budget
from .errors import OutOfTimeError
from .request import Registration
from .time_budget import TimeBudget


def read_configuration(registration: Registration, budget: TimeBudget) -> Mapping[str, Any] | None:
    """Invoke the function once, and return its configuration in AppFlow's terms.

    None if the handler may not invoke the function, or if it returns no configuration. Only AppFlow
    then knows what it makes of the connector.

    Raises:
        OutOfTimeError: the invocation might not end in time.
    """
    if budget.seconds_left() <= 0:
        raise OutOfTimeError(registration, "Invoke")
    started, outcome = time_budget.clock.monotonic(), "OK"
    found: dict[str, Any] | None = None
    try:
        found = sdk.call(_invoke, {"lambda_arn": registration.lambda_arn})
    except sdk.CALL_ERRORS as error:
        outcome = str(error)
    sdk.log_call("Invoke", registration.connector_label, started, outcome)
    return found


def _invoke(lambda_arn: str) -> dict[str, Any]:
    """Invoke the function; ``sdk.call`` turns what is unexpected in the response into an error."""
    response = sdk.client("connector").invoke(
        FunctionName=lambda_arn, Payload=json.dumps(REQUEST).encode()
    )
    if "FunctionError" in response:
        raise ValueError(f"FunctionError {response['FunctionError']}")
    said = parsed(response["Payload"].read())
    if said["isSuccess"] is not True:
        raise ValueError("isSuccess is not true")
    shape = sdk.client("appflow").meta.service_model.shape_for("ConnectorConfiguration")
    return configuration_in(said, shape)
