"""Invoking the functions of connectors, with the permission of AppFlow and the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .access import Access
from .connector import configuration_of
from .errors import AccessDeniedException, AppFlowError, ConnectorServerException, error
from .settings import Settings


class Functions:
    """The Lambda functions of the caller's account, reached over HTTP."""

    def __init__(self, client: Any, access: Access, settings: Settings) -> None:
        self._client = client
        self._access = access
        self._settings = settings

    def configuration(self, lambda_arn: str) -> dict[str, Any]:
        """Request the configuration of a connector.

        Raises:
            AccessDeniedException: AppFlow or the caller is not allowed to invoke the function.
            ConnectorServerException: the function failed.
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

    def _invoke(self, lambda_arn: str, payload: bytes) -> Mapping[str, Any]:
        try:
            result: Mapping[str, Any] = self._client.invoke(
                FunctionName=lambda_arn, Payload=payload
            )
        except (BotoCoreError, ClientError) as failure:
            raise ConnectorServerException(
                f"Error while communicating to connector: {failure}"
            ) from failure
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
