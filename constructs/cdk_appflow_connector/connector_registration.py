"""The construct that registers a connector."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from . import _validation as validation
from . import _warnings as warnings
from ._connector_function import ConnectorFunction
from ._environment import StackRecord
from ._function_hash import alias_routing, function_hash
from ._invoke_permission import add_invoke_permission
from ._labels import check_label_is_unique
from .connector_registration_provider import ConnectorRegistrationProvider

_RESOURCE_TYPE = "Custom::AppFlowConnectorRegistration"


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

    def grant_read_credentials(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to read the credentials of the connector's profiles.

        AppFlow keeps the credentials of each connector profile in a secret of this account, whose
        name begins with ``appflow!<account>-<label>-``. IAM supports no narrower pattern, so label
        ``acme`` may also read the secrets of label ``acme-crm``.
        Source: template.yml of the AppFlow Custom Connector SDK, which uses the same pattern.

        Args:
            grantee: the function, role or user to allow, usually the connector's function.

        Returns:
            The grant. A resource that needs the permission can depend on it.
        """


class ConnectorRegistration(cdk.Resource):
    """A registration of a Lambda function as an Amazon AppFlow custom connector.

    The deployment registers the function under ``connector_label``, or adopts the registration that
    the label already has. Whenever a later deployment changes the function (its ARN, or its code or
    configuration under the same ARN), the handler refreshes the registration, so that AppFlow reads
    the connector's configuration again. The rollback of an update restores the registration. The
    rollback of a creation does not restore an adopted registration, because only the handler's log
    contains the ARN that was registered before. Adopt a registration in a separate deployment.

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
            registered ARN is still that of this function; the removal fails if a connector profile
            uses the connector. Before you move a registration to another stack, deploy it with
            ``RETAIN``, or its old stack unregisters it. Default: ``RemovalPolicy.RETAIN``.
            Source: UnregisterConnector in the AppFlow API Reference.
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
        triggers: any values, which may be tokens. A change of one of them refreshes the
            registration. Use them for changes that the CDK cannot detect, such as new code of an
            imported function. Default: none.
        skip_permissions: whether to omit AppFlow's permission to invoke ``connector_function``. Use
            it for functions whose resource policy is managed elsewhere, such as those imported with
            ``skip_permissions=True``, which the CDK does not expose. A warning shows the statement
            that the owner of the function must add. Default: False.
        service_timeout: how long CloudFormation waits for the handler's response, in whole seconds.
            At most an hour, and at least the ``max_event_age`` and ``timeout`` of the provider
            together. Default: 10 minutes, or the minimum if that is longer.
            Source: AWS::CloudFormation::CustomResource in the CloudFormation Template Reference.
        provider: the provider behind this resource, from the same stack. Default: the default
            provider of the stack, see ``ConnectorRegistrationProvider.get_or_create``.

    Raises:
        ValueError: AppFlow, Lambda, IAM or CloudFormation would refuse an argument at deployment.
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
        skip_permissions: bool = False,
        service_timeout: cdk.Duration | None = None,
        provider: ConnectorRegistrationProvider | None = None,
    ) -> None:
        stack = StackRecord.of(cdk.Stack.of(scope))
        function = ConnectorFunction.of(connector_function)
        validation.check_connector_label(connector_label)
        validation.check_description(description)
        validation.check_removal_policy(removal_policy, force_delete=force_delete)
        validation.check_function(function, stack.environment)
        if provider is None:
            provider = ConnectorRegistrationProvider.get_or_create(stack.stack)
        else:
            validation.check_provider_stack(provider, stack.stack)
        service_timeout_seconds = provider._resolve_service_timeout(service_timeout)
        duplicate_path = check_label_is_unique(scope, id, connector_label, stack)

        super().__init__(scope, id)
        self._label = connector_label
        self._arn_by_label = f"{stack.appflow_arn_prefix}connector/{connector_label}"
        self._provider = provider
        self._unregister_policy: iam.Policy | None = None
        # Defaults are omitted: writing them would change every deployed template and update every
        # connector.
        self._resource = _CfnConnectorRegistration(
            self,
            {
                "ServiceToken": provider.service_token,
                "ServiceTimeout": str(service_timeout_seconds),
                "ConnectorLabel": connector_label,
                "LambdaArn": function.arn,
                "AliasRouting": alias_routing(function),
                "FunctionHash": (
                    function_hash(function, stack) if refresh_on_code_change else None
                ),
                "Triggers": dict(triggers) if triggers else None,
                "Description": description,
                "RemovalPolicy": _removal_policy_property(removal_policy),
                "ForceDelete": True if force_delete else None,
                "Adoption": None if adoption is Adoption.ALLOWED else adoption.value,
            },
            force_delete=force_delete,
        )
        _override_logical_id(connector_label, self._resource)

        self._add_dependencies(function, stack, skip_permissions=skip_permissions)
        if removal_policy is cdk.RemovalPolicy.DESTROY:
            self._grant_unregister()

        if skip_permissions:
            warnings.warn_missing_invoke_permission(self, function, stack.environment)
        if duplicate_path is not None:
            warnings.warn_possible_duplicate_label(self, connector_label, duplicate_path)
        warnings.warn_region_without_appflow(self, stack.environment)
        warnings.warn_unstable_version(self, function, stack)
        if refresh_on_code_change and not triggers:
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
            ValueError: AppFlow refuses such a label.
        """
        validation.check_connector_label(connector_label)
        return _ImportedConnectorRegistration(scope, id, connector_label)

    @property
    def connector_label(self) -> str:
        """The label of the connector, as a reference to this resource.

        A resource that uses it waits until the connector is registered.
        """
        return self._resource.ref

    @property
    def connector_arn(self) -> str:
        """The ARN of the connector, as a reference to this resource.

        A resource that uses it waits until the connector is registered.
        """
        return self._resource.get_att("ConnectorArn").to_string()

    def grant_read_credentials(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to read the credentials of the connector's profiles.

        :meth:`IConnectorRegistration.grant_read_credentials` describes which secrets these are.

        Args:
            grantee: the function, role or user to allow, usually the connector's function.

        Returns:
            The grant. A resource that needs the permission can depend on it.
        """
        # The reference in ``connector_label`` would make the function's role wait for this
        # resource, which waits for the function.
        return _grant_read_credentials(self.stack, self._label, grantee)

    def apply_removal_policy(self, policy: cdk.RemovalPolicy) -> None:
        """Change what happens to the registration when this resource is removed from the stack.

        ``RemovalPolicy.DESTROY`` has the effects of the argument ``removal_policy``, including the
        handler's permission to unregister the connector. ``RemovalPolicy.RETAIN`` revokes this
        permission and sets ``DeletionPolicy: Retain``: CloudFormation then removes the resource
        from the stack without calling the handler. ``RemovalPolicies.of(...)`` and other aspects
        that apply a removal policy have the same effects.

        Args:
            policy: ``RemovalPolicy.RETAIN`` or ``RemovalPolicy.DESTROY``.

        Raises:
            ValueError: ``policy`` is neither of the two.
        """
        self._resource.apply_removal_policy(policy)

    def _add_dependencies(
        self, function: ConnectorFunction, stack: StackRecord, *, skip_permissions: bool
    ) -> None:
        """Let the custom resource wait for the permissions of the handler and of AppFlow."""
        dependencies = self._provider._bind(self._arn_by_label, function)
        if not skip_permissions:
            dependencies.append(add_invoke_permission(self, function, stack))
        self._resource.node.add_dependency(*dependencies)

    def _grant_unregister(self) -> None:
        """Allow the handler to unregister the connector, unless its role is an imported one."""
        if self._unregister_policy is not None or self._provider._policies is None:
            return
        policy = self._provider._policies.grant_unregister(self, self._arn_by_label)
        resource = policy.node.default_child
        assert isinstance(resource, iam.CfnPolicy)
        _override_logical_id(self._label, resource, "Unregister")
        self._resource.wait_for(resource)
        self._unregister_policy = policy
        warnings.warn_token_label_with_destroy(self, self._label)

    def _revoke_unregister(self) -> None:
        policy = self._unregister_policy
        if policy is None or self._provider._policies is None:
            return
        resource = policy.node.default_child
        assert isinstance(resource, iam.CfnPolicy)
        self._resource.wait_no_longer_for(resource)
        self._provider._policies.revoke_unregister(self, policy)
        self._unregister_policy = None


class _CfnConnectorRegistration(cdk.CfnResource):
    """The custom resource, whose properties follow the removal policy that is applied to it.

    Aspects such as ``RemovalPolicies.of(...)`` apply a removal policy to CloudFormation resources
    and not to the constructs around them.
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
        self.add_property_override("RemovalPolicy", _removal_policy_property(policy))
        if policy is cdk.RemovalPolicy.RETAIN:
            self.add_property_deletion_override("ForceDelete")
            self._registration._revoke_unregister()
        else:
            if self._force_delete:
                self.add_property_override("ForceDelete", True)
            self._registration._grant_unregister()

    def wait_for(self, resource: cdk.CfnResource) -> None:
        """Add a dependency that can be removed again, unlike one between constructs."""
        # The oldest aws-cdk-lib supported has this method under its former name only, and newer
        # ones print a warning about that name.
        add = getattr(self, "add_resource_dependency", None) or self.add_dependency
        add(resource)

    def wait_no_longer_for(self, resource: cdk.CfnResource) -> None:
        """Remove a dependency that ``wait_for`` added."""
        remove = getattr(self, "remove_resource_dependency", None) or self.remove_dependency
        remove(resource)


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

    def grant_read_credentials(self, grantee: iam.IGrantable) -> iam.Grant:
        return _grant_read_credentials(self.stack, self._label, grantee)


def _override_logical_id(label: str, resource: cdk.CfnResource, suffix: str = "") -> None:
    """Give a resource a logical id that follows the label and not the construct's path.

    A construct that is renamed or moved within its stack then stays the same resource. Under
    another logical id CloudFormation would create a new resource, which adopts the label, and then
    delete the old one, which with ``DESTROY`` unregisters the connector. Another label creates new
    resources, so the old policy still permits deleting the old registration. The CDK's own id
    stays for a token.
    """
    if validation.is_label(label):
        letters = "".join(filter(str.isalnum, label))
        digest = hashlib.sha256(label.encode()).hexdigest()[:8].upper()
        resource.override_logical_id(f"AppFlowConnector{letters[:150]}{digest}{suffix}")


def _removal_policy_property(removal_policy: cdk.RemovalPolicy) -> str:
    return "Destroy" if removal_policy is cdk.RemovalPolicy.DESTROY else "Retain"


def _grant_read_credentials(stack: cdk.Stack, label: str, grantee: iam.IGrantable) -> iam.Grant:
    secrets = stack.format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"appflow!{stack.account}-{label}-*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.Grant.add_to_principal(
        grantee=grantee, actions=["secretsmanager:GetSecretValue"], resource_arns=[secrets]
    )
