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
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

from botocore.model import OperationModel
from ministack.core import iam_evaluator, responses, router

from ..account_settings import settings_from
from ..clients import Clients
from .access import Access, Caller
from .errors import AppFlowError, InternalServerException, ValidationException
from .functions import Functions
from .journal import Journal
from .limits import PermissionPropagation, TokenBucket
from .model import checked_input, http_status, members_of, operation_at
from .service import AppFlow
from .settings import Settings
from .state import Context, RegionState
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
    **dict.fromkeys(
        (
            "DeleteConnectorProfile",
            "UpdateConnectorProfile",
            "DescribeConnectorEntity",
            "ListConnectorEntities",
            "ResetConnectorMetadataCache",
        ),
        ("connectorprofile", "connectorProfileName"),
    ),
    **dict.fromkeys(
        (
            "UpdateFlow",
            "DescribeFlow",
            "ListFlows",
            "DeleteFlow",
            "StartFlow",
            "StopFlow",
            "CancelFlowExecutions",
            "DescribeFlowExecutionRecords",
        ),
        ("flow", "flowName"),
    ),
}

# How many runs of flows are carried out at once. Other runs wait for their turn.
_SIMULTANEOUS_RUNS = 8


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

    def cancel_runs(self) -> None:
        """Ask all runs of flows to end."""
        for state in list(self._states.values()):
            for flow in state.flows.all():
                flow.cancel_runs()


class Endpoint:
    """Serves AppFlow in all accounts and Regions, and keeps a journal of all calls."""

    def __init__(self, endpoint_url: str) -> None:
        self.journal = Journal()
        self._accounts: dict[str, _Account] = {}
        self._clients = Clients(endpoint_url, retries={"total_max_attempts": 1})
        self._runs = ThreadPoolExecutor(_SIMULTANEOUS_RUNS, thread_name_prefix="flow")

    def configure(self, account: str, members: Any) -> None:
        """Set how AppFlow behaves in an account; a setting that is left out gets its default.

        Raises:
            ValueError: a setting does not exist, or its value is not allowed.
        """
        self._account(account).use(settings_from(Settings, members))

    def reset(self) -> None:
        """Delete everything: settings, registrations, flows with their runs, and the journal."""
        self._cancel_runs()
        self._accounts.clear()
        self.journal.clear()

    def stop(self) -> None:
        """Cancel all runs of flows, and begin no others."""
        self._cancel_runs()
        self._runs.shutdown(wait=False, cancel_futures=True)

    def _start(self, run: Callable[[], None]) -> None:
        self._runs.submit(run)

    def _cancel_runs(self) -> None:
        for account in list(self._accounts.values()):
            account.cancel_runs()

    async def __call__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        """Serve one authenticated request; MiniStack calls its services so."""
        access_key = router.extract_access_key_id(headers, query_params)
        # In a thread, since RegisterConnector invokes a function through this same server.
        operation = operation_at(method, path)
        return await asyncio.to_thread(self._serve, operation, path, query_params, body, access_key)

    def _serve(
        self,
        operation: OperationModel | None,
        path: str,
        query: Mapping[str, Any],
        body: bytes,
        access_key: str,
    ) -> Response:
        caller = Caller(
            account=responses.get_account_id(),
            region=responses.get_region(),
            arn=iam_evaluator.caller_arn(),
        )
        name = path if operation is None else operation.name
        parameters: dict[str, Any] = {}
        try:
            if operation is None:
                raise _no_operation_at(path)
            parameters = checked_input(operation, members_of(path, query, _parsed(body)))
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

        def clock() -> datetime:
            return datetime.now(timezone.utc) + timedelta(seconds=settings.clock_ahead_seconds)

        now = clock()
        account.bucket(caller.region).take()
        delay = timedelta(seconds=settings.permission_delay_seconds)
        access = Access(access_key, caller, account.propagation, now, delay)
        access.authorize(f"appflow:{operation}", _resource(operation, parameters, caller))
        clients, place = self._clients, (caller.account, caller.region)
        functions = Functions(
            clients.client("lambda", *place),
            clients.client("lambda", *place, read_timeout=settings.connector_timeout_seconds),
            access,
            settings,
        )
        context = Context(
            state=account.state(caller.region),
            caller=caller,
            access=access,
            functions=functions,
            clients=clients,
            settings=settings,
            start=self._start,
            clock=clock,
            now=now,
        )
        return AppFlow(context).call(operation, parameters)

    def _account(self, number: str) -> _Account:
        return self._accounts.setdefault(number, _Account())


def _resource(operation: str, parameters: Mapping[str, Any], caller: Caller) -> str:
    if "resourceArn" in parameters:
        arn: str = parameters["resourceArn"]
        return arn
    if operation not in _RESOURCES:
        return "*"
    kind, member = _RESOURCES[operation]
    name = parameters.get(member, "*")
    return f"arn:aws:appflow:{caller.region}:{caller.account}:{kind}/{name}"


def _no_operation_at(path: str) -> ValidationException:
    return ValidationException(f"AppFlow has no operation at {path}.")


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
