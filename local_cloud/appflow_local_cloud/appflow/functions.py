"""Invoking the functions of connectors, with the permission of AppFlow and the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from .access import Access
from .connector import configuration_of
from .errors import AccessDeniedException, AppFlowError, error
from .invocation import response_to, server_error
from .settings import Settings


class Functions:
    """The Lambda functions of the caller's account, reached over HTTP.

    Args:
        client: a client of Lambda that reads functions and policies.
        invoking_client: a client of Lambda that waits for a connector as long as AppFlow does.
        access: what the caller and AppFlow are allowed to do.
        settings: the settings of the account.
    """

    def __init__(
        self, client: Any, invoking_client: Any, access: Access, settings: Settings
    ) -> None:
        self._client = client
        self._invoking_client = invoking_client
        self._access = access
        self._settings = settings

    def configuration(self, lambda_arn: str) -> dict[str, Any]:
        """Request the configuration of a connector.

        Raises:
            AccessDeniedException: AppFlow or the caller is not allowed to invoke the function.
            ConnectorServerException: the function failed, did not respond in time, or returned an
                invalid configuration.
        """
        # Before the caller's permission can be missed: both permissions propagate from the first
        # call on.
        appflow_may_invoke = self._access.appflow_may_invoke(lambda_arn, self._policy(lambda_arn))
        # The native AWS::AppFlow::Connector requires this permission of its callers too.
        if self._settings.caller_permission == "required":
            self._access.authorize_invoke(lambda_arn)
        if not appflow_may_invoke:
            raise self._refusal(lambda_arn)
        return configuration_of(lambda_arn, self._invoke)

    def response(self, lambda_arn: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request to a connector and return its response, which may report a failure.

        Raises:
            AccessDeniedException: AppFlow is not allowed to invoke the function.
            ConnectorServerException: the function failed, did not respond in time, or its response
                is not one of a connector.
        """
        if not self._access.appflow_may_invoke(lambda_arn, self._policy(lambda_arn)):
            raise self._refusal(lambda_arn)
        return response_to(request, lambda_arn, self._invoke)

    def _invoke(self, lambda_arn: str, payload: bytes) -> Mapping[str, Any]:
        try:
            result: Mapping[str, Any] = self._invoking_client.invoke(
                FunctionName=lambda_arn, Payload=payload
            )
        except ReadTimeoutError as timeout:
            raise server_error(
                "the function did not respond within"
                f" {self._settings.connector_timeout_seconds:g} seconds."
            ) from timeout
        except (BotoCoreError, ClientError) as failure:
            raise server_error(str(failure)) from failure
        return result

    def _refusal(self, lambda_arn: str) -> AppFlowError:
        code = self._settings.missing_function
        if code != "AccessDeniedException" and not self._exists(lambda_arn):
            return error(code, f"Function {lambda_arn} does not exist.")
        return AccessDeniedException(
            f"Amazon AppFlow is not authorized to invoke {lambda_arn}: its resource policy must"
            " allow lambda:InvokeFunction to appflow.amazonaws.com."
        )

    def _exists(self, lambda_arn: str) -> bool:
        try:
            self._client.get_function_configuration(FunctionName=lambda_arn)
        except self._client.exceptions.ResourceNotFoundException:
            return False
        return True

    def _policy(self, lambda_arn: str) -> Mapping[str, Any]:
        try:
            policy: Mapping[str, Any] = json.loads(
                self._client.get_policy(FunctionName=lambda_arn)["Policy"]
            )
        except self._client.exceptions.ResourceNotFoundException:
            return {"Statement": []}
        return policy
