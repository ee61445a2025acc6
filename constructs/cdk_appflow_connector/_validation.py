"""Checks that raise at synthesis what AppFlow, Lambda, IAM or CloudFormation would refuse later.

Source of AppFlow's rules: botocore's service model of AppFlow, version 2020-08-23. A token is not
checked, because its value is only known at deploy time; the handler checks it then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import aws_cdk as cdk
from aws_cdk import aws_logs as logs

from constructs import Construct, IConstruct

from ._arguments import shown
from ._connector_function import ConnectorFunction, Kind
from ._environment import StackRecord, is_same_stack

_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]{1,255}", re.ASCII)
_DESCRIPTION = re.compile(r"[\s\w/!@#+=.-]{0,1024}", re.ASCII)

CHANGE_ID = re.compile(r"[A-Z][A-Z0-9_]*(:([^\s%,]|%[0-9A-F]{2})+)?")
"""The id of a breaking change: what has changed, and often a colon and the value.

A blank in the value is ``%20``, a comma ``%2C``, and a percent sign ``%25``.
"""

LAMBDA_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[\w-]+(:[\w$-]+)?", re.ASCII)

# Source: CreateFunction in the Lambda API Reference and CreateRole in the IAM API Reference.
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)

# The handler begins no ordinary call to AppFlow during these last seconds of an invocation. A
# contract test compares them with the handler's own constant.
HANDLER_RESERVE_SECONDS = 160

# With the reserve, this leaves over a minute, for which the handler retries while IAM propagates a
# new permission.
MIN_TIMEOUT_SECONDS = 4 * 60

# Source: CreateFunction in the Lambda API Reference.
_MAX_TIMEOUT_SECONDS = 15 * 60
_MIN_MEMORY, _MAX_MEMORY = 128, 10_240

# Source: PutFunctionEventInvokeConfig in the Lambda API Reference.
_MIN_EVENT_AGE_SECONDS = 60

# Sources: "Working with Lambda environment variables" in the AWS Lambda Developer Guide and
# Environment in the Lambda API Reference.
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+", re.ASCII)
_RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)

# CloudFormation waits no longer for a custom resource, whatever its ServiceTimeout.
# Source: AWS::CloudFormation::CustomResource in the CloudFormation Template Reference.
MAX_SERVICE_TIMEOUT_SECONDS = 60 * 60

# A schedule is for lost events. Each run costs an invocation of the handler and of the connector.
_MIN_RECONCILE_SECONDS = 60 * 60
_RECONCILE_SECONDS = 24 * 60 * 60

RECONCILE_EVERY = cdk.Duration.seconds(_RECONCILE_SECONDS)
"""The default of ``reconcile_every``."""

# Sources: "Amazon EventBridge quotas" in the EventBridge User Guide, and InputTransformer in the
# EventBridge API Reference.
_MAX_RULE_TARGETS = 5
_MAX_RULE_INPUT = 8_192

# Source: "IAM and AWS STS quotas" in the IAM User Guide. The number of managed policies can be
# raised up to this maximum; the size of the inline policies cannot be raised.
_MAX_MANAGED_POLICIES = 20
MAX_INLINE_POLICIES_SIZE = 10_240


def is_label(label: str) -> bool:
    """Whether AppFlow accepts a label; False for a token, whose value is not known."""
    return _LABEL.fullmatch(label) is not None


def check_connector_label(label: str) -> None:
    """Raise ValueError for a label that AppFlow refuses."""
    if not is_label(label) and not cdk.Token.is_unresolved(label):
        raise ValueError(
            f"connector_label is {label!r}, but AppFlow accepts 2 to 256 characters: a letter or"
            " digit first, then letters, digits and _ ! @ # . - only. Rename the connector, for"
            " example to 'acme-crm'"
        )


def check_description(description: str | None) -> None:
    """Raise ValueError for a description that AppFlow refuses."""
    if description is None or _DESCRIPTION.fullmatch(description):
        return
    if cdk.Token.is_unresolved(description):
        return
    refused = sorted({letter for letter in description if not _DESCRIPTION.fullmatch(letter)})
    if refused:
        raise ValueError(
            f"description is {description!r}, but AppFlow accepts only letters, digits, spaces and"
            f" / ! @ # + = . - _ in it. Remove {' '.join(map(repr, refused))}"
        )
    raise ValueError(
        f"description has {len(description)} characters, but AppFlow accepts at most 1024."
        " Shorten it"
    )


def check_removal_policy(removal_policy: cdk.RemovalPolicy, *, force_delete: bool) -> None:
    """Raise ValueError for a removal policy that has no meaning for a registration."""
    if removal_policy is cdk.RemovalPolicy.SNAPSHOT:
        raise ValueError(
            "removal_policy is RemovalPolicy.SNAPSHOT, but AppFlow has no snapshots: a registration"
            f" can only be {_REMOVAL_CHOICES}. Choose one of these"
        )
    if force_delete and removal_policy is cdk.RemovalPolicy.RETAIN:
        raise ValueError(
            "force_delete is True, but RemovalPolicy.RETAIN never unregisters the connector. Set"
            " removal_policy=RemovalPolicy.DESTROY as well, or omit force_delete"
        )


def check_acknowledged_changes(ids: Sequence[str], *, are_checked: bool) -> None:
    """Raise ValueError for ids that are not those of a change, or that nothing looks at."""
    if not ids:
        return
    if not are_checked:
        raise ValueError(
            "acknowledged_changes is given, but OnBreakingChange.IGNORE refuses no change. Set"
            " on_breaking_change=OnBreakingChange.FAIL as well, or omit acknowledged_changes"
        )
    if cdk.Token.is_unresolved(ids):
        return
    for one in ids:
        if not CHANGE_ID.fullmatch(one) and not cdk.Token.is_unresolved(one):
            raise ValueError(
                f"acknowledged_changes contains {shown(one)}, but an id looks like"
                " API_VERSION_REMOVED:v51.0, with %20 for a blank, %2C for a comma and %25 for a"
                " percent sign. Copy it from the reason of the failed update, or from"
                " cdk-appflow-connector check --against"
            )


_REMOVAL_CHOICES = (
    "kept (RemovalPolicy.RETAIN), unregistered (RemovalPolicy.DESTROY), or unregistered only when"
    " its creation is rolled back (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)"
)


def check_applied_removal_policy(policy: object, path: str, resource_type: str) -> None:
    """Raise ValueError for a policy of ``apply_removal_policy`` that has no meaning here."""
    if not isinstance(policy, cdk.RemovalPolicy) or policy is cdk.RemovalPolicy.SNAPSHOT:
        raise ValueError(
            f"the policy applied to {path} is {shown(policy)}, but a registration can only be"
            f" {_REMOVAL_CHOICES}. Choose one of these. To leave registrations out of"
            f" RemovalPolicies.of(...), pass exclude_resource_types=[{resource_type!r}]"
        )


def check_function(function: ConnectorFunction, stack: StackRecord) -> None:
    """Raise ValueError for a function that cannot be a connector in a stack.

    Source for ``$LATEST``: Lambda's response to AddPermission, "We currently do not support adding
    policies for $LATEST."
    """
    if function.arn.endswith(":$LATEST"):
        raise ValueError(
            f"connector_function is {function.construct.node.path}, whose ARN ends with :$LATEST,"
            " but Lambda accepts no permission for AppFlow on $LATEST. Pass the function itself,"
            " which runs the same code"
        )
    if function.is_literal and not LAMBDA_ARN.fullmatch(function.arn):
        raise ValueError(
            f"the ARN of connector_function is {function.arn}, but AppFlow accepts only"
            " arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]. Pass a"
            " function with such an ARN"
        )
    environment = stack.environment
    if environment == (None, None):
        return
    actual = function.environment_seen_from(stack)
    for kind, found, expected in (
        ("account", actual.account, environment.account),
        ("Region", actual.region, environment.region),
    ):
        if None not in (found, expected) and found != expected:
            raise ValueError(
                f"connector_function is in {kind} {found}, but its registration is in {kind}"
                f" {expected}. AppFlow only invokes functions in its own account and Region. Deploy"
                " the function there too"
            )


def check_external_change(
    function: ConnectorFunction, *, refresh: bool, refresh_on_code_change: bool
) -> None:
    """Raise ValueError for a function that nothing can change, and for half of its changes.

    Lambda reports the changes of deployments as well. The handler leaves a change of a running
    deployment to it, and would refresh after a change of a deployment that has ended.
    """
    if not refresh:
        return
    if not refresh_on_code_change:
        raise ValueError(
            "refresh_on_external_change is True, but refresh_on_code_change is False, and Lambda"
            " reports the changes that deployments make as well. Omit refresh_on_code_change, or"
            " set refresh_on_external_change=False"
        )
    if function.kind is Kind.VERSION:
        raise ValueError(
            f"refresh_on_external_change is True, but connector_function is"
            f" {function.construct.node.path}, a version, whose code and configuration never"
            " change. Omit refresh_on_external_change, or pass the function or an alias"
        )


def check_reconcile_every(reconcile_every: cdk.Duration | None, *, refresh: bool) -> int | None:
    """The seconds between two runs of a schedule, or None for no schedule.

    Raises:
        ValueError: the value is a token, too short, no whole number of minutes, or without effect.
    """
    if reconcile_every is None:
        return None
    if reconcile_every is RECONCILE_EVERY:
        return _RECONCILE_SECONDS
    seconds = _seconds(reconcile_every)
    if seconds is None:
        raise ValueError(
            "reconcile_every is a token, whose value is only known at deploy time, but synthesis"
            " makes a rate expression of it. Pass a Duration of known length, for example"
            " Duration.hours(24), or one from the app's context"
        )
    if seconds < _MIN_RECONCILE_SECONDS or seconds % 60:
        raise ValueError(
            f"reconcile_every is {seconds:.10g} seconds, but must be a whole number of minutes, and"
            " at least an hour. Pass for example Duration.hours(24), or None for no schedule"
        )
    if not refresh and seconds != _RECONCILE_SECONDS:
        raise ValueError(
            f"reconcile_every is {seconds:.10g} seconds, but refresh_on_external_change is False,"
            " so nothing is checked on a schedule. Set refresh_on_external_change=True as well, or"
            " omit reconcile_every"
        )
    return int(seconds)


def check_rule_targets(count: int, function: IConstruct) -> None:
    """Raise ValueError for more providers behind one rule than EventBridge accepts."""
    if count > _MAX_RULE_TARGETS:
        raise ValueError(
            f"with this registration, {count} providers would refresh the registrations of"
            f" {function.node.path} after external changes, but EventBridge accepts"
            f" {_MAX_RULE_TARGETS} targets for a rule. Pass one of the other providers, or set"
            " refresh_on_external_change=False"
        )


def check_rule_input(size: int, function: IConstruct) -> None:
    """Raise ValueError for more registrations of one function and provider than fit into a rule."""
    if size > _MAX_RULE_INPUT:
        raise ValueError(
            f"with this registration, the labels of the connectors of {function.node.path} can make"
            f" an input of {size:,} characters for the handler, but EventBridge accepts"
            f" {_MAX_RULE_INPUT:,}. Pass another provider, which has an input of its own, or set"
            " refresh_on_external_change=False"
        )


def check_provider_stack(provider: Construct, stack: cdk.Stack) -> None:
    """Raise ValueError for a provider of another stack than the registration's."""
    other = cdk.Stack.of(provider)
    if not is_same_stack(other, stack):
        raise ValueError(
            f"provider is in stack {other.node.path}, but this registration is in stack"
            f" {stack.node.path}. Create a provider in the registration's stack"
        )


def check_service_timeout(service_timeout: cdk.Duration, event_lifetime: int) -> int:
    """The seconds of a service timeout.

    Raises:
        ValueError: the value is a token, or longer or shorter than it can be.
    """
    seconds = seconds_of("service_timeout", service_timeout)
    if not event_lifetime <= seconds <= MAX_SERVICE_TIMEOUT_SECONDS:
        raise ValueError(
            f"service_timeout is {seconds} seconds, but must be {event_lifetime} to"
            f" {MAX_SERVICE_TIMEOUT_SECONDS}: the provider's max_event_age and timeout add up to"
            f" {event_lifetime}, an event that runs after the service timeout would undo a"
            " rollback, and CloudFormation waits for at most an hour. Choose a value in this range"
        )
    return seconds


def seconds_of(name: str, duration: cdk.Duration) -> int:
    """The seconds of an argument.

    Raises:
        ValueError: the duration is a token, or no whole number of seconds.
    """
    seconds = _seconds(duration)
    if seconds is None:
        _raise_unknown_time(name)
    if seconds != int(seconds):
        raise ValueError(
            f"{name} is {seconds:g} seconds, but must be a whole number of seconds. Round it"
        )
    return int(seconds)


def _seconds(duration: cdk.Duration) -> float | None:
    """The seconds of a duration, or None for a token."""
    try:
        seconds = duration.to_seconds(integral=False)
    except RuntimeError:
        # The CDK converts no token from one unit into another.
        return None
    # The CDK represents a token by a negative number, and no duration is negative.
    return None if seconds < 0 else seconds


def check_known_time(name: str, seconds: object) -> None:
    """Raise ValueError for resolved seconds that only the deployment knows."""
    if not isinstance(seconds, int | float):
        _raise_unknown_time(name)


def _raise_unknown_time(name: str) -> NoReturn:
    raise ValueError(
        f"{name} is a token, whose value is only known at deploy time, but synthesis compares the"
        " times of the handler, of its events and of CloudFormation: an event that runs later would"
        " undo a rollback. Pass a Duration of known length, for example Duration.minutes(10), or"
        " one from the app's context"
    )


def check_runtime(name: str) -> None:
    """Raise ValueError for a runtime that the handler does not run on."""
    version = re.fullmatch(r"python3\.([0-9]+)", name)
    if version is None or int(version[1]) < 10:
        raise ValueError(
            f"runtime is {name}, but the handler needs Python 3.10 or newer. Choose a newer"
            " runtime, for example Runtime.PYTHON_3_13"
        )


def check_memory_size(memory_size: float) -> None:
    """Raise ValueError for a memory size that Lambda refuses."""
    if _MIN_MEMORY <= memory_size <= _MAX_MEMORY or cdk.Token.is_unresolved(memory_size):
        return
    raise ValueError(
        f"memory_size is {memory_size} MiB, but Lambda accepts {_MIN_MEMORY} to {_MAX_MEMORY}."
        " Choose a value in this range"
    )


def check_reserved_concurrency(reserved: float | None) -> None:
    """Raise ValueError for a reserved concurrency with which the handler never runs.

    Source: "Configuring reserved concurrency for a function" in the AWS Lambda Developer Guide.
    """
    if reserved is None or reserved >= 1 or cdk.Token.is_unresolved(reserved):
        return
    raise ValueError(
        f"reserved_concurrent_executions is {reserved}, but must be at least 1: with 0, Lambda"
        " never runs the handler, so that every deployment waits until its service timeout. Choose"
        " a greater number, or omit it"
    )


def check_timeout(seconds: float) -> None:
    """Raise ValueError for a timeout that the handler or Lambda cannot work with."""
    if not MIN_TIMEOUT_SECONDS <= seconds <= _MAX_TIMEOUT_SECONDS:
        raise ValueError(
            f"timeout is {seconds} seconds, but must be {MIN_TIMEOUT_SECONDS} to"
            f" {_MAX_TIMEOUT_SECONDS}: the handler reserves the last {HANDLER_RESERVE_SECONDS}"
            " seconds of an invocation for calls in progress and for its response, and Lambda ends"
            " an invocation after 15 minutes. Choose a value in this range"
        )


def check_max_event_age(age: float, timeout: float, longest: int) -> None:
    """Raise ValueError for events that may run after CloudFormation has stopped waiting.

    Args:
        age: the maximum age of an event in seconds.
        timeout: the timeout of the handler in seconds.
        longest: how long CloudFormation waits for a response, in seconds.
    """
    if age < _MIN_EVENT_AGE_SECONDS:
        raise ValueError(
            f"max_event_age is {age} seconds, but Lambda accepts no less than"
            f" {_MIN_EVENT_AGE_SECONDS}. Choose a longer time"
        )
    if age + timeout > longest:
        raise ValueError(
            f"max_event_age is {age} seconds and timeout is {timeout}, together"
            f" {age + timeout}, but CloudFormation waits for at most {longest}: an event that"
            " runs later would undo a rollback. Shorten one of them"
        )


def check_names(function_name: str | None, role_name: str | None, *, has_role: bool) -> None:
    """Raise ValueError for a name that Lambda or IAM refuses, or that names nothing."""
    _check_name(
        "function_name", function_name, _FUNCTION_NAME, "Lambda", "letters, digits, - and _"
    )
    _check_name("role_name", role_name, _ROLE_NAME, "IAM", "letters, digits and + = , . @ - _")
    if role_name is not None and has_role:
        raise ValueError(
            "role_name is given together with role, which has its own name. Omit one of them"
        )


def _check_name(
    argument: str, name: str | None, pattern: re.Pattern[str], service: str, letters: str
) -> None:
    if name is None or pattern.fullmatch(name) or cdk.Token.is_unresolved(name):
        return
    raise ValueError(
        f"{argument} is {shown(name)}, but {service} accepts 1 to 64 characters: {letters} only."
        " Choose another name"
    )


def check_network(vpc: object, vpc_subnets: object | None, security_groups: object | None) -> None:
    """Raise ValueError for a part of a network without its VPC."""
    for name, value in (("vpc_subnets", vpc_subnets), ("security_groups", security_groups)):
        if vpc is None and value:
            raise ValueError(
                f"{name} is given without vpc, so the function would be in no network. Pass the VPC"
                " that it belongs to as vpc, or omit it"
            )


def check_log_retention(
    log_group: logs.ILogGroup | None, log_retention: logs.RetentionDays | None
) -> None:
    """Raise ValueError for a retention of a log group that the provider does not create."""
    if log_group is not None and log_retention is not None:
        raise ValueError(
            "log_retention is given together with log_group, which has its own retention. Omit one"
            " of them"
        )


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise ValueError for an environment variable that Lambda refuses."""
    for name, value in environment.items():
        if name in _RESERVED_VARIABLES or str(name).startswith("AWS_LAMBDA_"):
            raise ValueError(
                f"environment contains {name}, but Lambda reserves this name and sets the variable"
                " itself. Remove it"
            )
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise ValueError(
                f"environment contains the name {name!r}, but Lambda accepts 2 or more characters:"
                " a letter first, then letters, digits and _ only. Rename the variable"
            )
        if not isinstance(value, str):
            raise ValueError(
                f"environment contains {name} with the value {value!r}, but Lambda accepts only"
                f" text. Pass {str(value)!r}"
            )


def check_managed_policies(count: int, role: Construct) -> None:
    """Raise ValueError for more managed policies than IAM attaches to a role at all."""
    if count > _MAX_MANAGED_POLICIES:
        raise ValueError(
            f"with the permissions for its connectors, role {role.node.path} would have {count}"
            f" managed policies, but IAM accepts at most {_MAX_MANAGED_POLICIES}, also with a"
            " raised quota. Move some of the connectors to another stack, or to another provider"
            " with a role of its own"
        )


def check_inline_policies(size: int, role: Construct) -> None:
    """Raise ValueError for inline policies that are larger than IAM accepts for a role."""
    if size > MAX_INLINE_POLICIES_SIZE:
        raise ValueError(
            f"with the permissions for its connectors, the inline policies of role"
            f" {role.node.path} can reach {size:,} characters, but IAM accepts"
            f" {MAX_INLINE_POLICIES_SIZE:,} for a role. Move some of the connectors with"
            " RemovalPolicy.DESTROY to another stack, or to another provider with a role of its"
            " own, or keep them with RemovalPolicy.RETAIN. Add statements of your own in a managed"
            " policy, or to the role before its registrations are created"
        )
