"""Every event meets every fault, once and lasting: what is answered, what AppFlow then holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from connector_registration import lifecycle, sdk
from connector_registration.errors import WAITED_OUT_SECONDS

from tests.handler.conftest import INVOCATION_SECONDS, Body, Clock, CloudFormation
from tests.support import Account

_numbers = itertools.count()


@pytest.fixture
def label() -> str:
    return f"acme-{next(_numbers)}"


# --- The faults: each takes the client and the request, and answers or raises. -------------------


Fault = Callable[[Any, Any], AWSResponse]


def error(status: int, code: str | None) -> Fault:
    def answer(client: Any, request: Any) -> AWSResponse:
        headers = {"x-amzn-ErrorType": code} if code else {}
        return AWSResponse(request.url, status, headers, Body(b'{"message": "Not now"}'))

    return answer


def answered(body: bytes) -> Fault:
    """An answer that is none of AppFlow's."""

    def answer(client: Any, request: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, Body(body))

    return answer


unreadable = answered(b"<html>")


def refused(client: Any, request: Any) -> AWSResponse:
    raise EndpointConnectionError(endpoint_url=request.url)


def reset(client: Any, request: Any) -> AWSResponse:
    raise ConnectionClosedError(endpoint_url=request.url)


def hang(client: Any, request: Any) -> AWSResponse:
    raise ReadTimeoutError(endpoint_url=request.url)


def after_commit(fault: Fault) -> Fault:
    def carry_out_first(client: Any, request: Any) -> AWSResponse:
        client._endpoint.http_session.send(request)
        return fault(client, request)

    return carry_out_first


TROUBLE = "ConnectionTrouble"

FAULTS: dict[str, tuple[Fault, str]] = {
    code: (error(status, code), code)
    for code, status in {
        "ThrottlingException": 429,
        "InternalServerException": 500,
        "ConflictException": 409,
        "ConnectorServerException": 400,
        "AccessDeniedException": 403,
        "ServiceQuotaExceededException": 402,
        "ConnectorAuthenticationException": 401,
        "ValidationException": 400,
        "ResourceNotFoundException": 404,
    }.items()
} | {
    "429": (error(429, None), "ThrottlingException"),
    "502": (error(502, None), "InternalServerException"),
    "503": (error(503, None), "InternalServerException"),
    "504": (error(504, None), "InternalServerException"),
    "refused": (refused, TROUBLE),
    "reset before commit": (reset, TROUBLE),
    "hang before commit": (hang, TROUBLE),
    "unreadable before commit": (unreadable, TROUBLE),
    "unreadable list": (answered(b"[]"), TROUBLE),
    "unreadable text": (answered(b'"x"'), TROUBLE),
    "null": (answered(b"null"), TROUBLE),
    "reset after commit": (after_commit(reset), TROUBLE),
    "hang after commit": (after_commit(hang), TROUBLE),
    "unreadable after commit": (after_commit(unreadable), TROUBLE),
}


class Injected:
    """A fault that the next calls of an operation meet.

    Attributes:
        tokens: the client tokens of the calls that have met it.
    """

    def __init__(self, fault: Fault, times: int, clock: Clock) -> None:
        self.tokens: list[str] = []
        self._fault = fault
        self._left = times
        self._clock = clock

    @property
    def is_over(self) -> bool:
        """Whether no more call will meet it."""
        return self._left == 0

    def end(self) -> None:
        """Let no more call meet it."""
        self._left = 0

    def meet(self, client: Any, request: Any) -> AWSResponse | None:
        if self._left == 0:
            return None
        self._left -= 1
        self.tokens.append(json.loads(request.body).get("clientToken", ""))
        try:
            return self._fault(client, request)
        except ReadTimeoutError:
            self._clock.advance(sdk.PATIENCE["appflow"].read)
            raise


Inject = Callable[[str, Fault, int], Injected]


@pytest.fixture
def inject(handler_environment: None, clock: Clock) -> Iterator[Inject]:
    """Makes the next calls of an operation meet a fault."""
    client = sdk.client("appflow")
    injected: list[tuple[str, Any]] = []

    def inject(operation: str, fault: Fault, times: int) -> Injected:
        found = Injected(fault, times, clock)

        def meet(request: Any, **_: Any) -> AWSResponse | None:
            return found.meet(client, request)

        event = f"before-send.appflow.{operation}"
        client.meta.events.register(event, meet)
        injected.append((event, meet))
        return found

    yield inject
    for event, meet in injected:
        client.meta.events.unregister(event, meet)


# --- The events: what is sent, and what AppFlow holds before and is to hold afterwards. ----------


@dataclass(frozen=True)
class Case:
    """An event in its situation."""

    request_type: str
    operation: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    event: Mapping[str, Any]


def properties(label: str, lambda_arn: str) -> dict[str, Any]:
    return {
        "ConnectorLabel": label,
        "LambdaArn": lambda_arn,
        "RemovalPolicy": "Destroy",
    }


def case(kind: str, label: str, old: str, new: str) -> Case:
    register, update = "RegisterConnector", "UpdateConnectorRegistration"
    other = f"{label}-other"
    ours, theirs = properties(label, old), properties(label, new)
    existing = {"PhysicalResourceId": label}
    match kind:
        case "create":
            return Case("Create", register, {}, {label: old}, {"ResourceProperties": ours})
        case "adopt":
            return Case(
                "Create", register, {label: new}, {label: old}, {"ResourceProperties": ours}
            )
        case "update":
            event = {"ResourceProperties": theirs, "OldResourceProperties": ours, **existing}
            return Case("Update", update, {label: old}, {label: new}, event)
        case "rollback":
            # The forward Update has half succeeded: AppFlow holds the new Lambda.
            event = {"ResourceProperties": ours, "OldResourceProperties": theirs, **existing}
            return Case("Update", update, {label: new}, {label: old}, event)
        case "replacement":
            replaced = properties(other, old)
            event = {"ResourceProperties": replaced, "OldResourceProperties": ours, **existing}
            return Case("Update", register, {label: old}, {label: old, other: old}, event)
        case _:
            event = {"ResourceProperties": ours, **existing}
            return Case("Delete", "UnregisterConnector", {label: old}, {}, event)


EVENTS = ["create", "adopt", "update", "rollback", "replacement", "delete"]


def told_nothing(kind: str, fault: str) -> bool:
    """Whether the fault makes a Delete look as if it had succeeded."""
    return kind == "delete" and ("NotFound" in fault or "unreadable" in fault)


def is_outlasted(kind: str, fault: str, code: str, lasting: bool) -> bool:
    """Whether the event is to succeed in spite of the fault."""
    if kind == "adopt" and code in ("ConflictException", "ValidationException"):
        return True  # It is how AppFlow may say that the label is taken.
    if told_nothing(kind, fault):
        return not lasting or "after commit" in fault  # What AppFlow shows is believed.
    return code in WAITED_OUT_SECONDS and not lasting


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_meets_a_fault(
    kind: str,
    fault: str,
    lasting: bool,
    account: Account,
    cloudformation: CloudFormation,
    clock: Clock,
    inject: Inject,
    label: str,
    old: str,
    new: str,
) -> None:
    situation = case(kind, label, old, new)
    for registered, arn in situation.before.items():
        account.register(registered, arn)
    meet, code = FAULTS[fault]
    injected = inject(situation.operation, meet, 10_000 if lasting else 1)
    calls = len(account.calls())

    answer = cloudformation.send(situation.request_type, {}, **situation.event)

    outlasted = is_outlasted(kind, fault, code, lasting)
    assert answer["Status"] == ("SUCCESS" if outlasted else "FAILED")
    # A fault after the commit hides what has happened, yet it has happened; only a label that is
    # taken is not registered by anybody's try.
    done = outlasted or ("after commit" in fault and kind != "adopt")
    assert held(account, situation) == (situation.after if done else situation.before)
    seen = account.calls()[calls:]
    assert len(effects(seen)) == (1 if done else 0)
    assert len(tokens(seen, situation.operation, injected)) <= 1
    if not outlasted:
        named = situation.event["ResourceProperties"]["ConnectorLabel"]
        expected = f"connector {named}: {code} from {situation.operation}"
        if told_nothing(kind, fault):
            expected = f"connector {named}: AppFlow still shows it after unregistering it."
        assert answer["Reason"].startswith(expected)
        wanted_id = situation.event.get("PhysicalResourceId", "FAILED-CREATE:")
        assert answer["PhysicalResourceId"].startswith(wanted_id)
    # A Delete that is told that nothing is there, and sees it, looks again for half a minute.
    patience = WAITED_OUT_SECONDS.get(code, 30 if told_nothing(kind, fault) else 0)
    # A call that has begun in time may hang beyond it.
    last_call = sdk.PATIENCE["appflow"].read if "hang" in fault else 0
    usable = INVOCATION_SECONDS - lifecycle._LAST_CALL_SECONDS
    assert clock.now <= min(patience, usable) + last_call


def held(account: Account, situation: Case) -> dict[str, str]:
    """The functions that the labels of a situation are registered with."""
    labels = {*situation.before, *situation.after}
    shown = {name: account.registered_arn(name) for name in labels}
    return {name: arn for name, arn in shown.items() if arn is not None}


CHANGING = ("RegisterConnector", "UpdateConnectorRegistration", "UnregisterConnector")


def effects(calls: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The calls that have changed what AppFlow holds."""
    return [
        call
        for call in calls
        if call["operation"] in CHANGING and call["outcome"] == "OK" and not call["remembered"]
    ]


def tokens(calls: list[Mapping[str, Any]], operation: str, injected: Injected) -> set[str]:
    """The tokens of an operation, whether AppFlow has seen the calls or the fault has."""
    seen = (call["parameters"] for call in calls if call["operation"] == operation)
    found = {parameters.get("clientToken", "") for parameters in seen}
    return (found | {*injected.tokens}) - {""}
