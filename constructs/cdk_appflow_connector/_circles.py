"""Circles of resources, of which each waits for the next, so that none can be created.

CloudFormation refuses them at deployment with a list of logical ids. Here they get the names of
constructs and a remedy.
"""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._environment import StackRecord
from ._expressions import elements_of, referenced_names
from ._validation import is_label

if TYPE_CHECKING:
    from .connector_registration import ConnectorRegistration

# What each resource of a template waits for, by logical ids.
_Graph = dict[str, set[str]]


@dataclass(frozen=True)
class _Member:
    """A registration in a graph.

    Attributes:
        registration: the registration.
        policy: the policy that it shares with others, or None.
        functions: the resources that the ARN of its function refers to.
    """

    registration: ConnectorRegistration
    policy: str | None
    functions: frozenset[str]


def find_circle(stack: StackRecord, template: Mapping[str, Any]) -> Iterator[str]:
    """Describe a circle with a registration of a stack, or of a stack nested in it."""
    graph = _graph_of(template)
    if not _has_circle(graph):
        # Most templates have none, and the names of constructs cost messages to the CDK.
        return
    members = _members(stack, graph)
    nested = _nested_stacks(stack)
    names = {*members, *nested}
    if circle := _circle_with(names, _separated(graph, members, members)):
        yield _describe(circle, stack, members, nested)
    elif circle := _circle_with(names, graph):
        yield _describe_sharing(circle, graph, members, nested)


def _graph_of(template: Mapping[str, Any]) -> _Graph:
    resources = template.get("Resources", {})
    graph: _Graph = {}
    for name, resource in resources.items():
        depends_on = resource.get("DependsOn", [])
        explicit = {depends_on} if isinstance(depends_on, str) else {*depends_on}
        graph[name] = {*referenced_names(resource), *explicit} & resources.keys()
    return graph


def _members(stack: StackRecord, graph: _Graph) -> dict[str, _Member]:
    """The registrations of a stack by their logical ids."""
    described = [
        [one._resource.logical_id, one._shared_policy_id or "", one._functions]
        for one in stack.registrations
    ]
    return {
        name: _Member(
            registration, policy or None, frozenset(referenced_names(arns)) & graph.keys()
        )
        for registration, (name, policy, arns) in zip(
            stack.registrations, stack.stack.resolve(described), strict=True
        )
    }


def _nested_stacks(stack: StackRecord) -> dict[str, StackRecord]:
    """The nested stacks with registrations, by the logical ids of their resources."""
    records = {str(number): record for number, record in enumerate(stack.nested)}
    resources = {
        name: record.stack.nested_stack_resource.logical_id
        for name, record in records.items()
        if record.stack.nested_stack_resource is not None
    }
    return {name: records[key] for key, name in stack.stack.resolve(resources).items()}


def _separated(graph: _Graph, members: Mapping[str, _Member], moved: Collection[str]) -> _Graph:
    """The graph if some registrations shared no policy, as with providers of their own."""
    by_policy: defaultdict[str, list[str]] = defaultdict(list)
    for name, member in members.items():
        if member.policy is not None:
            by_policy[member.policy].append(name)
    separated = {name: {*others} for name, others in graph.items()}
    for policy, sharing in by_policy.items():
        functions = [members[name].functions for name in sharing]
        remaining = [members[name].functions for name in sharing if name not in moved]
        role = graph[policy].difference(*functions)
        separated[policy] = role.union(*remaining)
        for name in sharing:
            if name in moved:
                separated[name] = (graph[name] - {policy}) | role | members[name].functions
    return separated


def _has_circle(graph: _Graph) -> bool:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError:
        return True
    return False


def _circle_with(names: Collection[str], graph: _Graph) -> list[str] | None:
    """A circle that contains one of the names, in which each resource waits for the next."""
    graph = {name: {*others} for name, others in graph.items()}
    while True:
        try:
            graphlib.TopologicalSorter({one: sorted(graph[one]) for one in graph}).prepare()
        except graphlib.CycleError as error:
            first, *circle = reversed(error.args[1])
            if not {first, *circle}.isdisjoint(names):
                return [first, *circle[:-1]]
            # Another circle of the app, which says nothing about those of the registrations.
            graph[first].discard(circle[0])
        else:
            return None


def _describe(
    circle: list[str],
    stack: StackRecord,
    members: Mapping[str, _Member],
    nested: Mapping[str, StackRecord],
) -> str:
    start = next(number for number, name in enumerate(circle) if name in {*members, *nested})
    paths = _paths([*circle[start:], *circle[:start]], stack, members, nested)
    waits = ", which waits for ".join([*paths[1:], paths[0]])
    labels = [
        registration._label
        for name in circle
        for registration in _registrations(name, members, nested)
        if is_label(registration._label)
    ]
    label = labels[0] if labels else "<label>"
    return (
        f"{paths[0]} waits for {waits}, and CloudFormation refuses such a circle. A function or a"
        " role that needs only the label or the ARN of a connector does not have to wait for its"
        " registration: use"
        f" ConnectorRegistration.from_connector_label(self, 'Connector', {label!r}) there, with"
        " its connector_label or connector_arn. Otherwise remove one of these dependencies; a"
        " provider belongs outside of a construct that waits for a registration"
    )


def _registrations(
    name: str, members: Mapping[str, _Member], nested: Mapping[str, StackRecord]
) -> list[ConnectorRegistration]:
    """The registration with a logical id, or those of a nested stack with this id."""
    if name in members:
        return [members[name].registration]
    return nested[name].registrations if name in nested else []


def _paths(
    circle: list[str],
    stack: StackRecord,
    members: Mapping[str, _Member],
    nested: Mapping[str, StackRecord],
) -> list[str]:
    """The paths of the constructs in a circle, without policies and permissions of the library."""
    elements = elements_of(stack.stack)
    registrations = [member.registration.node.path for member in members.values()]
    hidden = tuple(f"{path}/" for path in (*registrations, stack.node.path))
    paths = []
    for name in circle:
        if name in members:
            paths.append(members[name].registration.node.path)
        elif name in nested:
            paths.append(nested[name].stack.node.path)
        elif not (path := elements[name].node.path).startswith(hidden):
            paths.append(path.removesuffix("/Resource"))
    return paths


def _describe_sharing(
    circle: list[str],
    graph: _Graph,
    members: Mapping[str, _Member],
    nested: Mapping[str, StackRecord],
) -> str:
    """Describe a circle that only exists because registrations share a policy."""
    names = {*members, *nested}

    def all_of(choose: Callable[[list[str], Mapping[str, _Member]], list[str]]) -> list[str]:
        moved: list[str] = []
        while found := _circle_with(names, _separated(graph, members, moved)):
            moved += choose(found, {name: members[name] for name in members if name not in moved})
        return moved

    [waiting, *_] = _waiting(circle, members)
    [other, *_] = _named(circle, members)
    moved = {*min(all_of(_named), all_of(_waiting), key=len)}
    first, second = members[waiting].registration, members[other].registration
    separate = [one.registration.node.path for name, one in members.items() if name in moved]
    own = "a provider of its own" if len(moved) == 1 else "providers of their own, one for each"
    return (
        f"{first.node.path} waits for a policy that it shares with {second.node.path}, so it waits"
        f" for the function of that one too, which waits for {first.node.path}, and CloudFormation"
        f" refuses such a circle. Provider {first._provider.node.path} has more connectors than"
        " can have policies of their own. Give"
        f" {', '.join(separate)} {own}, for example"
        " provider=ConnectorRegistrationProvider(self, 'OwnProvider')"
    )


def _named(circle: list[str], members: Mapping[str, _Member]) -> list[str]:
    """The registrations whose function a shared policy of a circle names."""
    for policy, function in zip(circle, [*circle[1:], circle[0]], strict=True):
        found = [
            name
            for name, member in members.items()
            if member.policy == policy and function in member.functions
        ]
        if found:
            return found
    raise AssertionError("the circle contains a shared policy")


def _waiting(circle: list[str], members: Mapping[str, _Member]) -> list[str]:
    """The registration that waits for a shared policy of a circle."""
    for name, policy in zip(circle, [*circle[1:], circle[0]], strict=True):
        if name in members and members[name].policy == policy:
            return [name]
    return _named(circle, members)
