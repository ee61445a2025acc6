"""AppFlow as one of MiniStack's services.

MiniStack parses HTTP, finds the account and Region of a request and checks its signature; the
handler here does what is left: IAM's word on the action, the operation, the error format. The
protocol is rest-json: one POST path an operation, errors with an ``x-amzn-ErrorType`` header.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ministack.core import iam_evaluator, responses, router

from .connector import configuration_of
from .errors import (
    AccessDeniedException,
    AppFlowError,
    ConnectorServerException,
    ValidationException,
    not_authorized,
)
from .limits import Limits
from .model import checked_input, http_status, operation_at
from .registry import Registry
from .service import AppFlow, Caller

logger = logging.getLogger("appflow")

Response = tuple[int, dict[str, str], bytes]

# Whatever a connector needs longer for, the caller of a real AppFlow would not be told in time.
_CONNECTOR_TIMEOUT_SECONDS = 60

# The actions that IAM can limit to one resource, of which kind, and the member that names it; the
# others are granted on "*" only.
# Source: "Actions, resources, and condition keys for Amazon AppFlow".
_RESOURCES = {
    "DescribeConnector": ("connector", "connectorLabel"),
    "UpdateConnectorRegistration": ("connector", "connectorLabel"),
    "UnregisterConnector": ("connector", "connectorLabel"),
    "DeleteConnectorProfile": ("connectorprofile", "connectorProfileName"),
}

# Members with credentials, which nobody shall find in the journal.
_SECRET_MEMBERS = frozenset({"connectorProfileConfig"})


@dataclass(frozen=True)
class Call:
    """A line of the journal: one call that AppFlow received, and what became of it."""

    at: str
    account: str
    region: str
    caller: str
    operation: str
    parameters: Mapping[str, Any]
    outcome: str


class Endpoint:
    """Serves AppFlow, and keeps a journal of all calls."""

    def __init__(self, endpoint_url: str) -> None:
        self.limits = Limits()
        self._registry = Registry()
        self._endpoint_url = endpoint_url
        self._journal: list[Call] = []
        self._journal_lock = threading.Lock()
        self._lambda_clients: dict[tuple[str, str], Any] = {}

    def journal(self) -> list[dict[str, Any]]:
        """All calls so far, the oldest first."""
        with self._journal_lock:
            return [asdict(call) for call in self._journal]

    async def __call__(
        self,
        method: str,  # noqa: ARG002 - MiniStack's signature
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        """Answer one authenticated request, as MiniStack's services do."""
        access_key = router.extract_access_key_id(headers, query_params)
        # In a thread, since registering invokes a Lambda through this very server.
        return await asyncio.to_thread(self._answer, path, body, access_key)

    def _answer(self, path: str, body: bytes, access_key: str) -> Response:
        operation = operation_at(path)
        if operation is None:
            return _error(ValidationException(f"AppFlow has no operation at {path}."))
        caller = Caller(
            account=responses.get_account_id(),
            region=responses.get_region(),
            arn=iam_evaluator.caller_arn(),
        )
        parameters: dict[str, Any] = {}
        try:
            self.limits.take_call(caller.account)
            parameters = checked_input(operation, _parsed(body))
            self._authorise(access_key, operation.name, parameters, caller)
            lambdas = _Lambdas(self._lambda_client(caller), access_key, caller)
            result = AppFlow(self._registry, caller, lambdas).call(operation.name, parameters)
        except AppFlowError as error:
            self._record(caller, operation.name, parameters, error.code)
            return _error(error)
        self._record(caller, operation.name, parameters, "OK")
        return 200, {"Content-Type": "application/json"}, json.dumps(result).encode()

    def _authorise(
        self, access_key: str, operation: str, parameters: Mapping[str, Any], caller: Caller
    ) -> None:
        action, resource = f"appflow:{operation}", "*"
        if operation in _RESOURCES:
            kind, member = _RESOURCES[operation]
            name = parameters.get(member, "")
            resource = f"arn:aws:appflow:{caller.region}:{caller.account}:{kind}/{name}"
        _demand(access_key, action, resource, caller)
        # Every container of a function is another session of its role.
        principal = "/".join(caller.arn.split("/")[:2])
        self.limits.check_permission(caller.account, principal, action, resource)

    def _lambda_client(self, caller: Caller) -> Any:
        # A 12-digit access key is the root of that account to MiniStack, whatever the secret.
        key = (caller.account, caller.region)
        if key not in self._lambda_clients:
            self._lambda_clients[key] = boto3.session.Session().client(
                "lambda",
                endpoint_url=self._endpoint_url,
                region_name=caller.region,
                aws_access_key_id=caller.account,
                aws_secret_access_key="test",  # noqa: S106 - see above
                config=Config(
                    read_timeout=_CONNECTOR_TIMEOUT_SECONDS, retries={"total_max_attempts": 1}
                ),
            )
        return self._lambda_clients[key]

    def _record(
        self, caller: Caller, operation: str, parameters: Mapping[str, Any], outcome: str
    ) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        shown = {k: value for k, value in parameters.items() if k not in _SECRET_MEMBERS}
        call = Call(now, caller.account, caller.region, caller.arn, operation, shown, outcome)
        with self._journal_lock:
            self._journal.append(call)
        label = parameters.get("connectorLabel", "")
        logger.info("%s %s %s: %s", caller.account, operation, label, outcome)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ValidationException("The request body is not JSON.") from error


def _error(error: AppFlowError) -> Response:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return http_status(error.code), headers, json.dumps({"message": str(error)}).encode()


def _demand(access_key: str, action: str, resource: str, caller: Caller) -> None:
    service = action.partition(":")[0]
    if iam_evaluator.enforce(access_key, action, service, caller.region, resource) is not None:
        raise not_authorized(caller.arn, action, resource)


class _Lambdas:
    """The functions of the caller's account, reached over HTTP like anybody else would."""

    def __init__(self, client: Any, access_key: str, caller: Caller) -> None:
        self._client = client
        self._access_key = access_key
        self._caller = caller

    def configuration(self, lambda_arn: str) -> dict[str, Any]:
        # The native AWS::AppFlow::Connector asks its callers for this right as well.
        _demand(self._access_key, "lambda:InvokeFunction", lambda_arn, self._caller)
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
