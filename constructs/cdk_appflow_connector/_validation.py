"""Checks that raise at synthesis what AppFlow, Lambda, IAM or CloudFormation would refuse later.

Source of AppFlow's rules: botocore's service model of AppFlow, version 2020-08-23. A token is not
checked, because its value is only known at deploy time; the handler checks it then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs import Construct

from ._connector_function import ConnectorFunction
from ._environment import Environment, is_same_stack

_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]{1,255}", re.ASCII)
_DESCRIPTION = re.compile(r"[\s\w/!@#+=.-]{0,1024}", re.ASCII)

LAMBDA_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[\w-]+(:[\w$-]+)?", re.ASCII)

_REMOVAL_POLICIES = (cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY)

# The handler begins no ordinary call to AppFlow during these last seconds of an invocation. A
# contract test compares them with the handler's own constant.
HANDLER_RESERVE_SECONDS = 160

# With the reserve, this leaves over a minute, for which the handler retries while IAM propagates a
# new permission.
MIN_TIMEOUT_SECONDS = 4 * 60

# Source: CreateFunction in the Lambda API Reference.
_MAX_TIMEOUT_SECONDS = 15 * 60
_MIN_MEMORY, _MAX_MEMORY = 128, 10_240

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

# Source: "IAM and AWS STS quotas" in the IAM User Guide. The number of managed policies can be
# raised up to this maximum; the size of the inline policies cannot be raised.
_MAX_MANAGED_POLICIES = 20
_MAX_INLINE_POLICIES_SIZE = 10_240


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
    if removal_policy not in _REMOVAL_POLICIES:
        raise ValueError(
            f"removal_policy is {removal_policy}, but a registration can only be kept"
            " (RemovalPolicy.RETAIN) or unregistered (RemovalPolicy.DESTROY). Choose one of the two"
        )
    if force_delete and removal_policy is not cdk.RemovalPolicy.DESTROY:
        raise ValueError(
            "force_delete is True, but RemovalPolicy.RETAIN never unregisters the connector. Set"
            " removal_policy=RemovalPolicy.DESTROY as well, or omit force_delete"
        )


def check_applied_removal_policy(policy: cdk.RemovalPolicy, path: str, resource_type: str) -> None:
    """Raise ValueError for a policy of ``apply_removal_policy`` that has no meaning here."""
    if policy not in _REMOVAL_POLICIES:
        raise ValueError(
            f"the policy applied to {path} is {policy}, but a registration can only be kept"
            " (RemovalPolicy.RETAIN) or unregistered (RemovalPolicy.DESTROY). Choose one of the"
            " two. To leave registrations out of RemovalPolicies.of(...), pass"
            f" exclude_resource_types=[{resource_type!r}]"
        )


def check_function(function: ConnectorFunction, environment: Environment) -> None:
    """Raise ValueError for a function that cannot be a connector in an environment.

    Source for ``$LATEST``: Lambda's response to AddPermission, "We currently do not support adding
    policies for $LATEST."
    """
    if function.arn.endswith(":$LATEST"):
        raise ValueError(
            f"connector_function is {function.construct.node.path}, whose ARN ends with :$LATEST,"
            " but Lambda accepts no permission for AppFlow on $LATEST. Pass the function itself,"
            " which runs the same code"
        )
    if not LAMBDA_ARN.fullmatch(function.arn) and not cdk.Token.is_unresolved(function.arn):
        raise ValueError(
            f"the ARN of connector_function is {function.arn}, but AppFlow accepts only"
            " arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]. Pass a"
            " function with such an ARN"
        )
    if environment == (None, None):
        return
    actual = function.environment
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


def check_provider_stack(provider: Construct, stack: cdk.Stack) -> None:
    """Raise ValueError for a provider of another stack than the registration's."""
    other = cdk.Stack.of(provider)
    if not is_same_stack(other, stack):
        raise ValueError(
            f"provider is in stack {other.node.path}, but this registration is in stack"
            f" {stack.node.path}. Create a provider in the registration's stack"
        )


def check_service_timeout(seconds: float, event_lifetime: float) -> None:
    """Raise ValueError for a service timeout that is longer or shorter than it can be."""
    if not event_lifetime <= seconds <= MAX_SERVICE_TIMEOUT_SECONDS:
        raise ValueError(
            f"service_timeout is {seconds:g} seconds, but must be {event_lifetime:g} to"
            f" {MAX_SERVICE_TIMEOUT_SECONDS}: the provider's max_event_age and timeout add up to"
            f" {event_lifetime:g}, an event that runs after the service timeout would undo a"
            " rollback, and CloudFormation waits for at most an hour. Choose a value in this range"
        )


def check_runtime(runtime: lambda_.Runtime) -> None:
    """Raise ValueError for a runtime that the handler does not run on."""
    version = re.fullmatch(r"python3\.([0-9]+)", runtime.name)
    if version is None or int(version[1]) < 10:
        raise ValueError(
            f"runtime is {runtime.name}, but the handler needs Python 3.10 or newer. Choose a newer"
            " runtime, for example Runtime.PYTHON_3_13"
        )


def check_memory_size(memory_size: int) -> None:
    """Raise ValueError for a memory size that Lambda refuses."""
    if cdk.Token.is_unresolved(memory_size) or _MIN_MEMORY <= memory_size <= _MAX_MEMORY:
        return
    raise ValueError(
        f"memory_size is {memory_size} MiB, but Lambda accepts {_MIN_MEMORY} to {_MAX_MEMORY}."
        " Choose a value in this range"
    )


def check_times(timeout: cdk.Duration, max_event_age: cdk.Duration) -> None:
    """Raise ValueError for times that the handler, Lambda or CloudFormation cannot work with."""
    if timeout.is_unresolved():
        return
    seconds = timeout.to_seconds()
    if not MIN_TIMEOUT_SECONDS <= seconds <= _MAX_TIMEOUT_SECONDS:
        raise ValueError(
            f"timeout is {seconds:g} seconds, but must be {MIN_TIMEOUT_SECONDS} to"
            f" {_MAX_TIMEOUT_SECONDS}: the handler reserves the last {HANDLER_RESERVE_SECONDS}"
            " seconds of an invocation for calls in progress and for its response, and Lambda ends"
            " an invocation after 15 minutes. Choose a value in this range"
        )
    if max_event_age.is_unresolved():
        return
    age = max_event_age.to_seconds()
    if age + seconds > MAX_SERVICE_TIMEOUT_SECONDS:
        raise ValueError(
            f"max_event_age is {age:g} seconds and timeout is {seconds:g}, together"
            f" {age + seconds:g}, but CloudFormation waits for at most"
            f" {MAX_SERVICE_TIMEOUT_SECONDS}: an event that runs later would undo a rollback."
            " Shorten one of them"
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
        if name in _RESERVED_VARIABLES or name.startswith("AWS_LAMBDA_"):
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
            f"with the permissions for this connector, role {role.node.path} would have {count}"
            f" managed policies, but IAM accepts at most {_MAX_MANAGED_POLICIES}, also with a"
            " raised quota. Move some of the stack's connectors to another stack or another"
            " provider"
        )


def check_inline_policies(size: int, role: Construct) -> None:
    """Raise ValueError for inline policies that are larger than IAM accepts for a role."""
    if size > _MAX_INLINE_POLICIES_SIZE:
        raise ValueError(
            f"with the permission to unregister this connector, the inline policies of role"
            f" {role.node.path} can reach {size:,} characters, but IAM accepts"
            f" {_MAX_INLINE_POLICIES_SIZE:,} for a role. Move some of the connectors with"
            " RemovalPolicy.DESTROY to another stack or another provider, or keep them with"
            " RemovalPolicy.RETAIN"
        )
