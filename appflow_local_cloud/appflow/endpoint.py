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
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from botocore.config import Config
from ministack.core import iam_evaluator, responses, router

from .access import Access
from .errors import AppFlowError, InternalServerException, ValidationException
from .functions import Functions
from .journal import Journal
from .limits import Permissions, Rate
from .model import checked_input, http_status, operation_at
from .service import AppFlow, Caller, Memory
from .settings import Settings, settings_from
from .tokens import Answer, Result

logger = logging.getLogger("appflow")

Response = tuple[int, dict[str, str], bytes]

# Whatever a connector needs longer for, the caller of a real AppFlow would not be told in time.
_CONNECTOR_TIMEOUT_SECONDS = 60

# The actions that IAM limits to one kind of resource, and the member that names it; a request that
# has no such member is about all of the kind. What else is served is granted on "*" only.
# Source: "Actions, resources, and condition keys for Amazon AppFlow".
_RESOURCES = {
    "DescribeConnector": ("connector", "connectorLabel"),
    "ListConnectors": ("connector", "connectorLabel"),
    "UpdateConnectorRegistration": ("connector", "connectorLabel"),
    "UnregisterConnector": ("connector", "connectorLabel"),
    "DeleteConnectorProfile": ("connectorprofile", "connectorProfileName"),
}


class _Account:
    """One account's settings, and what has happened in it and in its Regions.

    Calls come in threads: ``setdefault`` sees to it that all of them find the same.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.permissions = Permissions()
        self._rates: dict[str, Rate] = {}
        self._memories: dict[str, Memory] = {}

    def use(self, settings: Settings) -> None:
        """Change the settings; the calls are counted from now on."""
        self.settings = settings
        self._rates = {}

    def rate(self, region: str) -> Rate:
        """How many calls come through in a Region."""
        return self._rates.setdefault(region, Rate(self.settings.calls_per_second))

    def memory(self, region: str) -> Memory:
        """What AppFlow remembers of a Region."""
        return self._memories.setdefault(region, Memory())


class Endpoint:
    """Serves AppFlow, and keeps a journal of all calls."""

    def __init__(self, endpoint_url: str) -> None:
        self.journal = Journal()
        self._endpoint_url = endpoint_url
        self._accounts: dict[str, _Account] = {}
        self._lambda_clients: dict[tuple[str, str], Any] = {}

    def configure(self, account: str, members: Any) -> None:
        """Set how AppFlow behaves in an account; what is not named goes back to its default.

        Raises:
            ValidationException: there is no such setting, or its value makes no sense.
        """
        self._account(account).use(settings_from(members))

    def reset(self) -> None:
        """Forget everything: settings, what AppFlow holds, and the journal."""
        self._accounts.clear()
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
        account = self._account(caller.account)
        settings = account.settings
        now = datetime.now(timezone.utc) + timedelta(seconds=settings.clock_ahead_seconds)
        account.rate(caller.region).take_call()
        delay = timedelta(seconds=settings.permission_delay_seconds)
        access = Access(access_key, caller, account.permissions, now, delay)
        access.demand(f"appflow:{operation}", _resource(operation, parameters, caller))
        functions = Functions(self._lambda_client(caller), access, settings)
        appflow = AppFlow(account.memory(caller.region), caller, functions, settings, now)
        return appflow.call(operation, parameters)

    def _account(self, number: str) -> _Account:
        return self._accounts.setdefault(number, _Account())

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


def _resource(operation: str, parameters: Mapping[str, Any], caller: Caller) -> str:
    if operation not in _RESOURCES:
        return "*"
    kind, member = _RESOURCES[operation]
    name = parameters.get(member, "*")
    return f"arn:aws:appflow:{caller.region}:{caller.account}:{kind}/{name}"


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
