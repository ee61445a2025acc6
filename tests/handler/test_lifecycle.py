"""What AppFlow holds after each event, and what CloudFormation is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from connector_registration import sdk

from tests.handler.conftest import CloudFormation, Context
from tests.support import BROKEN_CONNECTOR, Account, connector

LABEL = "acme-crm"


@pytest.fixture
def arn(account: Account) -> str:
    """A connector that works, version 1.0."""
    return account.make_function("crm", connector("1.0"))


def properties(lambda_arn: str, **changes: Any) -> dict[str, Any]:
    return {
        "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:handler",
        "ServiceTimeout": "600",
        "ConnectorLabel": LABEL,
        "LambdaArn": lambda_arn,
        "LambdaRevision": {"Hash": "1"},
        "RemovalPolicy": "Retain",
        **changes,
    }


def changes(account: Account, since: int = 0) -> list[str]:
    return account.operations()[since:]


class TestCreate:
    def test_registers_a_label_that_nobody_holds(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        answer = cloudformation.create(properties(arn, Description="Acme CRM connector"))

        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] == LABEL
        assert answer["Data"] == {
            "ConnectorArn": f"arn:aws:appflow:us-east-1:{account.id}:connector/{LABEL}",
            "ConnectorLabel": LABEL,
            "LambdaArn": arn,
            "ConnectorVersion": "1.0",
        }
        assert account.registered_arn(LABEL) == arn
        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorDescription"] == "Acme CRM connector"

    def test_adopts_a_label_that_is_registered_already(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        by_hand = account.make_function("by-hand", connector("0.9"))
        account.register(LABEL, by_hand, description="Written by hand")

        answer = cloudformation.create(properties(arn))

        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] == LABEL
        assert account.registered_arn(LABEL) == arn
        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorDescription"] == "Written by hand"
        logged = [line.msg for line in caplog.records if isinstance(line.msg, dict)]
        decisions = [message["decision"] for message in logged if "decision" in message]
        assert decisions == [f"adopt: it belonged to {by_hand}"]

    def test_delivered_twice_registers_once_with_one_token(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        first = cloudformation.create(properties(arn), RequestId=request_id)
        second = cloudformation.create(properties(arn), RequestId=request_id)

        assert first == second
        tokens = [
            call["parameters"]["clientToken"]
            for call in account.calls()
            if call["operation"] == "RegisterConnector"
        ]
        assert len(tokens) == 2
        assert len(set(tokens)) == 1
        assert changes(account) == ["RegisterConnector", "RegisterConnector"]

    def test_delivered_late_does_not_bring_an_old_lambda_back(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        newer = account.make_function("newer", connector("2.0"))
        cloudformation.create(properties(arn), RequestId=request_id)
        cloudformation.update(properties(newer), properties(arn), LABEL)
        late = cloudformation.event("Create", properties(arn), RequestId=request_id)

        cloudformation.invoke(late, Context(cloudformation.clock))

        assert account.registered_arn(LABEL) == newer

    def test_that_fails_leaves_a_stranger_s_connector_alone_when_deleted(
        self, account: Account, cloudformation: CloudFormation
    ) -> None:
        broken = account.make_function("broken", connector())
        account.register(LABEL, broken)
        account.change_code("broken", BROKEN_CONNECTOR)
        ours = properties(broken, RemovalPolicy="Destroy")

        failed = cloudformation.create(ours)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"].startswith("FAILED-CREATE:")
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == broken

    def test_that_does_not_find_what_it_registered_fails_under_its_label(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        def unregister(**_: Any) -> None:
            account.client("appflow").unregister_connector(connectorLabel=LABEL)

        events = sdk.client("appflow").meta.events
        events.register("after-call.appflow.RegisterConnector", unregister)

        answer = cloudformation.create(properties(arn))

        events.unregister("after-call.appflow.RegisterConnector", unregister)
        assert answer["Reason"] == (
            "connector acme-crm: AppFlow does not show it after registering it. Deploy again."
        )
        assert answer["PhysicalResourceId"] == LABEL

    @pytest.mark.parametrize("on_missing", ["Register", "Fail"])
    def test_that_took_a_label_over_and_fails_then_owns_nothing(
        self, account: Account, cloudformation: CloudFormation, arn: str, on_missing: str
    ) -> None:
        account.register(LABEL, account.make_function("by-hand", connector()))
        ours = properties(arn, OnMissing=on_missing, RemovalPolicy="Destroy")

        def unregister_until_it_is_too_late(**_: Any) -> None:
            account.client("appflow").unregister_connector(connectorLabel=LABEL)
            cloudformation.clock.at(60, lambda: account.register(LABEL, arn))

        events = sdk.client("appflow").meta.events
        taken_over = "after-call.appflow.UpdateConnectorRegistration"
        events.register(taken_over, unregister_until_it_is_too_late)
        failed = cloudformation.create(ours)
        events.unregister(taken_over, unregister_until_it_is_too_late)
        cloudformation.clock.sleep(60)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"].startswith("FAILED-CREATE:")
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn

    def test_of_a_connector_that_fails_says_where_its_error_is(
        self, account: Account, cloudformation: CloudFormation
    ) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)

        failed = cloudformation.create(properties(broken))

        assert failed["Reason"] == (
            "connector acme-crm: ConnectorServerException from RegisterConnector: Error while"
            " communicating to connector: Got error from connector. the connector is broken."
            " The connector's own error is in its log group, by default /aws/lambda/broken."
        )
        assert account.registered(LABEL) is None

    def test_without_permission_for_appflow_says_which_permission(
        self, account: Account, cloudformation: CloudFormation
    ) -> None:
        private = account.make_function("private", connector(), granted=False)

        failed = cloudformation.create(properties(private))

        assert "AccessDeniedException from RegisterConnector" in failed["Reason"]
        assert failed["Reason"].endswith(
            f"Let appflow.amazonaws.com invoke exactly {private}, and the handler's role call"
            " appflow:RegisterConnector and lambda:InvokeFunction."
        )


class TestUpdate:
    def test_moves_the_registration_to_another_function(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        other = account.make_function("other", connector("2.0"))
        cloudformation.create(properties(arn))

        answer = cloudformation.update(properties(other), properties(arn), LABEL)

        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] == LABEL
        assert answer["Data"]["LambdaArn"] == other
        assert answer["Data"]["ConnectorVersion"] == "2.0"
        assert account.registered_arn(LABEL) == other
        assert changes(account, since=1) == ["UpdateConnectorRegistration"]

    def test_announces_new_code_under_the_same_arn_once(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        cloudformation.create(properties(arn))
        account.change_code("crm", connector("1.1"))
        new = properties(arn, LambdaRevision={"Hash": "2"})

        answer = cloudformation.update(new, properties(arn), LABEL)

        assert answer["Data"]["ConnectorVersion"] == "1.1"
        assert changes(account, since=1) == ["UpdateConnectorRegistration"]

    def test_tells_appflow_nothing_if_nothing_it_holds_has_changed(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        created = cloudformation.create(properties(arn))
        new = properties(arn, RemovalPolicy="Destroy", ServiceTimeout="300")

        answer = cloudformation.update(new, properties(arn), LABEL)

        assert answer["Status"] == "SUCCESS"
        assert answer["Data"] == created["Data"]
        assert changes(account, since=1) == []

    def test_repairs_a_registration_that_somebody_moved(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        elsewhere = account.make_function("elsewhere", connector("6.6"))
        cloudformation.create(properties(arn))
        cloudformation.update(properties(elsewhere), properties(arn), LABEL)
        only_the_policy = properties(arn, RemovalPolicy="Destroy")

        answer = cloudformation.update(only_the_policy, properties(arn), LABEL)

        assert answer["Data"]["LambdaArn"] == arn
        assert account.registered_arn(LABEL) == arn

    def test_registers_again_what_somebody_unregistered(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        cloudformation.create(properties(arn))
        account.client("appflow").unregister_connector(connectorLabel=LABEL)
        new = properties(arn, LambdaRevision={"Hash": "2"})

        answer = cloudformation.update(new, properties(arn), LABEL)

        assert answer["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn

    @pytest.mark.parametrize(
        ("old", "new", "held"),
        [
            ({}, {"Description": "New"}, "New"),
            ({"Description": "Old"}, {"Description": "New"}, "New"),
            ({"Description": "Old"}, {}, ""),
        ],
    )
    def test_changes_the_description(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        old: Mapping[str, str],
        new: Mapping[str, str],
        held: str,
    ) -> None:
        cloudformation.create(properties(arn, **old))

        cloudformation.update(properties(arn, **new), properties(arn, **old), LABEL)

        configuration = account.registered(LABEL)
        assert configuration is not None
        assert configuration["connectorDescription"] == held
        assert changes(account, since=1) == ["UpdateConnectorRegistration"]

    def test_that_clears_the_description_may_be_delivered_twice(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        old = properties(arn, Description="Old")
        cloudformation.create(old)

        first = cloudformation.update(properties(arn), old, LABEL, RequestId=request_id)
        again = cloudformation.update(properties(arn), old, LABEL, RequestId=request_id)

        assert first["Status"] == "SUCCESS"
        assert again == first

    def test_that_is_rolled_back_leaves_a_description_written_by_hand(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        account.register(LABEL, arn, description="Written by hand")
        cloudformation.create(properties(arn))
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        refused = properties(broken, Description="New")
        cloudformation.update(refused, properties(arn), LABEL)

        cloudformation.update(properties(arn), refused, LABEL)

        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorDescription"] == "Written by hand"

    def test_with_another_label_replaces_the_resource(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        old = properties(arn, RemovalPolicy="Destroy")
        new = {**old, "ConnectorLabel": "acme-crm-2"}
        cloudformation.create(old)
        before = len(account.calls())

        updated = cloudformation.update(new, old, LABEL)
        told = [call["operation"] for call in account.calls()[before:]]
        cleaned_up = cloudformation.delete(old, LABEL)

        assert updated["PhysicalResourceId"] == "acme-crm-2"
        assert told == ["RegisterConnector", "DescribeConnector"]
        assert cleaned_up["Status"] == "SUCCESS"
        assert account.registered_arn("acme-crm-2") == arn
        assert account.registered(LABEL) is None

    @pytest.mark.parametrize("policy", ["Destroy", "Retain"])
    def test_with_another_label_that_is_rolled_back_leaves_the_old_one(
        self, account: Account, cloudformation: CloudFormation, arn: str, policy: str
    ) -> None:
        old = properties(arn, RemovalPolicy=policy)
        new = {**old, "ConnectorLabel": "acme-crm-2"}
        cloudformation.create(old)
        cloudformation.update(new, old, LABEL)

        rolled_back = cloudformation.update(old, new, "acme-crm-2")
        cleaned_up = cloudformation.delete(new, "acme-crm-2")

        assert rolled_back["Status"] == "SUCCESS"
        assert rolled_back["PhysicalResourceId"] == LABEL
        assert cleaned_up["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn
        assert account.registered_arn("acme-crm-2") == (arn if policy == "Retain" else None)

    def test_with_another_label_that_fails_echoes_its_id(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        old = properties(arn, RemovalPolicy="Destroy")
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        new = {**old, "ConnectorLabel": "acme-crm-2", "LambdaArn": broken}
        cloudformation.create(old)

        failed = cloudformation.update(new, old, LABEL)

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"] == LABEL

    def test_that_fails_echoes_its_id_and_the_rollback_restores(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        old = properties(arn, Description="Good")
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        new = properties(broken, Description="Bad")
        cloudformation.create(old)

        failed = cloudformation.update(new, old, LABEL)
        rolled_back = cloudformation.update(old, new, LABEL)

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"] == LABEL
        assert rolled_back["Status"] == "SUCCESS"
        assert rolled_back["Data"]["LambdaArn"] == arn
        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorDescription"] == "Good"
        assert account.registered_arn(LABEL) == arn

    def test_understands_old_properties_that_no_release_would_write(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        cloudformation.create(properties(arn))

        answer = cloudformation.update(properties(arn), {"Connector": ["?"]}, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert changes(account, since=1) == ["UpdateConnectorRegistration"]

    def test_announces_the_connector_when_a_trigger_changes(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        old = properties(arn, Triggers={"Release": "7"})
        cloudformation.create(old)

        cloudformation.update(properties(arn, Triggers={"Release": "8"}), old, LABEL)

        assert changes(account, since=1) == ["UpdateConnectorRegistration"]


class TestOnMissingFail:
    def test_leaves_a_free_label_free(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, OnMissing="Fail", RemovalPolicy="Destroy")

        failed = cloudformation.create(ours)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Reason"] == (
            "connector acme-crm: it is not registered, and on_missing is FAIL. Register it first,"
            " or let on_missing REGISTER do it."
        )
        assert deleted["Status"] == "SUCCESS"
        assert changes(account) == []

    def test_adopts_a_taken_label(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        account.register(LABEL, account.make_function("by-hand", connector()))

        answer = cloudformation.create(properties(arn, OnMissing="Fail", Description="Ours"))

        assert answer["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn
        held = account.registered(LABEL)
        assert held is not None
        assert held["connectorDescription"] == "Ours"

    def test_is_no_obstacle_to_an_update_of_a_label_that_was_unregistered_meanwhile(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        account.register(LABEL, arn)
        old = properties(arn, OnMissing="Fail")
        cloudformation.create(old)
        account.client("appflow").unregister_connector(connectorLabel=LABEL)

        answer = cloudformation.update({**old, "LambdaRevision": {"Hash": "2"}}, old, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn


class TestOnExistingFail:
    def test_leaves_a_taken_label_as_it_is(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        by_hand = account.make_function("by-hand", connector())
        account.register(LABEL, by_hand)
        ours = properties(arn, OnExisting="Fail", RemovalPolicy="Destroy")

        failed = cloudformation.create(ours)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Reason"] == (
            f"connector acme-crm: it is registered already, for {by_hand}, and on_existing is FAIL."
            " Choose another label, or take it over with on_existing ADOPT."
        )
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == by_hand

    def test_lets_a_change_of_the_label_be_rolled_back(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        old = properties(arn, OnExisting="Fail", RemovalPolicy="Destroy")
        new = {**old, "ConnectorLabel": "acme-crm-2"}
        cloudformation.create(old)
        cloudformation.update(new, old, LABEL)

        rolled_back = cloudformation.update(old, new, "acme-crm-2")
        cloudformation.delete(new, "acme-crm-2")

        assert (rolled_back["Status"], rolled_back["PhysicalResourceId"]) == ("SUCCESS", LABEL)
        assert account.registered_arn(LABEL) == arn
        assert account.registered("acme-crm-2") is None

    def test_leaves_a_label_alone_that_a_stranger_has_registered(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        by_hand = account.make_function("by-hand", connector())
        account.register("acme-crm-2", by_hand)
        old = properties(arn, OnExisting="Fail")
        cloudformation.create(old)

        failed = cloudformation.update({**old, "ConnectorLabel": "acme-crm-2"}, old, LABEL)

        assert f"it is registered already, for {by_hand}" in failed["Reason"]
        assert account.registered_arn("acme-crm-2") == by_hand

    def test_registers_a_free_label_however_often_the_event_is_delivered(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        ours = properties(arn, OnExisting="Fail")

        first = cloudformation.create(ours, RequestId=request_id)
        again = cloudformation.create(ours, RequestId=request_id)

        assert first["Status"] == "SUCCESS"
        assert again == first


class TestDelete:
    def test_with_retain_calls_appflow_not_at_all(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        cloudformation.create(properties(arn))
        calls = len(account.calls())

        answer = cloudformation.delete(properties(arn), LABEL)

        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] == LABEL
        assert len(account.calls()) == calls
        assert account.registered_arn(LABEL) == arn

    def test_with_destroy_unregisters(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy")
        cloudformation.create(ours)

        answer = cloudformation.delete(ours, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert account.registered(LABEL) is None

    def test_of_a_connector_in_use_fails_and_says_what_to_do(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy")
        cloudformation.create(ours)
        account.make_profile("sales", LABEL)

        answer = cloudformation.delete(ours, LABEL)

        assert answer["Status"] == "FAILED"
        assert answer["PhysicalResourceId"] == LABEL
        assert answer["Reason"] == (
            "connector acme-crm: ConflictException from UnregisterConnector: Connector acme-crm is"
            " in use by connector profiles: sales. Delete the connector profiles and flows that use"
            " it, or deploy force_unregister=True first; then delete again."
        )
        assert account.registered_arn(LABEL) == arn

    def test_that_failed_succeeds_when_it_is_sent_again_after_the_cause_is_gone(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy")
        cloudformation.create(ours)
        account.make_profile("sales", LABEL)
        failed = cloudformation.delete(ours, LABEL)
        account.client("appflow").delete_connector_profile(connectorProfileName="sales")

        again = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Status"] == "FAILED"
        assert again["Status"] == "SUCCESS"
        assert account.registered(LABEL) is None

    def test_of_a_connector_in_use_is_the_template_s_to_force(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy", ForceUnregister="true")
        cloudformation.create(ours)
        account.make_profile("sales", LABEL)

        answer = cloudformation.delete(ours, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert account.registered(LABEL) is None

    def test_delivered_twice_succeeds_twice(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy")
        cloudformation.create(ours)

        cloudformation.delete(ours, LABEL)
        answer = cloudformation.delete(ours, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert changes(account) == ["RegisterConnector", "UnregisterConnector"]

    def test_leaves_a_registration_that_now_points_elsewhere(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy")
        theirs = account.make_function("theirs", connector())
        cloudformation.create(ours)
        cloudformation.update(properties(theirs), ours, LABEL)

        answer = cloudformation.delete(ours, LABEL)

        assert answer["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == theirs

    @pytest.mark.parametrize(
        "physical_id", ["demo-Registration-1A2B3C", "FAILED-CREATE:1", "other"]
    )
    def test_leaves_everything_alone_under_an_id_that_is_not_its_label(
        self, account: Account, cloudformation: CloudFormation, arn: str, physical_id: str
    ) -> None:
        ours = properties(arn, RemovalPolicy="Destroy")
        cloudformation.create(ours)

        answer = cloudformation.delete(ours, physical_id)

        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] == physical_id
        assert account.registered_arn(LABEL) == arn


class TestTokens:
    def test_come_from_the_request_id_and_differ_between_operations(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        by_hand = account.make_function("by-hand", connector())
        account.register(LABEL, by_hand, clientToken="by-hand")

        cloudformation.create(properties(arn), RequestId=request_id)

        tokens = [call["parameters"].get("clientToken") for call in account.calls()]
        assert [token for token in tokens if token] == [
            "by-hand",
            f"{request_id}-register",
            f"{request_id}-update",
        ]
