"""The configuration that the function of a connector returns now.

AppFlow shows the configuration that it read when the connector was registered or last refreshed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from appflow_connector_configuration.faults import faults_in
from appflow_connector_configuration.model import configuration_shape
from appflow_connector_configuration.response import (
    REQUEST,
    configuration_in,
    derived_members,
    parsed,
)

from .arguments import PROGRAM
from .aws import SDK_ERRORS, Session, Unknown

_READ_SECONDS = 15
_MAX_FAULTS = 3

# A second try would invoke the connector a second time.
_INVOKING = Config(connect_timeout=5, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1})


LOG_GROUP_ADVICE = "The connector's own error is in its log group, by default /aws/lambda/{name}"
"""The next step for a connector that failed."""


class NotInvoked(NamedTuple):
    """The function could not be invoked, which says nothing about the connector.

    ``next_step`` is empty if the reason has none that is special.
    """

    reason: str
    next_step: str = ""


Returned: TypeAlias = "Mapping[str, Any] | NotInvoked | Unknown"
"""A configuration in the terms of DescribeConnector; or why there is none: the function could not
be invoked, or AppFlow would refuse what it returns."""


class Functions:
    """The functions of connectors.

    Args:
        session: a session in the account and Region.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client = session.client("lambda", config=_INVOKING)

    def configuration(self, lambda_arn: str) -> Returned:
        """What the function of a connector returns now, invoked once and for 15 seconds at most.

        Raises:
            ClientError: every other call would fail as well, because of the credentials.
        """
        try:
            result = self._client.invoke(
                FunctionName=lambda_arn, Payload=json.dumps(REQUEST).encode()
            )
            payload = result["Payload"].read()
        except ReadTimeoutError:
            return _failed(lambda_arn, f"did not respond within {_READ_SECONDS} seconds")
        except SDK_ERRORS as error:
            return NotInvoked(*self._session.unknown(error, is_required=False))
        if "FunctionError" in result:
            return _failed(lambda_arn, f"failed: {error_message(payload)}")
        return _configuration_in(lambda_arn, _parsed(payload))


def _configuration_in(lambda_arn: str, response: Any) -> Mapping[str, Any] | Unknown:
    if faults := faults_in(response):
        shown = "; ".join(fault.message for fault in faults[:_MAX_FAULTS])
        more = f"; and {len(faults) - _MAX_FAULTS} more" if len(faults) > _MAX_FAULTS else ""
        return Unknown(
            f"AppFlow would refuse what {lambda_arn} returns: {shown}{more}",
            "Correct the connector. To see all that AppFlow would refuse, run"
            f" {PROGRAM} check --function {lambda_arn}",
        )
    configuration = configuration_in(response, configuration_shape())
    return {**configuration, **derived_members(configuration)}


def _failed(lambda_arn: str, what: str) -> Unknown:
    return Unknown(
        f"the connector {lambda_arn} {what}", LOG_GROUP_ADVICE.format(**names(lambda_arn))
    )


def names(lambda_arn: str) -> dict[str, str]:
    """The values of the placeholders in advice about a function."""
    return {"arn": lambda_arn, "name": lambda_arn.split(":")[6]}


def error_message(payload: bytes) -> str:
    """The type and the message of the error of a failed function, as Lambda returns them."""
    error = _parsed(payload)
    found = error if isinstance(error, Mapping) else {}
    shown = [str(found[name]) for name in ("errorType", "errorMessage") if found.get(name)]
    return ": ".join(shown) or "it returned no errorMessage"


def _parsed(payload: bytes) -> Any:
    """The response of a function, which is null if it is not JSON."""
    try:
        return parsed(payload)
    except ValueError:
        return None
