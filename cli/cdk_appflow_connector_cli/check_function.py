"""A connector's deployed Lambda function.

Source: Invoke in the AWS Lambda API Reference. The function's name may have a qualifier after a
colon, and an ARN is allowed as well.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from appflow_connector_configuration.response import parsed

from .aws import Session
from .check_connector import ConnectorFailure, indented, not_json
from .errors import CommandError
from .functions import error_message

_MOST_LINES = 20


class DeployedConnector:
    """A Lambda function that is invoked once for each request.

    Args:
        session: a session in the account and Region of the function.
        name: the name of the function, with its qualifier or without, or its ARN, whose Region
            counts.
        seconds: how long to wait for each response.
    """

    def __init__(self, session: Session, name: str, *, seconds: float) -> None:
        # A second try would invoke the connector a second time.
        config = Config(read_timeout=seconds, retries={"total_max_attempts": 1})
        self._client = session.client("lambda", _region_in(name), config)
        self._session = session
        self._name = name
        self._seconds = seconds

    def response_to(self, request: Mapping[str, Any]) -> Any:
        """The response to a request.

        Raises:
            ConnectorFailure: the function failed, or its response is not JSON.
            CommandError: the function does not exist, or did not respond in time.
            ClientError: Lambda refused the call.
            BotoCoreError: the call failed.
        """
        try:
            result = self._client.invoke(
                FunctionName=self._name, Payload=json.dumps(request).encode(), LogType="Tail"
            )
            payload = result["Payload"].read()
        except self._client.exceptions.ResourceNotFoundException as error:
            raise CommandError(
                f"There is no function {self._name} in {self._session}. Pass NAME, NAME:QUALIFIER"
                " for a version or an alias, or an ARN; --region sets another Region"
            ) from error
        except ReadTimeoutError as error:
            raise CommandError(
                f"{self._name} did not respond within {self._seconds:g} seconds. Pass a longer"
                f" --timeout, or see {self._log_group()} for where it waits"
            ) from error
        if "FunctionError" in result:
            raise ConnectorFailure(error_message(payload), self._details(result))
        try:
            return parsed(payload)
        except ValueError as error:
            raise ConnectorFailure(not_json(error), self._details(result)) from error

    def _details(self, result: Mapping[str, Any]) -> str:
        log = base64.b64decode(result.get("LogResult", "")).decode(errors="replace")
        where = f"The log of the function is in {self._log_group()}"
        return f"{where}, and ends:\n{indented(log, most=_MOST_LINES)}" if log.strip() else where

    def _log_group(self) -> str:
        """The log group that a function has unless its configuration names another one."""
        name = self._name.partition(":function:")[2] or self._name
        return f"/aws/lambda/{name.partition(':')[0]}"


def _region_in(name: str) -> str | None:
    """The Region of an ARN, or None for a name."""
    found = re.match(r"arn:[^:]+:lambda:([^:]+):", name)
    return found[1] if found else None
