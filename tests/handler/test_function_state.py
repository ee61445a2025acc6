"""Waiting for the connector's Lambda function, which AppFlow invokes during the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import FUNCTION_ARN, LABEL, properties
from tests.handler.faults import Inject, error_response, refuse_connection
from tests.handler.log import Log
from tests.support import Account, connector

# Longer than any test: the test ends it when its clock says so.
AS_LONG_AS_SET = 600

Configure = Callable[..., None]


@pytest.fixture
def configure(account: Account) -> Iterator[Configure]:
    """Sets how functions of the account become ready; without arguments, they are ready."""

    def configure(**settings: Any) -> None:
        account.local_cloud.configure_lambda(account.id, **settings)

    yield configure
    configure()


@pytest.fixture
def name() -> str:
    """The name of a function that no other test has created."""
    return f"crm-{uuid4().hex[:8]}"


def reads(log: Log) -> list[str]:
    """The calls to Lambda, each with its outcome."""
    calls = [call for call in log.messages("call") if call["call"].startswith("Get")]
    return [f"{call['call']}: {call['outcome']}" for call in calls]


class TestCreation:
    """A function that is being created."""

    def test_pending_function_is_waited_for(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A connector whose function is Pending is registered when the function is Active."""
        configure(pendingSeconds=AS_LONG_AS_SET)
        arn = account.make_function(name, connector("1.0"))
        cloudformation.clock.at(20, configure)

        response = cloudformation.create(properties(arn))

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn
        assert 20 <= cloudformation.clock.now < 30
        assert account.operations() == ["RegisterConnector"]

    def test_pending_version_is_waited_for(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A version is Pending as long as its function, and is waited for as well."""
        configure(pendingSeconds=AS_LONG_AS_SET)
        account.make_function(name, connector("1.0"))
        configure()
        arn = account.client("lambda").publish_version(FunctionName=name)["FunctionArn"]
        account.grant_appflow(arn)

        response = cloudformation.create(properties(arn))

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn

    def test_function_that_stays_pending_fails(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A function that is not ready in time fails the event with Lambda's reason."""
        configure(pendingSeconds=AS_LONG_AS_SET)
        arn = account.make_function(name, connector("1.0"))

        response = cloudformation.create(properties(arn))

        assert response["Status"] == "FAILED"
        assert response["Reason"] == (
            f"connector acme-crm: {arn} was not ready in time: State is Pending (The function is"
            " being created.). Deploy again when it is ready."
        )
        assert account.operations() == []
        assert cloudformation.clock.now < 140

    def test_failed_function_fails(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A function that Lambda could not create fails the event at once, with its reason."""
        configure(creationFailure="The subnet has no free address")
        arn = account.make_function(name, connector("1.0"))

        response = cloudformation.create(properties(arn))

        assert response["Reason"] == (
            f"connector acme-crm: {arn} cannot be used, since its State is Failed (The subnet has"
            " no free address). Correct the function, and deploy again."
        )
        assert account.operations() == []
        assert cloudformation.clock.slept == []


class TestUpdate:
    """A function that is being updated."""

    def test_update_in_progress_is_waited_for(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A refresh waits until the new code is in effect, so AppFlow reads the new version."""
        arn = account.make_function(name, connector("1.0"))
        cloudformation.create(properties(arn))
        configure(inProgressSeconds=AS_LONG_AS_SET)
        account.change_code(name, connector("2.0"))
        cloudformation.clock.at(20, configure)

        response = cloudformation.update(
            properties(arn, FunctionHash={"Hash": "2"}), properties(arn), LABEL
        )

        assert response["Status"] == "SUCCESS"
        assert response["Data"]["ConnectorVersion"] == "2.0"

    def test_failed_update_fails(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A function that Lambda could not update fails the event with its reason."""
        arn = account.make_function(name, connector("1.0"))
        cloudformation.create(properties(arn))
        configure(updateFailure="The key is disabled")
        account.change_code(name, connector("2.0"))

        response = cloudformation.update(
            properties(arn, FunctionHash={"Hash": "2"}), properties(arn), LABEL
        )

        assert response["Reason"] == (
            f"connector acme-crm: {arn} cannot be used, since its LastUpdateStatus is Failed (The"
            " key is disabled). Correct the function, and deploy again."
        )

    def test_failed_update_does_not_stop_a_rollback(
        self, account: Account, cloudformation: CloudFormation, configure: Configure, name: str
    ) -> None:
        """A rollback refreshes the registration with the code from before a failed update."""
        arn = account.make_function(name, connector("1.0"))
        cloudformation.create(properties(arn))
        configure(updateFailure="The key is disabled")
        account.change_code(name, connector("2.0"))
        cloudformation.record_stack("UPDATE_ROLLBACK_IN_PROGRESS")

        response = cloudformation.update(
            properties(arn), properties(arn, FunctionHash={"Hash": "2"}), LABEL
        )

        assert response["Status"] == "SUCCESS"
        assert response["Data"]["ConnectorVersion"] == "1.0"

    def test_update_without_refresh_reads_no_state(
        self, account: Account, cloudformation: CloudFormation, old: str, log: Log
    ) -> None:
        """An event that needs no refresh does not read the state of the function."""
        cloudformation.create(properties(old))
        log.lines.clear()

        cloudformation.update(properties(old, RemovalPolicy="Destroy"), properties(old), LABEL)

        assert reads(log) == []


class TestAlias:
    """An alias that shifts traffic between two versions."""

    @pytest.fixture
    def alias(self, account: Account, name: str) -> str:
        """An alias of version 2.0 that still sends a tenth of its calls to version 1.0."""
        aws = account.client("lambda")
        account.make_function(name, connector("1.0"))
        aws.publish_version(FunctionName=name)
        account.change_code(name, connector("2.0"))
        aws.publish_version(FunctionName=name)
        arn: str = aws.create_alias(
            FunctionName=name,
            Name="live",
            FunctionVersion="2",
            RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}},
        )["AliasArn"]
        account.grant_appflow(arn)
        return arn

    def test_second_version_is_waited_for(
        self, account: Account, cloudformation: CloudFormation, alias: str, name: str
    ) -> None:
        """A connector behind an alias is registered when the alias has one version."""

        def end_the_shift() -> None:
            account.client("lambda").update_alias(
                FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
            )

        cloudformation.clock.at(20, end_the_shift)

        response = cloudformation.create(properties(alias))

        assert response["Status"] == "SUCCESS"
        assert cloudformation.clock.now >= 20

    def test_second_version_that_stays_fails(
        self, cloudformation: CloudFormation, alias: str
    ) -> None:
        """An alias that keeps its second version fails the event and names the version."""
        response = cloudformation.create(properties(alias))

        assert response["Reason"] == (
            f"connector acme-crm: {alias} was not ready in time: its alias still routes to version"
            " 1 too. Deploy again when it is ready."
        )

    def test_wanted_weights_are_not_waited_for(
        self, cloudformation: CloudFormation, alias: str, log: Log
    ) -> None:
        """An alias whose weights are in the template is registered as it is."""
        response = cloudformation.create(properties(alias, AliasRouting="Weighted"))

        assert response["Status"] == "SUCCESS"
        assert reads(log) == ["GetFunctionConfiguration: OK"]


class TestUnreadableState:
    """A function whose state the handler cannot read."""

    @pytest.mark.parametrize(
        "fault",
        [error_response(403, "AccessDeniedException"), refuse_connection],
        ids=["denied", "no connection"],
    )
    def test_loses_only_the_wait(
        self, account: Account, cloudformation: CloudFormation, inject: Inject, old: str, fault: Any
    ) -> None:
        """A handler that cannot read the state registers the connector without waiting."""
        inject("GetFunctionConfiguration", fault, 100)

        response = cloudformation.create(properties(old))

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == old
        assert cloudformation.clock.slept == []

    def test_is_read_again_after_a_failure(
        self,
        account: Account,
        cloudformation: CloudFormation,
        configure: Configure,
        inject: Inject,
        name: str,
    ) -> None:
        """A state that becomes readable later is read after the connector has failed."""
        configure(pendingSeconds=AS_LONG_AS_SET)
        arn = account.make_function(name, connector("1.0"))
        inject("GetFunctionConfiguration", error_response(403, "AccessDeniedException"), 1)
        cloudformation.clock.at(60, configure)

        response = cloudformation.create(properties(arn))

        assert response["Status"] == "SUCCESS"
        assert account.registered_arn(LABEL) == arn

    def test_missing_function_is_left_to_appflow(self, cloudformation: CloudFormation) -> None:
        """AppFlow's error about a function that does not exist is the reason."""
        response = cloudformation.create(properties(FUNCTION_ARN))

        assert response["Status"] == "FAILED"
        assert "from RegisterConnector" in response["Reason"]
