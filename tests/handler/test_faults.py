"""Every event meets every fault, once and lasting: what is answered, what AppFlow then holds."""

from __future__ import annotations

import itertools
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
from connector_registration import sdk
from connector_registration.errors import WAITED_OUT_SECONDS

from tests.handler.conftest import INVOCATION_SECONDS, Body, Clock, CloudFormation
from tests.support import Account, connector

_numbers = itertools.count()


@pytest.fixture
def old(account: Account) -> str:
    return account.make_function("old", connector("1.0"))


@pytest.fixture
def new(account: Account) -> str:
    return account.make_function("new", connector("2.0"))


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


def unreadable(client: Any, request: Any) -> AWSResponse:
    return AWSResponse(request.url, 200, {}, Body(b"<html>"))


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
    "reset after commit": (after_commit(reset), TROUBLE),
    "hang after commit": (after_commit(hang), TROUBLE),
    "unreadable after commit": (after_commit(unreadable), TROUBLE),
}


@pytest.fixture
def inject(handler_environment: None) -> Iterator[Callable[[str, Fault, int], None]]:
    """Makes the next calls of an operation meet a fault."""
    client = sdk.client("appflow", attempts=1)
    injected: list[tuple[str, Any]] = []

    def inject(operation: str, fault: Fault, times: int) -> None:
        counter = itertools.count()

        def meet(request: Any, **_: Any) -> AWSResponse | None:
            return fault(client, request) if next(counter) < times else None

        event = f"before-send.appflow.{operation}"
        client.meta.events.register(event, meet)
        injected.append((event, meet))

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
    inject: Callable[[str, Fault, int], None],
    label: str,
    old: str,
    new: str,
) -> None:
    situation = case(kind, label, old, new)
    for registered, arn in situation.before.items():
        account.register(registered, arn)
    meet, code = FAULTS[fault]
    inject(situation.operation, meet, 10_000 if lasting else 1)
    calls = len(account.calls())

    answer = cloudformation.send(situation.request_type, {}, **situation.event)

    outlasted = is_outlasted(kind, fault, code, lasting)
    assert answer["Status"] == ("SUCCESS" if outlasted else "FAILED")
    # A fault after the commit hides what has happened, yet it has happened; only a label that is
    # taken is not registered by anybody's try.
    done = outlasted or ("after commit" in fault and kind != "adopt")
    labels = {*situation.before, *situation.after}
    shown = {name: account.registered_arn(name) for name in labels}
    held = {name: arn for name, arn in shown.items() if arn is not None}
    assert held == (situation.after if done else situation.before)
    if not outlasted:
        named = situation.event["ResourceProperties"]["ConnectorLabel"]
        expected = f"connector {named}: {code} from {situation.operation}"
        if told_nothing(kind, fault):
            expected = f"connector {named}: AppFlow still shows it after unregistering it."
        assert answer["Reason"].startswith(expected)
        wanted_id = situation.event.get("PhysicalResourceId", "FAILED-CREATE:")
        assert answer["PhysicalResourceId"].startswith(wanted_id)
    tokens = {
        (call["operation"], call["parameters"]["clientToken"])
        for call in account.calls()[calls:]
        if "clientToken" in call["parameters"]
    }
    assert len({operation for operation, _ in tokens}) == len(tokens)
    # A Delete that is told that nothing is there, and sees it, looks again for half a minute.
    patience = 30 if told_nothing(kind, fault) else 0
    assert clock.now <= min(WAITED_OUT_SECONDS.get(code, patience), INVOCATION_SECONDS)
