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
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from botocore.config import Config
from ministack.core import iam_evaluator, responses, router

from .errors import AppFlowError, InternalServerException, ValidationException
from .functions import Functions, demand
from .journal import Journal
from .limits import Limits
from .model import checked_input, http_status, operation_at
from .service import AppFlow, Caller, Memory
from .settings import Settings, settings_from
from .tokens import Answer, Result

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


@dataclass(frozen=True)
class _Account:
    """One account's settings, and what has happened under them."""

    settings: Settings
    limits: Limits


def _account(settings: Settings) -> _Account:
    return _Account(settings, Limits(settings))


class Endpoint:
    """Serves AppFlow, and keeps a journal of all calls."""

    def __init__(self, endpoint_url: str) -> None:
        self.journal = Journal()
        self._endpoint_url = endpoint_url
        self._accounts: dict[str, _Account] = defaultdict(lambda: _account(Settings()))
        self._memories: dict[tuple[str, str], Memory] = defaultdict(Memory)
        self._lambda_clients: dict[tuple[str, str], Any] = {}

    def configure(self, account: str, members: Any) -> None:
        """Set how AppFlow behaves in an account; what is not named goes back to its default.

        Raises:
            ValidationException: there is no such setting, or its value makes no sense.
        """
        self._accounts[account] = _account(settings_from(members))

    def reset(self) -> None:
        """Forget everything: settings, what AppFlow holds, and the journal."""
        self._accounts.clear()
        self._memories.clear()
        self.journal.clear()

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
        caller = Caller(
            account=responses.get_account_id(),
            region=responses.get_region(),
            arn=iam_evaluator.caller_arn(),
        )
        operation = operation_at(path)
        name = path if operation is None else operation.name
        parameters: dict[str, Any] = {}
        try:
            if operation is None:
                raise _no_operation_at(path)
            parameters = checked_input(operation, _parsed(body))
            answer = self._called(name, parameters, caller, access_key)
        except AppFlowError as error:
            answer = Answer(error)
        except Exception:
            logger.exception("The local AppFlow failed at %s", name)
            answer = Answer(
                InternalServerException("The local AppFlow failed; its log has the traceback.")
            )
        self.journal.record(caller, name, parameters, answer)
        return _response(answer.result)

    def _called(
        self, operation: str, parameters: dict[str, Any], caller: Caller, access_key: str
    ) -> Answer:
        account = self._accounts[caller.account]
        account.limits.take_call()
        self._authorise(access_key, operation, parameters, caller)
        return self._service(access_key, caller, account.settings).call(operation, parameters)

    def _service(self, access_key: str, caller: Caller, settings: Settings) -> AppFlow:
        functions = Functions(self._lambda_client(caller), access_key, caller, settings)
        now = datetime.now(timezone.utc) + timedelta(seconds=settings.clock_ahead_seconds)
        memory = self._memories[caller.account, caller.region]
        return AppFlow(memory, caller, functions, settings, now)

    def _authorise(
        self, access_key: str, operation: str, parameters: Mapping[str, Any], caller: Caller
    ) -> None:
        action, resource = f"appflow:{operation}", "*"
        if operation in _RESOURCES:
            kind, member = _RESOURCES[operation]
            name = parameters.get(member, "")
            resource = f"arn:aws:appflow:{caller.region}:{caller.account}:{kind}/{name}"
        demand(access_key, action, resource, caller)
        # Every container of a function is another session of its role.
        principal = "/".join(caller.arn.split("/")[:2])
        self._accounts[caller.account].limits.check_permission(principal, action, resource)

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


def _no_operation_at(path: str) -> ValidationException:
    return ValidationException(
        f"The local cloud serves no operation at {path}: it serves those of connectors and their"
        " profiles."
    )


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ValidationException("The request body is not JSON.") from error


def _response(result: Result | AppFlowError) -> Response:
    headers = {"Content-Type": "application/json"}
    if isinstance(result, AppFlowError):
        headers["x-amzn-ErrorType"] = result.code
        return http_status(result.code), headers, json.dumps({"message": str(result)}).encode()
    return 200, headers, json.dumps(result).encode()
