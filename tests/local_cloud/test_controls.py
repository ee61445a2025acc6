"""The control API: the journal, the settings and the reset."""

from __future__ import annotations

import io
import json
import math
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from appflow_local_cloud.environment import (
    FUNCTION_SETTINGS_PATH,
    HOST,
    JOURNAL_PATH,
    SETTINGS_PATH,
)
from appflow_local_cloud.process import LocalCloud, local_cloud
from tests.local_cloud import flow_support
from tests.local_cloud.support import (
    LABEL,
    WITHOUT_RETRIES,
    refusal,
    registration,
    user_client,
)
from tests.support import Account, connector, new_account_id


@pytest.fixture
def own_cloud() -> Iterator[LocalCloud]:
    """A local cloud that no other test uses, since a reset empties all accounts."""
    with local_cloud(io.StringIO()) as cloud:
        yield cloud


def send(cloud: LocalCloud, path: str, **request: Any) -> tuple[int, Any]:
    """The HTTP status and the JSON content of a response."""
    url = f"http://{HOST}:{cloud.port}{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **request), timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def nest_too_deep(params: dict[str, Any], **_: Any) -> None:
    """Give a request a body that is nested too deep for Python's JSON parser."""
    params["body"] = b"[" * 200_000


@pytest.mark.parametrize("account_id", ["", "acme", "12345678901", "1234567890123"])
@pytest.mark.parametrize(
    ("path", "request_"),
    [
        (JOURNAL_PATH, {}),
        (SETTINGS_PATH, {"method": "PUT", "data": b"{}"}),
        (FUNCTION_SETTINGS_PATH, {"method": "PUT", "data": b"{}"}),
    ],
    ids=["journal", "settings", "function-settings"],
)
def test_invalid_account_is_refused(
    cloud: LocalCloud, path: str, request_: dict[str, Any], account_id: str
) -> None:
    """A path whose account is not a number of 12 digits is refused with an example."""
    status, content = send(cloud, f"{path}/{account_id}", **request_)

    assert status == 400
    assert content["message"] == (
        f"'{account_id}' is not an account: it must be a number of 12 digits, for example"
        f" {path}/000000000000."
    )


@pytest.mark.parametrize("after", ["", "all", "-1", "1.5"])
def test_invalid_after_is_refused(cloud: LocalCloud, after: str) -> None:
    """The journal refuses an ``after`` that is not a number of calls."""
    status, content = send(cloud, f"{JOURNAL_PATH}/{new_account_id()}?after={after}")

    assert status == 400
    assert content["message"] == (
        f"after is '{after}', not the number of calls to leave out: it must be an integer of at"
        " least 0, for example ?after=12."
    )


def test_journal_leaves_out_oldest_calls(account: Account, appflow: Any) -> None:
    """With ``after``, the journal leaves out that many of the oldest calls."""
    for size in (1, 2, 3):
        appflow.list_connectors(maxResults=size)

    assert [call["parameters"]["maxResults"] for call in account.calls(after=1)] == [2, 3]


def test_journal_marks_repeated_calls(account: Account, appflow: Any, arn: str) -> None:
    """The journal marks the calls whose outcome is that of an earlier call."""
    account.register(LABEL, arn)

    for token in ("once", "once", "again"):
        appflow.update_connector_registration(connectorLabel=LABEL, clientToken=token)

    updates = account.calls()[1:]
    assert [call["parameters"]["clientToken"] for call in updates] == ["once", "once", "again"]
    assert [call["remembered"] for call in updates] == [False, True, False]


def test_journal_has_unauthorized_calls(account: Account) -> None:
    """A call that IAM does not allow is in the journal, with its caller."""
    refusal(user_client(account, ["s3:*"]).list_connectors)

    [call] = account.calls()
    assert (call["operation"], call["outcome"]) == ("ListConnectors", "AccessDeniedException")
    assert call["caller"] == f"arn:aws:iam::{account.id}:user/clerk"


def test_journal_has_unserved_calls(account: Account, appflow: Any) -> None:
    """A call to a path without an operation is in the journal, under its path."""

    def change_path(params: dict[str, Any], **_: Any) -> None:
        params["url"] = params["url"].replace("/list-connectors", "/list-apps")

    appflow.meta.events.register("before-call.appflow", change_path)

    code, _, message = refusal(appflow.list_connectors)

    assert (code, message) == ("ValidationException", "AppFlow has no operation at /list-apps.")
    [call] = account.calls()
    assert (call["operation"], call["outcome"]) == ("/list-apps", "ValidationException")


def test_journal_has_failures_of_the_local_cloud() -> None:
    """A call at which the local AppFlow fails is in the journal, and its traceback in the log."""
    log = io.StringIO()
    # The log is complete when the local cloud has stopped.
    with local_cloud(log) as cloud:
        account = Account(cloud, new_account_id())
        appflow = account.client("appflow", config=WITHOUT_RETRIES)
        appflow.meta.events.register("before-call.appflow", nest_too_deep)

        code, status, message = refusal(appflow.list_connectors)
        outcomes = {call["outcome"] for call in account.calls()}

    assert (code, status) == ("InternalServerException", 500)
    assert message == "The local AppFlow failed. The log of the local cloud has the traceback."
    assert outcomes == {"InternalServerException"}
    assert "The local AppFlow failed at ListConnectors\nTraceback" in log.getvalue()
    assert "RecursionError" in log.getvalue()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"callsPerSecond": 0}, "callsPerSecond is 0, not a number of at least 0.001."),
        ({"callsPerSecond": "10"}, "callsPerSecond is '10', not a number of at least 0.001."),
        ({"callsPerSecond": True}, "callsPerSecond is True, not a number of at least 0.001."),
        (
            {"permissionDelaySeconds": -1},
            "permissionDelaySeconds is -1, not a number of at least 0.",
        ),
        ({"tokenScope": "Region"}, "tokenScope is 'Region', not one of account, operation."),
        (
            {"calls": 10},
            "'calls' is not a setting. The settings are callsPerSecond, permissionDelaySeconds,"
            " clockAheadSeconds, connectorTimeoutSeconds, tokenScope, tokenMisuse, failedTokens,"
            " omittedDescription, registeredAt, takenLabel, missingFunction, qualifiedFunctions,"
            " callerPermission.",
        ),
    ],
)
def test_invalid_setting_is_refused(
    account: Account, setting: dict[str, Any], message: str
) -> None:
    """A setting that does not exist, or whose value is not allowed, is refused."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        account.local_cloud.configure_appflow(account.id, **setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"pendingSeconds": -1}, "pendingSeconds is -1, not a number of at least 0."),
        ({"inProgressSeconds": "5"}, "inProgressSeconds is '5', not a number of at least 0."),
        ({"inProgressSeconds": math.nan}, "inProgressSeconds is nan, not a number of at least 0."),
        ({"creationFailure": ""}, "creationFailure is '', not a text of at least one character."),
        ({"updateFailure": True}, "updateFailure is True, not a text of at least one character."),
    ],
)
def test_invalid_function_setting_is_refused(
    account: Account, setting: dict[str, Any], message: str
) -> None:
    """A setting of functions whose value is not allowed is refused."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        account.local_cloud.configure_lambda(account.id, **setting)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "The settings must be a JSON object."),
        (
            b'{"seconds": 1}',
            "'seconds' is not a setting. The settings are pendingSeconds, inProgressSeconds,"
            " creationFailure, updateFailure, stateEventDelaySeconds, callEventDelaySeconds,"
            " eventDelivery, eventOrder.",
        ),
    ],
)
def test_unknown_function_setting_is_refused(cloud: LocalCloud, data: bytes, message: str) -> None:
    """The control API refuses settings of functions that do not exist."""
    path = f"{FUNCTION_SETTINGS_PATH}/{new_account_id()}"

    assert send(cloud, path, method="PUT", data=data) == (400, {"message": message})


def test_omitted_setting_gets_its_default(account: Account) -> None:
    """A setting that is left out gets its default again."""
    account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)

    account.local_cloud.configure_appflow(account.id)

    for _ in range(5):
        account.client("appflow").list_connectors()
    assert {call["outcome"] for call in account.calls()} == {"OK"}


def test_reset_of_ministack_empties_functions(own_cloud: LocalCloud) -> None:
    """MiniStack's reset deletes the settings of functions."""
    account = Account(own_cloud, new_account_id())
    own_cloud.configure_lambda(account.id, pendingSeconds=3600, creationFailure="No")

    send(own_cloud, "/_ministack/reset", method="POST")

    account.register(LABEL, account.make_function("crm", connector()))
    assert account.registered(LABEL) is not None


def test_reset_of_ministack_ends_runs() -> None:
    """MiniStack's reset deletes flows and ends their runs."""
    log = io.StringIO()
    with local_cloud(log) as cloud:
        sales = flow_support.Sales(Account(cloud, new_account_id()))
        sales.prepare()
        sales.appflow.create_flow(**sales.reading())
        sales.use(flow_support.THROTTLED)
        sales.appflow.start_flow(flowName="orders")

        send(cloud, "/_ministack/reset", method="POST")

        assert sales.appflow.list_flows()["flows"] == []
    # The log is complete when the local cloud has stopped.
    assert "run of flow orders: Canceled" in log.getvalue()


def test_reset_of_ministack_empties_appflow(own_cloud: LocalCloud) -> None:
    """MiniStack's reset deletes registrations, client tokens, settings and the journal."""
    account = Account(own_cloud, new_account_id())
    account.register(LABEL, account.make_function("crm", connector()), clientToken="once")
    own_cloud.configure_appflow(account.id, callsPerSecond=0.001)

    assert send(own_cloud, "/_ministack/reset", method="POST") == (200, {"reset": "ok"})

    assert account.calls() == []
    assert account.registered(LABEL) is None
    # Neither the token nor the rate of calls is remembered.
    again = registration("other", account.make_function("crm", connector()), clientToken="once")
    account.client("appflow").register_connector(**again)
    assert [call["outcome"] for call in account.calls()] == ["ResourceNotFoundException", "OK"]
