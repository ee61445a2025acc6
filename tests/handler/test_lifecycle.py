"""What is registered after each event, and what the response says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from connector_registration import sdk

from tests.handler.cloudformation import CloudFormation, Context
from tests.handler.events import LABEL, destroyed, properties
from tests.handler.faults import Inject, error_response
from tests.support import BROKEN_CONNECTOR, FAILING_CONNECTOR, Account, connector

OTHER_LABEL = "acme-crm-2"


@pytest.fixture
def arn(account: Account) -> str:
    """The function of a connector, version 1.0."""
    return account.make_function("crm", connector("1.0"))


class TestCreate:
    """A Create registers a label or adopts its registration."""

    def test_free_label_is_registered(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A free label is registered, and the response has its attributes."""
        response = cloudformation.create(properties(arn, Description="Acme CRM connector"))

        assert response["Status"] == "SUCCESS"
        assert response["PhysicalResourceId"] == LABEL
        assert response["Data"] == {
            "ConnectorArn": f"arn:aws:appflow:us-east-1:{account.id}:connector/{LABEL}",
            "ConnectorLabel": LABEL,
            "LambdaArn": arn,
            "ConnectorVersion": "1.0",
        }
        assert account.registered_values(LABEL) == (arn, "Acme CRM connector")

    def test_registered_label_is_adopted(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A registered label is adopted with its description, and the log names the old ARN."""
        by_hand = account.make_function("by-hand", connector("0.9"))
        account.register(LABEL, by_hand, description="Written by hand")

        response = cloudformation.create(properties(arn))

        assert response["Status"] == "SUCCESS"
        assert response["PhysicalResourceId"] == LABEL
        assert account.registered_values(LABEL) == (arn, "Written by hand")
        logged = [line.msg for line in caplog.records if isinstance(line.msg, dict)]
        decisions = [message["decision"] for message in logged if "decision" in message]
        assert decisions == [f"adopt: the registered ARN was {by_hand}"]

    def test_redelivery_registers_once(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        """A Create that is delivered twice registers once, under one client token."""
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
        assert account.operations() == ["RegisterConnector", "RegisterConnector"]

    def test_late_redelivery_restores_nothing(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        """A Create that is delivered again after an Update does not restore the old ARN."""
        newer = account.make_function("newer", connector("2.0"))
        cloudformation.create(properties(arn), RequestId=request_id)
        cloudformation.update(properties(newer), properties(arn), LABEL)
        late = cloudformation.event("Create", properties(arn), RequestId=request_id)

        cloudformation.invoke(late, Context(cloudformation.clock))

        assert account.registered_arn(LABEL) == newer

    def test_failed_adoption_owns_nothing(
        self, account: Account, cloudformation: CloudFormation
    ) -> None:
        """The Delete after a failed adoption leaves the registration alone."""
        failing = account.make_function("worked-once", connector())
        account.register(LABEL, failing)
        account.change_code("worked-once", FAILING_CONNECTOR)
        ours = destroyed(failing)

        failed = cloudformation.create(ours)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"].startswith("FAILED-CREATE:")
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == failing

    def test_vanished_registration_fails(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A Create whose registration vanishes fails under its label."""

        def unregister(**_: Any) -> None:
            account.client("appflow").unregister_connector(connectorLabel=LABEL)

        events = sdk.client("appflow").meta.events
        events.register("after-call.appflow.RegisterConnector", unregister)

        response = cloudformation.create(properties(arn))

        events.unregister("after-call.appflow.RegisterConnector", unregister)
        assert response["Reason"] == (
            "connector acme-crm: AppFlow does not show the connector after registering it. Deploy"
            " again."
        )
        assert response["PhysicalResourceId"] == LABEL

    @pytest.mark.parametrize("adoption", ["Allowed", "Required"])
    def test_vanished_adoption_owns_nothing(
        self, account: Account, cloudformation: CloudFormation, arn: str, adoption: str
    ) -> None:
        """The Delete after an adoption that vanished leaves a later registration alone."""
        account.register(LABEL, account.make_function("by-hand", connector()))
        ours = destroyed(arn, Adoption=adoption)

        def unregister_for_a_minute(**_: Any) -> None:
            account.client("appflow").unregister_connector(connectorLabel=LABEL)
            cloudformation.clock.at(60, lambda: account.register(LABEL, arn))

        events = sdk.client("appflow").meta.events
        adopted = "after-call.appflow.UpdateConnectorRegistration"
        events.register(adopted, unregister_for_a_minute)
        failed = cloudformation.create(ours)
        events.unregister(adopted, unregister_for_a_minute)
        cloudformation.clock.sleep(60)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"].startswith("FAILED-CREATE:")
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn

    def test_broken_connector_fails_with_its_log(
        self, account: Account, cloudformation: CloudFormation
    ) -> None:
        """A connector that fails is reported with its error and its log group."""
        broken = account.make_function("broken", BROKEN_CONNECTOR)

        failed = cloudformation.create(properties(broken))

        assert failed["Reason"] == (
            "connector acme-crm: ConnectorServerException from RegisterConnector: Error while"
            " communicating to connector: Got error from connector. the connector is broken."
            " The connector's own error is in its log group, by default /aws/lambda/broken."
        )
        assert account.registered(LABEL) is None

    def test_missing_permission_is_named(
        self, account: Account, cloudformation: CloudFormation
    ) -> None:
        """A missing permission of AppFlow is reported with the exact ARN."""
        private = account.make_function("private", connector(), granted=False)

        failed = cloudformation.create(properties(private))

        assert "AccessDeniedException from RegisterConnector" in failed["Reason"]
        assert failed["Reason"].endswith(
            f"Allow appflow.amazonaws.com to invoke exactly {private}, and allow the handler's role"
            " appflow:RegisterConnector and lambda:InvokeFunction (in the provider's template:"
            " ConnectorLabels and FunctionArns)."
        )


class TestUpdate:
    """An Update refreshes the registration if a property that AppFlow stores has changed."""

    def test_new_function_replaces_the_old_one(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A new function's ARN replaces the registered one, with one call."""
        other = account.make_function("other", connector("2.0"))
        cloudformation.create(properties(arn))

        response = cloudformation.update(properties(other), properties(arn), LABEL)

        assert response["Status"] == "SUCCESS"
        assert response["PhysicalResourceId"] == LABEL
        assert response["Data"]["LambdaArn"] == other
        assert response["Data"]["ConnectorVersion"] == "2.0"
        assert account.registered_arn(LABEL) == other
        assert account.operations()[1:] == ["UpdateConnectorRegistration"]

    def test_function_that_appflow_cannot_find_fails(
        self, account: Account, cloudformation: CloudFormation, arn: str, inject: Inject
    ) -> None:
        """An error of AppFlow about the function, not the label, fails and registers nothing."""
        cloudformation.create(properties(arn))
        new = properties(arn, FunctionHash={"Hash": "2"})
        inject("UpdateConnectorRegistration", error_response(404, "ResourceNotFoundException"), 1)

        response = cloudformation.update(new, properties(arn), LABEL)

        assert "ResourceNotFoundException from UpdateConnectorReg" in response["Reason"]
        assert account.operations() == ["RegisterConnector"]

    def test_new_code_is_refreshed_once(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """New code under the same ARN is refreshed, with one call."""
        cloudformation.create(properties(arn))
        account.change_code("crm", connector("1.1"))
        new = properties(arn, FunctionHash={"Hash": "2"})

        response = cloudformation.update(new, properties(arn), LABEL)

        assert response["Data"]["ConnectorVersion"] == "1.1"
        assert account.operations()[1:] == ["UpdateConnectorRegistration"]

    def test_other_changes_need_no_refresh(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """Changes that do not concern AppFlow need no refresh."""
        created = cloudformation.create(properties(arn))
        new = destroyed(arn, ServiceTimeout="300")

        response = cloudformation.update(new, properties(arn), LABEL)

        assert response["Status"] == "SUCCESS"
        assert response["Data"] == created["Data"]
        assert account.operations()[1:] == []

    def test_update_without_a_change_is_refreshed(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """An Update without any change is a user's second try, and refreshes the registration."""
        cloudformation.create(properties(arn))
        account.change_code("crm", connector("1.2"))

        response = cloudformation.update(properties(arn), properties(arn), LABEL)

        assert response["Data"]["ConnectorVersion"] == "1.2"
        assert account.operations()[1:] == ["UpdateConnectorRegistration"]

    def test_moved_registration_is_repaired(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A registration that points elsewhere is repaired by any Update."""
        elsewhere = account.make_function("elsewhere", connector("6.6"))
        cloudformation.create(properties(arn))
        cloudformation.update(properties(elsewhere), properties(arn), LABEL)
        new = destroyed(arn)

        response = cloudformation.update(new, properties(arn), LABEL)

        assert response["Data"]["LambdaArn"] == arn
        assert account.registered_arn(LABEL) == arn

    def test_unregistered_label_is_registered_again(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A label that was unregistered meanwhile is registered again."""
        cloudformation.create(properties(arn))
        account.client("appflow").unregister_connector(connectorLabel=LABEL)
        new = properties(arn, FunctionHash={"Hash": "2"})

        response = cloudformation.update(new, properties(arn), LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ({}, {"Description": "New"}, "New"),
            ({"Description": "Old"}, {"Description": "New"}, "New"),
            ({"Description": "Old"}, {}, ""),
        ],
    )
    def test_description_follows_the_template(
        self,
        account: Account,
        cloudformation: CloudFormation,
        arn: str,
        old: Mapping[str, str],
        new: Mapping[str, str],
        expected: str,
    ) -> None:
        """A description that is added, changed or removed is updated, with one call."""
        cloudformation.create(properties(arn, **old))

        cloudformation.update(properties(arn, **new), properties(arn, **old), LABEL)

        assert account.registered_values(LABEL) == (arn, expected)
        assert account.operations()[1:] == ["UpdateConnectorRegistration"]

    def test_redelivery_clears_a_description_again(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        """An Update that clears the description may be delivered twice."""
        old = properties(arn, Description="Old")
        cloudformation.create(old)

        first = cloudformation.update(properties(arn), old, LABEL, RequestId=request_id)
        again = cloudformation.update(properties(arn), old, LABEL, RequestId=request_id)

        assert first["Status"] == "SUCCESS"
        assert again == first

    def test_failed_update_keeps_a_manual_description(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A manual description survives an Update that fails and is rolled back."""
        account.register(LABEL, arn, description="Written by hand")
        cloudformation.create(properties(arn))
        failing = account.make_function("failing", FAILING_CONNECTOR)
        refused = properties(failing, Description="New")
        cloudformation.update(refused, properties(arn), LABEL)

        cloudformation.update(properties(arn), refused, LABEL)

        assert account.registered_values(LABEL) == (arn, "Written by hand")

    def test_new_label_replaces_the_resource(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A new label is registered, and the old one is unregistered by the Delete."""
        old = destroyed(arn)
        new = {**old, "ConnectorLabel": OTHER_LABEL}
        cloudformation.create(old)
        before = len(account.calls())

        updated = cloudformation.update(new, old, LABEL)
        operations = [call["operation"] for call in account.calls()[before:]]
        cleaned_up = cloudformation.delete(old, LABEL)

        assert updated["PhysicalResourceId"] == OTHER_LABEL
        assert operations == ["RegisterConnector", "DescribeConnector"]
        assert cleaned_up["Status"] == "SUCCESS"
        assert account.registered_arn(OTHER_LABEL) == arn
        assert account.registered(LABEL) is None

    @pytest.mark.parametrize("policy", ["Destroy", "Retain"])
    def test_rollback_of_a_new_label_keeps_the_old(
        self, account: Account, cloudformation: CloudFormation, arn: str, policy: str
    ) -> None:
        """The rollback of a new label leaves the old label registered."""
        old = properties(arn, RemovalPolicy=policy)
        new = {**old, "ConnectorLabel": OTHER_LABEL}
        cloudformation.create(old)
        cloudformation.update(new, old, LABEL)

        rolled_back = cloudformation.update(old, new, OTHER_LABEL)
        cleaned_up = cloudformation.delete(new, OTHER_LABEL)

        assert rolled_back["Status"] == "SUCCESS"
        assert rolled_back["PhysicalResourceId"] == LABEL
        assert cleaned_up["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn
        assert account.registered_arn(OTHER_LABEL) == (arn if policy == "Retain" else None)

    def test_failed_new_label_keeps_the_id(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A new label that fails is reported under the old physical id."""
        old = destroyed(arn)
        failing = account.make_function("failing", FAILING_CONNECTOR)
        new = {**old, "ConnectorLabel": OTHER_LABEL, "LambdaArn": failing}
        cloudformation.create(old)

        failed = cloudformation.update(new, old, LABEL)

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"] == LABEL

    def test_failed_update_is_rolled_back(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A failed Update keeps its physical id, and the rollback restores the registration."""
        old = properties(arn, Description="Good")
        failing = account.make_function("failing", FAILING_CONNECTOR)
        new = properties(failing, Description="Bad")
        cloudformation.create(old)

        failed = cloudformation.update(new, old, LABEL)
        rolled_back = cloudformation.update(old, new, LABEL)

        assert failed["Status"] == "FAILED"
        assert failed["PhysicalResourceId"] == LABEL
        assert rolled_back["Status"] == "SUCCESS"
        assert rolled_back["Data"]["LambdaArn"] == arn
        assert account.registered_values(LABEL) == (arn, "Good")

    def test_unreadable_old_properties_are_refreshed(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """Old properties that cannot be read lead to a refresh."""
        cloudformation.create(properties(arn))

        response = cloudformation.update(properties(arn), {"Connector": ["?"]}, LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.operations()[1:] == ["UpdateConnectorRegistration"]

    def test_changed_trigger_is_refreshed(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A changed trigger refreshes the registration, with one call."""
        old = properties(arn, Triggers={"Release": "7"})
        cloudformation.create(old)

        cloudformation.update(properties(arn, Triggers={"Release": "8"}), old, LABEL)

        assert account.operations()[1:] == ["UpdateConnectorRegistration"]


class TestAdoptionRequired:
    """Registrations whose label has to be registered already."""

    def test_free_label_fails(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A free label fails the Create without a call that changes it."""
        ours = destroyed(arn, Adoption="Required")

        failed = cloudformation.create(ours)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Reason"] == (
            "connector acme-crm: the label is not registered, and adoption is REQUIRED. Register"
            " the connector first, or set adoption=Adoption.ALLOWED."
        )
        assert deleted["Status"] == "SUCCESS"
        assert account.operations() == []

    def test_registered_label_is_adopted(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A registered label is adopted with the template's description."""
        account.register(LABEL, account.make_function("by-hand", connector()))

        response = cloudformation.create(properties(arn, Adoption="Required", Description="Ours"))

        assert response["Status"] == "SUCCESS"
        assert account.registered_values(LABEL) == (arn, "Ours")

    def test_update_registers_the_label_again(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """An Update registers a label again that was unregistered meanwhile."""
        account.register(LABEL, arn)
        old = properties(arn, Adoption="Required")
        cloudformation.create(old)
        account.client("appflow").unregister_connector(connectorLabel=LABEL)

        response = cloudformation.update({**old, "FunctionHash": {"Hash": "2"}}, old, LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn


class TestAdoptionForbidden:
    """Registrations whose label must not be registered already."""

    def test_registered_label_fails(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A registered label fails the Create and stays as it is."""
        by_hand = account.make_function("by-hand", connector())
        account.register(LABEL, by_hand)
        ours = destroyed(arn, Adoption="Forbidden")

        failed = cloudformation.create(ours)
        deleted = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Reason"] == (
            f"connector acme-crm: the label is already registered, with {by_hand}."
            " Choose another label, or adopt the registration with adoption=Adoption.ALLOWED."
        )
        assert deleted["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == by_hand

    def test_change_of_label_can_be_rolled_back(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A change of the label can be rolled back to a label that is the resource's own."""
        old = destroyed(arn, Adoption="Forbidden")
        new = {**old, "ConnectorLabel": OTHER_LABEL}
        cloudformation.create(old)
        cloudformation.update(new, old, LABEL)

        rolled_back = cloudformation.update(old, new, OTHER_LABEL)
        cloudformation.delete(new, OTHER_LABEL)

        assert (rolled_back["Status"], rolled_back["PhysicalResourceId"]) == ("SUCCESS", LABEL)
        assert account.registered_arn(LABEL) == arn
        assert account.registered(OTHER_LABEL) is None

    def test_new_label_of_another_owner_fails(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A change to a label of another owner fails and leaves that label alone."""
        by_hand = account.make_function("by-hand", connector())
        account.register(OTHER_LABEL, by_hand)
        old = properties(arn, Adoption="Forbidden")
        cloudformation.create(old)

        failed = cloudformation.update({**old, "ConnectorLabel": OTHER_LABEL}, old, LABEL)

        assert f"the label is already registered, with {by_hand}" in failed["Reason"]
        assert account.registered_arn(OTHER_LABEL) == by_hand

    def test_redelivery_does_not_find_itself(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        """A Create that is delivered twice does not take its own registration for another's."""
        ours = properties(arn, Adoption="Forbidden")

        first = cloudformation.create(ours, RequestId=request_id)
        again = cloudformation.create(ours, RequestId=request_id)

        assert first["Status"] == "SUCCESS"
        assert again == first


class TestDelete:
    """A Delete unregisters only what the template says and the resource owns."""

    def test_retain_makes_no_call(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """With removal policy RETAIN, a Delete does not call AppFlow."""
        cloudformation.create(properties(arn))
        calls = len(account.calls())

        response = cloudformation.delete(properties(arn), LABEL)

        assert response["Status"] == "SUCCESS"
        assert response["PhysicalResourceId"] == LABEL
        assert len(account.calls()) == calls
        assert account.registered_arn(LABEL) == arn

    def test_destroy_unregisters(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """With removal policy DESTROY, a Delete unregisters the label."""
        ours = destroyed(arn)
        cloudformation.create(ours)

        response = cloudformation.delete(ours, LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered(LABEL) is None

    def test_connector_in_use_fails(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """The Delete of a connector in use fails with the next step."""
        ours = destroyed(arn)
        cloudformation.create(ours)
        account.make_profile("sales", LABEL)

        response = cloudformation.delete(ours, LABEL)

        assert response["Status"] == "FAILED"
        assert response["PhysicalResourceId"] == LABEL
        assert response["Reason"] == (
            "connector acme-crm: ConflictException from UnregisterConnector: Connector acme-crm is"
            " in use by connector profiles: sales. Delete the connector profiles and flows that use"
            " the connector, or deploy force_delete=True first. Then delete again."
        )
        assert account.registered_arn(LABEL) == arn

    def test_repeated_delete_succeeds(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A Delete that failed succeeds when the cause is gone."""
        ours = destroyed(arn)
        cloudformation.create(ours)
        account.make_profile("sales", LABEL)
        failed = cloudformation.delete(ours, LABEL)
        account.client("appflow").delete_connector_profile(connectorProfileName="sales")

        again = cloudformation.delete(ours, failed["PhysicalResourceId"])

        assert failed["Status"] == "FAILED"
        assert again["Status"] == "SUCCESS"
        assert account.registered(LABEL) is None

    def test_connector_in_use_can_be_forced(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A connector in use is unregistered if the template forces that."""
        ours = destroyed(arn, ForceDelete="true")
        cloudformation.create(ours)
        account.make_profile("sales", LABEL)

        response = cloudformation.delete(ours, LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered(LABEL) is None

    def test_redelivery_succeeds_again(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A Delete that is delivered twice succeeds twice and unregisters once."""
        ours = destroyed(arn)
        cloudformation.create(ours)

        cloudformation.delete(ours, LABEL)
        response = cloudformation.delete(ours, LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.operations() == ["RegisterConnector", "UnregisterConnector"]

    def test_registration_of_another_function_stays(
        self, account: Account, cloudformation: CloudFormation, arn: str
    ) -> None:
        """A registration that points to another function is left alone."""
        ours = destroyed(arn)
        theirs = account.make_function("theirs", connector())
        cloudformation.create(ours)
        cloudformation.update(properties(theirs), ours, LABEL)

        response = cloudformation.delete(ours, LABEL)

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == theirs

    @pytest.mark.parametrize(
        "physical_id", ["demo-Registration-1A2B3C", "FAILED-CREATE:1", "other"]
    )
    def test_id_that_is_no_label_owns_nothing(
        self, account: Account, cloudformation: CloudFormation, arn: str, physical_id: str
    ) -> None:
        """Under a physical id other than its label, a Delete leaves the registration alone."""
        ours = destroyed(arn)
        cloudformation.create(ours)

        response = cloudformation.delete(ours, physical_id)

        assert response["Status"] == "SUCCESS"
        assert response["PhysicalResourceId"] == physical_id
        assert account.registered_arn(LABEL) == arn


class TestTokens:
    """The client tokens of an event."""

    def test_tokens_come_from_the_request_id(
        self, account: Account, cloudformation: CloudFormation, arn: str, request_id: str
    ) -> None:
        """Tokens come from the request id and differ between operations."""
        by_hand = account.make_function("by-hand", connector())
        account.register(LABEL, by_hand, clientToken="by-hand")

        cloudformation.create(properties(arn), RequestId=request_id)

        tokens = [call["parameters"].get("clientToken") for call in account.calls()]
        assert [token for token in tokens if token] == [
            "by-hand",
            f"{request_id}-register",
            f"{request_id}-update",
        ]
