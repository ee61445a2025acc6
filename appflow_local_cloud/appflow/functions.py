"""The connectors' functions, and who may invoke them.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core import iam_evaluator

from .connector import configuration_of
from .errors import AccessDeniedException, ConnectorServerException, not_authorized
from .service import Caller
from .settings import Settings


def demand(access_key: str, action: str, resource: str, caller: Caller) -> None:
    """Ask IAM whether a caller may do something.

    Raises:
        AccessDeniedException: it may not.
    """
    service = action.partition(":")[0]
    if iam_evaluator.enforce(access_key, action, service, caller.region, resource) is not None:
        raise not_authorized(caller.arn, action, resource)


class Functions:
    """The functions of the caller's account, reached over HTTP like anybody else would."""

    def __init__(self, client: Any, access_key: str, caller: Caller, settings: Settings) -> None:
        self._client = client
        self._access_key = access_key
        self._caller = caller
        self._settings = settings

    def configuration(self, lambda_arn: str) -> dict[str, Any]:
        """Invoke a connector, after checking that AppFlow and the caller may."""
        # The native AWS::AppFlow::Connector asks its callers for this right as well.
        if self._settings.caller_permission == "required":
            demand(self._access_key, "lambda:InvokeFunction", lambda_arn, self._caller)
        if not self._appflow_may_invoke(lambda_arn):
            raise AccessDeniedException(
                f"Amazon AppFlow is not authorized to invoke {lambda_arn}: its resource policy"
                " must allow lambda:InvokeFunction to appflow.amazonaws.com."
            )
        return configuration_of(lambda_arn, self._invoke)

    def _invoke(self, lambda_arn: str, payload: bytes) -> Mapping[str, Any]:
        try:
            result: Mapping[str, Any] = self._client.invoke(
                FunctionName=lambda_arn, Payload=payload
            )
        except (BotoCoreError, ClientError) as error:
            raise ConnectorServerException(
                f"Error while communicating to connector: {error}"
            ) from error
        return result

    def _appflow_may_invoke(self, lambda_arn: str) -> bool:
        try:
            policy = json.loads(self._client.get_policy(FunctionName=lambda_arn)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return False
            raise
        caller = self._caller
        context = iam_evaluator.EvalContext(
            principal_arn="appflow.amazonaws.com",
            principal_type="Service",
            principal_account=caller.account,
            action="lambda:InvokeFunction",
            resource_arn=lambda_arn,
            region=caller.region,
            service_context={
                "aws:sourceaccount": caller.account,
                "aws:sourcearn": f"arn:aws:appflow:{caller.region}:{caller.account}:connector",
            },
        )
        decision = iam_evaluator.evaluate_resource_policy(
            policy, context, service="appflow.amazonaws.com"
        ).decision
        return bool(decision == "Allow")
