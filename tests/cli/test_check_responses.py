"""``check`` says of a response what the local cloud says during a registration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from appflow_connector_configuration.response import DECIDED_BY_CONNECTOR
from appflow_local_cloud.process import LocalCloud
from tests.cli.check_support import document, response, run_check, write_connector
from tests.support import Account, LastingAccount, new_account_id

ROOT = Path(__file__).parents[2]
DATA = json.loads((ROOT / "tests/local_cloud/connector_responses.json").read_text("utf-8"))
LABEL = "acme-crm"

# The members of DescribeConnector that the connector decides, or that follow from those.
SHOWN = [*DECIDED_BY_CONNECTOR, "canUseAsSource", "canUseAsDestination"]

REFUSED: Mapping[str, Any] = {
    "null": None,
    "text": "a text",
    "list": [],
    "empty": {},
    "failure": {"isSuccess": False, "errorDetails": {"errorMessage": "No"}},
    "failure-without-message": {"isSuccess": False},
    "no-name": response(connectorName=None),
    "empty-owner": response(connectorOwner=""),
    "no-modes": response(connectorModes=[]),
    "unknown-mode": response(connectorModes=["LAKE"]),
    "version-of-type-number": response(connectorVersion=7),
    "operators-of-type-text": response(operatorsSupported="PROJECTION"),
    "long-name": response(connectorName="n" * 257),
    "setting-of-type-text": response(connectorRuntimeSetting=["url"]),
    "not-a-number": response(logoURL=float("nan")),
    "infinite-number-that-appflow-lacks": response(size=float("inf")),
    "three-faults": response(connectorName="", connectorOwner=None, logoURL=False),
}


@pytest.fixture(scope="module")
def account(cloud: LocalCloud) -> Iterator[Account]:
    """The account of all tests of this module."""
    account = LastingAccount(cloud, new_account_id())
    yield account
    account.close()


@pytest.fixture(scope="module")
def response_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file whose content is the response of the connector."""
    return tmp_path_factory.mktemp("connector") / "response.json"


@pytest.fixture(scope="module")
def arn(account: Account, response_file: Path) -> str:
    """The ARN of a connector that responds with the content of a file."""
    source = f"""
import json, pathlib

def handler(event, context):
    print(event)
    return json.loads(pathlib.Path({str(response_file)!r}).read_text("utf-8"))
"""
    return account.make_function("crm", source)


@pytest.fixture
def registered(
    account: Account, arn: str, response_file: Path
) -> Callable[[Any], Mapping[str, Any] | str]:
    """Registers a connector with a response; returns what AppFlow shows, or why it refuses."""

    def register(content: Any) -> Mapping[str, Any] | str:
        response_file.write_text(json.dumps(content), "utf-8")
        account.clear()
        try:
            account.register(LABEL, arn)
        except ClientError as error:
            return str(error)
        found = account.registered(LABEL)
        assert found is not None
        return found

    return register


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["name"].replace(" ", "-"))
def test_shown_configuration_is_the_registered(
    registered: Callable[[Any], Mapping[str, Any] | str],
    tmp_path: Path,
    case: Mapping[str, Any],
) -> None:
    """The configuration of a published connector is printed as the local cloud shows it."""
    content = {**DATA["base"], **case["response"]}
    shown = registered(content)

    found = document(run_check(write_connector(tmp_path, content), "--json", folder=tmp_path))

    assert not isinstance(shown, str)
    assert found["configuration"] == {name: shown[name] for name in SHOWN if name in shown}
    assert found["exitReason"] == "PASSED"


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_refused_response_is_refused(
    registered: Callable[[Any], Mapping[str, Any] | str], tmp_path: Path, content: Any
) -> None:
    """A response that the local cloud refuses is refused with all of its faults."""
    error = registered(content)

    result = run_check(write_connector(tmp_path, content), "--json", folder=tmp_path)

    found = document(result)
    assert isinstance(error, str)
    assert found["exitReason"] == "REFUSED"
    assert found["configuration"] is None
    assert result.returncode == 1
    if isinstance(content, dict) and content:
        named = [one["message"] for one in found["refused"] if one["path"]]
        assert [message for message in named if message not in error] == []


@pytest.mark.parametrize(
    ("content", "path", "rule", "source"),
    [
        (response(connectorName="AWS CRM"), "connectorName", "reserved", "SDK in Python"),
        (response(connectorModes=["DESTINATION"]), "supportedWriteOperations", "Should", "Java"),
        (response(logoURL="http://acme.example/logo"), "logoURL", "https://", "SDK in Java"),
    ],
)
def test_advice_has_rule_and_source(
    tmp_path: Path, content: Any, path: str, rule: str, source: str
) -> None:
    """What the SDKs advise against is printed with path, rule and source, and passes."""
    handler = write_connector(tmp_path, content)

    result = run_check(handler, "--json", folder=tmp_path)
    found = document(result)

    assert found["exitReason"] == "PASSED"
    assert result.returncode == 0
    [advice] = [one for one in found["advice"] if one["path"] == path]
    assert rule in advice["rule"]
    assert source in advice["source"]


@pytest.mark.parametrize(
    ("level", "reason", "code"), [("error", "PASSED", 0), ("warning", "WARNING", 1)]
)
def test_fail_on_warning_counts_advice(tmp_path: Path, level: str, reason: str, code: int) -> None:
    """With ``--fail-on warning`` advice makes the check fail."""
    handler = write_connector(tmp_path, response(connectorOwner="Amazon"))

    result = run_check(handler, "--json", "--fail-on", level, folder=tmp_path)

    assert (document(result)["exitReason"], result.returncode) == (reason, code)


def test_fail_on_warning_passes_without_advice(tmp_path: Path) -> None:
    """With ``--fail-on warning`` a connector without advice passes."""
    handler = write_connector(tmp_path, response())

    result = run_check(handler, "--json", "--fail-on", "warning", folder=tmp_path)

    assert document(result)["exitReason"] == "PASSED"
