"""Random lives of a resource, with faults and repeated events, against what must always hold."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector_registration.errors import WAITED_OUT_SECONDS
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.handler.conftest import CloudFormation
from tests.handler.test_faults import CHANGING, FAULTS, Inject, Injected, inject
from tests.support import BROKEN_CONNECTOR, Account, connector

# Fixtures, known to pytest by being here.
__all__ = ["inject"]

_numbers = itertools.count()

# What every announcement calls, so that no injected fault is left over for a later event.
OPERATIONS = ["UpdateConnectorRegistration", "DescribeConnector"]

# A fault that looks like an answer of AppFlow about the label is no fault of the way to AppFlow.
PASSING = sorted(set(FAULTS) - {"ResourceNotFoundException", "ValidationException"})
OUTLASTED = [fault for fault in PASSING if FAULTS[fault][1] in WAITED_OUT_SECONDS]

# From when on an event is late, in seconds.
LATE = 30.0


@dataclass(frozen=True)
class Template:
    """What a template asks for."""

    label: str
    lambda_arn: str
    description: str | None
    revision: int
    destroy: bool

    def properties(self) -> dict[str, Any]:
        written = {} if self.description is None else {"Description": self.description}
        return {
            "ConnectorLabel": self.label,
            "LambdaArn": self.lambda_arn,
            "LambdaRevision": {"Hash": str(self.revision)},
            "RemovalPolicy": "Destroy" if self.destroy else "Retain",
            **written,
        }


@dataclass(frozen=True)
class Delivery:
    """An event, its answer, and when it was made, by the handler's clock."""

    event: Mapping[str, Any]
    answer: Mapping[str, Any]
    at: float


FUNCTIONS = {"one": connector("1.0"), "two": connector("2.0"), "broken": BROKEN_CONNECTOR}
GOOD_FUNCTIONS = ["one", "two"]
DESCRIPTIONS = st.sampled_from([None, "Acme", "Acme CRM"])


@dataclass
class World:
    """What the life takes place in."""

    account: Account
    cloudformation: CloudFormation
    functions: Mapping[str, str]
    inject: Inject


class Resource(RuleBasedStateMachine):
    """CloudFormation's view of one registration, and AppFlow's."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.label = f"life-{next(_numbers)}"
        self.committed: Template | None = None
        self.last: Delivery | None = None
        self.delivered: list[Delivery] = []
        self.moved_by_hand = False
        self.coming: Injected | None = None

    def teardown(self) -> None:
        if self.coming is not None:
            self.coming.end()

    def send(self, kind: str, template: Template, **event: Any) -> Mapping[str, Any]:
        at = self.world.cloudformation.clock.now
        sent = self.world.cloudformation.event(kind, template.properties(), **event)
        answer = self.world.cloudformation.send(kind, template.properties(), **sent)
        self.last = Delivery(sent, answer, at)
        if "StackId" not in event:
            self.delivered.append(self.last)
        if kind != "Create":
            assert answer["PhysicalResourceId"] == event["PhysicalResourceId"]
        return answer

    def update(self, new: Template, old: Template) -> Mapping[str, Any]:
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
        # CloudFormation makes an id up for a resource whose answer it did not wait for.
        deleted = self.send("Delete", template, PhysicalResourceId="demo-Registration-1A2B3C")
        assert deleted["Status"] == "SUCCESS"
        assert self.world.account.registered_arn(self.label) is not None

    @precondition(lambda self: self.committed is None)
    @rule(name=st.sampled_from(sorted(FUNCTIONS)), description=DESCRIPTIONS, destroy=st.booleans())
    def create(self, name: str, description: str | None, destroy: bool) -> None:
        template = Template(self.label, self.world.functions[name], description, 1, destroy)
        before = self.world.account.registered_arn(self.label)
        answer = self.send("Create", template)
        assert (answer["Status"] == "SUCCESS") == (name in GOOD_FUNCTIONS)
        if answer["Status"] == "SUCCESS":
            self.committed = template
            self.moved_by_hand = False
            return
        physical_id = answer["PhysicalResourceId"]
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
        answer = self.send("Delete", template, PhysicalResourceId=self.label)
        assert answer["Status"] == "SUCCESS"
        ours = template.destroy and before == template.lambda_arn
        assert self.world.account.registered_arn(self.label) == (None if ours else before)

    @precondition(lambda self: self.last is not None)
    @rule()
    def deliver_the_last_event_again(self) -> None:
        assert self.last is not None
        before = self.held()
        is_late = self.world.cloudformation.clock.now - self.last.at >= LATE
        answer = self.world.cloudformation.deliver(self.last.event)
        # To a late one nobody listens. Another stack's events cannot be read here.
        assert answer == self.last.answer or (is_late and answer["Status"] == "FAILED")
        assert self.held() == before

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def deliver_an_earlier_event_again_late(self, data: st.DataObject) -> None:
        before = self.held()
        self.world.cloudformation.clock.sleep(LATE)
        self.last = None
        self.world.cloudformation.deliver(data.draw(st.sampled_from(self.delivered)).event)
        assert self.held() == before

    def held(self) -> tuple[str | None, str | None]:
        configuration = self.world.account.registered(self.label) or {}
        arn = self.world.account.registered_arn(self.label)
        return arn, configuration.get("connectorDescription")

    @precondition(lambda self: self.committed is not None)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def somebody_moves_it_by_hand(self, name: str) -> None:
        assert self.committed is not None
        arn = self.world.functions[name]
        self.update_by_hand(replace(self.committed, lambda_arn=arn, description=None))
        self.last = None
        self.moved_by_hand = True

    @precondition(lambda self: self.committed is not None)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def another_stack_takes_it_over_before_the_delete(self, name: str) -> None:
        assert self.committed is not None
        arn = self.world.functions[name]
        theirs = replace(self.committed, lambda_arn=arn, description=None)
        self.send("Create", theirs, StackId="arn:of:another:stack")
        self.delete()

    @precondition(lambda self: self.committed is not None and not self.moved_by_hand)
    @rule(name=st.sampled_from(GOOD_FUNCTIONS))
    def a_stack_that_once_had_it_is_deleted(self, name: str) -> None:
        assert self.committed is not None
        arn = self.world.functions[name]
        if arn == self.committed.lambda_arn:
            return  # The ARN is all by which AppFlow could tell whose it is.
        theirs = replace(self.committed, lambda_arn=arn, destroy=True)
        event = {"PhysicalResourceId": self.label, "StackId": "arn:of:another:stack"}
        assert self.send("Delete", theirs, **event)["Status"] == "SUCCESS"

    # One at a time: the handler outlasts some of them for ten seconds only.
    @precondition(lambda self: self.coming is None or self.coming.is_over)
    @rule(operation=st.sampled_from(CHANGING), fault=st.sampled_from(OUTLASTED))
    def something_happens_to_the_next_call(self, operation: str, fault: str) -> None:
        meet, _ = FAULTS[fault]
        self.coming = self.world.inject(operation, meet, 1)

    @precondition(lambda self: self.committed is not None)
    @rule(
        operation=st.sampled_from(OPERATIONS),
        fault=st.sampled_from(PASSING),
        name=st.sampled_from(GOOD_FUNCTIONS),
    )
    def update_meets_a_fault(self, operation: str, fault: str, name: str) -> None:
        meet, code = FAULTS[fault]
        self.world.inject(operation, meet, 1)
        succeeded = self.move(name, "Acme", new_code=True)
        assert succeeded == (code in WAITED_OUT_SECONDS)

    @invariant()
    def appflow_holds_what_the_stack_asks_for(self) -> None:
        if self.committed is None or self.moved_by_hand:
            return
        held = self.world.account.registered(self.label)
        assert held is not None
        assert self.world.account.registered_arn(self.label) == self.committed.lambda_arn
        if self.committed.description is not None:
            assert held["connectorDescription"] == self.committed.description


def test_holds_through_any_life(
    account: Account,
    cloudformation: CloudFormation,
    inject: Inject,
) -> None:
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
