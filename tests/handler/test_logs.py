"""What the log says: each decision and each call, with what identifies the event."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from connector_registration import sdk

from tests.handler.conftest import SIGNATURE, CloudFormation, Log
from tests.support import Account, connector

LABEL = "acme-crm"


@pytest.fixture
def arn(account: Account) -> str:
    return account.make_function("crm", connector("1.0"))


@pytest.fixture
def other(account: Account) -> str:
    return account.make_function("other", connector("2.0"))


def properties(lambda_arn: str, **changed: Any) -> dict[str, Any]:
    given = {"ConnectorLabel": LABEL, "LambdaArn": lambda_arn, "RemovalPolicy": "Destroy"}
    return {**given, **changed}


Decisions = Callable[[], list[str]]


@pytest.fixture
def decisions(log: Log, arn: str) -> Decisions:
    """The decisions since the last look, all of them about the label and the function."""

    def take() -> list[str]:
        messages = [json.loads(line)["message"] for line in log.lines]
        log.lines.clear()
        found = [message for message in messages if "decision" in message]
        assert all(m["label"] == LABEL and m["lambda_arn"] == arn for m in found)
        return [message["decision"] for message in found]

    return take


class TestDecisions:
    def test_to_register(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        cloudformation.create(properties(arn))

        assert decisions() == ["registered"]

    @pytest.mark.parametrize("on_missing", ["Register", "Fail"])
    def test_to_adopt(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        other: str,
        decisions: Decisions,
        on_missing: str,
    ) -> None:
        account.register(LABEL, other)

        cloudformation.create(properties(arn, OnMissing=on_missing))

        assert decisions() == [f"adopt: it belonged to {other}"]

    def test_to_announce(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        cloudformation.create(properties(arn))
        decisions()

        changed = properties(arn, LambdaRevision={"Hash": "2"})
        cloudformation.update(changed, properties(arn), LABEL)

        assert decisions() == ["announce"]

    def test_to_announce_nothing(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        cloudformation.create(properties(arn))
        decisions()

        retained = properties(arn, RemovalPolicy="Retain")
        cloudformation.update(retained, properties(arn), LABEL)

        assert decisions() == ["nothing to announce"]

    def test_to_register_again(
        self, account: Account, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        cloudformation.create(properties(arn))
        account.client("appflow").unregister_connector(connectorLabel=LABEL)
        decisions()

        cloudformation.update(properties(arn), properties(arn), LABEL)

        assert decisions() == ["announce", "register again"]

    def test_to_keep_what_a_cancelled_update_may_still_change(
        self, cloudformation: CloudFormation, arn: str, other: str, decisions: Decisions
    ) -> None:
        cloudformation.create(properties(arn))
        cloudformation.cancel_update()
        decisions()

        cloudformation.update(properties(arn), properties(other), LABEL)

        assert decisions() == [
            "announce",
            "keep it so: an update that was given up may still be running",
        ]

    def test_to_unregister_and_then_that_nothing_is_left(
        self, cloudformation: CloudFormation, arn: str, decisions: Decisions
    ) -> None:
        cloudformation.create(properties(arn))
        decisions()

        cloudformation.delete(properties(arn), LABEL)
        cloudformation.delete(properties(arn), LABEL)

        assert decisions() == ["unregister", "nothing to unregister"]

    @pytest.mark.parametrize(
        ("physical_id", "changed", "why"),
        [
            (LABEL, {"RemovalPolicy": "Retain"}, "its removal policy is RETAIN"),
            (
                "FAILED-CREATE:1",
                {},
                "the id FAILED-CREATE:1 stands for no registration of its own",
            ),
        ],
    )
    def test_to_unregister_nothing(
        self,
        cloudformation: CloudFormation,
        arn: str,
        log: Log,
        physical_id: str,
        changed: dict[str, str],
        why: str,
    ) -> None:
        cloudformation.delete(properties(arn, **changed), physical_id)

        assert messages(log, "decision") == [{"decision": f"left alone: {why}", "label": LABEL}]

    def test_to_unregister_nothing_under_properties_that_cannot_be_read(
        self, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        cloudformation.delete(properties(arn, ConnectorLabel="x"), "x")

        [message] = messages(log, "decision")
        assert message["decision"].startswith(
            "nothing to unregister: property ConnectorLabel is 'x'; allowed: 2 to 256 characters"
        )

    def test_to_leave_somebody_else_s_registration_alone(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        other: str,
        decisions: Decisions,
    ) -> None:
        account.register(LABEL, other)

        cloudformation.delete(properties(arn), LABEL)

        assert decisions() == [f"left alone: it now belongs to {other}"]


class TestLines:
    def test_name_the_event_and_hold_one_message_each(
        self, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        sent = cloudformation.event("Create", properties(arn))
        cloudformation.send("Create", properties(arn), RequestId=sent["RequestId"])

        names = ("RequestType", "StackId", "RequestId", "LogicalResourceId")
        wanted = {**{name: sent[name] for name in names}, "aws_request_id": "an-invocation"}
        lines = [json.loads(line) for line in log.lines]
        assert all(wanted.items() <= line.items() for line in lines)
        kinds = [next(iter(line["message"])) for line in lines]
        assert kinds == ["call", "decision", "call", "response"]

    def test_of_a_call_tell_attempt_duration_and_outcome(
        self, account: Account, cloudformation: CloudFormation, log: Log
    ) -> None:
        private = account.make_function("private", connector(), granted=False)
        cloudformation.clock.at(1, lambda: account.grant_appflow(private))

        cloudformation.create(properties(private))

        calls = messages(log, "call")
        assert all(call.pop("label") == LABEL for call in calls)
        # The clock stands still while a call runs.
        assert all(call.pop("milliseconds") == 0 for call in calls)
        outcomes = [(call["call"], call["attempt"], call["outcome"]) for call in calls]
        refused = [("RegisterConnector", n + 1, "AccessDeniedException") for n in range(2)]
        assert outcomes in (
            [*refused[:n], ("RegisterConnector", n + 1, "OK"), ("DescribeConnector", 1, "OK")]
            for n in (1, 2)
        )

    def test_of_a_call_tell_milliseconds(
        self, cloudformation: CloudFormation, arn: str, log: Log
    ) -> None:
        clock = cloudformation.clock

        def take_a_while(**_: Any) -> None:
            clock.now += 1.2344

        events = sdk.client("appflow").meta.events
        events.register("before-send.appflow.RegisterConnector", take_a_while)
        cloudformation.create(properties(arn))
        events.unregister("before-send.appflow.RegisterConnector", take_a_while)

        assert messages(log, "call")[0]["milliseconds"] == 1234

    def test_of_stack_events_tell_duration_and_outcome(
        self, cloudformation: CloudFormation, arn: str, other: str, log: Log
    ) -> None:
        cloudformation.create(properties(arn))
        cloudformation.update(properties(other), properties(arn), LABEL)
        cloudformation.cancel_update()
        clock = cloudformation.clock
        clock.sleep(5)
        cloudformation.while_reading = lambda: clock.sleep(1.2344)

        cloudformation.update(properties(other), properties(arn, Description="Acme"), LABEL)

        [read] = [one for one in messages(log, "call") if one["call"] == "DescribeStackEvents"]
        assert (read["milliseconds"], read["outcome"]) == (1234, "OK")

    def test_of_stack_events_that_cannot_be_read_say_why(
        self, cloudformation: CloudFormation, arn: str, other: str, log: Log
    ) -> None:
        cloudformation.create(properties(arn))

        cloudformation.update(
            properties(arn), properties(other), LABEL, StackId="arn:of:another:stack"
        )

        [read] = [one for one in messages(log, "call") if one["call"] == "DescribeStackEvents"]
        assert read == {
            "call": "DescribeStackEvents",
            "label": LABEL,
            "milliseconds": 0,
            "outcome": "An error occurred (ValidationError) when calling the DescribeStackEvents"
            " operation: There is no such stack",
        }

    @pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
    def test_hold_no_secret(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        log: Log,
        level: str,
    ) -> None:
        logging.root.setLevel(level)
        private = account.make_function("private", connector(), granted=False)

        cloudformation.create(properties(private))
        cloudformation.create(properties(arn))

        written = "\n".join(log.lines)
        assert "AccessDeniedException" in written
        for secret in (SIGNATURE, "AWS4-HMAC", "Authorization"):
            assert secret not in written


def messages(log: Log, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line)["message"] for line in log.lines]
    return [message for message in found if kind in message]
