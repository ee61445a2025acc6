"""Custom resources as CloudFormation treats them, where MiniStack is kinder.

A handler that answers under an empty id, or unregisters what a failed Create did not make, works on
MiniStack and breaks stacks on AWS. What is refused here is refused there, in the same words as far
as they are known. Sources: "Custom resource response objects" and
AWS::CloudFormation::CustomResource in the CloudFormation User Guide and Template Reference; for the
words about Data, issue 5 of gene1wood/cfnlambda.

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
from typing import Any

from ministack.services import cloudformation, lambda_svc
from ministack.services.cloudformation import custom_resource

from .gateway import Application, Receive, Scope, Send, answer_json, read_body

logger = logging.getLogger("cloudformation")

_LONGEST_SERVICE_TIMEOUT = 3600
_MAX_ANSWER_BYTES = 4096
_MAX_PHYSICAL_ID_BYTES = 1024
_ECHOED = ("StackId", "RequestId", "LogicalResourceId")


@dataclass
class _Exchange:
    """One event, and what CloudFormation makes of its answer."""

    event: Mapping[str, Any]
    is_answered: bool = False
    physical_id: str | None = None

    @property
    def token(self) -> str:
        """The end of the URL that the answer goes to."""
        url: str = self.event["ResponseURL"]
        return url.rpartition("/")[2]


class StrictCustomResources:
    """Takes the place of MiniStack's way of sending an event and taking its answer."""

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
        """Send an event, wait for its answer, and after a failed Create send the Delete."""
        seconds = _service_timeout(props)
        self._check_service_token(request_type, (stack_id, logical_id), props)
        exchanges: list[_Exchange] = []

        def send(
            kind: str, exchanges: list[_Exchange], **event: Any
        ) -> tuple[str, Mapping[str, Any]]:
            self._current.set(exchanges)
            try:
                answer: tuple[str, Mapping[str, Any]] = self._invoke(
                    kind, logical_id, props, stack_name, stack_id, resource_type, **event
                )
            finally:
                # MiniStack waits for this answer no longer.
                for exchange in exchanges:
                    self._exchanges.pop(exchange.token, None)
            return answer

        try:
            answer: tuple[str, Mapping[str, Any]] = _within(
                seconds,
                lambda: send(request_type, exchanges, physical_id=physical_id, old_props=old_props),
                logical_id,
            )
        except (RuntimeError, TimeoutError):
            stack = cloudformation._stacks.get(stack_name) or {}
            if request_type == "Create" and not stack.get("DisableRollback"):
                made_up = f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:12].upper()}"
                answered = exchanges[0].physical_id if exchanges else None
                _within(
                    seconds, lambda: send("Delete", [], physical_id=answered or made_up), logical_id
                )
            raise
        return answer

    def execute(self, function: Mapping[str, Any], event: Any) -> Any:
        """Remember the event that an answer will belong to; then run the function."""
        exchanges = self._current.get(None)
        # Somebody else than CloudFormation may invoke the function with an event of CloudFormation.
        if exchanges is not None:
            exchange = _Exchange(event)
            self._exchanges[exchange.token] = exchange
            exchanges.append(exchange)
        return self._execute(function, event)

    def taking_answers(self, application: Application) -> Application:
        """Serve the response URLs in place of an application, and leave all others to it.

        MiniStack hands an answer on without its size, which CloudFormation has a rule about.
        """

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = self._exchange_of(scope)
            if exchange is None:
                await application(scope, receive, send)
                return
            self._take(await read_body(receive), exchange)
            await answer_json(send, 200, {})

        return served

    def _exchange_of(self, scope: Scope) -> _Exchange | None:
        if scope["type"] != "http" or scope["method"] != "PUT":
            return None
        return self._exchanges.get(scope["path"].rpartition("/")[2])

    def _take(self, body: bytes, exchange: _Exchange) -> None:
        """Take an answer, or in place of a bad one a failure that says what is wrong with it."""
        request_id = exchange.event["RequestId"]
        # A handler's timer and its work may both answer. What comes second changes nothing.
        if exchange.is_answered:
            logger.warning("another answer to %s was dropped: %s", request_id, body)
            return
        exchange.is_answered = True
        answer = _parsed(body)
        fault = _fault(body, answer, exchange.event)
        if fault is None:
            exchange.physical_id = answer["PhysicalResourceId"]
        else:
            logger.warning("the answer to %s: %s", request_id, fault)
            answer = {"Status": "FAILED", "Reason": fault}
        custom_resource.deliver_response(exchange.token, answer)

    def _check_service_token(
        self, request_type: str, resource: tuple[str, str], props: Mapping[str, Any]
    ) -> None:
        token = str(props.get("ServiceToken", ""))
        if request_type == "Create":
            self._service_tokens[resource] = token
        # The rollback goes back to the token of before, and has to be let through.
        if request_type == "Update" and self._service_tokens.get(resource, token) != token:
            raise ValueError("Modifying service token is not allowed.")


def _service_timeout(props: Mapping[str, Any]) -> int:
    value = props.get("ServiceTimeout", _LONGEST_SERVICE_TIMEOUT)
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        seconds = 0
    if not 1 <= seconds <= _LONGEST_SERVICE_TIMEOUT:
        raise ValueError(
            f"Invalid ServiceTimeout {value!r}: it must be an integer from 1 to"
            f" {_LONGEST_SERVICE_TIMEOUT}."
        )
    return seconds


def _within(seconds: int, exchange: Callable[[], Any], logical_id: str) -> Any:
    """Wait for an exchange for a while; its function runs on when the time is over, as on AWS."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(exchange())
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
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


def _fault(body: bytes, answer: Any, event: Mapping[str, Any]) -> str | None:
    """What is wrong with an answer, or None."""
    if len(body) > _MAX_ANSWER_BYTES:
        return "Response object is too long."
    if not isinstance(answer, dict):
        return "Invalid response: it must be a JSON object."
    for name in _ECHOED:
        if answer.get(name) != event[name]:
            return f"Invalid response: {name} is {answer.get(name)!r}, and not that of the request."
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        return f"Invalid response: Status is {answer.get('Status')!r}, not SUCCESS or FAILED."
    physical_id = answer.get("PhysicalResourceId")
    if (
        not isinstance(physical_id, str)
        or not 1 <= _bytes_of(physical_id) <= _MAX_PHYSICAL_ID_BYTES
    ):
        return "Invalid PhysicalResourceId"
    if answer["Status"] == "FAILED" and not answer.get("Reason"):
        return "Invalid response: Reason is required when Status is FAILED."
    if not _is_flat(answer.get("Data", {})):
        return "Value of property Data must be an object with String (or simple type) properties"
    return None


def _bytes_of(text: str) -> int:
    # JSON can escape half of a pair of surrogates, which has no encoding otherwise.
    return len(text.encode(errors="surrogatepass"))


def _is_flat(data: Any) -> bool:
    """Whether data is an object without lists or objects in it.

    Some report that lists pass on AWS; what is refused by the stricter reading works by both.
    """
    return isinstance(data, dict) and not any(
        isinstance(value, (dict, list)) for value in data.values()
    )
