"""The Lambda function that answers CloudFormation for the connectors of a stack."""

from __future__ import annotations

import functools
import re
import weakref
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs import Construct, IConstruct

from ._handler_asset import ENTRY_POINT, handler_code
from ._policy_size import characters_of_arns, characters_of_statements

# The construct ids below make the logical ids of deployed stacks: CloudFormation refuses a custom
# resource whose provider is replaced, so none of them may ever change.
_ID = "AppFlowConnectorRegistrationProvider"
_FUNCTION_ID = "Function"
_POLICY_ID = "Policy"
_CONNECTORS_ID = "Connectors"
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

# Source: "IAM and AWS STS quotas" in the IAM User Guide.
_MOST_MANAGED_POLICIES = 10
_MANAGED_POLICY_CHARACTERS = 6_144
_INLINE_POLICIES_CHARACTERS = 10_240

# So many fit into a managed policy with ordinary names. Another number would move the permissions
# of deployed connectors from one policy to another.
_CONNECTORS_PER_POLICY = 24
_STATEMENTS_PER_CONNECTOR = 2

# Of a policy of connectors, without their ARNs.
_FRAME_CHARACTERS = 230

# The type of the metadata that holds the length of each policy to unregister a connector.
_UNREGISTERS = "cdk-appflow-connector:unregisters"

# Source: "Giving Lambda functions access to resources in an Amazon VPC" in the AWS Lambda Developer
# Guide. AWS's own policies have either more, for all logs, or less.
_NETWORK_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]

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
        permissions = _permissions(log_group, in_vpc=vpc is not None)
        policy = None
        if role is None:
            role = _make_role(self, permissions)
        elif isinstance(role, iam.Role):
            # In this stack: within its own, the role would depend on the log group and more of this
            # stack, which depends on the role.
            policy = iam.Policy(self, _POLICY_ID, roles=[role], statements=permissions)
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
        if self._role is None:
            return self.handler
        characters = characters_of_arns(self._stack.resolve([connector_arn, function_arn]))
        policy = self._policy_with_room(self._role, characters)
        policy.add_statements(
            iam.PolicyStatement(
                actions=["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"],
                resources=[connector_arn],
            ),
            # The native AWS::AppFlow::Connector asks this of its callers too: AppFlow invokes the
            # function with the caller's rights checked.
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function_arn]),
        )
        return policy

    def let_unregister(self, scope: Construct, connector_arn: str) -> iam.Policy | None:
        """Allow the handler to unregister a connector.

        It is a policy of its own. When a registration leaves a stack that stays, CloudFormation
        takes its statements out of shared policies first and sends the Delete afterwards; this
        policy goes together with the registration, and after it.

        Args:
            scope: the registration, which the policy is made in.
            connector_arn: of the connector.

        Returns:
            The policy, or None if the role is an imported one, which is left as it is.

        Raises:
            ValueError: IAM would refuse one more.
        """
        if self._role is None:
            return None
        statement = iam.PolicyStatement(
            actions=["appflow:DescribeConnector", "appflow:UnRegisterConnector"],
            resources=[connector_arn],
        )
        characters = self._characters([statement.to_statement_json()])
        total = self._inline_characters + characters
        if total > _INLINE_POLICIES_CHARACTERS:
            raise ValueError(
                f"the inline policies of role {self._role.node.path} can come to have {total:,}"
                " characters with the permission to unregister this connector, but IAM takes"
                f" {_INLINE_POLICIES_CHARACTERS:,} for a role. Move some of the connectors with"
                " RemovalPolicy.DESTROY to another stack or another provider, or keep them with"
                " RemovalPolicy.RETAIN"
            )
        self.node.add_metadata(_UNREGISTERS, characters)
        self._inline_characters = total
        return iam.Policy(scope, "UnregisterPolicy", roles=[self._role], statements=[statement])

    @functools.cached_property
    def _stack(self) -> cdk.Stack:
        return cdk.Stack.of(self)

    @functools.cached_property
    def _role(self) -> iam.Role | None:
        """The function's role, unless it is one whose policies are somebody else's."""
        role = self.handler.role
        return role if isinstance(role, iam.Role) else None

    @functools.cached_property
    def _inline_characters(self) -> int:
        """The characters that the inline policies of the role can come to have so far."""
        assert self._role is not None
        own = (
            self._role.node.try_find_child("DefaultPolicy"),
            self.node.try_find_child(_POLICY_ID),
        )
        characters = [
            self._characters(policy.document.to_json()["Statement"])
            for policy in own
            if isinstance(policy, iam.Policy)
        ]
        to_unregister: list[int] = [
            entry.data for entry in self.node.metadata if entry.type == _UNREGISTERS
        ]
        return sum(characters) + sum(to_unregister)

    def _characters(self, statements: list[Any]) -> int:
        return characters_of_statements(self._stack.resolve(statements))

    def _policy_with_room(self, role: iam.Role, characters: int) -> iam.ManagedPolicy:
        """The managed policy for a connector whose ARNs have so many characters."""
        if not self._policies or not self._policies[-1].has_room(characters):
            self._policies.append(_ConnectorsPolicy(self._another_policy(role)))
        last = self._policies[-1]
        last.connectors += 1
        last.characters += characters
        return last.policy

    def _another_policy(self, role: iam.Role) -> iam.ManagedPolicy:
        number = len(self._policies) + 1
        resource = role.node.default_child
        others = (
            self._stack.resolve(resource.managed_policy_arns) or []
            if isinstance(resource, iam.CfnRole)
            else []
        )
        if number + len(others) > _MOST_MANAGED_POLICIES:
            raise ValueError(
                f"with the permissions for this connector role {role.node.path} would have"
                f" {number + len(others)} managed policies, but IAM takes {_MOST_MANAGED_POLICIES}."
                " Move some of the stack's connectors to another stack or another provider"
            )
        return iam.ManagedPolicy(self, f"{_CONNECTORS_ID}{number}", roles=[role])

    @functools.cached_property
    def _policies(self) -> list[_ConnectorsPolicy]:
        """The managed policies made so far."""
        policies: list[_ConnectorsPolicy] = []
        while policy := self.node.try_find_child(f"{_CONNECTORS_ID}{len(policies) + 1}"):
            assert isinstance(policy, iam.ManagedPolicy)
            statements = self._stack.resolve(policy.document.to_json()["Statement"])
            policies.append(
                _ConnectorsPolicy(
                    policy,
                    connectors=len(statements) // _STATEMENTS_PER_CONNECTOR,
                    characters=_FRAME_CHARACTERS
                    + characters_of_arns([statement["Resource"] for statement in statements]),
                )
            )
        return policies

    @functools.cached_property
    def _event_lifetime(self) -> float:
        """The seconds from CloudFormation's request to the end of its last possible invocation."""
        function = self.handler.node.default_child
        queue = self.event_settings.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        assert isinstance(queue, lambda_.CfnEventInvokeConfig)
        return (function.timeout or 0) + (queue.maximum_event_age_in_seconds or 0)


@dataclass
class _ConnectorsPolicy:
    """A managed policy, and how full it is."""

    policy: iam.ManagedPolicy
    connectors: int = 0
    characters: int = _FRAME_CHARACTERS

    def has_room(self, characters: int) -> bool:
        """Whether a connector whose ARNs have so many characters fits in."""
        return (
            self.connectors < _CONNECTORS_PER_POLICY
            and self.characters + characters <= _MANAGED_POLICY_CHARACTERS
        )


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


def _make_role(scope: Construct, permissions: list[iam.PolicyStatement]) -> iam.Role:
    role = iam.Role(
        scope,
        "Role",
        description="What the handler of AppFlow connector registrations may do",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    for statement in permissions:
        role.add_to_policy(statement)
    return role


def _permissions(log_group: logs.ILogGroup, *, in_vpc: bool) -> list[iam.PolicyStatement]:
    """What the handler needs whatever the connectors are."""
    write_logs = iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )
    # The one action that IAM cannot limit to a connector: it has no resource type in the service
    # authorization reference of AppFlow.
    register = iam.PolicyStatement(actions=["appflow:RegisterConnector"], resources=["*"])
    # A rollback asks whether the update before it has ended.
    look_back = iam.PolicyStatement(
        actions=["cloudformation:DescribeStackEvents"], resources=[cdk.Aws.STACK_ID]
    )
    if not in_vpc:
        return [write_logs, register, look_back]
    network = iam.PolicyStatement(actions=_NETWORK_ACTIONS, resources=["*"])
    return [write_logs, register, look_back, network]
