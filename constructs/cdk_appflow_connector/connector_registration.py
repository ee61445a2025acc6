"""The construct that registers a connector."""

from __future__ import annotations

import contextlib
import enum
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from . import _arguments as arguments
from . import _validation as validation
from . import _warnings as warnings
from ._change_rule import ChangeRule, Listener
from ._connector_function import FUNCTION, ConnectorFunction
from ._environment import StackRecord
from ._function_hash import alias_routing, function_hash
from ._handler_policies import ConnectorPolicies
from ._invoke_permission import invoke_permission
from ._labels import check_label_is_unique
from ._logical_ids import override_logical_id
from ._removal import DELETION_POLICIES, UNREGISTERING, FollowedOptions, check_property
from ._synthesis_checks import check_at_synthesis
from .connector_registration_provider import (
    ConnectorRegistrationProvider,
    resolve_service_timeout,
)

_RESOURCE_TYPE = "Custom::AppFlowConnectorRegistration"

# The default of metrics in the CDK.
_METRIC_PERIOD = cdk.Duration.minutes(5)


class Adoption(enum.Enum):
    """Whether a new ``ConnectorRegistration`` may, must or must not adopt an existing registration.

    It applies when the resource is created and when it gets another label.
    """

    ALLOWED = "Allowed"
    """Register the label, or adopt its registration if the label is registered already."""

    REQUIRED = "Required"
    """Adopt the registration of the label. Fail the deployment if the label is not registered."""

    FORBIDDEN = "Forbidden"
    """Register the label. Fail the deployment if the label is registered already."""


class OnBreakingChange(enum.Enum):
    """What happens if a refresh takes away what connector profiles or flows use."""

    IGNORE = "Ignore"
    """Nothing. The handler neither compares configurations nor reads profiles and flows."""

    FAIL = "Fail"
    """Fail the update, so that CloudFormation rolls back to the code and the configuration before.

    The reason names the changes, and the profiles and flows that they break.
    """


_ARGUMENTS = {
    "scope": arguments.SCOPE,
    "id": arguments.ID,
    "connector_label": arguments.TEXT,
    "connector_function": FUNCTION,
    "description": arguments.TEXT.or_none(),
    "removal_policy": arguments.instance(
        cdk.RemovalPolicy, "Pass RemovalPolicy.RETAIN or RemovalPolicy.DESTROY"
    ),
    "force_delete": arguments.FLAG,
    "adoption": arguments.instance(Adoption, "Pass for example Adoption.ALLOWED"),
    "refresh_on_code_change": arguments.FLAG,
    "triggers": arguments.MAPPING.or_none(),
    "refresh_on_external_change": arguments.FLAG,
    "reconcile_every": arguments.instance(
        cdk.Duration, "Pass for example Duration.hours(24)"
    ).or_none(),
    "on_breaking_change": arguments.instance(
        OnBreakingChange, "Pass for example OnBreakingChange.FAIL"
    ),
    "acknowledged_changes": arguments.TEXTS.or_none(),
    "skip_permissions": arguments.FLAG,
    "service_timeout": arguments.DURATION.or_none(),
    "provider": arguments.instance(
        ConnectorRegistrationProvider, "Pass a ConnectorRegistrationProvider of the same stack"
    ).or_none(),
}

_IMPORT_ARGUMENTS = {name: _ARGUMENTS[name] for name in ("scope", "id", "connector_label")}

_GRANT_ARGUMENTS = {
    "grantee": arguments.implementing(
        "grant_principal", "a function, role or user", "Pass what reads the credentials"
    ),
    "encryption_key": arguments.implementing(
        "key_arn", "a Key", "Pass a Key, or import one with Key.from_key_arn(scope, id, arn)"
    ).or_none(),
}


class IConnectorRegistration(Protocol):
    """A registered connector, from this stack or from elsewhere."""

    @property
    def connector_label(self) -> str:
        """The label of the connector in AppFlow."""

    @property
    def connector_arn(self) -> str:
        """The ARN of the connector, ``arn:aws:appflow:<region>:<account>:connector/<label>``.

        Source: "Actions, resources, and condition keys for Amazon AppFlow" in the AWS Service
        Authorization Reference.
        """

    def grant_read_credentials(
        self, grantee: iam.IGrantable, encryption_key: kms.IKey | None = None
    ) -> iam.Grant:
        """Allow ``grantee`` to read the credentials of the connector's profiles.

        AppFlow keeps the credentials of each connector profile in a secret of this account, whose
        name begins with ``appflow!<account>-<label>-``. IAM supports no narrower pattern, so label
        ``acme`` may also read the secrets of label ``acme-crm``.
        Source: template.yml of the AppFlow Custom Connector SDK, which uses the same pattern.

        Args:
            grantee: the function, role or user to allow, usually the connector's function.
            encryption_key: the KMS key of the connector profiles, which ``grantee`` may then use to
                decrypt what it reads from Secrets Manager in the Region of the stack, and nothing
                else. Call the method once for each key. Default: the profiles have the key that
                AWS manages, which needs no permission.
                Source: ``kmsArn`` of CreateConnectorProfile in the AppFlow API Reference, and
                "Secret encryption and decryption in AWS Secrets Manager" in its User Guide.

        Returns:
            The grant. A resource that needs the permission can depend on it.
        """


class ConnectorRegistration(cdk.Resource):
    """A registration of a Lambda function as an Amazon AppFlow custom connector.

    The deployment registers the function under ``connector_label``, or adopts the registration that
    the label already has. Whenever a later deployment changes the function (its ARN, or its code or
    configuration under the same ARN), the handler refreshes the registration, so that AppFlow reads
    the connector's configuration again. The rollback of an update restores the registration. The
    rollback of a creation leaves an adopted registration with the ARN of this function, because
    only the handler's log contains the ARN that was registered before. Adopt a registration in a
    separate deployment. A deployment that is cancelled is rolled back too, which can take up to 78
    seconds longer.

    Before you replace another resource of the stack that unregisters the connector when it is
    deleted, such as an ``AwsCustomResource`` with ``on_delete``, deploy that resource without this
    effect. CloudFormation deletes it after this construct has adopted its registration.

    The construct allows AppFlow to invoke ``connector_function``, exactly the function, version or
    alias that is passed, unless ``skip_permissions`` is True. Registrations of one function in a
    stack share this permission. Registrations in a stack share one provider, the Lambda function
    that calls AppFlow, unless they have the argument ``provider``.

    Args:
        scope: the construct in which this one is created, often ``self``.
        id: the id of this construct within ``scope``.
        connector_label: the label of the connector in AppFlow, unique in an account and Region. 2
            to 256 characters: a letter or digit, then letters, digits and ``_!@#.-``. Another label
            makes another registration; ``removal_policy`` applies to the old one.
            Source: RegisterConnector in the AppFlow API Reference.
        connector_function: the function that is the connector, in the account and Region of the
            stack: a Function, Alias, Version or imported function, or the CloudFormation resource
            of one (``CfnFunction``, ``CfnAlias``, ``CfnVersion``, or ``AWS::Serverless::Function``
            in a template that ``CfnInclude`` includes). A function that is imported by the ARN of a
            resource of the app counts as this resource. The CDK cannot detect code changes of
            other imported functions: use ``triggers`` for these, or a warning reminds you.
        description: the description of the connector in the AppFlow console. At most 1024 letters,
            digits, spaces and ``/!@#+=.-_``. Default: no description; an adopted registration keeps
            its description.
            Source: RegisterConnector in the AppFlow API Reference.
        removal_policy: what happens to the registration when this resource is removed from the
            stack or the stack is deleted. ``RemovalPolicy.RETAIN`` keeps the registration, its
            connector profiles and flows, but not AppFlow's permission to invoke the function, which
            is a resource of the stack. ``RemovalPolicy.DESTROY`` unregisters the connector if the
            registered ARN is still that of this function, and no other resource of the stack has
            the label by now; the removal fails if a connector profile uses the connector.
            ``RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE`` unregisters the connector only if the
            deployment that creates this resource is rolled back. Such a rollback unregisters no
            label that was registered before the deployment. Before you move a registration to
            another stack, deploy it with ``RETAIN``, or its old stack unregisters it. Default:
            ``RemovalPolicy.RETAIN``.
            Source: UnregisterConnector in the AppFlow API Reference, and "DeletionPolicy attribute"
            in the CloudFormation Template Reference.
        force_delete: whether ``RemovalPolicy.DESTROY`` unregisters the connector even if connector
            profiles use it. Their flows fail afterwards. Not allowed with ``RETAIN``. Default:
            False.
            Source: ``forceDelete`` of UnregisterConnector in the AppFlow API Reference.
        adoption: whether this resource may, must or must not adopt an existing registration of the
            label. Default: ``Adoption.ALLOWED``.
        refresh_on_code_change: whether the registration is refreshed when the function's code or
            configuration changes under the same ARN, as far as the template shows it. Expressions
            whose values only the deployment knows are compared by CloudFormation, except those of
            environment variables and secrets. If False, only another ARN, description or trigger
            refreshes it. Default: True.
        triggers: values by names of your choice: text, numbers, True, False, None, tokens, and
            lists and dictionaries of these. A change of one of them refreshes the registration. Use
            them for changes that the CDK cannot detect, such as new code of an imported function.
            Default: none.
        refresh_on_external_change: whether the registration is also refreshed when the function
            changes outside of a deployment of this stack: by a pipeline, an operator, CodeDeploy or
            another stack. It adds an EventBridge rule for the function, and a permission for the
            rules to invoke the handler, but no permission of the handler. The handler reads the
            function, and refreshes the registration if AppFlow shows the ARN of this function and
            another configuration than the connector returns; otherwise it changes nothing. Lambda
            sends an event at the end of each change of a function. Only CloudTrail sends one when
            an alias is moved: without a trail for management events, the next ``reconcile_every``
            notices it. Not allowed for a version, which never changes, nor with
            ``refresh_on_code_change=False``. Default: False.
            Source: "Lambda Function state events in Amazon EventBridge" in the AWS Lambda Developer
            Guide.
        reconcile_every: how often the handler compares the configurations in any case, because
            events can be lost. At least an hour, in whole minutes, no token. Registrations of one
            function in a stack share the shortest. None: never. Another value than the default
            needs ``refresh_on_external_change=True``. Default: 24 hours.
            Source: "Events and event delivery levels" in the EventBridge Events Reference.
        on_breaking_change: what happens if a refresh takes away what connector profiles or flows
            use, such as an API version. With ``OnBreakingChange.FAIL`` the handler compares what
            AppFlow showed before the refresh with what it shows after it. If something is gone, the
            handler reads the profiles and flows of the label, and fails the update if one of them
            uses it, or if they cannot be read. Until the rollback, AppFlow has the new
            configuration. A rollback is never checked. A creation that adopts a registration is
            checked too; if it fails, the handler registers the former function again, which needs
            ``lambda:InvokeFunction`` for that function. With ``refresh_on_external_change``, a
            change of a function of another stack may be refreshed before the update, and is then
            reported by ``metric_breaking_changes`` only. Default: ``OnBreakingChange.IGNORE``,
            which needs no permission and no call.
        acknowledged_changes: the ids of changes that may break connector profiles and flows, such
            as ``API_VERSION_REMOVED:v51.0``. The reason of a failed update, and
            ``cdk-appflow-connector check --against``, show the ids. Only with
            ``OnBreakingChange.FAIL``. A change of this argument or of ``on_breaking_change`` alone
            does not refresh the registration. Default: none.
        skip_permissions: whether to omit AppFlow's permission to invoke ``connector_function``. Use
            it for functions whose resource policy is managed elsewhere, such as those imported with
            ``skip_permissions=True``, which the CDK does not expose. A warning shows the statement
            that the owner of the function must add. Default: False.
        service_timeout: how long CloudFormation waits for the handler's response, in whole seconds,
            no token. At most an hour, and at least the ``max_event_age`` and ``timeout`` of the
            provider together. Default: 10 minutes, or the minimum if that is longer.
            Source: AWS::CloudFormation::CustomResource in the CloudFormation Template Reference.
        provider: the provider behind this resource, from the same stack. Default: the default
            provider of the stack, see ``ConnectorRegistrationProvider.get_or_create``.

    Raises:
        ValueError: an argument has another type than its own, contradicts another argument, or
            AppFlow, Lambda, IAM or CloudFormation would refuse it at deployment. The message names
            the argument, its value, what is allowed, and the next step. A registration that is
            refused leaves no construct and no use of its label behind.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        connector_label: str,
        connector_function: lambda_.IFunction | cdk.CfnResource,
        description: str | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        force_delete: bool = False,
        adoption: Adoption = Adoption.ALLOWED,
        refresh_on_code_change: bool = True,
        triggers: Mapping[str, Any] | None = None,
        refresh_on_external_change: bool = False,
        reconcile_every: cdk.Duration | None = validation.RECONCILE_EVERY,
        on_breaking_change: OnBreakingChange = OnBreakingChange.IGNORE,
        acknowledged_changes: Sequence[str] | None = None,
        skip_permissions: bool = False,
        service_timeout: cdk.Duration | None = None,
        provider: ConnectorRegistrationProvider | None = None,
    ) -> None:
        arguments.check_types(_ARGUMENTS, locals())
        validation.check_connector_label(connector_label)
        validation.check_description(description)
        validation.check_removal_policy(removal_policy, force_delete=force_delete)
        arguments.check_json("triggers", dict(triggers or {}))
        fails_on_breaking_change = on_breaking_change is OnBreakingChange.FAIL
        validation.check_acknowledged_changes(
            acknowledged_changes or [], are_checked=fails_on_breaking_change
        )
        stack = StackRecord.of(arguments.stack_of(scope))
        function = _function_of(connector_function, stack)
        validation.check_function(function, stack)
        validation.check_external_change(
            function,
            refresh=refresh_on_external_change,
            refresh_on_code_change=refresh_on_code_change,
        )
        reconcile_seconds = validation.check_reconcile_every(
            reconcile_every, refresh=refresh_on_external_change
        )
        if provider is None:
            provider = stack.default_provider
        else:
            validation.check_provider_stack(provider, stack.stack)
        service_timeout_seconds = resolve_service_timeout(service_timeout, provider)
        label_use = check_label_is_unique(scope, id, connector_label, stack)
        # Defaults are omitted: writing them would change every deployed template and update every
        # connector.
        properties = {
            "ConnectorLabel": connector_label,
            "LambdaArn": function.arn,
            "AliasRouting": alias_routing(function),
            "FunctionHash": function_hash(function, stack) if refresh_on_code_change else None,
            "Triggers": dict(triggers) if triggers else None,
            "Description": description,
            "RemovalPolicy": _removal_policy_property(removal_policy),
            "ForceDelete": True if force_delete else None,
            "Adoption": None if adoption is Adoption.ALLOWED else adoption.value,
            "OnBreakingChange": on_breaking_change.value if fails_on_breaking_change else None,
            "AcknowledgedChanges": list(acknowledged_changes) if acknowledged_changes else None,
        }

        super().__init__(scope, id)
        self._label = connector_label
        self._label_text = label_use.text
        self._arn_by_label = f"{stack.appflow_arn_prefix}connector/{connector_label}"
        self._policies: ConnectorPolicies | None = None
        self._reports_breaking_changes = refresh_on_external_change and fails_on_breaking_change
        with arguments.removed_if_refused(self), label_use.recorded(), self._discarded_if_refused():
            if provider is None:
                provider = ConnectorRegistrationProvider._create(stack.stack)
                # A property injector may have given its function other times.
                service_timeout_seconds = resolve_service_timeout(service_timeout, provider)
            self._provider = provider
            self._resource = _CfnConnectorRegistration(
                self,
                {
                    "ServiceToken": provider.service_token,
                    "ServiceTimeout": str(service_timeout_seconds),
                    **properties,
                },
                force_delete=force_delete,
            )
            override_logical_id(self._label_text, self._resource)
            self._add_permissions(function, stack, skip_permissions=skip_permissions)
            if fails_on_breaking_change and self._policies is not None:
                self._policies.allow_reading_usage()
            if removal_policy is cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE:
                self._resource.apply_removal_policy(removal_policy)
            elif removal_policy is cdk.RemovalPolicy.DESTROY:
                self._grant_unregister()
            # The last step, because nothing takes it back.
            if refresh_on_external_change:
                listener = Listener(provider, properties, reconcile_seconds)
                ChangeRule.of(function, stack).add(listener)
        self._provider._service_timeouts.append(service_timeout_seconds)
        stack.registrations.append(self)
        check_at_synthesis(stack)

        if skip_permissions:
            warnings.warn_missing_invoke_permission(self, function, stack.environment)
        if label_use.possible_duplicate is not None:
            warnings.warn_possible_duplicate_label(
                self, connector_label, label_use.possible_duplicate
            )
        warnings.warn_region_without_appflow(self, stack.environment)
        warnings.warn_unstable_version(self, function, stack)
        if refresh_on_code_change and not (triggers or refresh_on_external_change):
            warnings.warn_unseen_code_changes(self, function)

    @staticmethod
    def from_connector_label(
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        connector_label: str,
    ) -> IConnectorRegistration:
        """Import a connector that is registered elsewhere in the account and Region of ``scope``.

        Args:
            scope: the construct in which the imported connector is created, often ``self``.
            id: the id of the imported connector within ``scope``.
            connector_label: the label of the connector in AppFlow. 2 to 256 characters: a letter or
                digit, then letters, digits and ``_!@#.-``.

        Returns:
            The connector. It creates no resources, and neither synthesis nor deployment checks that
            the connector is registered.

        Raises:
            ValueError: an argument is of another type, ``scope`` is in no stack, or AppFlow refuses
                such a label.
        """
        arguments.check_types(_IMPORT_ARGUMENTS, locals())
        validation.check_connector_label(connector_label)
        arguments.stack_of(scope)
        return _ImportedConnectorRegistration(scope, id, connector_label)

    @property
    def connector_label(self) -> str:
        """The label of the connector, as a reference to this resource.

        A resource that uses it waits until the connector is registered. The connector's own
        function and its role take the label from ``from_connector_label``, because the registration
        waits for them.
        """
        return self._resource.ref

    @property
    def connector_arn(self) -> str:
        """The ARN of the connector, as a reference to this resource.

        A resource that uses it waits until the connector is registered. The connector's own
        function and its role take the ARN from ``from_connector_label``, because the registration
        waits for them.
        """
        return self._resource.get_att("ConnectorArn").to_string()

    def grant_read_credentials(
        self, grantee: iam.IGrantable, encryption_key: kms.IKey | None = None
    ) -> iam.Grant:
        """Allow ``grantee`` to read the credentials of the connector's profiles.

        :meth:`IConnectorRegistration.grant_read_credentials` describes which secrets these are.

        Args:
            grantee: the function, role or user to allow, usually the connector's function.
            encryption_key: the KMS key of the connector profiles. Default: the key that AWS
                manages, which needs no permission.

        Returns:
            The grant. A resource that needs the permission can depend on it.

        Raises:
            ValueError: ``grantee`` is nothing that can have permissions.
        """
        # The reference in ``connector_label`` would make the function's role wait for this
        # resource, which waits for the function.
        return _grant_read_credentials(self.stack, self._label, grantee, encryption_key)

    def metric_breaking_changes(
        self,
        *,
        statistic: str = "Sum",
        period: cdk.Duration = _METRIC_PERIOD,
        label: str | None = None,
        color: str | None = None,
    ) -> cloudwatch.Metric:
        """How many breaking changes a change outside of a deployment makes, as for an alarm.

        The handler cannot roll such a change back. With ``refresh_on_external_change=True`` and
        ``on_breaking_change=OnBreakingChange.FAIL`` it refreshes the registration, logs what breaks
        as an error, and reports the number of breaking changes that are not acknowledged: metric
        ``BreakingChanges`` in namespace ``CdkAppFlowConnector``, with dimension ``ConnectorLabel``.
        The metric has no value at other times, so an alarm should treat missing data as not
        breaching. Without both arguments it never has one, and a warning says so.

        Args:
            statistic: how CloudWatch aggregates the values of a period. Default: ``Sum``.
            period: the period of the metric. Default: 5 minutes.
            label: the name of the metric in a dashboard. Default: CloudWatch chooses a name.
            color: the colour of the metric in a dashboard, such as ``#d62728``. Default: CloudWatch
                chooses a colour.

        Returns:
            The metric, whose ``with_`` changes what these arguments do not.
        """
        if not self._reports_breaking_changes:
            warnings.warn_metric_without_values(self)
        return cloudwatch.Metric(
            namespace="CdkAppFlowConnector",
            metric_name="BreakingChanges",
            dimensions_map={"ConnectorLabel": self._label},
            statistic=statistic,
            period=period,
            label=label,
            color=color,
        ).attach_to(self)

    def apply_removal_policy(self, policy: cdk.RemovalPolicy) -> None:
        """Change what happens to the registration when this resource is removed from the stack.

        ``RemovalPolicy.DESTROY`` has the effects of the argument ``removal_policy``, including the
        handler's permission to unregister the connector. ``RemovalPolicy.RETAIN`` revokes this
        permission and sets ``DeletionPolicy: Retain``: CloudFormation then removes the resource
        from the stack without calling the handler. ``RemovalPolicies.of(...)``, other aspects that
        apply a removal policy, and escape hatches that set ``DeletionPolicy`` have the same
        effects.

        Args:
            policy: ``RemovalPolicy.RETAIN``, ``RemovalPolicy.DESTROY`` or
                ``RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE``.

        Raises:
            ValueError: ``policy`` is none of these.
        """
        self._resource.apply_removal_policy(policy)

    @property
    def _shared_policy_id(self) -> str | None:
        """The logical id of the policy that the registration shares with others, if it does."""
        shared = self._policies.shared if self._policies is not None else None
        return None if shared is None else shared.policy.logical_id

    @property
    def _functions(self) -> list[str]:
        """The ARNs of functions that the registration waits for."""
        return [] if self._policies is None else self._policies.functions

    def _add_permissions(
        self, function: ConnectorFunction, stack: StackRecord, *, skip_permissions: bool
    ) -> None:
        """Let the custom resource wait for the permissions of the handler and of AppFlow.

        CloudFormation creates a custom resource after its provider's function, but not after the
        policies of the function's role and the asynchronous invocation configuration.
        """
        dependencies = [self._provider._event_invoke_config]
        policies = self._provider._policies
        if policies is None:
            dependencies.append(self._provider.handler)
        else:
            self._policies = policies.add(
                self, self._resource, self._label_text, self._arn_by_label, function
            )
            if self._policies.shared is not None:
                dependencies.append(self._policies.shared.policy)
        if not skip_permissions:
            dependencies.append(invoke_permission(function, stack))
        self._resource.node.add_dependency(*dependencies)

    @contextlib.contextmanager
    def _discarded_if_refused(self) -> Iterator[None]:
        """Take the permissions of a registration back if the making of it raises an error."""
        try:
            yield
        except BaseException:
            if self._policies is not None:
                self._policies.discard()
            raise

    def _grant_unregister(self) -> None:
        """Allow the handler to unregister the connector, unless its role is an imported one."""
        if self._policies is None or self._policies.may_unregister:
            return
        self._policies.allow_unregistering()
        if self._label_text is None:
            warnings.warn_token_label_with_destroy(self)

    def _revoke_unregister(self) -> None:
        if self._policies is not None:
            self._policies.forbid_unregistering()


class _CfnConnectorRegistration(cdk.CfnResource):
    """The custom resource, whose properties follow its deletion policy, however an app sets it.

    Aspects such as ``RemovalPolicies.of(...)`` apply a removal policy to CloudFormation resources
    and not to the constructs around them. Escape hatches set a deletion policy directly.
    """

    def __init__(
        self,
        registration: ConnectorRegistration,
        properties: Mapping[str, Any],
        *,
        force_delete: bool,
    ) -> None:
        super().__init__(registration, "Resource", type=_RESOURCE_TYPE, properties=properties)
        self._registration = registration
        self._force_delete = force_delete
        self._deletion_policy = cdk.CfnDeletionPolicy.DELETE
        # As the CDK does for every custom resource: CloudFormation sends the handler a Delete, and
        # the property RemovalPolicy decides what the handler does.
        super().apply_removal_policy(cdk.RemovalPolicy.DESTROY)

    def apply_removal_policy(
        self,
        policy: cdk.RemovalPolicy | None = None,
        *,
        apply_to_update_replace_policy: bool | None = None,
        default: cdk.RemovalPolicy | None = None,
    ) -> None:
        """Set the deletion policy, the properties and the permission to unregister."""
        policy = policy or default or cdk.RemovalPolicy.RETAIN
        validation.check_applied_removal_policy(policy, self.node.path, _RESOURCE_TYPE)
        super().apply_removal_policy(
            policy, apply_to_update_replace_policy=apply_to_update_replace_policy
        )
        self._follow(DELETION_POLICIES[policy])

    @functools.cached_property
    def cfn_options(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> cdk.ICfnResourceOptions:
        """The CDK's options, whose deletion policy the properties follow."""
        # No property: the CDK would call Python for each option of each resource.
        options = FollowedOptions(super().cfn_options, self.node.path, self._follow)
        return cast("cdk.ICfnResourceOptions", options)

    def add_override(self, path: str, value: Any = None) -> None:
        """Override a part of the template. Policies take effect as set in any other way."""
        match path:
            case "DeletionPolicy":
                self.cfn_options.deletion_policy = value
            case "UpdateReplacePolicy":
                self.cfn_options.update_replace_policy = value
            case "Properties.RemovalPolicy":
                check_property(value, self._deletion_policy, self.node.path)
                self._set_unregisters(value == "Destroy")
            case _:
                super().add_override(path, value)

    def _follow(self, deletion_policy: cdk.CfnDeletionPolicy) -> None:
        """Set what the handler does with the Deletes that a deletion policy leads to."""
        self._deletion_policy = deletion_policy
        self._set_unregisters(deletion_policy in UNREGISTERING)

    def _set_unregisters(self, unregisters: bool) -> None:
        super().add_override("Properties.RemovalPolicy", "Destroy" if unregisters else "Retain")
        force_delete = True if unregisters and self._force_delete else None
        super().add_override("Properties.ForceDelete", force_delete)
        if unregisters:
            self._registration._grant_unregister()
        else:
            self._registration._revoke_unregister()


class _ImportedConnectorRegistration(cdk.Resource):
    """A connector that is registered elsewhere, in the account and Region of its stack."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        connector_label: str,
    ) -> None:
        super().__init__(scope, id)
        self._label = connector_label

    @property
    def connector_label(self) -> str:
        return self._label

    @property
    def connector_arn(self) -> str:
        return self.stack.format_arn(
            service="appflow", resource="connector", resource_name=self._label
        )

    def grant_read_credentials(
        self, grantee: iam.IGrantable, encryption_key: kms.IKey | None = None
    ) -> iam.Grant:
        return _grant_read_credentials(self.stack, self._label, grantee, encryption_key)


def _function_of(
    construct: lambda_.IFunction | cdk.CfnResource, stack: StackRecord
) -> ConnectorFunction:
    """The function behind a construct, which often has several registrations in a stack."""
    function = stack.functions.get(id(construct)) or ConnectorFunction.of(construct)
    if function.is_final:
        stack.functions[id(construct)] = function
    return function


def _removal_policy_property(removal_policy: cdk.RemovalPolicy) -> str:
    return "Retain" if removal_policy is cdk.RemovalPolicy.RETAIN else "Destroy"


def _grant_read_credentials(
    stack: cdk.Stack, label: str, grantee: iam.IGrantable, encryption_key: kms.IKey | None
) -> iam.Grant:
    arguments.check_types(_GRANT_ARGUMENTS, {"grantee": grantee, "encryption_key": encryption_key})
    secrets = stack.format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"appflow!{stack.account}-{label}-*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=["secretsmanager:GetSecretValue"], resource_arns=[secrets]
    )
    if encryption_key is not None:
        _grant_decrypt(f"secretsmanager.{stack.region}.amazonaws.com", grantee, encryption_key)
    return grant


def _grant_decrypt(service: str, grantee: iam.IGrantable, key: kms.IKey) -> None:
    """Allow ``grantee`` to decrypt with a key, but only by way of a service.

    As with ``grant_decrypt`` of the CDK, the key's policy does not change: that of a key of the app
    leaves the decision to the policies of the account. The CDK's ``kms.ViaServicePrincipal`` would
    change the key's policy only, and so have no effect on an imported key.
    """
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["kms:Decrypt"],
        resource_arns=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": service}},
    )
