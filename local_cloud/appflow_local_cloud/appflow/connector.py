"""The configuration of a connector, as AppFlow requests and keeps it."""

from __future__ import annotations

from typing import Any

from appflow_connector_configuration.faults import faults_in
from appflow_connector_configuration.model import configuration_shape
from appflow_connector_configuration.response import REQUEST, configuration_in, derived_members

from .invocation import Invoke, failure_in, invalid_response, response_to, server_error


def configuration_of(lambda_arn: str, invoke: Invoke) -> dict[str, Any]:
    """Request the configuration of a connector, in the terms of DescribeConnector.

    Raises:
        ConnectorServerException: the function failed, or its response is not a valid configuration.
    """
    response = response_to(REQUEST, lambda_arn, invoke)
    if failure := failure_in(response):
        raise server_error(failure.message)
    if faults := faults_in(response):
        raise invalid_response(REQUEST["type"], [fault.message for fault in faults])
    configuration = configuration_in(response, configuration_shape())
    return {**configuration, **derived_members(configuration)}
