"""Custom resources by CloudFormation's rules, where MiniStack is more lenient.

A handler that responds with an empty physical id, or that unregisters what a failed Create did not
register, works on MiniStack and breaks stacks on AWS. The local cloud refuses what CloudFormation
refuses, in CloudFormation's words where they are known. Sources: "Custom resource response objects"
in the CloudFormation User Guide and AWS::CloudFormation::CustomResource in the Template Reference;
for the words about Data, issue 5 of gene1wood/cfnlambda.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ministack.services import cloudformation, lambda_svc
from ministack.services.cloudformation import custom_resource
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("cloudformation")

_T = TypeVar("_T")

_MAX_SERVICE_TIMEOUT_SECONDS = 3600
_MAX_RESPONSE_BYTES = 4096
_MAX_PHYSICAL_ID_BYTES = 1024
_ECHOED_MEMBERS = ("StackId", "RequestId", "LogicalResourceId")


@dataclass
class _Exchange:
    """One event, and whether CloudFormation has received a response to it."""

    event: Mapping[str, Any]
    has_response: bool = False
    physical_id: str | None = None

    @property
    def token(self) -> str:
        """The last part of the URL that the response goes to."""
        url: str = self.event["ResponseURL"]
        return url.rpartition("/")[2]


class StrictCustomResources:
    """Replaces how MiniStack sends an event to a custom resource and receives the response."""

    def __init__(self) -> None:
        self._invoke = custom_resource.invoke_custom_resource
        self._execute = lambda_svc._execute_function_with_config_scope
        self._exchanges: dict[str, _Exchange] = {}
        self._service_tokens: dict[tuple[str, str], str] = {}
        self._current: contextvars.ContextVar[list[_Exchange]] = contextvars.ContextVar("exchange")

    def install(self) -> None:
        """Replace the functions of MiniStack."""
        custom_resource.invoke_custom_resource = self.invoke
        lambda_svc._execute_function_with_config_scope = self.execute

    def invoke(
        self,
        request_type: str,
        logical_id: str,
        props: Mapping[str, Any],
        stack_name: str,
        stack_id: str,
        resource_type: str,
        physical_id: str | None = None,
        old_props: Mapping[str, Any] | None = None,
    ) -> tuple[str, Mapping[str, Any]]:
        """Send an event and wait for the response; after a failed Create, send a Delete."""
        seconds = _service_timeout(props)
        self._check_service_token(request_type, (stack_id, logical_id), props)

        def exchange(
            kind: str, exchanges: list[_Exchange], **members: Any
        ) -> tuple[str, Mapping[str, Any]]:
            arguments = (kind, logical_id, props, stack_name, stack_id, resource_type)
            return _with_timeout(
                seconds, lambda: self._exchange(exchanges, *arguments, **members), logical_id
            )

        exchanges: list[_Exchange] = []
        try:
            return exchange(request_type, exchanges, physical_id=physical_id, old_props=old_props)
        except (RuntimeError, TimeoutError):
            if request_type == "Create" and _rolls_back(stack_name):
                received = exchanges[0].physical_id if exchanges else None
                generated = f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:12].upper()}"
                exchange("Delete", [], physical_id=received or generated)
            raise

    def execute(self, function: Mapping[str, Any], event: Any) -> Any:
        """Remember the event that a response will belong to, then run the function."""
        exchanges = self._current.get(None)
        # Other callers may invoke the function too, with an event that looks like CloudFormation's.
        if exchanges is not None:
            exchange = _Exchange(event)
            self._exchanges[exchange.token] = exchange
            exchanges.append(exchange)
        return self._execute(function, event)

    def intercept_responses(self, app: ASGIApp) -> ASGIApp:
        """Serve the response URLs, and leave all other requests to an application.

        MiniStack does not pass on the size of a response, which CloudFormation limits.
        """

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = self._exchange_at(scope)
            if exchange is None:
                await app(scope, receive, send)
                return
            self._accept(await Request(scope, receive).body(), exchange)
            await JSONResponse({})(scope, receive, send)

        return serve

    def _exchange(
        self, exchanges: list[_Exchange], *arguments: Any, **members: Any
    ) -> tuple[str, Mapping[str, Any]]:
        """Let MiniStack send an event and wait for the response; add the event to ``exchanges``."""
        self._current.set(exchanges)
        try:
            response: tuple[str, Mapping[str, Any]] = self._invoke(*arguments, **members)
        finally:
            # MiniStack no longer waits for a response.
            for exchange in exchanges:
                self._exchanges.pop(exchange.token, None)
        return response

    def _exchange_at(self, scope: Scope) -> _Exchange | None:
        if scope["type"] != "http" or scope["method"] != "PUT":
            return None
        return self._exchanges.get(scope["path"].rpartition("/")[2])

    def _accept(self, body: bytes, exchange: _Exchange) -> None:
        """Accept a response, or fail the resource if the response breaks a rule."""
        request_id = exchange.event["RequestId"]
        # A handler's timer and its work may both respond. Only the first response counts.
        if exchange.has_response:
            logger.warning("ignored a second response to %s: %s", request_id, body)
            return
        exchange.has_response = True
        response = _parsed(body)
        violation = _violation(body, response, exchange.event)
        if violation is None:
            exchange.physical_id = response["PhysicalResourceId"]
        else:
            logger.warning("refused the response to %s: %s", request_id, violation)
            response = {"Status": "FAILED", "Reason": violation}
        custom_resource.deliver_response(exchange.token, response)

    def _check_service_token(
        self, request_type: str, resource: tuple[str, str], props: Mapping[str, Any]
    ) -> None:
        token = str(props.get("ServiceToken", ""))
        if request_type == "Create":
            self._service_tokens[resource] = token
        # A rollback returns to the previous token, which is the one remembered.
        if request_type == "Update" and self._service_tokens.get(resource, token) != token:
            raise ValueError("Modifying service token is not allowed.")


def _rolls_back(stack_name: str) -> bool:
    stack = cloudformation._stacks.get(stack_name) or {}
    return not stack.get("DisableRollback")


def _service_timeout(props: Mapping[str, Any]) -> int:
    value = props.get("ServiceTimeout", _MAX_SERVICE_TIMEOUT_SECONDS)
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        seconds = 0
    if not 1 <= seconds <= _MAX_SERVICE_TIMEOUT_SECONDS:
        raise ValueError(
            f"Invalid ServiceTimeout {value!r}: it must be an integer from 1 to"
            f" {_MAX_SERVICE_TIMEOUT_SECONDS}."
        )
    return seconds


def _with_timeout(seconds: int, function: Callable[[], _T], logical_id: str) -> _T:
    """Wait for a function in a thread; after a timeout the function continues, as on AWS."""
    outcome: list[_T | Exception] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            outcome.append(error)

    # The account and the Region of a request are context variables.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(
            f"CloudFormation did not receive a response from your Custom Resource {logical_id}"
            f" within {seconds} seconds."
        )
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _violation(body: bytes, response: Any, event: Mapping[str, Any]) -> str | None:
    """The rule that a response breaks, in CloudFormation's words where they are known, or None."""
    if len(body) > _MAX_RESPONSE_BYTES:
        return "Response object is too long."
    if not isinstance(response, dict):
        return "Invalid response: it must be a JSON object."
    for name in _ECHOED_MEMBERS:
        if response.get(name) != event[name]:
            return (
                f"Invalid response: {name} is {response.get(name)!r}, not the {name} of the event."
            )
    status = response.get("Status")
    if status not in ("SUCCESS", "FAILED"):
        return f"Invalid response: Status is {status!r}, not SUCCESS or FAILED."
    if not _is_physical_id(response.get("PhysicalResourceId")):
        return "Invalid PhysicalResourceId"
    if status == "FAILED" and not response.get("Reason"):
        return "Invalid response: Reason is required when Status is FAILED."
    if not _is_flat(response.get("Data", {})):
        return "Value of property Data must be an object with String (or simple type) properties"
    return None


def _is_physical_id(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    # JSON can escape half of a pair of surrogates, which has no encoding otherwise.
    return 1 <= len(value.encode(errors="surrogatepass")) <= _MAX_PHYSICAL_ID_BYTES


def _is_flat(data: Any) -> bool:
    """Whether data is an object without lists or objects in it.

    AWS accepts lists according to some reports. A handler that satisfies the stricter reading works
    either way.
    """
    return isinstance(data, dict) and not any(
        isinstance(value, (dict, list)) for value in data.values()
    )
