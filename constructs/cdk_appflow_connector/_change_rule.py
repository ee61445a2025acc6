"""EventBridge's rule for changes of a function that no deployment of the stack makes.

A stack has one rule for each function or alias, as it has one permission for AppFlow, because an
event bus has room for 300 rules. The rule matches the events of changes, and runs on a schedule
besides, because events can be lost.

Sources: PutRule in the EventBridge API Reference, which allows both in one rule, and "Amazon
EventBridge quotas" in the EventBridge User Guide.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import aws_cdk as cdk
import jsii
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from . import _validation as validation
from . import _warnings as warnings
from ._connector_function import ConnectorFunction
from ._environment import Comparison, StackRecord
from ._event_pattern import event_pattern
from ._logical_ids import short_digest
from ._refresh_input import INPUT_PATHS, input_template, max_input_size
from .connector_registration_provider import ConnectorRegistrationProvider

# The construct ids make the logical ids of deployed rules, so they may never change.
_RULE_ID = "ChangeRule"
_PERMISSION_ID = "ChangeRulePermission"
_RULES_ID = "AppFlowConnectorChangeRules"

# The default, which can be raised. Source: "Amazon EventBridge quotas".
_QUOTA = 300
_QUOTAS = {"af-south-1": 100}

# How much later than the call CloudTrail may deliver its event, which has the time of the call.
# Users of such rules report 5 to 15 minutes, and AWS documents no limit.
_CLOUDTRAIL_SECONDS = 15 * 60


class Listener(NamedTuple):
    """A registration that changes of its function refresh.

    Attributes:
        provider: the provider that refreshes it.
        properties: the properties of its resource.
        reconcile_seconds: the seconds between two runs of the schedule, or None for no schedule.
    """

    provider: ConnectorRegistrationProvider
    properties: Mapping[str, Any]
    reconcile_seconds: int | None


class ChangeRule:
    """The rule of a function or alias in a stack, for all registrations of it there."""

    def __init__(self, function: ConnectorFunction, stack: StackRecord) -> None:
        self._function = function
        self._stack = stack
        self._listeners: list[Listener] = []
        self._rule: events.CfnRule | None = None

    @classmethod
    def of(cls, function: ConnectorFunction, stack: StackRecord) -> ChangeRule:
        """The rule of a function in a stack, which has no resource before its first listener."""
        return stack.change_rules.setdefault(function.key(stack), cls(function, stack))

    def add(self, listener: Listener) -> None:
        """Let changes of the function refresh a registration.

        Raises:
            ValueError: EventBridge would refuse the rule.
        """
        listeners = [*self._listeners, listener]
        by_provider = _by_provider(listeners)
        validation.check_rule_targets(len(by_provider), self._function.construct)
        for group in by_provider.values():
            size = max_input_size(one.properties for one in group)
            validation.check_rule_input(size, self._function.construct)
        _allow_rules(listener.provider, self._stack)
        schedule = _schedule(listeners)
        if self._rule is None:
            self._rule = self._create(schedule)
            _ChangeRules.of(self._stack).count(self._stack)
        elif schedule != _schedule(self._listeners):
            self._rule.schedule_expression = schedule
        self._listeners = listeners

    def targets(self) -> list[dict[str, Any]]:
        """The targets of the rule, as the CDK names their properties."""
        groups = _by_provider(self._listeners)
        return [self._target(path, groups[path]) for path in sorted(groups)]

    def _create(self, schedule: str | None) -> events.CfnRule:
        digest = short_digest(self._function.key(self._stack))
        return events.CfnRule(
            self._stack,
            f"{_RULE_ID}{digest}",
            name=_name(self._stack, digest),
            description="Refreshes AppFlow connector registrations after changes of their function"
            " (cdk-appflow-connector)",
            event_pattern=event_pattern(self._function.name(self._stack.stack)),
            schedule_expression=schedule,
            targets=cdk.Lazy.uncached_any(_Targets(self)),
        )

    def _target(self, path: str, listeners: Sequence[Listener]) -> dict[str, Any]:
        provider, stack = listeners[0].provider, self._stack.stack
        max_event_age = provider._max_event_age_seconds
        template = input_template(
            self._function.arn,
            [one.properties for one in listeners],
            # The handler may read the events of its own stack only.
            cdk.Aws.STACK_ID if self._function.is_in(stack) else None,
            max_event_age + _CLOUDTRAIL_SECONDS,
            stack.resolve,
        )
        return {
            "id": f"Handler{short_digest(path)}",
            "arn": provider.service_token,
            "inputTransformer": {"inputPathsMap": INPUT_PATHS, "inputTemplate": template},
            # EventBridge retries for no longer than Lambda does.
            "retryPolicy": {"maximumEventAgeInSeconds": max_event_age},
        }


class _ChangeRules(Construct):
    """The rules of an app, of which an account and Region have room for some."""

    def __init__(self, app: Construct) -> None:
        super().__init__(app, _RULES_ID)
        self._stacks: list[StackRecord] = []

    @classmethod
    def of(cls, stack: StackRecord) -> _ChangeRules:
        """The rules of the app that a stack belongs to."""
        found = stack.app_node.try_find_child(_RULES_ID)
        return found if isinstance(found, cls) else cls(stack.app)

    def count(self, stack: StackRecord) -> None:
        """Count one more rule, and warn about the first one beyond the quota."""
        self._stacks.append(stack)
        quota = _QUOTAS.get(stack.environment.region or "", _QUOTA)
        number = sum(stack.compare(one) is not Comparison.DIFFERENT for one in self._stacks)
        if number == quota + 1:
            warnings.warn_event_rule_quota(stack.stack, quota)


@jsii.implements(cdk.IAnyProducer)
class _Targets:
    """The targets of a rule, written at the end of synthesis."""

    def __init__(self, rule: ChangeRule) -> None:
        self._rule = rule

    def produce(self, context: cdk.IResolveContext) -> Any:  # noqa: ARG002 - CDK's signature
        return self._rule.targets()


def _name(stack: StackRecord, suffix: str) -> str:
    """The name of a rule in a stack, unique in the account and Region."""
    return f"AppFlowConnector-{stack.unique_id}-{suffix}"


def _allow_rules(provider: ConnectorRegistrationProvider, stack: StackRecord) -> None:
    """Allow the rules of a stack to invoke a handler.

    One statement is for all of them: about 54 would fill the handler's resource policy.
    Source: "Lambda quotas" in the AWS Lambda Developer Guide.
    """
    if provider._allows_rules:
        return
    source = stack.stack.format_arn(
        service="events", resource="rule", resource_name=_name(stack, "*")
    )
    lambda_.CfnPermission(
        provider,
        _PERMISSION_ID,
        action="lambda:InvokeFunction",
        function_name=provider.service_token,
        principal="events.amazonaws.com",
        source_arn=source,
    )
    provider._allows_rules = True


def _by_provider(listeners: Iterable[Listener]) -> dict[str, list[Listener]]:
    """The listeners of each provider, by the path of the provider in its stack."""
    groups: dict[str, list[Listener]] = {}
    for listener in listeners:
        groups.setdefault(listener.provider._path_in_stack, []).append(listener)
    return groups


def _schedule(listeners: Iterable[Listener]) -> str | None:
    """The shortest of the schedules that the listeners ask for, as a rate expression."""
    times = [one.reconcile_seconds for one in listeners if one.reconcile_seconds is not None]
    return _rate(min(times)) if times else None


@functools.cache
def _rate(seconds: int) -> str:
    return events.Schedule.rate(cdk.Duration.seconds(seconds)).expression_string
