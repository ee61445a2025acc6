"""What the local AppFlow has besides AppFlow's API: its journal, its settings, and a reset."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from appflow_local_cloud.environment import HOST, JOURNAL_PATH, SETTINGS_PATH
from appflow_local_cloud.process import LocalCloud, local_cloud
from tests.local_cloud.support import refusal, registration, user_client
from tests.support import Account, connector, new_account_id

LABEL = "acme-crm"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A local cloud that nobody else uses: a reset empties every account."""
    with local_cloud(io.StringIO()) as cloud:
        yield cloud


def ask(cloud: LocalCloud, path: str, **request: Any) -> tuple[int, Any]:
    """The HTTP status and the content of an answer."""
    url = f"http://{HOST}:{cloud.port}{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **request), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def nest_too_deep(params: dict[str, Any], **_: Any) -> None:
    """Give a request a body that is more than Python's parser of JSON bears."""
    params["body"] = b"[" * 200_000


@pytest.mark.parametrize("account_id", ["", "acme", "12345678901", "1234567890123"])
@pytest.mark.parametrize(
    ("path", "request_"),
    [(JOURNAL_PATH, {}), (SETTINGS_PATH, {"method": "PUT", "data": b"{}"})],
    ids=["journal", "settings"],
)
def test_what_is_no_account_is_refused(
    cloud: LocalCloud, path: str, request_: dict[str, Any], account_id: str
) -> None:
    status, content = ask(cloud, f"{path}/{account_id}", **request_)

    assert status == 400
    assert content["message"] == (
        f"'{account_id}' is not an account: it must be a number of 12 digits, as in"
        f" {path}/000000000000."
    )


@pytest.mark.parametrize("after", ["", "all", "-1", "1.5"])
def test_what_is_no_number_of_calls_is_refused(cloud: LocalCloud, after: str) -> None:
    status, content = ask(cloud, f"{JOURNAL_PATH}/{new_account_id()}?after={after}")

    assert status == 400
    assert content["message"] == (
        f"after is '{after}', not how many calls to leave out: it must be a number of at least 0,"
        " as in ?after=12."
    )


class TestJournal:
    def test_leaves_out_as_many_calls_as_it_is_told(self, account: Account, appflow: Any) -> None:
        for size in (1, 2, 3):
            appflow.list_connectors(maxResults=size)

        assert [call["parameters"]["maxResults"] for call in account.calls(after=1)] == [2, 3]

    def test_has_the_calls_that_iam_refuses(self, account: Account) -> None:
        refusal(user_client(account, ["s3:*"]).list_connectors)

        [call] = account.calls()
        assert (call["operation"], call["outcome"]) == ("ListConnectors", "AccessDeniedException")
        assert call["caller"] == f"arn:aws:iam::{account.id}:user/clerk"

    def test_has_the_calls_that_no_operation_is_served_for(
        self, account: Account, appflow: Any
    ) -> None:
        code, _, message = refusal(appflow.list_tags_for_resource, resourceArn="flow")

        assert code == "ValidationException"
        assert message.startswith("The local cloud serves no operation at /tags/flow: it serves")
        [call] = account.calls()
        assert (call["operation"], call["outcome"]) == ("/tags/flow", "ValidationException")

    def test_has_the_calls_at_which_the_endpoint_fails(self) -> None:
        log = io.StringIO()
        # All of the log is there once the local cloud has stopped.
        with local_cloud(log) as cloud:
            account = Account(cloud, new_account_id())
            appflow = account.client("appflow")
            appflow.meta.events.register("before-call.appflow", nest_too_deep)

            code, status, message = refusal(appflow.list_connectors)
            outcomes = {call["outcome"] for call in account.calls()}

        assert (code, status) == ("InternalServerException", 500)
        assert message == "The local AppFlow failed; its log has the traceback."
        assert outcomes == {"InternalServerException"}
        assert "The local AppFlow failed at ListConnectors\nTraceback" in log.getvalue()
        assert "RecursionError" in log.getvalue()


def test_a_reset_of_ministack_empties_appflow(account: Account) -> None:
    account.register(LABEL, account.make_function("crm", connector()), clientToken="once")
    account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)

    assert ask(account.local_cloud, "/_ministack/reset", method="POST") == (200, {"reset": "ok"})

    assert account.calls() == []
    assert account.registered(LABEL) is None
    # Neither the token nor the rate of calls is remembered.
    again = registration("other", account.make_function("crm", connector()), clientToken="once")
    account.client("appflow").register_connector(**again)
    assert [call["outcome"] for call in account.calls()] == ["ResourceNotFoundException", "OK"]
