"""Functions that change outside of deployments: Lambda, EventBridge, the handler and AppFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account, connector

APP = "tests.end_to_end.changing_app"
LABEL = "acme-changing"
UPDATE = "UpdateConnectorRegistration"

Deploy = Callable[..., None]


@pytest.fixture
def deploy(account: Account, tmp_path: Path) -> Deploy:
    """Deploys the app with variables in its environment."""
    bootstrap(account)

    def deploy(**variables: str) -> None:
        arguments = ("deploy", "--require-approval", "never")
        result = run_cdk(account, APP, tmp_path, *arguments, **variables)
        assert result.returncode == 0, result.stdout + result.stderr

    return deploy


class Rule:
    """The rule of the deployed app, and a queue that receives the same events."""

    def __init__(self, account: Account, lambda_arn: str) -> None:
        self._account = account
        self._sqs = account.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="changes")["QueueUrl"]
        self.name = lambda_arn.split(":")[6]
        self._logs = account.client("logs")
        self._log_group = self._handler()["LoggingConfig"]["LogGroup"]
        # The deployment has sent events, too.
        while self._invocations("START") != self._invocations("END"):
            pass
        self._earlier = self._invocations("END")
        self._delivered = self._handled = 0
        events = account.client("events")
        [rule] = events.list_rules(NamePrefix="AppFlowConnector-")["Rules"]
        queue = f"arn:aws:sqs:us-east-1:{account.id}:changes"
        events.put_targets(Rule=rule["Name"], Targets=[{"Id": "queue", "Arn": queue}])

    def _handler(self) -> dict[str, Any]:
        """The handler's function."""
        functions = self._account.client("lambda").list_functions()["Functions"]
        entry_point = "connector_registration.function.handler"
        [function] = [one for one in functions if one["Handler"] == entry_point]
        found: dict[str, Any] = function
        return found

    def wait_until_handled(self, count: int) -> None:
        """Wait until as many more events have been delivered, and the handler has handled them."""
        before, self._handled = self._handled, self._handled + count
        while self._delivered < self._handled:
            page = self._sqs.receive_message(QueueUrl=self._queue, WaitTimeSeconds=20)
            for message in page.get("Messages", []):
                self._delivered += 1
                receipt = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=receipt)
        assert before < self._delivered == self._handled, "another event was delivered"
        while self._invocations("END") < self._earlier + self._handled:
            pass

    def _invocations(self, mark: str) -> int:
        """How many invocations of the handler have a line with a mark in its log."""
        events = self._logs.filter_log_events(logGroupName=self._log_group)["events"]
        return sum(event["message"].startswith(f"{mark} ") for event in events)


def shown(account: Account) -> str:
    """The version of the connector that AppFlow shows."""
    registered = account.registered(LABEL)
    assert registered is not None
    version: str = registered["connectorVersion"]
    return version


def effective_updates(account: Account) -> int:
    """How many calls have had AppFlow read the connector again."""
    return sum(
        call["operation"] == UPDATE and call["outcome"] == "OK" and not call["remembered"]
        for call in account.calls()
    )


def registered_arn(account: Account) -> str:
    arn = account.registered_arn(LABEL)
    assert arn is not None
    return arn


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"eventDelivery": "twice", "eventOrder": "reversed", "callEventDelaySeconds": 1},
        {"inProgressSeconds": 2, "stateEventDelaySeconds": 1},
    ],
    ids=["punctual", "twice, late and reversed", "slow function"],
)
def test_appflow_follows_new_code(
    account: Account, deploy: Deploy, settings: dict[str, Any]
) -> None:
    """AppFlow follows each change of the code, also back, by one call each."""
    deploy(VERSION="1.0")
    rule = Rule(account, registered_arn(account))
    account.local_cloud.configure_lambda(account.id, **settings)
    copies = 2 if "eventDelivery" in settings else 1

    followed = []
    for version in ("2.0", "1.0", "3.0"):
        account.change_code(rule.name, connector(version))
        rule.wait_until_handled(2 * copies)
        followed.append(shown(account))

    assert followed == ["2.0", "1.0", "3.0"]
    assert effective_updates(account) == 3


def test_appflow_follows_a_moved_alias(account: Account, deploy: Deploy) -> None:
    """AppFlow follows an alias that is moved to new code, and not code that no alias uses."""
    deploy(VERSION="1.0", ALIAS="yes")
    alias = registered_arn(account)
    rule = Rule(account, alias)
    aws = account.client("lambda")

    account.change_code(rule.name, connector("2.0"))
    number = aws.publish_version(FunctionName=rule.name)["Version"]
    rule.wait_until_handled(4)
    before = shown(account)
    aws.update_alias(FunctionName=rule.name, Name="live", FunctionVersion=number)
    rule.wait_until_handled(1)

    assert (before, shown(account)) == ("1.0", "2.0")
    assert effective_updates(account) == 1


def test_appflow_follows_an_imported_function(account: Account, deploy: Deploy) -> None:
    """AppFlow follows a function that the stack of the registration does not have."""
    arn = account.make_function("theirs", connector("1.0"))
    deploy(FUNCTION=arn)
    rule = Rule(account, arn)

    account.change_code("theirs", connector("2.0"))
    rule.wait_until_handled(2)

    assert shown(account) == "2.0"
    assert effective_updates(account) == 1


def test_moved_label_is_left_alone(account: Account, deploy: Deploy) -> None:
    """A label that an operator has moved to another function is not refreshed."""
    deploy(VERSION="1.0")
    rule = Rule(account, registered_arn(account))
    theirs = account.make_function("theirs", connector("7.0"))
    account.move(LABEL, theirs)

    account.change_code(rule.name, connector("2.0"))
    rule.wait_until_handled(2)

    assert account.registered_arn(LABEL) == theirs
    assert effective_updates(account) == 1


def test_deployment_refreshes_once(account: Account, deploy: Deploy) -> None:
    """The events of a deployment cause no second refresh."""
    deploy(VERSION="1.0")
    rule = Rule(account, registered_arn(account))

    deploy(VERSION="2.0")
    rule.wait_until_handled(2)

    assert shown(account) == "2.0"
    assert effective_updates(account) == 1
