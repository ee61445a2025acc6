"""Random lives of a resource, with faults and redelivered events, against its invariants."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from connector_registration.errors import RETRY_SECONDS
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import properties
from tests.handler.faults import FAULTS, Inject, InjectedFault
from tests.handler.scenarios import CHANGING
from tests.support import FAILING_CONNECTOR, Account, connector

pytestmark = pytest.mark.slow

_numbers = itertools.count()

# What every refresh calls, so that no injected fault is left over for a later event.
OPERATIONS = ["UpdateConnectorRegistration", "DescribeConnector"]

# Without the faults that look like a response of AppFlow about the label.
CONNECTION_FAULTS = sorted(set(FAULTS) - {"ResourceNotFoundException", "ValidationException"})
RETRIED = [fault for fault in CONNECTION_FAULTS if FAULTS[fault][1] in RETRY_SECONDS]

# The age in seconds from which on an event is late.
LATE = 30.0


@dataclass(frozen=True)
class Template:
    """The registration that a template describes."""

    label: str
    lambda_arn: str
    description: str | None
    revision: int
    destroy: bool

    def properties(self) -> dict[str, Any]:
        return properties(
            self.lambda_arn,
            ConnectorLabel=self.label,
            Description=self.description,
            FunctionHash={"Hash": str(self.revision)},
            RemovalPolicy="Destroy" if self.destroy else "Retain",
        )


@dataclass(frozen=True)
class Delivery:
    """An event, its response, and its time by the handler's clock."""

    event: Mapping[str, Any]
    response: Mapping[str, Any]
    at: float


FUNCTIONS = {"one": connector("1.0"), "two": connector("2.0"), "failing": FAILING_CONNECTOR}
GOOD_FUNCTIONS = ["one", "two"]
DESCRIPTIONS = st.sampled_from([None, "Acme", "Acme CRM"])


@dataclass
class World:
    """The account and the stack of a life."""

    account: Account
    cloudformation: CloudFormation
    functions: Mapping[str, str]
    inject: Inject


class Resource(RuleBasedStateMachine):
    """One registration, as CloudFormation and AppFlow have it."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.label = f"life-{next(_numbers)}"
        self.committed: Template | None = None
        self.last: Delivery | None = None
        self.delivered: list[Delivery] = []
        self.moved_by_hand = False
        self.coming: InjectedFault | None = None

    def teardown(self) -> None:
        if self.coming is not None:
            self.coming.end()

    def send(self, kind: str, template: Template, **event: Any) -> Mapping[str, Any]:
        """Send an event, and keep it for a redelivery."""
        at = self.world.cloudformation.clock.now
        sent = self.world.cloudformation.event(kind, template.properties(), **event)
        response = self.world.cloudformation.send(kind, template.properties(), **sent)
        self.last = Delivery(sent, response, at)
        if "StackId" not in event:
            self.delivered.append(self.last)
        if kind != "Create":
            assert response["PhysicalResourceId"] == event["PhysicalResourceId"]
        return response

    def update(self, new: Template, old: Template) -> Mapping[str, Any]:
        """Send an Update from one template to another."""
        return self.send(
            "Update",
            new,
            OldResourceProperties=old.properties(),
            PhysicalResourceId=self.label,
        )

    @precondition(lambda self: self.committed is None)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def create_is_cancelled(self, name: str) -> None:
        template = Template(self.label, self.world.functions[name], None, 1, destroy=True)
        self.send("Create", template)
        # CloudFormation makes up an id for a resource whose response it did not wait for.
        deleted = self.send("Delete", template, PhysicalResourceId="demo-Registration-1A2B3C")
        assert deleted["Status"] == "SUCCESS"
        assert self.world.account.registered_arn(self.label) is not None

    @precondition(lambda self: self.committed is None)
    @rule(name=st.sampled_from(sorted(FUNCTIONS)), description=DESCRIPTIONS, destroy=st.booleans())
    def create(self, name: str, description: str | None, destroy: bool) -> None:
        template = Template(self.label, self.world.functions[name], description, 1, destroy)
        before = self.world.account.registered_arn(self.label)
        response = self.send("Create", template)
        assert (response["Status"] == "SUCCESS") == (name in GOOD_FUNCTIONS)
        if response["Status"] == "SUCCESS":
            self.committed = template
            self.moved_by_hand = False
            return
        physical_id = response["PhysicalResourceId"]
        deleted = self.send("Delete", template, PhysicalResourceId=physical_id)
        assert deleted["Status"] == "SUCCESS"
        if before is not None:
            assert self.world.account.registered_arn(self.label) is not None

    @precondition(lambda self: self.committed is not None)
    @rule(name=st.sampled_from(sorted(FUNCTIONS)), description=DESCRIPTIONS, new_code=st.booleans())
    def update_or_roll_back(self, name: str, description: str | None, new_code: bool) -> None:
        succeeded = self.move(name, description, new_code)
        assert succeeded == (name in GOOD_FUNCTIONS)

    def move(self, name: str, description: str | None, new_code: bool) -> bool:
        """Update; roll back if that fails. Returns whether the update succeeded."""
        assert self.committed is not None
        old = self.committed
        new = replace(
            old,
            lambda_arn=self.world.functions[name],
            description=description,
            revision=old.revision + new_code,
        )
        succeeded = bool(self.update(new, old)["Status"] == "SUCCESS")
        if succeeded:
            self.committed = new
        else:
            assert self.update(old, new)["Status"] == "SUCCESS"
        self.moved_by_hand = False
        return succeeded

    @precondition(lambda self: self.committed is not None)
    @rule(seconds=st.sampled_from([0, 5, 90]))
    def new_code_takes_effect_later(self, seconds: float) -> None:
        assert self.committed is not None
        old = self.committed
        new = replace(old, revision=old.revision + 1)
        account, clock = self.world.account, self.world.cloudformation.clock
        cloud, version = account.local_cloud, f"{next(_numbers)}.0"
        cloud.configure_lambda(account.id, inProgressSeconds=600)
        account.change_code(old.lambda_arn.split(":")[6], connector(version))
        clock.at(clock.now + seconds, lambda: cloud.configure_lambda(account.id))
        response = self.update(new, old)
        assert response["Status"] == "SUCCESS"
        assert response["Data"]["ConnectorVersion"] == version
        self.committed = new
        self.moved_by_hand = False

    @precondition(lambda self: self.committed is not None)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def update_and_a_sibling_fails(self, name: str) -> None:
        assert self.committed is not None
        old = self.committed
        new = replace(old, lambda_arn=self.world.functions[name], revision=old.revision + 1)
        assert self.update(new, old)["Status"] == "SUCCESS"
        assert self.update(old, new)["Status"] == "SUCCESS"
        self.moved_by_hand = False

    @precondition(lambda self: self.committed is not None)
    @rule(description=DESCRIPTIONS, seconds=st.sampled_from([5, 100]))
    def update_is_cancelled_and_takes_effect_late(
        self, description: str | None, seconds: float
    ) -> None:
        assert self.committed is not None
        old = self.committed
        [other] = {self.world.functions[name] for name in GOOD_FUNCTIONS} - {old.lambda_arn}
        new = replace(old, lambda_arn=other, description=description, revision=old.revision + 1)
        self.update_by_hand(old)
        self.world.cloudformation.cancel_update()
        clock = self.world.cloudformation.clock
        clock.at(clock.now + seconds, lambda: self.update_by_hand(new))
        assert self.update(old, new)["Status"] == "SUCCESS"
        clock.sleep(seconds)
        self.moved_by_hand = False

    def update_by_hand(self, template: Template) -> None:
        """The call to AppFlow that an invocation for the template would make."""
        text = {} if template.description is None else {"description": template.description}
        self.world.account.client("appflow").update_connector_registration(
            connectorLabel=self.label,
            connectorProvisioningConfig={"lambda": {"lambdaArn": template.lambda_arn}},
            **text,
        )

    @precondition(lambda self: self.committed is not None)
    @rule()
    def delete(self) -> None:
        assert self.committed is not None
        template, self.committed = self.committed, None
        before = self.world.account.registered_arn(self.label)
        response = self.send("Delete", template, PhysicalResourceId=self.label)
        assert response["Status"] == "SUCCESS"
        ours = template.destroy and before == template.lambda_arn
        assert self.world.account.registered_arn(self.label) == (None if ours else before)

    @precondition(lambda self: self.last is not None)
    @rule()
    def deliver_the_last_event_again(self) -> None:
        assert self.last is not None
        before = self.registered()
        is_late = self.world.cloudformation.clock.now - self.last.at >= LATE
        response = self.world.cloudformation.deliver(self.last.event)
        # A late event is stale here, except one of another stack, whose events cannot be read.
        assert response == self.last.response or (is_late and response["Status"] == "FAILED")
        assert self.registered() == before

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def deliver_an_earlier_event_again_late(self, data: st.DataObject) -> None:
        before = self.registered()
        self.world.cloudformation.clock.sleep(LATE)
        self.last = None
        self.world.cloudformation.deliver(data.draw(st.sampled_from(self.delivered)).event)
        assert self.registered() == before

    def registered(self) -> tuple[str | None, str | None]:
        """The registered ARN and description."""
        return self.world.account.registered_values(self.label)

    @precondition(lambda self: self.committed is not None)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def operator_moves_it(self, name: str) -> None:
        assert self.committed is not None
        arn = self.world.functions[name]
        self.update_by_hand(replace(self.committed, lambda_arn=arn, description=None))
        self.last = None
        self.moved_by_hand = True

    @precondition(lambda self: self.committed is not None)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def another_stack_adopts_it_before_the_delete(self, name: str) -> None:
        assert self.committed is not None
        arn = self.world.functions[name]
        theirs = replace(self.committed, lambda_arn=arn, description=None)
        self.send("Create", theirs, StackId="arn:of:another:stack")
        self.delete()

    @precondition(lambda self: self.committed is not None and not self.moved_by_hand)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def earlier_owner_is_deleted(self, name: str) -> None:
        assert self.committed is not None
        arn = self.world.functions[name]
        if arn == self.committed.lambda_arn:
            return  # Only the ARN tells whose registration it is.
        theirs = replace(self.committed, lambda_arn=arn, destroy=True)
        event = {"PhysicalResourceId": self.label, "StackId": "arn:of:another:stack"}
        assert self.send("Delete", theirs, **event)["Status"] == "SUCCESS"

    # One at a time, because the handler retries some of them for ten seconds only.
    @precondition(lambda self: self.coming is None or self.coming.is_over)
    @rule(operation=st.sampled_from(CHANGING), fault=st.sampled_from(RETRIED))
    def next_call_meets_a_fault(self, operation: str, fault: str) -> None:
        apply, _ = FAULTS[fault]
        self.coming = self.world.inject(operation, apply, 1)

    @precondition(lambda self: self.committed is not None)
    @rule(
        operation=st.sampled_from(OPERATIONS),
        fault=st.sampled_from(CONNECTION_FAULTS),
        name=st.sampled_from(GOOD_FUNCTIONS),
    )
    def update_meets_a_fault(self, operation: str, fault: str, name: str) -> None:
        apply, code = FAULTS[fault]
        self.world.inject(operation, apply, 1)
        succeeded = self.move(name, "Acme", new_code=True)
        assert succeeded == (code in RETRY_SECONDS)

    @invariant()
    def registration_is_what_the_template_says(self) -> None:
        if self.committed is None or self.moved_by_hand:
            return
        arn, description = self.registered()
        assert arn == self.committed.lambda_arn
        if self.committed.description is not None:
            assert description == self.committed.description


def test_any_life_keeps_the_invariants(
    account: Account, cloudformation: CloudFormation, inject: Inject
) -> None:
    """Whatever happens to a resource, the registration is what its template says."""
    functions = {name: account.make_function(name, code) for name, code in FUNCTIONS.items()}
    Resource.world = World(account, cloudformation, functions, inject)

    run_state_machine_as_test(
        Resource,
        settings=settings(
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        ),
    )
