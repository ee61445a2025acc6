"""AppFlow as one of MiniStack's services.

MiniStack parses HTTP, finds the account and Region of a request and checks the signature. The
endpoint checks that IAM allows the action, carries out the operation and formats errors. The
protocol is rest-json: one POST path for each operation, errors with an ``x-amzn-ErrorType`` header.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ministack.core import iam_evaluator, responses, router

from ..account_settings import settings_from
from .access import Access, Caller
from .errors import AppFlowError, InternalServerException, ValidationException
from .functions import Functions, LambdaClients
from .journal import Journal
from .limits import PermissionPropagation, TokenBucket
from .model import checked_input, http_status, operation_at
from .service import AppFlow, RegionState
from .settings import Settings
from .tokens import Outcome, Result

logger = logging.getLogger("appflow")

Response = tuple[int, dict[str, str], bytes]

# The actions that IAM can limit to a kind of resource, and the member that names the resource. A
# request without the member concerns all resources of the kind. All other actions need "*".
# Source: "Actions, resources, and condition keys for Amazon AppFlow".
_RESOURCES = {
    "DescribeConnector": ("connector", "connectorLabel"),
    "ListConnectors": ("connector", "connectorLabel"),
    "UpdateConnectorRegistration": ("connector", "connectorLabel"),
    "UnregisterConnector": ("connector", "connectorLabel"),
    "DeleteConnectorProfile": ("connectorprofile", "connectorProfileName"),
}


class _Account:
    """The settings and the state of one account and its Regions.

    Calls are served in threads; because of ``setdefault`` all threads use the same objects.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.propagation = PermissionPropagation()
        self._buckets: dict[str, TokenBucket] = {}
        self._states: dict[str, RegionState] = {}

    def use(self, settings: Settings) -> None:
        """Change the settings; token buckets start full again."""
        self.settings = settings
        self._buckets = {}

    def bucket(self, region: str) -> TokenBucket:
        """The token bucket of a Region."""
        return self._buckets.setdefault(region, TokenBucket(self.settings.calls_per_second))

    def state(self, region: str) -> RegionState:
        """The state of a Region."""
        return self._states.setdefault(region, RegionState())


class Endpoint:
    """Serves AppFlow in all accounts and Regions, and keeps a journal of all calls."""

    def __init__(self, endpoint_url: str) -> None:
        self.journal = Journal()
        self._accounts: dict[str, _Account] = {}
        self._lambda_clients = LambdaClients(endpoint_url)

    def configure(self, account: str, members: Any) -> None:
        """Set how AppFlow behaves in an account; a setting that is left out gets its default.

        Raises:
            ValueError: a setting does not exist, or its value is not allowed.
        """
        self._account(account).use(settings_from(Settings, members))

    def reset(self) -> None:
        """Delete everything: settings, registrations and the journal."""
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
        """Serve one authenticated request; MiniStack calls its services so."""
        access_key = router.extract_access_key_id(headers, query_params)
        # In a thread, since RegisterConnector invokes a function through this same server.
        return await asyncio.to_thread(self._serve, path, body, access_key)

    def _serve(self, path: str, body: bytes, access_key: str) -> Response:
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
            outcome = self._call(name, parameters, caller, access_key)
        except AppFlowError as error:
            outcome = Outcome(error)
        except Exception:
            logger.exception("The local AppFlow failed at %s", name)
            outcome = Outcome(
                InternalServerException(
                    "The local AppFlow failed. The log of the local cloud has the traceback."
                )
            )
        self.journal.record(caller, name, parameters, outcome)
        return _response(outcome.result)

    def _call(
        self, operation: str, parameters: dict[str, Any], caller: Caller, access_key: str
    ) -> Outcome:
        account = self._account(caller.account)
        settings = account.settings
        now = datetime.now(timezone.utc) + timedelta(seconds=settings.clock_ahead_seconds)
        account.bucket(caller.region).take()
        delay = timedelta(seconds=settings.permission_delay_seconds)
        access = Access(access_key, caller, account.propagation, now, delay)
        access.authorize(f"appflow:{operation}", _resource(operation, parameters, caller))
        functions = Functions(
            self._lambda_clients.client(caller),
            self._lambda_clients.client(caller, settings.connector_timeout_seconds),
            access,
            settings,
        )
        appflow = AppFlow(account.state(caller.region), caller, functions, settings, now)
        return appflow.call(operation, parameters)

    def _account(self, number: str) -> _Account:
        return self._accounts.setdefault(number, _Account())


def _resource(operation: str, parameters: Mapping[str, Any], caller: Caller) -> str:
    if operation not in _RESOURCES:
        return "*"
    kind, member = _RESOURCES[operation]
    name = parameters.get(member, "*")
    return f"arn:aws:appflow:{caller.region}:{caller.account}:{kind}/{name}"


def _no_operation_at(path: str) -> ValidationException:
    return ValidationException(
        f"The local cloud serves no operation at {path}. It serves the operations on connectors and"
        " connector profiles."
    )


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ValidationException("The request body is not valid JSON.") from error


def _response(result: Result | AppFlowError) -> Response:
    headers = {"Content-Type": "application/json"}
    if isinstance(result, AppFlowError):
        headers["x-amzn-ErrorType"] = result.code
        return http_status(result.code), headers, json.dumps({"message": str(result)}).encode()
    return 200, headers, json.dumps(result).encode()
