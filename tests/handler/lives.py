"""What happens in a random life: edits of a template, and what disturbs a deployment."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from tests.handler.clock import RESPONSE, Latency
from tests.handler.events import properties
from tests.handler.faults import FAULTS

FUNCTIONS = ["one", "two"]
FAILING = "failing"
THEIRS = "theirs"
"""The function of another stack and of operators."""
DESCRIPTIONS = [None, "Acme", "Acme CRM"]
LOGICAL_IDS = ["A", "B", "C", "D"]
LABELS = ["label-1", "label-2", "label-3", "label-4"]


@dataclass(frozen=True)
class Spec:
    """A registration in a template."""

    label: str
    function: str = "one"
    description: str | None = None
    destroy: bool = True
    adoption: str = "Allowed"
    trigger: int = 0

    def same_in_appflow(self, other: Spec) -> bool:
        """Whether AppFlow is to show the same for both, but for the label."""
        return (self.function, self.description) == (other.function, other.description)

    def properties(self, arns: Mapping[str, str], code: Mapping[str, int]) -> dict[str, Any]:
        return properties(
            arns[self.function],
            ConnectorLabel=self.label,
            Description=self.description,
            FunctionHash={"Hash": str(code[self.function])},
            RemovalPolicy="Destroy" if self.destroy else "Retain",
            Adoption=self.adoption,
            Triggers={"Count": str(self.trigger)},
        )


@dataclass(frozen=True)
class Template:
    """What a user deploys: the registrations by logical id, and the version of each function."""

    specs: Mapping[str, Spec] = field(default_factory=dict)
    code: Mapping[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> set[str]:
        return {spec.label for spec in self.specs.values()}

    def owner(self, label: str) -> str | None:
        """The logical id of the resource that has a label."""
        return next((one for one, spec in self.specs.items() if spec.label == label), None)

    def with_spec(self, logical_id: str, **changed: Any) -> Template:
        spec = replace(self.specs[logical_id], **changed)
        return replace(self, specs={**self.specs, logical_id: spec})


@dataclass(frozen=True)
class Edit:
    """A change of a template.

    Attributes:
        kind: the name of a function in ``EDITS``.
        which: the resource, counted modulo the number of resources.
        choice: the new value, counted in the same way.
    """

    kind: str
    which: int
    choice: int

    def apply(self, template: Template) -> Template:
        ids = sorted(template.specs)
        if not ids:
            return _add(template, "", self.choice)
        return EDITS[self.kind](template, ids[self.which % len(ids)], self.choice)


def _free_label(template: Template, choice: int) -> str | None:
    free = [label for label in LABELS if label not in template.labels]
    return free[choice % len(free)] if free else None


def _add(template: Template, _: str, choice: int) -> Template:
    free_ids = [one for one in LOGICAL_IDS if one not in template.specs]
    label = _free_label(template, choice)
    if not free_ids or label is None:
        return template
    spec = Spec(label, FUNCTIONS[choice % 2])
    return replace(template, specs={**template.specs, free_ids[0]: spec})


def _remove(template: Template, logical_id: str, _: int) -> Template:
    left = {one: spec for one, spec in template.specs.items() if one != logical_id}
    return replace(template, specs=left or template.specs)


def _relabel(template: Template, logical_id: str, choice: int) -> Template:
    label = _free_label(template, choice)
    return template if label is None else template.with_spec(logical_id, label=label)


def _swap(template: Template, logical_id: str, choice: int) -> Template:
    others = sorted({*template.specs} - {logical_id})
    if not others:
        return template
    other = others[choice % len(others)]
    mine, theirs = template.specs[logical_id].label, template.specs[other].label
    return template.with_spec(logical_id, label=theirs).with_spec(other, label=mine)


def _shift(template: Template, logical_id: str, choice: int) -> Template:
    others = sorted({*template.specs} - {logical_id})
    label = _free_label(template, choice)
    if not others or label is None:
        return template
    other = others[choice % len(others)]
    theirs = template.specs[other].label
    return template.with_spec(other, label=label).with_spec(logical_id, label=theirs)


def _rename(template: Template, logical_id: str, choice: int) -> Template:
    free = [one for one in LOGICAL_IDS if one not in template.specs]
    if not free:
        return template
    kept = {one: spec for one, spec in template.specs.items() if one != logical_id}
    return replace(template, specs={**kept, free[choice % len(free)]: template.specs[logical_id]})


def _new_code(template: Template, logical_id: str, _: int) -> Template:
    name = template.specs[logical_id].function
    if name == FAILING:
        return template
    return replace(template, code={**template.code, name: max(template.code.values()) + 1})


EDITS: dict[str, Callable[[Template, str, int], Template]] = {
    "function": lambda template, one, choice: template.with_spec(
        one, function=[*FUNCTIONS, *FUNCTIONS, FAILING][choice % 5]
    ),
    "description": lambda template, one, choice: template.with_spec(
        one, description=DESCRIPTIONS[choice % 3]
    ),
    "policy": lambda template, one, _: template.with_spec(
        one, destroy=not template.specs[one].destroy
    ),
    "adoption": lambda template, one, choice: template.with_spec(
        one, adoption=["Allowed", "Forbidden", "Required"][choice % 3]
    ),
    "trigger": lambda template, one, _: template.with_spec(
        one, trigger=template.specs[one].trigger + 1
    ),
    "code": _new_code,
    "add": _add,
    "remove": _remove,
    "label": _relabel,
    "swap": _swap,
    "shift": _shift,
    "logical id": _rename,
}

edits = st.lists(
    st.builds(Edit, st.sampled_from(sorted(EDITS)), st.integers(0, 3), st.integers(0, 4)),
    min_size=1,
    max_size=2,
)

# Faults that look like a response of AppFlow about the label.
LIES = {"ResourceNotFoundException", "ValidationException"}
OPERATIONS = [
    "RegisterConnector",
    "UpdateConnectorRegistration",
    "DescribeConnector",
    "UnregisterConnector",
    "DescribeStackEvents",
    "GetFunctionConfiguration",
    "Invoke",
]

seconds = st.sampled_from([0.02, 0.06, 0.1, 0.14, 0.18, 0.22, 0.26, 0.5, 1, 2, 3, 5, 10, 30, 60])


@dataclass(frozen=True)
class Failure:
    """A fault that calls of an operation meet, once or until a time."""

    operation: str
    fault: str
    times: int
    ends_after: float


class RandomLatency(Latency):
    """Calls that take different times, of which a few take very long.

    Args:
        seed: of the random times.
        slow: the share of the calls that take very long.
    """

    def __init__(self, seed: int, slow: float) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._slow = slow

    def parts(self, operation: str) -> tuple[float, float]:
        seconds = self._random.uniform(0.05, 1)
        # The response to CloudFormation has no retries here, so it is never slow.
        if operation != RESPONSE and self._random.random() < self._slow:
            seconds = 20
        before = self._random.uniform(0, seconds)
        return before, seconds - before


@dataclass(frozen=True)
class OutsideChange:
    """A change of a function's code by a call of Lambda, outside of deployments.

    Attributes:
        which: the function, counted modulo the number of those that have a registration.
        after: seconds after the beginning of the step.
        events: seconds after the change at which each of its events arrives; without one, only the
            schedule finds the change.
        is_back: whether the function gets its former code again.
    """

    which: int
    after: float
    events: tuple[float, ...]
    is_back: bool = False


@dataclass(frozen=True)
class Disturbance:
    """What disturbs a deployment; times are in seconds after its beginning.

    Attributes:
        cancelled_after: when a user cancels it, if it is an update.
        other_fails_after: when another resource fails.
        failures: the faults that calls meet.
        latency: seconds of each call, or a seed of random times.
        redelivered: how many events before the last one is delivered again, and when.
        outside: changes of functions outside of the deployment, while it runs.
        not_ready_for: how long Lambda takes to put new code into effect. The handler does not wait
            for that if it cannot read the function's state, so reads neither fail nor take long.
    """

    cancelled_after: float | None = None
    other_fails_after: float | None = None
    failures: tuple[Failure, ...] = ()
    latency: float | int = 0.05
    redelivered: tuple[int, float] | None = None
    outside: tuple[OutsideChange, ...] = ()
    not_ready_for: float | None = None
    parallel: bool = False
    pause: float = 0.0
    stack_first: bool = False

    def faults(self) -> list[Failure]:
        kept = (one for one in self.failures if one.operation != "GetFunctionConfiguration")
        return [*self.failures] if self.not_ready_for is None else [*kept]

    def latencies(self) -> Latency:
        if isinstance(self.latency, float):
            return Latency(self.latency)
        return RandomLatency(self.latency, 0.03 if self.not_ready_for is None else 0.0)


def _rarely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), strategy)


failures = st.builds(
    Failure,
    st.sampled_from(OPERATIONS),
    st.sampled_from(sorted(set(FAULTS) - LIES)),
    st.sampled_from([1, 1, 3, 10_000]),
    seconds,
)
# Events arrive late, more than once and in another order than their changes.
_delays = st.one_of(seconds, st.sampled_from([0.0, 120.0, 250.0]))
outside_changes = st.builds(
    OutsideChange,
    st.integers(0, 3),
    seconds,
    # A later event corrects what an earlier one misses, so a single one finds more.
    st.one_of(st.tuples(_delays), st.lists(_delays, max_size=3).map(tuple)),
    st.booleans(),
)
disturbances = st.builds(
    Disturbance,
    cancelled_after=_rarely(seconds),
    other_fails_after=_rarely(seconds),
    failures=st.lists(failures, max_size=2).map(tuple),
    latency=st.one_of(st.sampled_from([0.05, 0.3, 1.0]), st.integers(0, 1000)),
    outside=_rarely(st.tuples(outside_changes)).map(lambda found: found or ()),
    redelivered=_rarely(st.tuples(st.integers(0, 3), seconds)),
    not_ready_for=_rarely(seconds),
    parallel=st.booleans(),
    pause=st.sampled_from([0.0, 1.0, 5.0]),
    stack_first=st.booleans(),
)
