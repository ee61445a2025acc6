"""The handler's log: one line for each decision, call and response."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from tests.handler.cloudformation import SIGNATURE, CloudFormation
from tests.handler.events import LABEL, destroyed, properties
from tests.handler.log import Log
from tests.support import Account, connector


@pytest.fixture
def arn(account: Account) -> str:
    """The function of a connector, version 1.0."""
    return account.make_function("crm", connector("1.0"))


@pytest.fixture
def other(account: Account) -> str:
    """The function of a connector, version 2.0."""
    return account.make_function("other", connector("2.0"))


Decisions = Callable[[], list[str]]


@pytest.fixture
def decisions(log: Log, arn: str) -> Decisions:
    """The decisions since the last call, all of them about the label and the function."""

    def take() -> list[str]:
        messages = log.messages("decision")
        log.lines.clear()
        assert {(m["label"], m["lambda_arn"]) for m in messages} == {(LABEL, arn)}
        return [message["decision"] for message in messages]

    return take


class TestDecisions:
    """The line of each decision."""

    def test_registration_is_logged(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        """Registering a label is logged."""
        cloudformation.create(properties(arn))

        assert decisions() == ["registered"]

    @pytest.mark.parametrize("adoption", ["Allowed", "Required"])
    def test_adopt_names_the_earlier_function(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        other: str,
        decisions: Decisions,
        adoption: str,
    ) -> None:
        """Adopting a registration is logged with the function that it had."""
        account.register(LABEL, other)

        cloudformation.create(properties(arn, Adoption=adoption))

        assert decisions() == [f"adopt: the registered ARN was {other}"]

    def test_refresh_is_logged(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        """Refreshing a registration is logged."""
        cloudformation.create(properties(arn))
        decisions()

        refreshed = properties(arn, FunctionHash={"Hash": "2"})
        cloudformation.update(refreshed, properties(arn), LABEL)

        assert decisions() == ["refresh", "refreshed"]

    def test_changes_of_a_refresh_are_logged(
        self, account: Account, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        """The line after a refresh says what AppFlow shows now, and what it showed before."""
        versions = json.dumps([f"v{number}" for number in range(100)])
        cloudformation.create(properties(arn))
        account.change_code("crm", connector("2.0").replace('["v1"]', versions))
        refreshed = properties(arn, FunctionHash={"Hash": "2"})

        cloudformation.update(refreshed, properties(arn), LABEL)

        [*_, line] = log.messages("decision")
        assert line["changes"] == {
            "connectorVersion": '"1.0" -> "2.0"',
            "supportedApiVersions": f'["v1"] -> {versions[:200]}...',
        }

    def test_refresh_without_changes_is_logged(
        self, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        """The line after a refresh says so if AppFlow shows the same configuration."""
        cloudformation.create(properties(arn))

        cloudformation.update(properties(arn, FunctionHash={"Hash": "2"}), properties(arn), LABEL)

        [*_, line] = log.messages("decision")
        assert line["changes"] == {}

    def test_needless_refresh_is_logged(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        """An update that needs no refresh is logged as such."""
        cloudformation.create(properties(arn))
        decisions()

        cloudformation.update(destroyed(arn), properties(arn), LABEL)

        assert decisions() == ["no refresh needed"]

    def test_second_registration_is_logged(
        self, account: Account, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        """Registering a label that was unregistered meanwhile is logged."""
        cloudformation.create(properties(arn))
        account.client("appflow").unregister_connector(connectorLabel=LABEL)
        decisions()

        cloudformation.update(properties(arn), properties(arn), LABEL)

        assert decisions() == ["refresh", "register again"]

    def test_pause_is_logged(
        self, cloudformation: CloudFormation, arn: str, other: str, decisions: Decisions
    ) -> None:
        """Pausing after a cancelled update is logged before the refresh."""
        cloudformation.create(properties(arn))
        cloudformation.cancel_update()
        decisions()

        cloudformation.update(properties(arn), properties(other), LABEL)

        assert decisions() == [
            "pause: a cancelled update may still be running",
            "refresh",
            "refreshed",
        ]

    def test_unregistration_is_logged(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        """Unregistering a label is logged, and so is that nothing is registered."""
        cloudformation.create(properties(arn))
        decisions()

        cloudformation.delete(destroyed(arn), LABEL)
        cloudformation.delete(destroyed(arn), LABEL)

        assert decisions() == ["unregister", "nothing to unregister"]

    @pytest.mark.parametrize(
        ("physical_id", "policy", "why"),
        [
            (LABEL, "Retain", "the removal policy is RETAIN"),
            (
                "FAILED-CREATE:1",
                "Destroy",
                "the resource FAILED-CREATE:1 registered nothing",
            ),
        ],
    )
    def test_delete_says_why_it_unregisters_nothing(
        self,
        cloudformation: CloudFormation,
        arn: str,
        log: Log,
        physical_id: str,
        policy: str,
        why: str,
    ) -> None:
        """A Delete that leaves the registration alone logs why."""
        cloudformation.delete(properties(arn, RemovalPolicy=policy), physical_id)

        assert log.messages("decision") == [
            {"decision": f"not unregistered: {why}", "label": LABEL}
        ]

    def test_delete_names_a_bad_property(
        self, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        """A Delete with a bad property logs the property."""
        cloudformation.delete(destroyed(arn, ConnectorLabel="x"), "x")

        [message] = log.messages("decision")
        assert message["decision"].startswith(
            "nothing to unregister: property ConnectorLabel is 'x'; allowed: 2 to 256 characters"
        )

    def test_delete_names_another_owner(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        other: str,
        decisions: Decisions,
    ) -> None:
        """A Delete that leaves another function's registration alone logs the function."""
        account.register(LABEL, other)

        cloudformation.delete(destroyed(arn), LABEL)

        assert decisions() == [f"not unregistered: the registered ARN is {other}"]


class TestLines:
    """The lines that every event writes."""

    def test_line_names_its_event(self, cloudformation: CloudFormation, arn: str, log: Log) -> None:
        """Every line has the ids of its event and one message."""
        sent = cloudformation.event("Create", properties(arn))
        cloudformation.send("Create", properties(arn), RequestId=sent["RequestId"])

        names = ("RequestType", "StackId", "RequestId", "LogicalResourceId")
        expected = {**{name: sent[name] for name in names}, "aws_request_id": "an-invocation"}
        lines = [json.loads(line) for line in log.lines]
        assert all(expected.items() <= line.items() for line in lines)
        kinds = [next(iter(line["message"])) for line in lines]
        assert kinds == ["call", "call", "decision", "call", "response"]

    def test_call_has_attempt_and_outcome(
        self, account: Account, cloudformation: CloudFormation, log: Log
    ) -> None:
        """The line of a call has its attempt, its duration and its outcome."""
        private = account.make_function("private", connector(), granted=False)
        cloudformation.clock.at(1, lambda: account.grant_appflow(private))

        cloudformation.create(properties(private))

        calls = [call for call in log.messages("call") if "Function" not in call["call"]]
        assert all(call.pop("label") == LABEL for call in calls)
        assert {call.pop("milliseconds") for call in calls} == {50}
        outcomes = [(call["call"], call["attempt"], call["outcome"]) for call in calls]
        refused = [("RegisterConnector", n + 1, "AccessDeniedException") for n in range(2)]
        assert outcomes in (
            [*refused[:n], ("RegisterConnector", n + 1, "OK"), ("DescribeConnector", 1, "OK")]
            for n in (1, 2)
        )

    def test_call_has_milliseconds(
        self, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        """The duration of a call is in milliseconds."""
        cloudformation.clock.latency.by_operation["RegisterConnector"] = 1.2344

        cloudformation.create(properties(arn))

        durations = {call["call"]: call["milliseconds"] for call in log.messages("call")}
        assert durations["RegisterConnector"] == 1234

    def test_stack_event_read_has_milliseconds(
        self, cloudformation: CloudFormation, arn: str, other: str, log: Log
    ) -> None:
        """The line of a read of stack events has its duration and its outcome."""
        cloudformation.create(properties(arn))
        cloudformation.update(properties(other), properties(arn), LABEL)
        cloudformation.cancel_update()
        cloudformation.clock.sleep(5)
        cloudformation.clock.latency.by_operation["DescribeStackEvents"] = 1.2344

        cloudformation.update(properties(other), properties(arn, Description="Acme"), LABEL)

        read = next(one for one in log.messages("call") if one["call"] == "DescribeStackEvents")
        assert (read["milliseconds"], read["outcome"]) == (1234, "OK")

    def test_failed_stack_event_read_says_why(
        self, cloudformation: CloudFormation, arn: str, other: str, log: Log
    ) -> None:
        """The line of a read of stack events that failed has the error."""
        cloudformation.create(properties(arn))

        cloudformation.update(
            properties(arn), properties(other), LABEL, StackId="arn:of:another:stack"
        )

        read = next(one for one in log.messages("call") if one["call"] == "DescribeStackEvents")
        assert read == {
            "call": "DescribeStackEvents",
            "label": LABEL,
            "milliseconds": 50,
            "outcome": "An error occurred (ValidationError) when calling the DescribeStackEvents"
            " operation: There is no such stack",
        }

    @pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
    def test_no_level_logs_a_secret(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        log: Log,
        level: str,
    ) -> None:
        """No line has a signature or a header of authorization at any level."""
        logging.root.setLevel(level)
        private = account.make_function("private", connector(), granted=False)

        cloudformation.create(properties(private))
        cloudformation.create(properties(arn))

        written = "\n".join(log.lines)
        assert "AccessDeniedException" in written
        for secret in (SIGNATURE, "AWS4-HMAC", "Authorization"):
            assert secret not in written
