"""The construct that registers a connector."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from constructs import Construct, IConstruct, Node

from . import _validation as validation
from ._invoke_permission import let_appflow_invoke
from ._labels import claim_label
from ._lambda_revision import lambda_revision
from ._place import Place
from .connector_registration_provider import ConnectorRegistrationProvider

_RESOURCE_TYPE = "Custom::AppFlowConnectorRegistration"


class OnMissing(enum.Enum):
    """What to do when nobody has registered the label of a new ``ConnectorRegistration``."""

    REGISTER = "Register"
    """Register it."""

    FAIL = "Fail"
    """Fail the deployment, for a label that has to be registered by then, by hand for instance."""


class OnExisting(enum.Enum):
    """What to do when the label of a new ``ConnectorRegistration`` is registered already."""

    ADOPT = "Adopt"
    """Take the registration over and point it at this function."""

    FAIL = "Fail"
    """Fail the deployment and leave the registration as it is."""


class IConnectorRegistration(Protocol):
    """A registered connector, of this stack or of elsewhere."""

    @property
    def connector_label(self) -> str:
        """The name AppFlow knows the connector by."""

    @property
    def connector_arn(self) -> str:
        """The ARN of the connector, ``arn:aws:appflow:<region>:<account>:connector/<label>``.

        Source: "Actions, resources, and condition keys for Amazon AppFlow" in the AWS Service
        Authorization Reference.
        """

    def grant_read_credentials(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a connector's function read the credentials of its connector profiles.

        AppFlow keeps those of each profile in a secret of this account, whose name begins with
        ``appflow!<account>-<label>-``. So label ``acme`` may also read the secrets of label
        ``acme-crm``; IAM has no narrower pattern, and the SDK's template has the same one.
        Source: template.yml of the AppFlow Custom Connector SDK.

        Args:
            grantee: who may read them, as a rule the connector's function.

        Returns:
            The grant, for instance to make a resource wait for it.
        """


class ConnectorRegistration(Construct):
    """A registration of a Lambda function as an Amazon AppFlow custom connector.

    Deploying it registers the function under ``connector_label``, or takes over a registration that
    exists under the label already. Whenever a later deployment changes the function (its ARN, or
    its code or configuration under the same ARN), AppFlow is told to read the connector's
    configuration again. The rollback of an update takes the registration back as well. The rollback
    of a creation cannot: what a label pointed to before it was taken over is in the handler's log
    only. So take a registration over in a deployment of its own.

    The construct lets AppFlow invoke ``connector_function``, exactly the function, version or alias
    that is given, unless ``grant_invoke`` is False; registrations of one function in a stack share
    that permission. All registrations of a stack share one Lambda function that talks to AppFlow.

    Args:
        scope: the construct to make this in, often ``self``.
        id: the id of this construct within ``scope``.
        connector_label: the name AppFlow knows the connector by, unique in the account and Region.
            2 to 256 characters: a letter or digit, then letters, digits and ``_!@#.-``. Another
            label makes another registration, and the old one goes the way of ``removal_policy``.
        connector_function: the connector: a Function, an Alias, a Version or an imported function,
            of the stack's account and Region. Changes to the code of an imported function are
            invisible to the CDK and so announce nothing, unless you name them in ``triggers``.
        description: what people read about the connector in the AppFlow console. At most 1024
            letters, digits, spaces and ``/!@#+=.-_``. Default: no description; one that AppFlow
            holds already is left as it is.
        removal_policy: what happens to the registration when this resource leaves the stack or the
            stack is deleted. ``RETAIN`` keeps it, with its connector profiles and flows, but not
            AppFlow's permission to invoke the function, which goes with the resource.
            ``DESTROY`` unregisters the connector, provided that the registration still points at
            this function; it fails if a connector profile uses it. Before you move a registration
            to another stack, deploy it with ``RETAIN``, or the stack it leaves unregisters it.
            Default: ``RETAIN``.
        force_unregister: whether ``DESTROY`` unregisters the connector even while connector
            profiles use it. Their flows fail from then on. Default: False, the removal fails.
        on_missing: what to do if the label is not registered when this resource is created or gets
            the label. Default: register it.
        on_existing: what to do if it is registered by then. Default: take it over.
        refresh_on_code_change: whether AppFlow is told when the function's code or configuration
            changes under the same ARN. Default: True. With False, only another ARN, description or
            trigger is announced.
        grant_invoke: whether the construct lets AppFlow invoke ``connector_function``, by a
            permission of its own. Default: True. With False a warning says which statement the
            function's owner must add. For functions whose resource policy is somebody else's, as
            those imported with ``skip_permissions=True``, which the CDK does not tell.
        triggers: any values of your own, tokens too; when one changes, the connector is announced
            again. For what the CDK cannot see, as the code of an imported function. Default: none.
        service_timeout: how long CloudFormation waits for the handler's answer, up to an hour, in
            whole seconds, and no shorter than the provider's ``max_event_age`` and ``timeout``
            together. Default: 10 minutes, or as long as the provider needs.
        provider: the Lambda function behind this resource, of the same stack. Default: the stack's
            own, made on first use.

    Raises:
        ValueError: for an argument that AppFlow or CloudFormation would refuse at deployment.

    Sources: RegisterConnector, UpdateConnectorRegistration and UnregisterConnector in the AppFlow
    API Reference, for the label, the description and what unregistering does to profiles;
    AWS::CloudFormation::CustomResource in the CloudFormation Template Reference, for
    ``service_timeout``.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        connector_label: str,
        connector_function: lambda_.IFunction,
        description: str | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        force_unregister: bool = False,
        on_missing: OnMissing = OnMissing.REGISTER,
        on_existing: OnExisting = OnExisting.ADOPT,
        refresh_on_code_change: bool = True,
        grant_invoke: bool = True,
        triggers: Mapping[str, Any] | None = None,
        service_timeout: cdk.Duration | None = None,
        provider: ConnectorRegistrationProvider | None = None,
    ) -> None:
        # Whatever is asked of the CDK takes a message to another process and back, and a stack may
        # hold two hundred of these. So each thing is asked for once.
        stack = cdk.Stack.of(scope)
        account = stack.account
        place = Place.of(account, stack.region)
        function_arn = connector_function.function_arn
        validation.check_connector_label(connector_label)
        validation.check_description(description)
        validation.check_removal_policy(removal_policy, force_unregister=force_unregister)
        validation.check_function(connector_function, function_arn, place)
        if (on_missing, on_existing) == (OnMissing.FAIL, OnExisting.FAIL):
            raise ValueError(
                "on_missing and on_existing are both FAIL, so that no deployment could succeed."
                " Change one of them"
            )
        if provider is not None and cdk.Stack.of(provider) is not stack:
            raise ValueError(
                f"provider is of stack {cdk.Stack.of(provider).node.path}, but this registration is"
                f" of stack {stack.node.path}. Make one in its own stack"
            )
        claim_label(scope, id, connector_label, stack, place)
        super().__init__(scope, id)
        self._label_argument = connector_label

        provider = provider or ConnectorRegistrationProvider.get_or_create(stack)
        function_resource = connector_function.node.default_child
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type=_RESOURCE_TYPE,
            service_token=provider.service_token,
            service_timeout=provider.service_timeout(service_timeout),
            # What is left out has the handler's default, so that a template says no more than its
            # app: a property more would be an update of every connector in the world.
            properties={
                "ConnectorLabel": connector_label,
                "LambdaArn": function_arn,
                "LambdaRevision": (
                    lambda_revision(connector_function, function_resource, stack)
                    if refresh_on_code_change
                    else None
                ),
                "Triggers": dict(triggers) if triggers else None,
                "Description": description,
                "RemovalPolicy": removal_policy.name.title(),
                "ForceUnregister": True if force_unregister else None,
                "OnMissing": _unless(on_missing, OnMissing.REGISTER),
                "OnExisting": _unless(on_existing, OnExisting.ADOPT),
            },
        )
        node = self._resource.node
        _name_after(connector_label, node, "")
        appflow = _start_of_appflow_arns(stack)
        connector_arn = _connector_arn(appflow, connector_label)
        # CloudFormation orders a resource after its provider, but not after the provider's policies
        # and the settings of its queue.
        waits_for = [provider.let_register(connector_arn, function_arn), provider.event_settings]
        if grant_invoke:
            permission = let_appflow_invoke(
                self,
                function_arn,
                function_resource,
                stack=stack,
                account=account,
                source_arn=f"{appflow}*",
            )
            waits_for.append(permission)
        else:
            validation.warn_about_invoking(self, connector_function, function_arn, place)
        node.add_dependency(*waits_for)
        if removal_policy is cdk.RemovalPolicy.DESTROY:
            unregister = provider.let_unregister(self, connector_arn)
            if unregister is not None:
                _name_after(connector_label, unregister.node, "Unregister")
                node.add_dependency(unregister)
                validation.warn_about_unregistering(self, connector_label)
        validation.warn_about_region(self, place)
        validation.warn_about_version(self, function_resource, stack)

    @staticmethod
    def from_connector_label(
        scope: IConstruct,
        id: str,  # noqa: A002, ARG004 - as in every from_ method of the CDK
        connector_label: str,
    ) -> IConnectorRegistration:
        """A connector that is registered elsewhere, in the account and Region of ``scope``.

        Args:
            scope: a construct of the stack that uses the connector, often ``self``.
            id: of no effect, since nothing is made; here as in every ``from_`` method of the CDK.
            connector_label: the name AppFlow knows the connector by.

        Returns:
            The connector. Nothing looks whether it exists, neither at synthesis nor at deployment.

        Raises:
            ValueError: AppFlow refuses such a label.
        """
        validation.check_connector_label(connector_label)
        return _ImportedConnector(cdk.Stack.of(scope), connector_label)

    @property
    def connector_arn(self) -> str:
        """The ARN of the registered connector, which AppFlow gives at deployment.

        Whatever uses it waits for the registration.
        """
        return self._resource.get_att_string("ConnectorArn")

    @property
    def connector_label(self) -> str:
        """The label, as a value of the deployment.

        Whatever uses it waits for the registration.
        """
        return self._resource.ref

    def grant_read_credentials(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee``, as a rule the connector's function, read its profiles' credentials.

        AppFlow keeps those of each profile in a secret of this account, whose name begins with
        ``appflow!<account>-<label>-``. So label ``acme`` may also read the secrets of label
        ``acme-crm``; IAM has no narrower pattern, and the SDK's template has the same one.
        Source: template.yml of the AppFlow Custom Connector SDK.

        Args:
            grantee: who may read them.

        Returns:
            The grant, for instance to make a resource wait for it.
        """
        # By the argument: the label as a value of the deployment would make the function's role
        # wait for the registration, which waits for the function.
        return _grant_read_credentials(cdk.Stack.of(self), self._label_argument, grantee)


def _name_after(label: str, node: Node, suffix: str) -> None:
    """Give a construct's resource a logical id that follows the label and not the path.

    A construct that is renamed or moved within its stack then stays the same resource. Under
    another logical id it would be created anew and the old one deleted, which with DESTROY
    unregisters the connector that has just been adopted. Another label makes other resources, so
    that the old policy still allows the old registration's removal.
    """
    resource = node.default_child
    assert isinstance(resource, cdk.CfnResource)
    if validation.is_label(label):
        letters = "".join(filter(str.isalnum, label))
        digest = hashlib.sha256(label.encode()).hexdigest()[:8].upper()
        resource.override_logical_id(f"AppFlowConnector{letters[:150]}{digest}{suffix}")


class _ImportedConnector:
    def __init__(self, stack: cdk.Stack, connector_label: str) -> None:
        self._stack = stack
        self.connector_label = connector_label
        self.connector_arn = _connector_arn(_start_of_appflow_arns(stack), connector_label)

    def grant_read_credentials(self, grantee: iam.IGrantable) -> iam.Grant:
        return _grant_read_credentials(self._stack, self.connector_label, grantee)


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


def _start_of_appflow_arns(stack: cdk.Stack) -> str:
    return stack.format_arn(
        service="appflow", resource="", arn_format=cdk.ArnFormat.NO_RESOURCE_NAME
    )


def _connector_arn(start: str, label: str) -> str:
    return f"{start}connector/{label}"


def _unless(chosen: enum.Enum, default: enum.Enum) -> str | None:
    return None if chosen is default else str(chosen.value)
