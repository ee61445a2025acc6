"""Changes of a connector's function outside of deployments, which EventBridge reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest
from connector_registration import function
from connector_registration.errors import RefreshFailedError

from tests.handler.clock import Clock
from tests.handler.cloudformation import STACK_ID, CloudFormation, Context, StackEvent
from tests.handler.events import FUNCTION_ARN, LABEL, handler_arn, properties, refresh_event
from tests.handler.faults import (
    Inject,
    cloudformation_error,
    error_response,
    refuse_connection,
    success_response,
)
from tests.handler.flows import make_flow, versions
from tests.handler.log import Log
from tests.handler.scenarios import effects
from tests.support import BROKEN_CONNECTOR, FAILING_CONNECTOR, Account, connector, zipped

DESCRIBE = "DescribeConnector"
UPDATE = "UpdateConnectorRegistration"
STATE = "GetFunctionConfiguration"
ALIAS = "GetAlias"
INVOKE = "Invoke"

NO_REFRESH = "no refresh needed: AppFlow shows what the connector responds"
REFRESHED = ["refresh", "refreshed"]
STILL_OTHER = "refreshed, but AppFlow shows another configuration than the connector responds"

# Longer than any test: the test ends it when its clock says so.
AS_LONG_AS_SET = 600

Configure = Callable[..., None]


class Handler:
    """The handler, as EventBridge's rule invokes it, and what it does."""

    def __init__(self, account: Account, clock: Clock, log: Log) -> None:
        self._account = account
        self._clock = clock
        self._log = log

    def __call__(self, event: Any, *, arn: str | None = None, seconds: float = 300.0) -> None:
        """Handle an event in the account, or in that of an ARN."""
        own = arn or f"arn:aws:lambda:us-east-1:{self._account.id}:function:handler"
        context = Context(self._clock, seconds, invoked_function_arn=own)
        function.handler(event, context)

    def changed(self, lambda_arn: str, *labels: str, **changed: Any) -> None:
        """Handle an event about a function that is sent now."""
        self(refresh_event(lambda_arn, *labels, at=self._clock.now, **changed))

    def decisions(self) -> list[str]:
        """The decisions since the last look."""
        found = [message["decision"] for message in self._log.messages("decision")]
        self.forget()
        return found

    def calls(self) -> list[str]:
        """The calls since the last look, in their order."""
        found = [message["call"] for message in self._log.messages("call")]
        self.forget()
        return found

    def forget(self) -> None:
        self._log.lines.clear()

    @property
    def level(self) -> str:
        """The level of the last line."""
        [*_, line] = self._log.lines
        level: str = json.loads(line)["level"]
        return level


@pytest.fixture
def handler(account: Account, cloudformation: CloudFormation, clock: Clock, log: Log) -> Handler:
    """The handler."""
    return Handler(account, clock, log)


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


@pytest.fixture
def crm(account: Account) -> str:
    """The function of a registered connector, version 1.0."""
    arn = account.make_function("crm", connector("1.0"))
    account.register(LABEL, arn, description="Acme CRM")
    return arn


def change(account: Account, version: str, name: str = "crm") -> None:
    """Change the code of a function."""
    account.change_code(name, connector(version))


def version(account: Account, label: str = LABEL) -> str | None:
    """The version of the connector that AppFlow shows."""
    registered = account.registered(label)
    return None if registered is None else registered["connectorVersion"]


def refreshes(account: Account) -> list[Mapping[str, Any]]:
    """The parameters of the calls that had AppFlow read the connector again."""
    return [call["parameters"] for call in effects(account.calls()) if call["operation"] == UPDATE]


class TestRefresh:
    """A function that AppFlow shows with an old configuration."""

    def test_changed_code_is_read(self, account: Account, handler: Handler, crm: str) -> None:
        """AppFlow reads the connector of a function that has changed, and nothing else changes."""
        change(account, "2.0")

        handler.changed(crm)

        assert version(account) == "2.0"
        assert account.registered_values(LABEL) == (crm, "Acme CRM")
        [refresh] = refreshes(account)
        assert {*refresh} == {"connectorLabel", "clientToken"}

    def test_calls_of_a_refresh(self, account: Account, handler: Handler, crm: str) -> None:
        """A refresh reads before and after its only call that changes something."""
        change(account, "2.0")

        handler.changed(crm)

        assert handler.calls() == [DESCRIBE, STATE, INVOKE, UPDATE, DESCRIBE]

    def test_changes_are_logged(
        self, account: Account, handler: Handler, crm: str, log: Log
    ) -> None:
        """The log says what AppFlow shows otherwise than before."""
        change(account, "2.0")
        event = refresh_event(crm)

        handler(event)

        before, after = log.messages("decision")
        own = {"label": LABEL, "lambda_arn": crm, "event": event["EventId"]}
        assert before == {"decision": "refresh", **own}
        changes = {"connectorVersion": '"1.0" -> "2.0"'}
        assert after == {"decision": "refreshed", **own, "changes": changes}

    def test_every_change_is_followed(self, account: Account, handler: Handler, crm: str) -> None:
        """Code that changes back within AppFlow's eight hours is read again, and new code too."""
        shown = []
        for new in ("2.0", "1.0", "3.0"):
            change(account, new)
            handler.changed(crm)
            shown.append(version(account))

        assert shown == ["2.0", "1.0", "3.0"]
        assert len(refreshes(account)) == 3

    def test_unchanged_function_is_left(self, account: Account, handler: Handler, crm: str) -> None:
        """A look at a function that has not changed makes no call that changes something."""
        handler.changed(crm)

        assert handler.decisions() == [NO_REFRESH]
        assert account.operations() == ["RegisterConnector"]

    def test_calls_of_a_look(self, handler: Handler, crm: str) -> None:
        """A look makes one call to AppFlow and two to Lambda."""
        handler.changed(crm)

        assert handler.calls() == [DESCRIBE, STATE, INVOKE]

    def test_many_events_refresh_once(self, account: Account, handler: Handler, crm: str) -> None:
        """Several events of one change, one of them twice and one late, refresh once."""
        change(account, "2.0")
        first, second = refresh_event(crm), refresh_event(crm)

        for event in (second, first, first, refresh_event(crm)):
            handler(event)

        assert len(refreshes(account)) == 1
        assert handler.decisions() == ["refresh", "refreshed", *[NO_REFRESH] * 3]

    def test_every_registration_is_read(self, account: Account, handler: Handler, crm: str) -> None:
        """All registrations of a function are refreshed, and the function is invoked once."""
        account.register("acme-erp", crm)
        change(account, "2.0")

        handler.changed(crm, LABEL, "acme-erp")

        assert [version(account, label) for label in (LABEL, "acme-erp")] == ["2.0", "2.0"]
        assert handler.calls().count(INVOKE) == 1

    def test_request_of_cloudformation_follows(
        self, account: Account, cloudformation: CloudFormation, handler: Handler, crm: str
    ) -> None:
        """A container that has handled such an event responds to CloudFormation as before."""
        handler.changed(crm)

        response = cloudformation.create(properties(crm))

        assert response["Status"] == "SUCCESS"


class TestLeftAlone:
    """Registrations that are not this function's."""

    def test_free_label_is_not_registered(
        self, account: Account, handler: Handler, old: str
    ) -> None:
        """A label that is not registered stays free, and the function is not invoked."""
        handler.changed(old)

        assert handler.decisions() == ["left alone: the label is not registered"]
        assert account.operations() == []
        assert account.registered(LABEL) is None

    def test_label_of_another_function_is_left(
        self, account: Account, handler: Handler, crm: str, old: str
    ) -> None:
        """A label that is registered with another function is neither moved nor refreshed."""
        account.move(LABEL, old)
        change(account, "2.0")

        handler.changed(crm)

        assert handler.decisions() == [f"left alone: the registered ARN is {old}"]
        assert handler.calls() == []
        assert account.registered_arn(LABEL) == old

    def test_calls_for_another_function(
        self, account: Account, handler: Handler, crm: str, old: str
    ) -> None:
        """A label of another function costs one call."""
        account.move(LABEL, old)

        handler.changed(crm)

        assert handler.calls() == [DESCRIBE]

    def test_label_moved_during_the_wait_is_left(
        self,
        account: Account,
        handler: Handler,
        clock: Clock,
        configure: Configure,
        crm: str,
        old: str,
    ) -> None:
        """A label that is moved while the function is being updated is left alone."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        change(account, "2.0")

        def move() -> None:
            configure()
            account.move(LABEL, old)

        clock.at(20, move)

        handler.changed(crm)

        assert handler.decisions() == [f"left alone: the registered ARN is {old}"]
        assert version(account) == "1.0"

    @pytest.mark.parametrize("is_moved", [True, False])
    def test_label_lost_during_the_call_is_left(
        self,
        account: Account,
        handler: Handler,
        inject: Inject,
        crm: str,
        old: str,
        is_moved: bool,
    ) -> None:
        """A label that is moved or unregistered before the call is left to its new owner."""
        change(account, "2.0")

        def lose(client: Any, request: Any) -> Any:
            if is_moved:
                account.move(LABEL, old)
            else:
                account.client("appflow").unregister_connector(connectorLabel=LABEL)
            return client._endpoint.http_session.send(request)

        inject(UPDATE, lose, 1)

        handler.changed(crm)

        reason = f"the registered ARN is {old}" if is_moved else "the label is not registered"
        assert handler.decisions() == ["refresh", f"left alone: {reason}"]
        assert account.registered_arn(LABEL) == (old if is_moved else None)

    def test_function_unknown_to_appflow_fails(
        self, account: Account, handler: Handler, inject: Inject, crm: str
    ) -> None:
        """AppFlow's error about a missing function fails the event if the label is registered."""
        change(account, "2.0")
        inject(UPDATE, error_response(404, "ResourceNotFoundException"), 1)

        with pytest.raises(RefreshFailedError, match="ResourceNotFoundException from Update"):
            handler.changed(crm)


def function_event(physical_id: str, status: str, kind: str = "Function") -> StackEvent:
    """A stack event about a function, a version or an alias."""
    return StackEvent(status, "", "Crm", physical_id=physical_id, type_=f"AWS::Lambda::{kind}")


LEFT = "left alone: a deployment of the stack changes the function and refreshes it"


class TestDeployment:
    """A stack that is being deployed, and has the function and the registration."""

    def decision(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        arn: str,
        history: Sequence[object],
    ) -> str:
        """The last decision about a changed function; a text is an event of the stack itself."""
        for one in history:
            if isinstance(one, str):
                cloudformation.record_stack(one)
            else:
                assert isinstance(one, StackEvent)
                cloudformation.history.append(one)
        change(account, "2.0")
        handler.changed(arn, StackId=STACK_ID)
        return handler.decisions()[-1]

    @pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "DELETE_COMPLETE"])
    @pytest.mark.parametrize(
        ("kind", "suffix"), [("Function", None), ("Version", ":7"), ("Alias", ":live")]
    )
    @pytest.mark.parametrize("operation", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
    def test_deployed_function_is_left(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        crm: str,
        status: str,
        kind: str,
        suffix: str | None,
        operation: str,
    ) -> None:
        """The custom resource refreshes after a deployment or rollback has changed the function."""
        physical_id = "crm" if suffix is None else crm + suffix
        history = ["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", StackEvent("UPDATE_FAILED")]
        history += [operation, function_event(physical_id, status, kind)]

        decision = self.decision(account, cloudformation, handler, crm, history)

        assert decision == LEFT
        assert refreshes(account) == []

    @pytest.mark.parametrize(
        "earlier",
        [
            [function_event("crm", "UPDATE_COMPLETE")],
            [StackEvent("CREATE_COMPLETE", logical_id="Renamed")],
            [StackEvent("UPDATE_COMPLETE", physical_id="other")],
            [StackEvent("UPDATE_FAILED"), "UPDATE_ROLLBACK_FAILED"],
        ],
        ids=["no update", "a new resource of the label", "another registration", "continued"],
    )
    def test_rollback_without_an_update_is_followed(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        crm: str,
        earlier: list[object],
    ) -> None:
        """The handler refreshes if a rollback changes the function and not the registration."""
        history = ["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", *earlier]
        history += ["UPDATE_ROLLBACK_IN_PROGRESS", function_event("crm", "UPDATE_COMPLETE")]

        decision = self.decision(account, cloudformation, handler, crm, history)

        assert decision == "refreshed"
        assert version(account) == "2.0"

    @pytest.mark.parametrize(
        "other",
        [
            function_event("crm-2", "UPDATE_COMPLETE"),
            function_event(f"{FUNCTION_ARN}-2:7", "UPDATE_COMPLETE", "Version"),
            StackEvent("UPDATE_COMPLETE", "", "Bucket", physical_id="crm", type_="AWS::S3::Bucket"),
            StackEvent("UPDATE_IN_PROGRESS"),
        ],
        ids=["another function", "another version", "a bucket of this name", "the registration"],
    )
    def test_other_deployment_does_not_matter(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        crm: str,
        other: StackEvent,
    ) -> None:
        """A change during a deployment that does not touch the function is followed."""
        history = [function_event("crm", "UPDATE_COMPLETE"), "UPDATE_COMPLETE"]
        history += ["UPDATE_IN_PROGRESS", other]

        decision = self.decision(account, cloudformation, handler, crm, history)

        assert decision == "refreshed"
        assert version(account) == "2.0"

    @pytest.mark.parametrize(
        "status",
        [
            "UPDATE_COMPLETE",
            "UPDATE_FAILED",
            "UPDATE_ROLLBACK_FAILED",
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        ],
    )
    def test_finished_deployment_does_not_matter(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        crm: str,
        status: str,
    ) -> None:
        """A change after a deployment, or while CloudFormation cleans up, is followed."""
        history = ["UPDATE_IN_PROGRESS", function_event("crm", "UPDATE_COMPLETE"), status]
        history += [function_event(f"{crm}:6", "DELETE_IN_PROGRESS", "Version")]

        decision = self.decision(account, cloudformation, handler, crm, history)

        assert decision == "refreshed"

    def test_change_after_the_refresh_is_followed(
        self, account: Account, cloudformation: CloudFormation, handler: Handler, crm: str
    ) -> None:
        """A change is followed if the running deployment has refreshed the registration before."""
        history = ["UPDATE_IN_PROGRESS", function_event("crm", "UPDATE_COMPLETE")]
        history += [StackEvent("UPDATE_IN_PROGRESS"), StackEvent("UPDATE_COMPLETE")]

        decision = self.decision(account, cloudformation, handler, crm, history)

        assert decision == "refreshed"

    @pytest.mark.parametrize(
        "last",
        [
            StackEvent("UPDATE_COMPLETE", physical_id="other"),
            StackEvent("UPDATE_COMPLETE", type_="AWS::S3::Bucket"),
            StackEvent("UPDATE_FAILED", "connector acme-crm: refused"),
        ],
        ids=["another registration", "a bucket of this name", "a failure"],
    )
    def test_outstanding_refresh_is_left(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        crm: str,
        last: StackEvent,
    ) -> None:
        """A registration that the deployment has not refreshed yet is left to it."""
        history = ["UPDATE_IN_PROGRESS", function_event("crm", "UPDATE_COMPLETE"), last]

        assert self.decision(account, cloudformation, handler, crm, history) == LEFT

    def test_first_deployment_does_not_matter(
        self, account: Account, cloudformation: CloudFormation, handler: Handler, crm: str
    ) -> None:
        """A change during the creation of a stack that does not touch the function is followed."""
        decision = self.decision(account, cloudformation, handler, crm, ["CREATE_IN_PROGRESS"])

        assert decision == "refreshed"

    @pytest.mark.parametrize(
        "fault",
        [
            refuse_connection,
            cloudformation_error(403, "AccessDenied"),
            cloudformation_error(429, "Throttling"),
        ],
        ids=["no route", "no right", "throttled"],
    )
    def test_unreadable_events_do_not_matter(
        self,
        account: Account,
        cloudformation: CloudFormation,
        handler: Handler,
        inject: Inject,
        crm: str,
        fault: Any,
    ) -> None:
        """A change is followed if the stack events cannot be read."""
        inject("DescribeStackEvents", fault, 10_000)
        history = ["UPDATE_IN_PROGRESS", function_event("crm", "UPDATE_COMPLETE")]

        assert self.decision(account, cloudformation, handler, crm, history) == "refreshed"

    def test_unreadable_events_are_read_once(
        self, account: Account, handler: Handler, inject: Inject, crm: str
    ) -> None:
        """Without a route to CloudFormation, the registrations of an event wait for it once."""
        account.register("acme-erp", crm)
        inject("DescribeStackEvents", refuse_connection, 10_000)

        handler.changed(crm, LABEL, "acme-erp", StackId=STACK_ID)

        calls = handler.calls()
        assert calls.count(STATE) == 2
        assert "DescribeStackEvents" in calls
        assert "DescribeStackEvents" not in calls[calls.index(STATE) :]

    def test_no_stack_reads_no_events(self, account: Account, handler: Handler, crm: str) -> None:
        """The events of a stack are read only if it has the function."""
        change(account, "2.0")

        handler.changed(crm)

        assert "DescribeStackEvents" not in handler.calls()


class TestFunctionState:
    """A function that is not ready."""

    def test_update_in_progress_is_waited_for(
        self, account: Account, handler: Handler, clock: Clock, configure: Configure, crm: str
    ) -> None:
        """AppFlow reads the new code, although the event comes before the update ends."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        change(account, "2.0")
        clock.at(20, configure)

        handler.changed(crm)

        assert version(account) == "2.0"
        assert len(refreshes(account)) == 1
        assert 20 <= clock.now < 30

    def test_endless_update_fails_the_event(
        self, account: Account, handler: Handler, clock: Clock, configure: Configure, crm: str
    ) -> None:
        """An update that does not end in time fails the event, so that Lambda repeats it."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        change(account, "2.0")

        with pytest.raises(RefreshFailedError) as failure:
            handler.changed(crm)

        problem = (
            f"connector acme-crm: {crm} was not ready in time: LastUpdateStatus is InProgress (The"
            " function is being created.)."
        )
        assert str(failure.value) == (
            f"{problem} Lambda repeats the event, at most twice. If the last time fails too, run"
            " cdk-appflow-connector refresh with the label."
        )
        assert handler.level == "ERROR"
        assert handler.decisions() == [f"not refreshed: {problem}"]
        assert refreshes(account) == []
        assert 240 < clock.now < 250

    @pytest.mark.parametrize(("unread", "decisions"), [("1.0", [NO_REFRESH]), ("2.0", REFRESHED)])
    def test_failed_update_hides_no_change(
        self,
        account: Account,
        handler: Handler,
        configure: Configure,
        crm: str,
        unread: str,
        decisions: Sequence[str],
    ) -> None:
        """A function that could not be updated runs its old code, which AppFlow may not show."""
        change(account, unread)
        configure(updateFailure="The key is disabled")
        change(account, "3.0")

        handler.changed(crm)

        assert handler.decisions() == decisions
        assert version(account) == unread

    def test_failed_function_is_left(
        self, account: Account, handler: Handler, configure: Configure, name: str
    ) -> None:
        """A function that could not be created has no code that AppFlow could read."""
        arn = account.make_function(name, connector())
        account.register(LABEL, arn)
        aws = account.client("lambda")
        before = aws.get_function_configuration(FunctionName=name)
        aws.delete_function(FunctionName=name)
        configure(creationFailure="The subnet has no free address")
        same = {member: before[member] for member in ("FunctionName", "Runtime", "Role", "Handler")}
        aws.create_function(**same, Code={"ZipFile": zipped(connector("2.0"))})

        handler.changed(arn)

        assert handler.decisions() == [
            f"left alone: connector acme-crm: {arn} cannot be used, since its State is Failed (The"
            " subnet has no free address)."
        ]
        assert refreshes(account) == []

    def test_deleted_function_is_left(self, account: Account, handler: Handler, name: str) -> None:
        """A function that does not exist any more is left alone."""
        arn = account.make_function(name, connector())
        account.register(LABEL, arn)
        account.client("lambda").delete_function(FunctionName=name)

        handler.changed(arn)

        assert handler.decisions() == ["left alone: the function or alias does not exist"]
        assert refreshes(account) == []

    @pytest.mark.parametrize(
        ("fault", "reads"),
        [
            (error_response(403, "AccessDeniedException"), 1),
            (refuse_connection, 6),
        ],
        ids=["no right", "no route"],
    )
    def test_unreadable_state_does_not_matter(
        self,
        account: Account,
        handler: Handler,
        inject: Inject,
        crm: str,
        fault: Any,
        reads: int,
    ) -> None:
        """A change is followed if the function's state cannot be read."""
        change(account, "2.0")
        inject(STATE, fault, 10_000)

        handler.changed(crm)

        assert handler.calls().count(STATE) == reads
        assert version(account) == "2.0"

    @pytest.mark.parametrize(
        "fault",
        [
            error_response(429, "TooManyRequestsException"),
            error_response(500, "ServiceException"),
            success_response(b"[]"),
        ],
        ids=["throttled", "failing", "no object"],
    )
    def test_response_of_unknown_code_is_no_answer(
        self,
        account: Account,
        handler: Handler,
        configure: Configure,
        inject: Inject,
        crm: str,
        fault: Any,
    ) -> None:
        """If the state cannot be read for now, Lambda repeats an event that finds no difference."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        change(account, "2.0")
        injected = inject(STATE, fault, 10_000)

        with pytest.raises(RefreshFailedError):
            handler.changed(crm)
        injected.end()
        configure()
        handler.changed(crm)

        assert version(account) == "2.0"

    def test_state_is_read_again(
        self,
        account: Account,
        handler: Handler,
        configure: Configure,
        clock: Clock,
        inject: Inject,
        crm: str,
    ) -> None:
        """A read of the state that is throttled does not end the wait for new code."""
        configure(inProgressSeconds=AS_LONG_AS_SET)
        change(account, "2.0")
        inject(STATE, error_response(429, "TooManyRequestsException"), 3)
        clock.at(15, configure)

        handler.changed(crm)

        assert version(account) == "2.0"


class TestAlias:
    """An alias of a function's version."""

    @pytest.fixture
    def live(self, account: Account, name: str) -> str:
        """The registered alias of version 1.0."""
        account.make_function(name, connector("1.0"))
        aws = account.client("lambda")
        aws.publish_version(FunctionName=name)
        arn: str = aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
        account.grant_appflow(arn)
        account.register(LABEL, arn)
        return arn

    def move(self, account: Account, name: str, new: str, **weights: float) -> str:
        """Publish new code and move the alias to it, with the weights of other versions."""
        aws = account.client("lambda")
        change(account, new, name)
        number: str = aws.publish_version(FunctionName=name)["Version"]
        self.shift(account, name, number, **weights)
        return number

    def shift(self, account: Account, name: str, number: str, **weights: float) -> None:
        routing = {one.removeprefix("v"): weight for one, weight in weights.items()}
        account.client("lambda").update_alias(
            FunctionName=name,
            Name="live",
            FunctionVersion=number,
            RoutingConfig={"AdditionalVersionWeights": routing},
        )

    def test_moved_alias_is_read(
        self, account: Account, handler: Handler, name: str, live: str
    ) -> None:
        """AppFlow reads the version that an alias was moved to."""
        self.move(account, name, "2.0")

        handler.changed(live)

        assert version(account) == "2.0"
        assert handler.calls() == [DESCRIBE, STATE, ALIAS, INVOKE, UPDATE, DESCRIBE]

    def test_alias_that_moves_back_is_read(
        self, account: Account, handler: Handler, name: str, live: str
    ) -> None:
        """An alias that is moved back within AppFlow's eight hours is read again."""
        self.move(account, name, "2.0")
        handler.changed(live)
        self.shift(account, name, "1")

        handler.changed(live)

        assert version(account) == "1.0"
        assert len(refreshes(account)) == 2

    def test_unused_code_is_not_read(
        self, account: Account, handler: Handler, name: str, live: str
    ) -> None:
        """New code that the alias does not use is no reason to refresh."""
        change(account, "2.0", name)

        handler.changed(live)

        assert handler.decisions() == [NO_REFRESH]

    def test_shifting_traffic_is_waited_for(
        self, account: Account, handler: Handler, clock: Clock, name: str, live: str
    ) -> None:
        """An alias that shifts traffic is read when it has one version left."""
        number = self.move(account, name, "2.0", v1=0.9)
        clock.at(20, lambda: self.shift(account, name, number))

        handler.changed(live)

        assert version(account) == "2.0"
        assert len(refreshes(account)) == 1
        assert clock.now > 20

    def test_deleted_alias_is_left(
        self, account: Account, handler: Handler, name: str, live: str
    ) -> None:
        """An alias that does not exist any more is left alone, although its function exists."""
        account.client("lambda").delete_alias(FunctionName=name, Name="live")

        handler.changed(live)

        assert handler.decisions() == ["left alone: the function or alias does not exist"]
        assert refreshes(account) == []

    def test_long_shift_is_left(
        self, account: Account, handler: Handler, clock: Clock, name: str, live: str
    ) -> None:
        """A shift of half a minute is left to the event of its end, and occupies no handler."""
        number = self.move(account, name, "2.0", v1=0.9)

        handler.changed(live)
        left, passed = handler.decisions(), clock.now
        self.shift(account, name, number)
        handler.changed(live)

        assert left == [
            f"left alone: connector acme-crm: {live} was not ready in time: its alias still routes"
            " to version 1 too."
        ]
        assert 30 <= passed < 40
        assert version(account) == "2.0"

    def test_weighted_alias_is_not_waited_for(
        self, account: Account, handler: Handler, clock: Clock, name: str, live: str
    ) -> None:
        """An alias whose weights the template sets is read at once."""
        self.move(account, name, "2.0", v1=0.0)
        entry = {"ConnectorLabel": LABEL, "AliasRouting": "Weighted"}

        handler.changed(live, Registrations=[entry])

        assert version(account) == "2.0"
        assert clock.slept == []
        assert handler.calls() == [DESCRIBE, STATE, INVOKE, ALIAS, UPDATE, DESCRIBE]

    def test_unreadable_alias_does_not_matter(
        self, account: Account, handler: Handler, inject: Inject, name: str, live: str
    ) -> None:
        """A moved alias is read by AppFlow if the handler may not read it."""
        self.move(account, name, "2.0")
        inject(ALIAS, error_response(403, "AccessDeniedException"), 10_000)

        handler.changed(live)

        assert version(account) == "2.0"


class TestToken:
    """The client token of a refresh, under which AppFlow carries a call out once."""

    @pytest.fixture(autouse=True)
    def said(self, inject: Inject) -> None:
        """The connector's response cannot be read, so that every event makes a call."""
        inject(INVOKE, error_response(403, "AccessDeniedException"), 10_000)

    def tokens(self, account: Account) -> list[str]:
        """The tokens of all calls, also of those that AppFlow did not repeat."""
        updates = [call for call in account.calls() if call["operation"] == UPDATE]
        return [call["parameters"]["clientToken"] for call in updates]

    def test_events_of_one_change_share_it(
        self, account: Account, handler: Handler, crm: str
    ) -> None:
        """Two events about the same code have the same token, and refresh once."""
        change(account, "2.0")

        handler.changed(crm)
        handler.changed(crm)

        assert len(set(self.tokens(account))) == 1
        assert len(self.tokens(account)) == 2
        assert len(refreshes(account)) == 1

    def test_old_code_again_has_another(
        self, account: Account, handler: Handler, name: str
    ) -> None:
        """Code that changes to another and back has three tokens."""
        arn = account.make_function(name, connector("1.0"))
        account.register(LABEL, arn)
        for new in ("2.0", "1.0", "2.0"):
            change(account, new, name)
            handler.changed(arn)

        assert len(set(self.tokens(account))) == 3
        assert len(refreshes(account)) == 3

    def test_new_configuration_has_another(
        self, account: Account, handler: Handler, name: str
    ) -> None:
        """A change of the function's configuration changes the token."""
        arn = account.make_function(name, connector("1.0"))
        account.register(LABEL, arn)
        handler.changed(arn)
        account.client("lambda").update_function_configuration(FunctionName=name, Timeout=9)
        handler.changed(arn)

        assert len(set(self.tokens(account))) == 2

    def test_labels_have_different_ones(self, account: Account, handler: Handler, crm: str) -> None:
        """Two registrations of one function have different tokens."""
        account.register("acme-erp", crm)

        handler.changed(crm, LABEL, "acme-erp")

        assert len(set(self.tokens(account))) == 2

    def test_moved_alias_has_another(self, account: Account, handler: Handler, name: str) -> None:
        """An alias that is moved away and back to a version has three tokens."""
        account.make_function(name, connector("1.0"))
        aws = account.client("lambda")
        aws.publish_version(FunctionName=name)
        change(account, "2.0", name)
        aws.publish_version(FunctionName=name)
        arn = aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
        account.grant_appflow(arn)
        account.register(LABEL, arn)
        for number in ("1", "2", "1"):
            aws.update_alias(FunctionName=name, Name="live", FunctionVersion=number)
            handler.changed(arn)

        assert len(set(self.tokens(account))) == 3

    @pytest.mark.parametrize("operation", [STATE, ALIAS])
    def test_unreadable_state_has_the_events(
        self, account: Account, handler: Handler, inject: Inject, name: str, operation: str
    ) -> None:
        """Without the right to read the state, each event has a token, and its repetition none."""
        account.make_function(name, connector("1.0"))
        aws = account.client("lambda")
        arn = aws.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")[
            "AliasArn"
        ]
        account.grant_appflow(arn)
        account.register(LABEL, arn)
        inject(operation, error_response(403, "AccessDeniedException"), 10_000)
        first = refresh_event(arn)

        for event in (first, first, refresh_event(arn)):
            handler(event)

        assert len(set(self.tokens(account))) == 2
        assert len(self.tokens(account)) == 3


class TestComparison:
    """What the connector responds, compared with what AppFlow shows."""

    @pytest.mark.parametrize(
        "fault",
        [
            error_response(403, "AccessDeniedException"),
            error_response(429, "TooManyRequestsException"),
            refuse_connection,
            success_response(b""),
            success_response(b"<html>"),
            success_response(b"[]"),
            success_response(b"null"),
            success_response(b"{}"),
            success_response(b'{"isSuccess": false}'),
            success_response(b"[" * 100_000),
        ],
        ids=[
            *("no right", "throttled", "no route", "empty", "html", "list", "null", "object"),
            *("failure", "deep"),
        ],
    )
    def test_unknown_response_refreshes(
        self, account: Account, handler: Handler, inject: Inject, crm: str, fault: Any
    ) -> None:
        """AppFlow reads the connector if the handler cannot, and the connector is invoked once."""
        change(account, "2.0")
        inject(INVOKE, fault, 1)

        handler.changed(crm)

        assert handler.calls() == [DESCRIBE, STATE, INVOKE, UPDATE, DESCRIBE]
        assert version(account) == "2.0"

    def test_reason_of_no_comparison_is_logged(
        self, handler: Handler, inject: Inject, crm: str, log: Log
    ) -> None:
        """The line of the call says why the response is not known."""
        inject(INVOKE, success_response(b'{"isSuccess": false}'), 1)

        handler.changed(crm)

        [outcome] = [one["outcome"] for one in log.messages("call") if one["call"] == INVOKE]
        assert outcome.endswith("isSuccess is not true")

    def test_slow_connector_is_awaited(
        self, account: Account, handler: Handler, clock: Clock, crm: str
    ) -> None:
        """A connector that takes half a minute to respond is compared."""
        clock.latency.by_operation[INVOKE] = 30

        handler.changed(crm)

        assert handler.decisions() == [NO_REFRESH]
        assert clock.now > 30

    @pytest.mark.parametrize("source", [BROKEN_CONNECTOR, FAILING_CONNECTOR])
    def test_broken_connector_fails_the_event(
        self, account: Account, handler: Handler, crm: str, source: str
    ) -> None:
        """A connector that AppFlow cannot read fails the event, and is invoked by it again."""
        account.change_code("crm", source)

        with pytest.raises(RefreshFailedError, match="ConnectorServerException from Update"):
            handler.changed(crm)

        assert version(account) == "1.0"

    def test_response_without_effect_refreshes_again(
        self, account: Account, handler: Handler, clock: Clock, inject: Inject, crm: str
    ) -> None:
        """A refresh that AppFlow does not show is repeated under another token."""
        change(account, "2.0")
        inject(UPDATE, success_response(b'{"connectorArn": "arn"}'), 1)

        handler.changed(crm)

        assert version(account) == "2.0"
        assert handler.decisions() == ["refresh", "refresh", "refreshed"]
        assert 20 < clock.now < 40

    def test_late_view_is_awaited(
        self, account: Account, handler: Handler, clock: Clock, inject: Inject, crm: str
    ) -> None:
        """A change that AppFlow shows late is not repeated."""
        shown = account.client("appflow").describe_connector
        before = shown(connectorType="CustomConnector", connectorLabel=LABEL)
        del before["ResponseMetadata"]
        late = success_response(json.dumps(before, default=lambda at: at.timestamp()).encode())
        change(account, "2.0")
        clock.at(0.05, lambda: inject(DESCRIBE, late, 3))

        handler.changed(crm)

        assert len(refreshes(account)) == 1
        assert handler.decisions() == ["refresh", "refreshed"]
        assert clock.now > 3

    def test_new_code_during_the_refresh_is_enough(
        self, account: Account, handler: Handler, clock: Clock, inject: Inject, crm: str
    ) -> None:
        """A refresh that read still newer code than the handler is not repeated."""
        change(account, "2.0")

        def change_again(client: Any, request: Any) -> Any:
            change(account, "3.0")
            return client._endpoint.http_session.send(request)

        inject(UPDATE, change_again, 1)

        handler.changed(crm)

        assert version(account) == "3.0"
        assert handler.decisions() == ["refresh", "refreshed"]

    def test_other_view_is_reported(
        self, account: Account, handler: Handler, clock: Clock, inject: Inject, crm: str, log: Log
    ) -> None:
        """A change that AppFlow never shows is a warning with what differs, after two calls."""
        change(account, "2.0")
        inject(UPDATE, success_response(b'{"connectorArn": "arn"}'), 10_000)

        handler.changed(crm)

        last = log.messages("decision")[-1]
        assert (last["differences"], last["changes"]) == (["connectorVersion"], {})
        assert handler.level == "WARNING"
        assert handler.decisions() == ["refresh", "refresh", STILL_OTHER]
        assert 50 < clock.now < 70


class TestErrors:
    """Calls that fail."""

    def test_throttled_refresh_is_retried(
        self, account: Account, handler: Handler, inject: Inject, crm: str
    ) -> None:
        """Calls that AppFlow throttles are made again."""
        change(account, "2.0")
        throttled = error_response(429, "ThrottlingException")
        inject(DESCRIBE, throttled, 3)
        inject(UPDATE, throttled, 3)

        handler.changed(crm)

        assert version(account) == "2.0"

    def test_lost_response_refreshes_once(
        self, account: Account, handler: Handler, inject: Inject, crm: str
    ) -> None:
        """A refresh whose response is lost is repeated under its token."""
        change(account, "2.0")

        def lose(client: Any, request: Any) -> Any:
            client._endpoint.http_session.send(request)
            return refuse_connection(client, request)

        inject(UPDATE, lose, 1)

        handler.changed(crm)

        assert version(account) == "2.0"
        assert len(refreshes(account)) == 1

    @pytest.mark.parametrize("operation", [DESCRIBE, UPDATE])
    def test_refusal_fails_the_event(
        self, account: Account, handler: Handler, inject: Inject, crm: str, operation: str
    ) -> None:
        """A refusal fails the event with AppFlow's reason, so that ``on_failure`` gets it."""
        change(account, "2.0")
        inject(operation, error_response(400, "ValidationException"), 1)

        with pytest.raises(RefreshFailedError) as failure:
            handler.changed(crm)

        problem = f"connector acme-crm: ValidationException from {operation}: Not now."
        assert str(failure.value).startswith(f"{problem} Lambda repeats the event")
        assert handler.decisions()[-1] == f"not refreshed: {problem}"

    def test_other_registrations_are_refreshed(
        self, account: Account, handler: Handler, inject: Inject, crm: str
    ) -> None:
        """A registration that fails does not stop the others of its event."""
        labels = ["acme-a", "acme-b", "acme-c"]
        for label in labels:
            account.register(label, crm)
        change(account, "2.0")
        inject(UPDATE, error_response(400, "ValidationException"), 1)

        with pytest.raises(RefreshFailedError, match=r"^connector acme-a: .* Lambda repeats"):
            handler.changed(crm, *labels)

        assert [version(account, label) for label in labels] == ["1.0", "2.0", "2.0"]

    def test_second_delivery_completes(
        self, account: Account, handler: Handler, inject: Inject, crm: str
    ) -> None:
        """An event that has failed refreshes when Lambda repeats it."""
        change(account, "2.0")
        inject(UPDATE, error_response(400, "ValidationException"), 1)
        event = refresh_event(crm)
        with pytest.raises(RefreshFailedError):
            handler(event)

        handler(event)

        assert version(account) == "2.0"

    @pytest.mark.parametrize("seconds", [40.0, 50.08, 50.12])
    def test_no_call_begins_late(
        self, account: Account, handler: Handler, crm: str, seconds: float
    ) -> None:
        """An invocation without time for a call that may be slow makes none, and fails."""
        change(account, "2.0")

        with pytest.raises(RefreshFailedError, match="no time was left for"):
            handler(refresh_event(crm), seconds=seconds)

        assert refreshes(account) == []


class TestBreakingChanges:
    """New code that breaks a flow, of a registration with ``on_breaking_change`` FAIL."""

    @pytest.fixture
    def crm(self, account: Account) -> str:
        """The registered function, which has lost the API version v1 that a flow uses."""
        arn = account.make_function("versions", versions("v1", "v2"))
        account.register(LABEL, arn)
        make_flow(account)
        account.change_code("versions", versions("v2"))
        return arn

    def entry(self, **members: Any) -> list[dict[str, Any]]:
        """The registrations of an event, of which there is one."""
        return [{"ConnectorLabel": LABEL, "OnBreakingChange": "Fail", **members}]

    def test_finding_is_reported(
        self,
        handler: Handler,
        clock: Clock,
        crm: str,
        log: Log,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A flow that a change breaks is an ERROR line and a metric that an alarm can watch."""
        handler.changed(crm, Registrations=self.entry())

        assert handler.level == "ERROR"
        last = log.messages("decision")[-1]
        assert (last["decision"], last["label"]) == ("breaking changes", LABEL)
        [finding] = last["findings"]
        assert (finding["id"], finding["flows"]) == ("API_VERSION_REMOVED:v1", ["orders"])
        assert json.loads(capsys.readouterr().out) == {
            "_aws": {
                "Timestamp": round(clock.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": "CdkAppFlowConnector",
                        "Dimensions": [["ConnectorLabel"]],
                        "Metrics": [{"Name": "BreakingChanges", "Unit": "Count"}],
                    }
                ],
            },
            "ConnectorLabel": LABEL,
            "BreakingChanges": 1,
        }

    def test_breaking_change_is_not_undone(
        self, account: Account, handler: Handler, crm: str
    ) -> None:
        """AppFlow shows the new configuration although it breaks a flow, without an error."""
        handler.changed(crm, Registrations=self.entry())

        assert registered_versions(account) == ["v2"]

    @pytest.mark.parametrize(
        "entry",
        [
            {"OnBreakingChange": "Fail", "AcknowledgedChanges": ["API_VERSION_REMOVED:v1"]},
            {"OnBreakingChange": "Ignore"},
            {},
        ],
    )
    def test_accepted_change_is_not_reported(
        self,
        account: Account,
        handler: Handler,
        crm: str,
        entry: Mapping[str, Any],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A change that the template acknowledges or ignores costs no call and no metric."""
        before = len(account.calls())
        handler.changed(crm, Registrations=[{"ConnectorLabel": LABEL, **entry}])

        assert handler.decisions()[-1] == "refreshed"
        calls = [call["operation"] for call in account.calls(after=before)]
        assert calls == [DESCRIBE, UPDATE, DESCRIBE]
        assert capsys.readouterr().out == ""

    def test_unreadable_flows_are_reported(
        self, handler: Handler, inject: Inject, crm: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """If the flows cannot be read, an ERROR line says so and the metric is 1."""
        inject("ListFlows", error_response(403, "AccessDeniedException"), 10_000)

        handler.changed(crm, Registrations=self.entry())

        assert handler.level == "ERROR"
        assert handler.decisions()[-1].startswith(
            "breaking changes: connector acme-crm: on_breaking_change is FAIL, and whether flows or"
            " profiles break is not known for API_VERSION_REMOVED:v1: AccessDeniedException"
        )
        assert json.loads(capsys.readouterr().out)["BreakingChanges"] == 1


def registered_versions(account: Account) -> list[str]:
    """The API versions that AppFlow shows."""
    registered = account.registered(LABEL)
    assert registered is not None
    shown: list[str] = registered["supportedApiVersions"]
    return shown


UNUSABLE: dict[str, list[Any]] = {
    "Registrations": [None, [], {}, "acme-crm", ["acme-crm"], [None]],
    "LambdaArn": [
        *(None, 7, {}, "", "crm", "arn:aws:s3:::crm"),
        FUNCTION_ARN.replace("111122223333", "444455556666"),
        FUNCTION_ARN.replace("us-east-1", "eu-west-1"),
    ],
    "MaxEventAgeSeconds": [None, "300", True, 0, -1, [], float("nan")],
    "Time": [None, 7, "", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z"],
    "EventId": [None, 7, "", "%(x)s", "a" * 129],
    "StackId": [7, "", "demo", "arn:aws:s3:::demo", []],
}
UNUSABLE_ENTRY: dict[str, list[Any]] = {
    "ConnectorLabel": [None, "", "a b", 7, ["acme"], "a" * 257],
    "AliasRouting": [None, 7, "weighted"],
    "OnBreakingChange": [None, 7, "FAIL"],
    "AcknowledgedChanges": [None, 7, "OWNER_CHANGED", [7]],
}


class TestBadInput:
    """Events that cannot be used."""

    @pytest.mark.parametrize(
        ("name", "value"), [(name, value) for name in UNUSABLE for value in UNUSABLE[name]]
    )
    def test_unusable_event_is_ignored(
        self, handler: Handler, name: str, value: Any, log: Log
    ) -> None:
        """An event with a value that cannot be used is one line, without a call or an error."""
        handler(refresh_event(FUNCTION_ARN, **{name: value}), arn=handler_arn(FUNCTION_ARN))

        assert log.messages("call") == []
        [decision] = handler.decisions()
        assert decision.startswith(f"event ignored: property {name} is ")

    @pytest.mark.parametrize(
        ("name", "value"),
        [(name, value) for name in UNUSABLE_ENTRY for value in UNUSABLE_ENTRY[name]],
    )
    def test_unusable_registration_is_ignored(
        self, handler: Handler, name: str, value: Any, log: Log
    ) -> None:
        """An event with one registration that cannot be used is one line, without a call."""
        entries = [{"ConnectorLabel": LABEL}, {"ConnectorLabel": LABEL, name: value}]

        handler(refresh_event(FUNCTION_ARN, Registrations=entries), arn=handler_arn(FUNCTION_ARN))

        assert log.messages("call") == []
        [decision] = handler.decisions()
        assert decision.startswith(f"event ignored: property {name} is ")

    def test_old_event_is_ignored(self, handler: Handler, clock: Clock, log: Log) -> None:
        """The line about an event that is too old has its age and what is allowed."""
        clock.advance(400)

        handler(refresh_event(FUNCTION_ARN), arn=handler_arn(FUNCTION_ARN))

        assert log.messages("call") == []
        assert handler.decisions() == ["event ignored: it is 400 s old; allowed: 300 s"]

    def test_what_is_allowed_is_said(self, handler: Handler) -> None:
        """The line about a function of another account says whose functions are allowed."""
        theirs = FUNCTION_ARN.replace("111122223333", "444455556666")

        handler(refresh_event(theirs), arn=handler_arn(FUNCTION_ARN))

        assert handler.decisions() == [
            f"event ignored: property LambdaArn is '{theirs}'; allowed: a function of"
            " account 111122223333 in us-east-1. Correct it and deploy again."
        ]

    @pytest.mark.parametrize(("age", "is_used"), [(300, True), (301, False), (-60, True)])
    def test_age_of_an_event(
        self, handler: Handler, clock: Clock, crm: str, age: int, is_used: bool
    ) -> None:
        """An event is used until it is older than Lambda keeps events."""
        clock.advance(1000)

        handler(refresh_event(crm, at=1000 - age))

        assert (handler.decisions() == [NO_REFRESH]) is is_used

    @pytest.mark.parametrize(
        "event",
        [
            *({}, [], "text", None, 7, {"Registrations": []}),
            {"source": "aws.lambda", "detail-type": "Lambda Function State Change", "detail": {}},
            {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events"},
        ],
    )
    def test_foreign_event_is_ignored(self, handler: Handler, event: Any, log: Log) -> None:
        """An event of another kind is one line, without a call or an error."""
        handler(event)

        assert log.messages("call") == []
        [line] = log.messages("decision")
        assert line == {
            "decision": "event ignored: it has no RequestType",
            "allowed": ["Create", "Update", "Delete", "Refresh"],
        }

    @pytest.mark.parametrize("value", ["refresh", "REFRESH", "Refresh ", "", 7, ["Refresh"], {}])
    def test_unknown_request_type_is_ignored(self, handler: Handler, value: Any, log: Log) -> None:
        """An event with another request type is one line with it, without an error."""
        handler({**refresh_event(FUNCTION_ARN), "RequestType": value})

        assert log.messages("call") == []
        [line] = log.messages("decision")
        assert line == {
            "decision": f"event ignored: its RequestType is {value!r}",
            "allowed": ["Create", "Update", "Delete", "Refresh"],
        }

    @pytest.mark.parametrize("event", [{"RequestType": "Create"}, {"ResponseURL": "https://x"}])
    def test_incomplete_request_is_an_error(
        self, handler: Handler, event: Mapping[str, Any]
    ) -> None:
        """A request of CloudFormation without its members is an error, as it was before."""
        with pytest.raises(KeyError):
            handler(event)
