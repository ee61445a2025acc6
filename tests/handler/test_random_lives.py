"""Random lives of a stack: overlapping invocations, faults, and changes outside of deployments.

``RANDOM_LIVES`` is the number of steps of the nightly test, and ``-s`` prints what they met.
"""

from __future__ import annotations

import functools
import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.handler.clock import Latency
from tests.handler.cloudformation import INVOCATION_SECONDS
from tests.handler.connections import Connections
from tests.handler.events import refresh_event
from tests.handler.faults import FAULTS
from tests.handler.lives import (
    FAILING,
    FUNCTIONS,
    LABELS,
    THEIRS,
    Disturbance,
    Edit,
    OutsideChange,
    Spec,
    Template,
    disturbances,
    edits,
    outside_changes,
    seconds,
)
from tests.handler.stacks import Operation, Region
from tests.support import FAILING_CONNECTOR, Account, connector

pytestmark = pytest.mark.slow

GREEN = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")

# What CloudFormation does not wait for any more has ended by then.
QUIET_SECONDS = 600

# An event that is delivered for a second time within these is carried out without a check.
PUNCTUAL_SECONDS = 30

# A stack with more events than this has lived long enough to be deleted.
LONG = 60


@dataclass
class World:
    """The account of all lives.

    Attributes:
        versions: the version of each function's code, deployed or changed outside of deployments.
        steps: how often each kind of step was taken.
        faults: how often each fault was injected.
    """

    account: Account
    region: Region
    connections: Connections
    arns: Mapping[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


class Life(RuleBasedStateMachine):
    """One stack, as its user, CloudFormation and AppFlow know it.

    Attributes:
        template: what CloudFormation believes to be deployed.
        foreign: what others have registered, by label.
        touched: the labels that others have changed.
        disturbed: the labels that another resource had during an update that was rolled back.
        skipped: the logical ids of the resources that a rollback has skipped.
        may_remain: the labels that may stay registered.
        repeated: the requests that were delivered for a second time within half a minute.
        shown: what AppFlow shows of each label.
        unseen: when a function was last changed outside of deployments, if no event was handled
            that the change has sent.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.account = self.world.account
        self.region = self.world.region
        self.clock = self.region.clock
        self.template = Template(code=dict.fromkeys([*FUNCTIONS, FAILING, THEIRS], 1))
        self.attempted = self.template
        self.foreign: dict[str, Any] = {}
        self.touched: set[str] = set()
        self.disturbed: set[str] = set()
        self.skipped: set[str] = set()
        self.may_remain: set[str] = set()
        self.repeated: set[str] = set()
        self.seen_events = 0
        self.outside_changes = 0
        self.unseen: dict[str, float] = {}
        self.former: dict[str, str] = {}
        self.stack = self.region.stack()
        self.account.clear()
        for name in FUNCTIONS:
            self.set_code(name, "1.0")
        self.shown: dict[str, Mapping[str, Any] | None] = dict.fromkeys(LABELS)

    def teardown(self) -> None:
        self.quieten()
        self.region.forget()

    def set_code(self, name: str, version: str) -> None:
        """Give a function the code of a version, unless it has it."""
        if self.world.versions.get(name) != version:
            self.account.change_code(name, connector(version))
            self.world.versions[name] = version

    def end_step(self, kind: str) -> None:
        """End what disturbs, let time pass until nothing runs any more, and look at AppFlow."""
        self.quieten()
        if self.unseen and self.stack.status in GREEN:
            self.look_at_functions()
        self.learn_from_events()
        self.world.steps[kind] += 1
        self.shown = {label: self.account.registered(label) for label in LABELS}

    def quieten(self) -> None:
        self.world.connections.use(self.clock)
        self.clock.latency = Latency()
        self.region.settle()
        self.clock.advance(QUIET_SECONDS)
        self.clock.check()

    def look_at_functions(self) -> None:
        """Deliver the events of the schedule, which finds what the other events have missed."""
        for name in self.unseen:
            self.notify(name, 0.0)
        self.world.steps["schedule"] += len(self.unseen)
        self.unseen.clear()
        self.quieten()

    def notify(self, name: str, after: float) -> None:
        """Deliver an event of a rule about a function, after some seconds."""
        specs = {*self.template.specs.values(), *self.attempted.specs.values()}
        is_deployed = self.stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        # What the deployment has adopted is no longer foreign.
        foreign = {*self.foreign} - (self.attempted.labels if is_deployed else set())
        labels = sorted({one.label for one in specs if one.function == name} - foreign)
        if labels:
            now = self.clock.now
            event = refresh_event(self.world.arns[name], *labels, at=now, StackId=self.stack.id)
            self.region.notify(event, at=now + after)

    def change_outside(self, change: OutsideChange) -> None:
        """Change the code of a function by a call of Lambda, which sends events."""
        used = sorted({spec.function for spec in self.template.specs.values()} & {*FUNCTIONS})
        if not used:
            return
        name = used[change.which % len(used)]
        former = self.former.get(name) if change.is_back else None
        version = former or f"0.{self.outside_changes}"
        self.outside_changes += 1
        try:
            before = self.world.versions[name]
            self.set_code(name, version)
        except self.account.client("lambda").exceptions.ResourceConflictException:
            # An update of the function is in progress.
            return
        self.former[name] = before
        self.unseen[name] = self.clock.now
        for after in change.events:
            self.notify(name, after)

    def learn_from_notices(self) -> None:
        """Take note of the changes that the handler has looked at after they were made."""
        for notice in self.region.notices:
            for name in FUNCTIONS:
                is_about = notice.event["LambdaArn"] == self.world.arns[name]
                is_later = self.unseen.get(name, math.inf) <= max(notice.delivered, default=0.0)
                if is_about and is_later and not notice.has_failed:
                    del self.unseen[name]

    def disturb(self, disturbance: Disturbance) -> None:
        """Begin what disturbs a deployment that has just begun."""
        now, first = self.clock.now, len(self.region.invocations)
        self.clock.latency = disturbance.latencies()
        for failure in disturbance.faults():
            fault, _ = FAULTS[failure.fault]
            injected = self.world.connections.inject(failure.operation, fault, failure.times)
            self.clock.at(now + failure.ends_after, injected.end)
            self.world.faults[failure.fault] += 1
        for change in disturbance.outside:
            self.clock.at(now + change.after, functools.partial(self.change_outside, change))
        if disturbance.cancelled_after is not None:
            self.clock.at(now + disturbance.cancelled_after, self.stack.cancel)
        if disturbance.other_fails_after is not None:
            self.clock.at(now + disturbance.other_fails_after, self.stack.fail_another_resource)
        if disturbance.redelivered is not None:
            back, after = disturbance.redelivered
            self.clock.at(now + after, lambda: self.redeliver_latest(first, back))

    def redeliver_latest(self, first: int, back: int) -> None:
        sent = self.region.invocations[first:]
        if sent:
            again = sent[-1 - back % len(sent)]
            self.region.deliver(again.event)
            if self.clock.now - again.started < PUNCTUAL_SECONDS:
                self.repeated.add(again.request_id)

    @precondition(lambda self: self.stack.status in ("", *GREEN))
    @rule(edits=edits, disturbance=disturbances)
    def deploy(self, edits: list[Edit], disturbance: Disturbance) -> None:
        new = self.template
        for edit in edits:
            new = edit.apply(new)
        if new == self.template or not new.specs:
            return
        old, self.attempted = self.template, new
        is_update = bool(self.stack.status)
        operation = Operation(
            parallel=disturbance.parallel,
            pause=disturbance.pause,
            stack_first=disturbance.stack_first,
            before=lambda: self.change_code(old, new, disturbance.not_ready_for),
            before_rollback=lambda: self.change_code(new, old, None),
        )
        properties = {
            one: spec.properties(self.world.arns, new.code) for one, spec in new.specs.items()
        }
        task = self.stack.deploy(properties, operation)
        self.disturb(disturbance)
        task.wait()
        self.end_step(f"deploy: {self.stack.status}")
        hindered = bool(disturbance.faults() or self.touched)
        self.learn(old, new)
        if any(one.operation == "DescribeStackEvents" for one in disturbance.faults()):
            # Without the stack events, a Delete cannot tell that another resource has its label.
            self.touched |= {
                label for label in old.labels & new.labels if old.owner(label) != new.owner(label)
            }
        if is_update and not hindered:
            assert self.stack.status != "UPDATE_ROLLBACK_FAILED", "a rollback failed"
        is_stopped = disturbance.cancelled_after or disturbance.other_fails_after
        if not (hindered or is_stopped or self.may_be_refused(old, new)):
            assert self.stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), "it failed"

    def change_code(self, before: Template, after: Template, not_ready_for: float | None) -> None:
        """Update the functions whose code differs in the template, as CloudFormation does."""
        self.make_functions_slow(not_ready_for)
        for name in FUNCTIONS:
            if before.code[name] != after.code[name]:
                self.set_code(name, f"{after.code[name]}.0")
                self.stack.record_function(name)
                for after_seconds in (0.5, 5.0):
                    self.notify(name, after_seconds)

    def make_functions_slow(self, seconds: float | None, begun: float | None = None) -> None:
        """Let Lambda take some seconds from a time on until it has put new code into effect."""
        cloud, account = self.account.local_cloud, self.account.id
        if seconds is None:
            cloud.configure_lambda(account)
            return
        cloud.configure_lambda(account, inProgressSeconds=100_000)
        ready = (self.clock.now if begun is None else begun) + seconds
        self.clock.at(ready, lambda: cloud.configure_lambda(account))

    def may_be_refused(self, old: Template, new: Template) -> bool:
        """Whether AppFlow or the handler may refuse a template."""
        changed = [spec for one, spec in new.specs.items() if old.specs.get(one) != spec]
        return any(spec.function == FAILING or spec.adoption != "Allowed" for spec in changed)

    def learn(self, old: Template, new: Template) -> None:
        """Take note of what a deployment was allowed to do."""
        deployed = self.stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        if deployed:
            self.template = new
        for logical_id, spec in new.specs.items():
            was = old.specs.get(logical_id)
            if not spec.destroy:
                self.may_remain.add(spec.label)
            if spec.adoption != "Forbidden" and (was is None or was.label != spec.label):
                self.foreign.pop(spec.label, None)
            if deployed and logical_id in self.stack.touched:
                self.skipped.discard(logical_id)
                same = was is not None and was.same_in_appflow(spec) and was.label == spec.label
                if not same or old.code[spec.function] != new.code[spec.function]:
                    self.touched.discard(spec.label)
                    self.disturbed.discard(spec.label)
        if not deployed:
            self.disturbed |= set(self.moved_labels(old, new))

    def moved_labels(self, old: Template, new: Template) -> list[str]:
        """The labels that another resource was to have, with something else in AppFlow."""
        return [
            label
            for label in old.labels & new.labels
            if (mine := old.owner(label)) != (other := new.owner(label))
            and mine is not None
            and other is not None
            and not (
                old.specs[mine].same_in_appflow(new.specs[other])
                and old.code[old.specs[mine].function] == new.code[new.specs[other].function]
            )
        ]

    def learn_from_events(self) -> None:
        """Take note of what the handler could not know or could not do."""
        events = self.stack.history[self.seen_events :]
        self.seen_events = len(self.stack.history)
        for event in events:
            spec = self.attempted.specs.get(event.logical_id)
            unanswered = "cancelled" in event.reason or "did not receive" in event.reason
            # The id that CloudFormation makes up names no label, and the one that it keeps after an
            # update names the former label.
            is_failed = event.status in ("CREATE_FAILED", "UPDATE_FAILED")
            if is_failed and unanswered and spec is not None:
                self.may_remain.add(spec.label)
            # A second delivery within half a minute is carried out, even after a failed first one.
            if spec is not None and any(one in event.reason for one in self.repeated):
                self.may_remain.add(spec.label)
                self.touched.add(spec.label)
            if event.status == "DELETE_FAILED":
                self.may_remain.add(event.physical_id)

    @precondition(lambda self: self.stack.status == "UPDATE_ROLLBACK_FAILED")
    @rule(skips=st.booleans())
    def continue_rollback(self, skips: bool) -> None:
        skipped = self.stack.failed_to_roll_back if skips else []
        self.skipped |= {*skipped}
        self.may_remain |= {self.attempted.specs[one].label for one in skipped}
        self.stack.continue_rollback(skip=skipped).wait()
        self.end_step("continue with skip" if skips else "continue")
        if self.template.specs and not self.touched:
            failing = any(spec.function == FAILING for spec in self.template.specs.values())
            assert failing or self.stack.status == "UPDATE_ROLLBACK_COMPLETE"

    @precondition(lambda self: self.stack.status not in ("", "DELETE_COMPLETE"))
    @precondition(lambda self: self.stack.status not in GREEN or len(self.stack.history) > LONG)
    @precondition(lambda self: self.stack.status != "UPDATE_ROLLBACK_FAILED")
    @rule()
    def delete(self) -> None:
        self.stack.delete().wait()
        self.end_step(f"delete: {self.stack.status}")
        assert self.stack.status == "DELETE_COMPLETE"
        self.template = replace(self.template, specs={})
        self.attempted = self.template
        self.skipped.clear()
        self.stack = self.region.stack()
        self.seen_events = 0

    @precondition(lambda self: self.stack.status in GREEN and len(self.stack.history) > LONG)
    @rule(which=st.integers(0, 3))
    def delete_after_another_stack_has_adopted(self, which: int) -> None:
        labels = sorted(self.template.labels)
        label = labels[which % len(labels)]
        theirs = self.region.stack(name="theirs")
        spec = Spec(label, THEIRS)
        theirs.deploy({"Theirs": spec.properties(self.world.arns, self.template.code)}).wait()
        assert theirs.status == "CREATE_COMPLETE"
        self.touched.add(label)
        self.delete()
        assert self.account.registered_arn(label) == self.world.arns[THEIRS]
        theirs.delete().wait()
        self.end_step("another stack adopts")
        assert self.shown[label] is None, f"{label} stayed behind"

    # What others do.

    @precondition(lambda self: len(self.region.invocations) > 0)
    @rule(number=st.integers(0, 50), after=st.sampled_from([0, 1, 60, 120]))
    def redeliver_earlier(self, number: int, after: float) -> None:
        sent = self.region.invocations
        self.region.deliver(sent[-1 - number % len(sent)].event, at=self.clock.now + after)
        self.end_step("redeliver")

    @precondition(lambda self: self.stack.status in GREEN)
    @rule(which=st.integers(0, 3), name=st.sampled_from(FUNCTIONS), text=st.sampled_from(["", "x"]))
    def operator_changes(self, which: int, name: str, text: str) -> None:
        labels = sorted(self.template.labels)
        label = labels[which % len(labels)]
        if self.account.registered(label) is None:
            return
        self.account.move(label, self.world.arns[name], text)
        self.touched.add(label)
        self.may_remain.add(label)
        self.end_step("change by hand")

    @precondition(lambda self: self.stack.status in GREEN)
    @rule(
        changes=st.lists(outside_changes, min_size=1, max_size=3).map(tuple),
        disturbance=disturbances,
        not_ready_for=st.one_of(st.none(), seconds),
    )
    def functions_change(
        self,
        changes: tuple[OutsideChange, ...],
        disturbance: Disturbance,
        not_ready_for: float | None,
    ) -> None:
        begun = self.clock.now + min(change.after for change in changes)
        self.make_functions_slow(not_ready_for, begun)
        self.disturb(
            replace(
                disturbance,
                not_ready_for=not_ready_for,
                cancelled_after=None,
                other_fails_after=None,
                redelivered=None,
                outside=changes,
            )
        )
        self.clock.advance(max(change.after for change in changes))
        self.region.settle()
        self.learn_from_notices()
        self.end_step("change outside")

    @rule(choice=st.integers(0, 3), name=st.sampled_from([*FUNCTIONS, THEIRS]))
    def operator_registers(self, choice: int, name: str) -> None:
        label = LABELS[choice]
        if label in self.template.labels or self.account.registered(label) is not None:
            return
        self.account.register(label, self.world.arns[name], description="By hand")
        self.foreign[label] = self.account.registered(label)
        self.may_remain.add(label)
        self.end_step("register by hand")

    # What must be true.

    @invariant()
    def every_invocation_responds_once(self) -> None:
        invoked = Counter(one.request_id for one in self.region.invocations)
        responses = Counter(one["RequestId"] for one in self.region.responses)
        assert responses == invoked
        for invocation in self.region.invocations:
            assert invocation.error is None
            assert invocation.ended is not None
            assert invocation.ended - invocation.started <= INVOCATION_SECONDS
        events = {one.request_id: one.event for one in self.region.invocations}
        for response in self.region.responses:
            event = events[response["RequestId"]]
            if event["RequestType"] == "Delete" or (
                event["RequestType"] == "Update" and response["Status"] == "FAILED"
            ):
                assert response["PhysicalResourceId"] == event["PhysicalResourceId"]

    @invariant()
    def refresh_events_fail_for_appflow_only(self) -> None:
        """Nothing but AppFlow's refusals makes Lambda repeat an event."""
        errors = {type(error).__name__ for one in self.region.notices for error in one.errors}
        assert errors <= {"RefreshFailedError"}, errors

    @invariant()
    def foreign_labels_are_untouched(self) -> None:
        for label, registered in self.foreign.items():
            assert self.shown[label] == registered, f"{label} is not the stack's"

    @invariant()
    def labels_of_a_green_stack_are_registered(self) -> None:
        if self.stack.status not in GREEN:
            return
        for logical_id, spec in self.template.specs.items():
            if logical_id in self.skipped:
                continue
            registered = self.shown[spec.label]
            if registered is None and spec.label in self.touched:
                continue
            assert registered is not None, f"{spec.label} is not registered"
            if spec.label in self.touched | self.disturbed:
                continue
            arn = registered["connectorProvisioningConfig"]["lambda"]["lambdaArn"]
            assert arn == self.world.arns[spec.function], f"{spec.label} has another function"
            if spec.description is not None:
                assert registered.get("connectorDescription", "") == spec.description, spec.label
            words = self.world.versions[spec.function]
            assert registered["connectorVersion"] == words, f"{spec.label} has other words"

    @invariant()
    def nothing_stays_behind(self) -> None:
        if self.stack.status.endswith("_FAILED"):
            return
        skipped = {self.template.specs[one].label for one in self.skipped & {*self.template.specs}}
        allowed = self.template.labels | {*self.foreign} | self.may_remain | self.disturbed
        for label in LABELS:
            if label not in allowed | skipped:
                assert self.shown[label] is None, f"{label} stayed behind"


@pytest.fixture
def world(account: Account, region: Region, connections: Connections) -> World:
    """The world of all lives, in which every function has its first version."""
    sources = {name: connector("1.0") for name in [*FUNCTIONS, THEIRS]}
    sources[FAILING] = FAILING_CONNECTOR
    arns = {name: account.make_function(name, source) for name, source in sources.items()}
    versions = dict.fromkeys(FUNCTIONS, "1.0")
    return World(account, region, connections, arns, versions)


def live(world: World, **changed: Any) -> None:
    """Live some lives."""
    Life.world = world
    run_state_machine_as_test(
        Life,
        settings=settings(
            suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
            **changed,
        ),
    )


def test_any_life_keeps_the_invariants(world: World) -> None:
    """Whatever happens to a stack, AppFlow shows what its template says and nothing else."""
    live(world, stateful_step_count=20)


@pytest.mark.nightly
def test_many_lives_keep_the_invariants(world: World) -> None:
    """As many steps of random lives as the environment asks for keep the invariants."""
    wanted = int(os.environ.get("RANDOM_LIVES", "10000"))
    while (steps := world.steps.total()) < wanted:
        live(
            world,
            stateful_step_count=25,
            max_examples=(wanted - steps) // 25 + 1,
            derandomize=False,
            database=None,
        )
        print(f"{world.steps.total()} steps: {dict(world.steps)}; faults: {dict(world.faults)}")  # noqa: T201
