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

from constructs import Construct, IConstruct

from . import _validation as validation
from ._connector_function import ConnectorFunction
from ._handler_code import ENTRY_POINT, handler_code
from ._handler_policies import HandlerPolicies, attach_policy, base_statements, create_role

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
_TIMEOUT = cdk.Duration.minutes(5)

_MAX_EVENT_AGE = cdk.Duration.minutes(5)

# Instead of CloudFormation's hour, so that the stack of a lost response fails sooner.
_SERVICE_TIMEOUT_SECONDS = 10 * 60


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
        runtime: the Lambda runtime, Python 3.10 or newer. Default: ``python3.14``.
        architecture: the processor architecture. Default: ``Architecture.ARM_64``.
        memory_size: the memory of the function in MiB, 128 to 10,240. Lambda gives processor time
            in proportion to memory. Default: 512, near the minimum of cost times duration.
            Source: "Configure Lambda function memory" in the AWS Lambda Developer Guide.
        timeout: the maximum duration of one invocation, 4 to 15 minutes. The handler begins no
            ordinary call to AppFlow during the last 160 seconds. Default: 5 minutes.
        max_event_age: the maximum age of an event when Lambda begins or retries its invocation, at
            least 1 minute. ``max_event_age`` and ``timeout`` together must not exceed an hour, nor
            the service timeout of any registration: an event that runs after the service timeout
            would undo a rollback. Default: 5 minutes.
            Source: PutFunctionEventInvokeConfig in the Lambda API Reference.
        on_failure: the destination to which Lambda sends an event after all of its invocations
            failed. CloudFormation has received no response to such an event. The event contains the
            presigned URL for the response. Default: no destination.
        role: the role of the function. A role of the app receives all permissions, in policies that
            belong to this construct's stack. If the role belongs to another stack, the destination
            of ``on_failure`` must belong to another stack too, because the CDK adds the permission
            for it to the role's stack. An imported role is not changed and must have all
            permissions, including those for ``vpc``, ``on_failure`` and ``tracing``.
            Default: a new role.
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
        ValueError: ``runtime`` is not Python or too old, ``timeout`` or ``memory_size`` is out of
            range, ``max_event_age`` and ``timeout`` together exceed an hour, ``log_retention`` is
            combined with ``log_group``, or Lambda refuses a name in ``environment``.
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
        environment: Mapping[str, str] | None = None,
        environment_encryption: kms.IKey | None = None,
        tracing: lambda_.Tracing | None = None,
    ) -> None:
        validation.check_runtime(runtime)
        validation.check_memory_size(memory_size)
        validation.check_times(timeout, max_event_age)
        validation.check_log_retention(log_group, log_retention)
        validation.check_environment(environment or {})
        super().__init__(scope, id)
        # Statements that differ in their resources only are merged, also in apps that have not set
        # this feature flag.
        self.node.set_context("@aws-cdk/aws-iam:minimizePolicies", True)
        if permissions_boundary is not None:
            iam.PermissionsBoundary.of(self).apply(permissions_boundary)
        log_group = log_group or _create_log_group(self, log_retention)
        role, policy = self._role_with(base_statements(log_group, in_vpc=vpc is not None), role)
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
            environment=dict(environment) if environment else None,
            environment_encryption=environment_encryption,
            tracing=tracing,
        )
        if policy is not None:
            function.node.add_dependency(policy)

    @classmethod
    def get_or_create(cls, scope: IConstruct) -> ConnectorRegistrationProvider:
        """The default provider of the stack that ``scope`` belongs to, created on first use.

        Args:
            scope: the stack, or any construct in it.

        Returns:
            The same provider for each construct of a stack.
        """
        stack = scope if isinstance(scope, cdk.Stack) else cdk.Stack.of(scope)
        provider = stack.node.try_find_child(_ID)
        if isinstance(provider, ConnectorRegistrationProvider):
            return provider
        return cls(stack, _ID)

    @functools.cached_property
    def handler(self) -> lambda_.Function:
        """The Lambda function, for example to add an alarm or a tag to it."""
        function = self.node.find_child(_FUNCTION_ID)
        assert isinstance(function, lambda_.Function)
        return function

    @functools.cached_property
    def service_token(self) -> str:
        """The ARN of the function, which is the ``ServiceToken`` of its custom resources."""
        return self.handler.function_arn

    def _bind(self, connector_arn: str, function: ConnectorFunction) -> list[IConstruct]:
        """Allow the handler to manage a connector.

        Args:
            connector_arn: the ARN of the connector.
            function: the connector's function, version or alias.

        Returns:
            The constructs that the registration must wait for. CloudFormation creates a custom
            resource after its provider's function, but not after the policies of the function's
            role and the asynchronous invocation configuration.

        Raises:
            ValueError: the role would have more managed policies than IAM accepts.
        """
        if self._policies is None:
            return [self.handler, self._event_invoke_config]
        policy = self._policies.grant_registration(connector_arn, function)
        return [policy, self._event_invoke_config]

    def _resolve_service_timeout(self, requested: cdk.Duration | None) -> int:
        """The ``ServiceTimeout`` in seconds of a registration behind this provider.

        Args:
            requested: the argument of the registration. None: 10 minutes, or the maximum lifetime
                of an event of this provider if that is longer.

        Raises:
            ValueError: the value is shorter than the maximum lifetime of an event of this provider,
                or longer than an hour.
        """
        lifetime = self._max_event_lifetime_seconds
        if requested is None:
            return max(lifetime, _SERVICE_TIMEOUT_SECONDS)
        seconds = requested.to_seconds()
        validation.check_service_timeout(seconds, lifetime)
        return int(seconds)

    @functools.cached_property
    def _event_invoke_config(self) -> IConstruct:
        """The asynchronous invocation configuration of the function."""
        return self.handler.node.find_child(_EVENT_INVOKE_CONFIG_ID)

    @functools.cached_property
    def _policies(self) -> HandlerPolicies | None:
        """The policies of the role, or None for an imported role, which is not changed."""
        role = self.handler.role
        return HandlerPolicies(self, role) if isinstance(role, iam.Role) else None

    @functools.cached_property
    def _max_event_lifetime_seconds(self) -> int:
        """The seconds from CloudFormation's request to the end of its last possible invocation."""
        function = self.handler.node.default_child
        config = self._event_invoke_config.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        assert isinstance(config, lambda_.CfnEventInvokeConfig)
        return int((function.timeout or 0) + (config.maximum_event_age_in_seconds or 0))

    def _role_with(
        self, statements: list[iam.PolicyStatement], role: iam.IRole | None
    ) -> tuple[iam.IRole, iam.Policy | None]:
        """The role of the function with these statements, and the policy it has to wait for."""
        if role is None:
            return create_role(self, statements), None
        if isinstance(role, iam.Role):
            return role, attach_policy(self, role, statements)
        # The CDK adds no permissions for ``on_failure`` and ``tracing`` to an immutable role.
        return iam.Role.from_role_arn(self, "ImportedRole", role.role_arn, mutable=False), None


def _create_log_group(scope: Construct, retention: logs.RetentionDays | None) -> logs.LogGroup:
    return logs.LogGroup(
        scope,
        "LogGroup",
        retention=retention or logs.RetentionDays.ONE_MONTH,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
