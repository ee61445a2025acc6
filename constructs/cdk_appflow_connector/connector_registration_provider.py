"""The Lambda function that answers CloudFormation for the connectors of a stack."""

from __future__ import annotations

import functools
import re
import weakref

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs import Construct, IConstruct

from ._handler_asset import ENTRY_POINT, handler_code
from ._handler_permissions import HandlerPermissions, let_role, make_role, what_the_handler_needs

# The construct ids below make the logical ids of deployed stacks: CloudFormation refuses a custom
# resource whose provider is replaced, so none of them may ever change.
_ID = "AppFlowConnectorRegistrationProvider"
_FUNCTION_ID = "Function"
_QUEUE_ID = "EventInvokeConfig"

# The newest that Lambda has. By its name, since the oldest aws-cdk-lib supported has no constant
# for it. Source: "Lambda runtimes" in the AWS Lambda Developer Guide.
_RUNTIME = lambda_.Runtime("python3.14", lambda_.RuntimeFamily.PYTHON)

# The handler begins nothing in the last 160 seconds, see its ``lifecycle``. What is left is enough
# for a minute of IAM propagation, and for AppFlow to take the calls of 200 connectors at once.
_TIMEOUT = cdk.Duration.minutes(5)
_SHORTEST_TIMEOUT_SECONDS = 4 * 60

# Source: CreateFunction in the Lambda API Reference.
_LONGEST_TIMEOUT_SECONDS = 15 * 60
_LEAST_MEMORY, _MOST_MEMORY = 128, 10_240

_MAX_EVENT_AGE = cdk.Duration.minutes(5)

# Instead of CloudFormation's hour, so that an answer that gets lost costs less.
_SERVICE_TIMEOUT_SECONDS = 10 * 60

# CloudFormation waits no longer for any custom resource, whatever its ServiceTimeout.
# Source: AWS::CloudFormation::CustomResource in the CloudFormation Template Reference.
_LONGEST_SERVICE_TIMEOUT_SECONDS = 60 * 60


class ConnectorRegistrationProvider(Construct):
    """The Lambda function behind the connector registrations of a stack, with role and log group.

    Registrations find or make one with the defaults, so make one yourself only to set something:
    pass it to every ``ConnectorRegistration`` of the stack that shall use it.

    Args:
        scope: the construct to make this in.
        id: the id of this construct within ``scope``. Changing it, or moving this construct, makes
            another Lambda function, and CloudFormation refuses to change the function behind a
            custom resource: deploy the registrations with ``RETAIN`` out of the stack first, and
            then in again.
        runtime: a Python runtime of Lambda, 3.10 or newer. Default: the newest Lambda has,
            ``python3.14``.
        architecture: of the processor. Default: arm64.
        memory_size: in MiB, 128 to 10,240; Lambda gives processor time in proportion. Default: 512,
            where what an update costs, times what it takes, is near its least
            (``docs/performance.md``).
            Source: "Configure Lambda function memory" in the AWS Lambda Developer Guide.
        timeout: of one invocation, 4 to 15 minutes. The handler begins no call to AppFlow during
            the last 160 seconds. Default: 5 minutes.
        max_event_age: how old an event may be when Lambda runs it, be it late or once more after a
            crash; at least 1 minute, and at most an hour together with ``timeout``. Both must fit
            into the service timeout of every registration, or an event could run after
            CloudFormation has given it up and rolled back. Default: 5 minutes. Source:
            PutFunctionEventInvokeConfig in the Lambda API Reference.
        on_failure: where Lambda sends an event whose invocations have all failed. Such an event has
            not been answered. It holds the presigned URL for the answer. Default: nowhere.
        role: the function's role. A role of the app gets all permissions, in policies of this
            construct's stack. If it is of another stack, the destination of ``on_failure`` has to
            be of another stack too, since the CDK grants that in the role's. An imported role is
            left as it is and must have the permissions, those for ``vpc``, ``on_failure`` and
            ``tracing`` among them. Default: a role of its own.
        permissions_boundary: for the roles made here. Default: none.
        log_group: for the function's logs. Default: one of its own, deleted with the stack.
        log_retention: how long the default log group keeps its lines. Default: one month.
        vpc: the VPC to run in. It needs a route to AppFlow, to CloudFormation and to S3, which
            takes the answers. Default: no VPC.
        vpc_subnets: the subnets of ``vpc`` to run in. Default: its private ones.
        security_groups: for the function in ``vpc``. Default: one that lets everything out.
        environment_encryption: a KMS key for the function's environment. Default: Lambda's own.
        tracing: AWS X-Ray. Default: off.

    Raises:
        ValueError: ``runtime`` is no Python or an older one, ``timeout`` or ``memory_size`` is
            outside its limits, ``max_event_age`` and ``timeout`` are more than an hour together, or
            ``log_retention`` is given for a log group of the app.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        runtime: lambda_.Runtime = _RUNTIME,
        architecture: lambda_.Architecture = lambda_.Architecture.ARM_64,
        memory_size: int = 512,
        timeout: cdk.Duration = _TIMEOUT,
        max_event_age: cdk.Duration = _MAX_EVENT_AGE,
        on_failure: lambda_.IDestination | None = None,
        role: iam.IRole | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: list[ec2.ISecurityGroup] | None = None,
        environment_encryption: kms.IKey | None = None,
        tracing: lambda_.Tracing | None = None,
    ) -> None:
        _check_runtime(runtime)
        _check_memory_size(memory_size)
        _check_times(timeout, max_event_age)
        if log_group is not None and log_retention is not None:
            raise ValueError(
                "log_retention is given together with log_group, whose retention is its own. Leave"
                " one of them out"
            )
        super().__init__(scope, id)
        # Statements that differ in their resources only become one, also in apps that have not set
        # this feature flag.
        self.node.set_context("@aws-cdk/aws-iam:minimizePolicies", True)
        if permissions_boundary is not None:
            iam.PermissionsBoundary.of(self).apply(permissions_boundary)
        log_group = log_group or _make_log_group(self, log_retention)
        permissions = what_the_handler_needs(log_group, in_vpc=vpc is not None)
        policy = None
        if role is None:
            role = make_role(self, permissions)
        elif isinstance(role, iam.Role):
            policy = let_role(self, role, permissions)
        else:
            # Otherwise the CDK would add what ``on_failure`` and ``tracing`` take.
            role = iam.Role.from_role_arn(self, "ImportedRole", role.role_arn, mutable=False)
        function = lambda_.Function(
            self,
            _FUNCTION_ID,
            description="Keeps AppFlow connector registrations current (cdk-appflow-connector)",
            code=handler_code(self),
            handler=ENTRY_POINT,
            runtime=runtime,
            architecture=architecture,
            memory_size=memory_size,
            timeout=timeout,
            max_event_age=max_event_age,
            on_failure=on_failure,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            role=role,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            security_groups=security_groups,
            environment_encryption=environment_encryption,
            tracing=tracing,
        )
        if policy is not None:
            function.node.add_dependency(policy)

    @classmethod
    def get_or_create(cls, scope: IConstruct) -> ConnectorRegistrationProvider:
        """The provider with the defaults of the stack that ``scope`` is in, made on first use.

        Args:
            scope: any construct of the stack.

        Returns:
            The same provider for every construct of one stack.
        """
        stack = scope if isinstance(scope, cdk.Stack) else cdk.Stack.of(scope)
        made = _made.get(stack)
        if made is not None:
            return made
        provider = stack.node.try_find_child(_ID)
        if provider is None:
            provider = cls(stack, _ID)
        # jsii gives a construct back as one of its own class when no Python variable has held it
        # meanwhile. Everything there is to know about this one lies in the construct tree.
        provider.__class__ = cls
        assert isinstance(provider, cls)
        _made[stack] = provider
        return provider

    @functools.cached_property
    def handler(self) -> lambda_.Function:
        """The Lambda function."""
        function = self.node.find_child(_FUNCTION_ID)
        assert isinstance(function, lambda_.Function)
        return function

    @functools.cached_property
    def service_token(self) -> str:
        """The ARN of the function, by which a custom resource names its provider."""
        return self.handler.function_arn

    @functools.cached_property
    def event_settings(self) -> IConstruct:
        """The settings of the function's queue, for which a resource behind the provider waits."""
        return self.handler.node.find_child(_QUEUE_ID)

    def service_timeout(self, wanted: cdk.Duration | None) -> cdk.Duration:
        """How long CloudFormation is to wait for the answer about a registration.

        Args:
            wanted: by the app. None: 10 minutes, or as long as an event of this provider can live.

        Returns:
            What is wanted, or the default; whole seconds.

        Raises:
            ValueError: an event of this provider could still run after it, or CloudFormation waits
                no longer than an hour.
        """
        lifetime, longest = self._event_lifetime, _LONGEST_SERVICE_TIMEOUT_SECONDS
        seconds = max(lifetime, _SERVICE_TIMEOUT_SECONDS) if wanted is None else wanted.to_seconds()
        if not lifetime <= seconds <= longest:
            raise ValueError(
                f"service_timeout is {seconds:g} seconds, but CloudFormation takes {longest:g} at"
                f" most, and the provider's max_event_age and timeout are {lifetime:g} together: an"
                " event that runs after the service timeout would bring back what has been rolled"
                " back. Choose a value between the two"
            )
        return cdk.Duration.seconds(seconds)

    def let_register(self, connector_arn: str, function_arn: str) -> IConstruct:
        """Allow the handler what registering a connector takes.

        Args:
            connector_arn: of the connector.
            function_arn: of the connector's function, version or alias.

        Returns:
            What the registration has to wait for.

        Raises:
            ValueError: IAM would refuse one more.
        """
        if self._permissions is None:
            return self.handler
        return self._permissions.let_register(connector_arn, function_arn)

    def let_unregister(self, scope: Construct, connector_arn: str) -> iam.Policy | None:
        """Allow the handler to unregister a connector.

        Args:
            scope: the registration, which the policy is made in.
            connector_arn: of the connector.

        Returns:
            The policy, or None if the role is an imported one, which is left as it is.

        Raises:
            ValueError: IAM would refuse one more.
        """
        if self._permissions is None:
            return None
        return self._permissions.let_unregister(scope, connector_arn)

    @functools.cached_property
    def _permissions(self) -> HandlerPermissions | None:
        """What the role may do, unless it is one whose policies are somebody else's."""
        role = self.handler.role
        return HandlerPermissions(self, role) if isinstance(role, iam.Role) else None

    @functools.cached_property
    def _event_lifetime(self) -> float:
        """The seconds from CloudFormation's request to the end of its last possible invocation."""
        function = self.handler.node.default_child
        queue = self.event_settings.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        assert isinstance(queue, lambda_.CfnEventInvokeConfig)
        return (function.timeout or 0) + (queue.maximum_event_age_in_seconds or 0)


# Those of the stacks that Python holds, with what they know already: to ask the CDK for it takes a
# message to another process each time.
_made: weakref.WeakKeyDictionary[cdk.Stack, ConnectorRegistrationProvider] = (
    weakref.WeakKeyDictionary()
)


def _check_runtime(runtime: lambda_.Runtime) -> None:
    version = re.fullmatch(r"python3\.([0-9]+)", runtime.name)
    if version is None or int(version[1]) < 10:
        raise ValueError(
            f"runtime is {runtime.name}, but the handler needs Python 3.10 or newer. Choose one,"
            " for instance Runtime.PYTHON_3_13"
        )


def _check_memory_size(memory_size: int) -> None:
    if cdk.Token.is_unresolved(memory_size) or _LEAST_MEMORY <= memory_size <= _MOST_MEMORY:
        return
    raise ValueError(
        f"memory_size is {memory_size} MiB, but Lambda takes {_LEAST_MEMORY} to {_MOST_MEMORY}."
        " Choose a value between the two"
    )


def _check_times(timeout: cdk.Duration, max_event_age: cdk.Duration) -> None:
    if timeout.is_unresolved():
        return
    seconds = timeout.to_seconds()
    if not _SHORTEST_TIMEOUT_SECONDS <= seconds <= _LONGEST_TIMEOUT_SECONDS:
        raise ValueError(
            f"timeout is {seconds:g} seconds, but the handler takes {_SHORTEST_TIMEOUT_SECONDS} to"
            f" {_LONGEST_TIMEOUT_SECONDS}: it keeps the last 160 of an invocation for calls that"
            " have begun and for its answer, and Lambda ends it after 15 minutes. Choose a value"
            " between the two"
        )
    if max_event_age.is_unresolved():
        return
    age = max_event_age.to_seconds()
    if age + seconds > _LONGEST_SERVICE_TIMEOUT_SECONDS:
        raise ValueError(
            f"max_event_age is {age:g} seconds and timeout is {seconds:g}, {age + seconds:g}"
            f" together, but CloudFormation waits for {_LONGEST_SERVICE_TIMEOUT_SECONDS} at most:"
            " an event that runs later would bring back what has been rolled back. Shorten one of"
            " them"
        )


def _make_log_group(scope: Construct, retention: logs.RetentionDays | None) -> logs.LogGroup:
    return logs.LogGroup(
        scope,
        "LogGroup",
        retention=retention or logs.RetentionDays.ONE_MONTH,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
