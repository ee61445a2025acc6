"""The Lambda function behind the connector registrations of a stack."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from constructs import Construct, IConstruct, Node

from . import _arguments as arguments
from . import _validation as validation
from ._environment import StackRecord
from ._handler_code import ENTRY_POINT, HandlerCode
from ._handler_policies import (
    HandlerPolicies,
    attach_policy,
    base_statements,
    create_role,
    network_statement,
)
from ._synthesis_checks import check_at_synthesis

# The construct ids below make the logical ids of deployed stacks: CloudFormation refuses a custom
# resource whose provider is replaced, so none of them may ever change.
_ID = "AppFlowConnectorRegistrationProvider"
_FUNCTION_ID = "Function"
_EVENT_INVOKE_CONFIG_ID = "EventInvokeConfig"

# The newest that Lambda has. By its name, since the oldest aws-cdk-lib supported has no constant
# for it. Source: "Lambda runtimes" in the AWS Lambda Developer Guide.
_RUNTIME = lambda_.Runtime("python3.14", lambda_.RuntimeFamily.PYTHON)

# Beyond the handler's reserve, this leaves time for a minute of IAM propagation and for AppFlow to
# accept the calls of 200 connectors at once.
_TIMEOUT_SECONDS = 5 * 60
_TIMEOUT = cdk.Duration.seconds(_TIMEOUT_SECONDS)

_MAX_EVENT_AGE_SECONDS = 5 * 60
_MAX_EVENT_AGE = cdk.Duration.seconds(_MAX_EVENT_AGE_SECONDS)

# Instead of CloudFormation's hour, so that the stack of a lost response fails sooner.
_SERVICE_TIMEOUT_SECONDS = 10 * 60

# Of the default provider.
_EVENT_LIFETIME_SECONDS = _TIMEOUT_SECONDS + _MAX_EVENT_AGE_SECONDS

# The CDK CLI sets it. Source: ``cx-api/lib/assets.ts`` of aws-cdk.
_HAS_ASSET_METADATA = "aws:cdk:enable-asset-metadata"

# Source: "Configuring IAM permissions" of encryption at rest in the Amazon SQS Developer Guide.
_KEY_ACTIONS_OF_A_SENDER = ["kms:Decrypt", "kms:GenerateDataKey"]

_ARGUMENTS = {
    "scope": arguments.SCOPE,
    "id": arguments.ID,
    "runtime": arguments.instance(lambda_.Runtime, "Pass for example Runtime.PYTHON_3_13"),
    "architecture": arguments.instance(
        lambda_.Architecture, "Pass for example Architecture.ARM_64"
    ),
    "memory_size": arguments.INTEGER,
    "timeout": arguments.DURATION,
    "max_event_age": arguments.DURATION,
    "on_failure": arguments.implementing(
        "bind", "a destination of Lambda", "Pass for example SqsDestination(queue)"
    ).or_none(),
    "dead_letter_queue": arguments.implementing(
        "queue_arn", "an SQS queue", "Pass a Queue. For a topic, use on_failure=SnsDestination(...)"
    ).or_none(),
    "function_name": arguments.TEXT.or_none(),
    "reserved_concurrent_executions": arguments.INTEGER.or_none(),
    "code_signing_config": arguments.implementing(
        "code_signing_config_arn", "a CodeSigningConfig", "Pass a CodeSigningConfig"
    ).or_none(),
    "role": arguments.implementing(
        "role_arn", "a Role", "Pass a Role, or import one with Role.from_role_arn(scope, id, arn)"
    ).or_none(),
    "role_name": arguments.TEXT.or_none(),
    "permissions_boundary": arguments.implementing(
        "managed_policy_arn",
        "a ManagedPolicy",
        "Pass a ManagedPolicy, or import one with"
        " ManagedPolicy.from_managed_policy_name(scope, id, name)",
    ).or_none(),
    "log_group": arguments.implementing(
        "log_group_arn",
        "a LogGroup",
        "Pass a LogGroup, or import one with LogGroup.from_log_group_name(scope, id, name)",
    ).or_none(),
    "log_retention": arguments.instance(
        logs.RetentionDays,
        "Pass for example RetentionDays.ONE_MONTH. For a token, pass a log group of your own as"
        " log_group",
    ).or_none(),
    "vpc": arguments.implementing(
        "select_subnets", "a Vpc", "Pass a Vpc, or import one with Vpc.from_lookup(...)"
    ).or_none(),
    "vpc_subnets": arguments.Argument(
        "a SubnetSelection",
        "Pass for example SubnetSelection(subnet_type=SubnetType.PRIVATE_ISOLATED)",
        lambda value: isinstance(value, ec2.SubnetSelection | dict),
    ).or_none(),
    "security_groups": arguments.implementing_list(
        "security_group_id", "a list of security groups", "Pass for example [SecurityGroup(...)]"
    ).or_none(),
    "environment": arguments.MAPPING.or_none(),
    "environment_encryption": arguments.implementing(
        "key_arn", "a Key", "Pass a Key, or import one with Key.from_key_arn(scope, id, arn)"
    ).or_none(),
    "tracing": arguments.instance(lambda_.Tracing, "Pass for example Tracing.ACTIVE").or_none(),
}


class ConnectorRegistrationProvider(Construct):
    """The Lambda function behind the connector registrations of a stack, with role and log group.

    A ``ConnectorRegistration`` without the argument ``provider`` uses the default provider of its
    stack, which the first of them creates. Create a provider yourself to change a setting, and pass
    it to each ``ConnectorRegistration`` of the stack that should use it.

    Args:
        scope: the construct in which this one is created.
        id: the id of this construct within ``scope``. Another id or another scope makes another
            Lambda function, and CloudFormation refuses to change the function behind a custom
            resource. To change it, remove the registrations from the stack in one deployment, with
            ``RemovalPolicy.RETAIN``, and add them in the next.
        function_name: the name of the function, 1 to 64 letters, digits, ``-`` and ``_``. Lambda
            allows a name once in an account and Region. As with ``id``, another name makes another
            function. Default: CloudFormation chooses a name.
            Source: CreateFunction in the Lambda API Reference.
        runtime: the Lambda runtime, Python 3.10 or newer. Default: ``python3.14``.
        architecture: the processor architecture. Default: ``Architecture.ARM_64``.
        memory_size: the memory of the function in MiB, 128 to 10,240. Lambda gives processor time
            in proportion to memory. Default: 512, near the minimum of cost times duration.
            Source: "Configure Lambda function memory" in the AWS Lambda Developer Guide.
        timeout: the maximum duration of one invocation, 4 to 15 minutes in whole seconds, no token.
            The handler begins no ordinary call to AppFlow during the last 160 seconds. Default: 5
            minutes.
        max_event_age: the maximum age of an event when Lambda begins or retries its invocation, at
            least 1 minute, no token. ``max_event_age`` and ``timeout`` together must not exceed an
            hour, nor the service timeout of any registration: an event that runs after the service
            timeout would undo a rollback. Default: 5 minutes.
            Source: PutFunctionEventInvokeConfig in the Lambda API Reference.
        on_failure: the destination to which Lambda sends an event after all of its invocations
            failed. CloudFormation has received no response to such an event. The event contains the
            presigned URL for the response. Default: no destination.
        dead_letter_queue: the SQS queue to which Lambda sends such an event instead, without the
            error. The role may send messages to this queue and, if the queue is encrypted with a
            key of the account, use the key for it. Rules of cdk-nag ask for a dead-letter queue;
            ``on_failure`` shows more. Default: no queue.
            Source: "Dead-letter queues" in the AWS Lambda Developer Guide.
        reserved_concurrent_executions: how many events the handler works on at the same time, at
            least 1. Events beyond it wait in Lambda's queue, for no longer than ``max_event_age``;
            Lambda drops an event that waits longer, and its deployment fails after the service
            timeout. With 1, connectors are registered one after the other. The events of
            ``refresh_on_external_change`` count too, and one of them waits for a function that is
            being updated for almost the ``timeout``. The number is taken from the concurrency of
            the account, of which Lambda keeps 100 unreserved. Default: no reserved concurrency.
            Source: "Configuring reserved concurrency for a function" in the AWS Lambda Developer
            Guide.
        code_signing_config: the code signing configuration of the function. The handler's asset is
            not signed, and the CDK signs no assets. With ``UntrustedArtifactOnDeployment.WARN``,
            the default of ``CodeSigningConfig``, Lambda logs this and deploys the function; with
            ``ENFORCE`` it refuses the function, unless your pipeline signs the published asset with
            AWS Signer and sets the signed copy as the function's code. Default: no code signing
            configuration.
            Source: "Using code signing to verify code integrity with Lambda" in the AWS Lambda
            Developer Guide.
        role: the role of the function. A role of the app receives all permissions, in policies that
            belong to this construct's stack, and several providers may use it. If the role belongs
            to another stack, the destination of ``on_failure`` and the ``dead_letter_queue`` must
            belong to another stack too, because the CDK adds the permission for them to the role's
            stack. An imported role is not changed and must have all permissions, including those
            for ``vpc``, ``on_failure``, ``dead_letter_queue`` and ``tracing``.
            ``role.without_policy_updates()`` is not changed either. Default: a new role.
        role_name: the name of the new role, 1 to 64 letters, digits and ``+=,.@_-``. IAM allows a
            name once in an account, in all Regions together. Another name makes another role. Not
            allowed together with ``role``. Default: CloudFormation chooses a name.
            Source: CreateRole in the IAM API Reference.
        permissions_boundary: the permissions boundary of the roles in this construct.
            Default: no boundary.
        log_group: the log group of the function. Default: a new log group, deleted with the stack.
        log_retention: how long the default log group keeps log events. Not allowed together with
            ``log_group``. Default: one month.
        vpc: the VPC to run the function in. The function needs routes to AppFlow, to
            CloudFormation, to Lambda, and to S3, which receives the responses. Default: no VPC.
        vpc_subnets: the subnets of ``vpc`` to run the function in. Default: the private subnets.
        security_groups: the security groups of the function in ``vpc``. Default: a new security
            group that allows all outbound traffic.
        environment: environment variables of the function. A handler that reaches AWS through a
            proxy needs ``HTTPS_PROXY``, and ``NO_PROXY`` for the hosts that it reaches directly.
            The proxy carries the calls to AWS and the responses to CloudFormation. Names that
            Lambda reserves are refused. Default: no variables.
            Source: "Working with Lambda environment variables" in the AWS Lambda Developer Guide.
        environment_encryption: the KMS key that encrypts the environment variables of the function.
            Default: a key that AWS manages.
        tracing: the AWS X-Ray mode of the function. Default: disabled.

    Raises:
        ValueError: an argument has another type than its own, an unusable value, or contradicts
            another argument. The message names the argument, its value, what is allowed, and the
            next step. An argument that is refused leaves no construct behind.

    When the app is synthesised, ``RuntimeError`` reports what else has changed the function: an
    aspect, a property injector or an escape hatch that sets a runtime, timeout, memory size,
    reserved concurrency, entry point or code that the handler cannot run with. One that puts the
    function into a VPC is followed: the role gets the permissions for it.
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
        dead_letter_queue: sqs.IQueue | None = None,
        function_name: str | None = None,
        reserved_concurrent_executions: int | None = None,
        code_signing_config: lambda_.ICodeSigningConfig | None = None,
        role: iam.IRole | None = None,
        role_name: str | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: list[ec2.ISecurityGroup] | None = None,
        environment: Mapping[str, str] | None = None,
        environment_encryption: kms.IKey | None = None,
        tracing: lambda_.Tracing | None = None,
    ) -> None:
        arguments.check_types(_ARGUMENTS, locals())
        stack = arguments.stack_of(scope)
        if runtime is not _RUNTIME:
            validation.check_runtime(runtime.name)
        validation.check_memory_size(memory_size)
        _check_times(timeout, max_event_age)
        validation.check_reserved_concurrency(reserved_concurrent_executions)
        validation.check_names(function_name, role_name, has_role=role is not None)
        validation.check_log_retention(log_group, log_retention)
        validation.check_network(vpc, vpc_subnets, security_groups)
        validation.check_environment(environment or {})
        super().__init__(scope, id)
        self._stack = StackRecord.of(stack)
        self._service_timeouts: list[int] = []
        self._allows_rules = False
        with arguments.removed_if_refused(self):
            # Statements that differ in their resources only are merged, also in apps that have not
            # set this feature flag.
            self.node.set_context("@aws-cdk/aws-iam:minimizePolicies", True)
            if permissions_boundary is not None:
                iam.PermissionsBoundary.of(self).apply(permissions_boundary)
            log_group = log_group or _create_log_group(self, log_retention)
            statements = base_statements(log_group, in_vpc=vpc is not None)
            self._created_role: iam.Role | None = None
            role, self._policy = self._role_with(statements, role, role_name)
            self._in_vpc = vpc is not None
            self._code = HandlerCode(self._stack)
            function = self._function = lambda_.Function(
                self,
                _FUNCTION_ID,
                function_name=function_name,
                description="Keeps AppFlow connector registrations current (cdk-appflow-connector)",
                code=self._code,
                handler=ENTRY_POINT,
                runtime=runtime,
                architecture=architecture,
                memory_size=memory_size,
                timeout=timeout,
                max_event_age=max_event_age,
                on_failure=on_failure,
                dead_letter_queue=dead_letter_queue,
                reserved_concurrent_executions=reserved_concurrent_executions,
                code_signing_config=code_signing_config,
                log_group=log_group,
                logging_format=lambda_.LoggingFormat.JSON,
                role=role,
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
                environment=dict(environment) if environment else None,
                environment_encryption=environment_encryption,
                tracing=tracing,
            )
            if self._policy is not None:
                function.node.add_dependency(self._policy)
            if dead_letter_queue is not None and isinstance(role, iam.Role):
                _allow_key_of(dead_letter_queue, function)
            if self._function_node.try_get_context(_HAS_ASSET_METADATA):
                self._code.add_metadata(self._cfn_function)
        self._stack.providers.append(self)
        if id == _ID and scope is stack:
            self._stack.default_provider = self
        check_at_synthesis(self._stack)

    @classmethod
    def get_or_create(cls, scope: IConstruct) -> ConnectorRegistrationProvider:
        """The default provider of the stack that ``scope`` belongs to, created on first use.

        Args:
            scope: the stack, or any construct in it.

        Returns:
            The same provider for each construct of a stack.

        Raises:
            ValueError: ``scope`` is no construct, or in no stack.
        """
        arguments.check_types({"scope": arguments.SCOPE}, {"scope": scope})
        assert isinstance(scope, Construct)
        stack = arguments.stack_of(scope)
        return StackRecord.of(stack).default_provider or cls._create(stack)

    @classmethod
    def _create(cls, stack: cdk.Stack) -> ConnectorRegistrationProvider:
        """Create the default provider of a stack."""
        return cls(stack, _ID)

    @property
    def handler(self) -> lambda_.Function:
        """The Lambda function, for example to add an alarm or a tag to it."""
        return self._function

    @functools.cached_property
    def service_token(self) -> str:
        """The ARN of the function, which is the ``ServiceToken`` of its custom resources."""
        return self._function.function_arn

    @functools.cached_property
    def _path_in_stack(self) -> str:
        """The path within the stack, which is the same in every stage of an app."""
        return self.node.path.removeprefix(f"{self._stack.path}/")

    @functools.cached_property
    def _function_node(self) -> Node:
        return self._function.node

    @functools.cached_property
    def _cfn_function(self) -> lambda_.CfnFunction:
        function = self._function_node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        return function

    @functools.cached_property
    def _event_invoke_config(self) -> IConstruct:
        """The asynchronous invocation configuration of the function."""
        return self._function_node.find_child(_EVENT_INVOKE_CONFIG_ID)

    @functools.cached_property
    def _cfn_event_invoke_config(self) -> lambda_.CfnEventInvokeConfig:
        config = self._event_invoke_config.node.default_child
        assert isinstance(config, lambda_.CfnEventInvokeConfig)
        return config

    @functools.cached_property
    def _policies(self) -> HandlerPolicies | None:
        """The policies of the role, or None for an imported role, which is not changed."""
        role = self._function.role
        if not isinstance(role, iam.Role):
            return None
        is_created = role is self._created_role
        return HandlerPolicies(self, self._stack, role, self._policy, has_created_role=is_created)

    @functools.cached_property
    def _max_event_lifetime_seconds(self) -> int:
        """The seconds from CloudFormation's request to the end of its last possible invocation."""
        return int(self._cfn_function.timeout or 0) + self._max_event_age_seconds

    @property
    def _max_event_age_seconds(self) -> int:
        """The seconds for which Lambda keeps an event of the function."""
        return int(self._cfn_event_invoke_config.maximum_event_age_in_seconds or 0)

    def _allow_network(self) -> bool:
        """Allow the handler to run in a VPC that is not the argument's. An imported role must.

        Returns:
            Whether this has changed a policy.
        """
        role = self._function.role
        if self._in_vpc or not isinstance(role, iam.Role):
            return False
        if self._policy is None:
            role.add_to_policy(network_statement())
        else:
            self._policy.add_statements(network_statement())
        self._in_vpc = True
        return True

    def _role_with(
        self,
        statements: list[iam.PolicyStatement],
        role: iam.IRole | None,
        role_name: str | None,
    ) -> tuple[iam.IRole, iam.Policy | None]:
        """The role of the function with these statements, and the policy it has to wait for."""
        if role is None:
            self._created_role = create_role(self, statements, role_name)
            return self._created_role, None
        if isinstance(role, iam.Role):
            return role, attach_policy(self, role, statements)
        # The CDK adds no permissions for ``on_failure`` and ``tracing`` to an immutable role.
        return iam.Role.from_role_arn(self, "ImportedRole", role.role_arn, mutable=False), None


def resolve_service_timeout(
    requested: cdk.Duration | None, provider: ConnectorRegistrationProvider | None
) -> int:
    """The ``ServiceTimeout`` of a registration in seconds.

    Args:
        requested: the argument of the registration. None: 10 minutes, or the maximum lifetime of an
            event of the provider if that is longer.
        provider: None for a default provider that does not exist yet.

    Raises:
        ValueError: the value is a token, shorter than the maximum lifetime of an event of the
            provider, or longer than an hour.
    """
    lifetime = _EVENT_LIFETIME_SECONDS if provider is None else provider._max_event_lifetime_seconds
    if requested is None:
        return max(lifetime, _SERVICE_TIMEOUT_SECONDS)
    return validation.check_service_timeout(requested, lifetime)


def _check_times(timeout: cdk.Duration, max_event_age: cdk.Duration) -> None:
    """Raise ValueError for times that the handler, Lambda or CloudFormation cannot work with."""
    if timeout is _TIMEOUT and max_event_age is _MAX_EVENT_AGE:
        return
    timeout_seconds = validation.seconds_of("timeout", timeout)
    validation.check_timeout(timeout_seconds)
    validation.check_max_event_age(
        validation.seconds_of("max_event_age", max_event_age),
        timeout_seconds,
        validation.MAX_SERVICE_TIMEOUT_SECONDS,
    )


def _allow_key_of(queue: sqs.IQueue, sender: iam.IGrantable) -> None:
    """Allow a sender to use the key of a queue. The CDK allows only sending to a queue itself."""
    key = queue.encryption_master_key
    if key is not None:
        key.grant(sender, *_KEY_ACTIONS_OF_A_SENDER)


def _create_log_group(scope: Construct, retention: logs.RetentionDays | None) -> logs.LogGroup:
    return logs.LogGroup(
        scope,
        "LogGroup",
        retention=retention or logs.RetentionDays.ONE_MONTH,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
