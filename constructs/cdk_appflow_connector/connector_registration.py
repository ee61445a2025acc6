"""The construct that registers a connector."""

from __future__ import annotations

import hashlib

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from ._lambda_revision import lambda_revision
from ._provider import SERVICE_TIMEOUT, handler_function
from ._validation import check_connector_label, check_description, check_removal_policy

_RESOURCE_TYPE = "Custom::AppFlowConnectorRegistration"


class ConnectorRegistration(Construct):
    """A registration of a Lambda function as an Amazon AppFlow custom connector.

    Deploying it registers the function under ``connector_label``, or takes over a registration that
    exists under the label already. Whenever a later deployment changes the function (its ARN, or
    its code or configuration under the same ARN), AppFlow is told to read the connector's
    configuration again. The rollback of an update takes the registration back as well. The rollback
    of a creation cannot: what a label pointed to before it was taken over is in the handler's log
    only. So take a registration over in a deployment of its own.

    The construct lets AppFlow invoke ``connector_function``, exactly the function, version or alias
    that is given. All registrations of a stack share one Lambda function that talks to AppFlow.

    Args:
        scope: the construct to make this in, often ``self``.
        id: the id of this construct within ``scope``.
        connector_label: the name AppFlow knows the connector by, unique in the account and Region.
            2 to 256 characters: a letter or digit, then letters, digits and ``_!@#.-``. Another
            label makes another registration, and the old one goes the way of ``removal_policy``.
        connector_function: the connector: a Function, an Alias, a Version or an imported function,
            of the stack's account and Region. Changes to the code of an imported function are
            invisible to the CDK and so announce nothing.
        description: what people read about the connector in the AppFlow console. At most 1024
            letters, digits, spaces and ``/!@#+=.-_``. Default: no description; one that AppFlow
            holds already is left as it is.
        removal_policy: what happens to the registration when this resource leaves the stack or the
            stack is deleted. ``RETAIN`` keeps it, with its connector profiles and flows.
            ``DESTROY`` unregisters the connector, provided that the registration still points at
            this function; it fails if a connector profile uses it. Before you move a registration
            to another stack, deploy it with ``RETAIN``, or the stack it leaves unregisters it.
            Default: ``RETAIN``.

    Raises:
        ValueError: for an argument that AppFlow would refuse at deployment.

    Sources: the AppFlow API Reference, RegisterConnector and UpdateConnectorRegistration.
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
    ) -> None:
        check_connector_label(connector_label)
        check_description(description)
        check_removal_policy(removal_policy)
        super().__init__(scope, id)

        handler = handler_function(self)
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type=_RESOURCE_TYPE,
            service_token=handler.function_arn,
            service_timeout=SERVICE_TIMEOUT,
            properties={
                "ConnectorLabel": connector_label,
                "LambdaArn": connector_function.function_arn,
                "LambdaRevision": lambda_revision(connector_function, cdk.Stack.of(self)),
                "Description": description,
                "RemovalPolicy": removal_policy.name.title(),
            },
        )
        self._name_after(connector_label, self._resource, "")
        self._let_appflow_invoke(connector_function)
        connector_arn = self._appflow_arn(f"connector/{connector_label}")
        self._let_handler_register(handler, connector_arn, connector_function)
        if removal_policy is cdk.RemovalPolicy.DESTROY:
            self._let_handler_unregister(handler, connector_arn, connector_label)

    @property
    def connector_arn(self) -> str:
        """The ARN of the registered connector, known at deployment."""
        return self._resource.get_att_string("ConnectorArn")

    @property
    def connector_label(self) -> str:
        """The label, known at deployment: whatever uses it waits for the registration."""
        return self._resource.ref

    def _let_appflow_invoke(self, function: lambda_.IFunction) -> None:
        # A resource of its own rather than function.add_permission, which leaves the permission out
        # for imported functions whose account it does not know.
        permission = lambda_.CfnPermission(
            self,
            "AppFlowPermission",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="appflow.amazonaws.com",
            source_account=cdk.Stack.of(self).account,
            source_arn=self._appflow_arn("*"),
        )
        self._resource.node.add_dependency(permission)

    def _let_handler_register(
        self, handler: lambda_.Function, connector_arn: str, function: lambda_.IFunction
    ) -> None:
        on_connector = iam.Grant.add_to_principal(
            grantee=handler,
            actions=["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"],
            resource_arns=[connector_arn],
        )
        # The native AWS::AppFlow::Connector asks this of its callers too: AppFlow invokes the
        # function with the caller's rights checked.
        on_function = iam.Grant.add_to_principal(
            grantee=handler,
            actions=["lambda:InvokeFunction"],
            resource_arns=[function.function_arn],
        )
        # CloudFormation orders a resource after its provider, but not after the provider's policy.
        on_connector.apply_before(self._resource)
        on_function.apply_before(self._resource)
        # Nor after the settings of the provider's queue.
        self._resource.node.add_dependency(handler.node.find_child("EventInvokeConfig"))

    def _let_handler_unregister(
        self, handler: lambda_.Function, connector_arn: str, label: str
    ) -> None:
        # A policy of its own. When the resource leaves a stack that stays, CloudFormation takes its
        # statements out of the shared policy first and sends the Delete afterwards; this policy
        # goes together with the resource, and after it.
        assert handler.role is not None
        policy = iam.Policy(
            self,
            "UnregisterPolicy",
            roles=[handler.role],
            statements=[
                iam.PolicyStatement(
                    actions=["appflow:DescribeConnector", "appflow:UnRegisterConnector"],
                    resources=[connector_arn],
                )
            ],
        )
        self._name_after(label, policy, "Unregister")
        self._resource.node.add_dependency(policy)

    def _name_after(self, label: str, construct: Construct, suffix: str) -> None:
        """Give a construct's resource a logical id that follows the label and not the path.

        A construct that is renamed or moved within its stack then stays the same resource. Under
        another logical id it would be created anew and the old one deleted, which with DESTROY
        unregisters the connector that has just been adopted. Another label makes other resources,
        so that the old policy still allows the old registration's removal.
        """
        resource = construct.node.default_child
        assert isinstance(resource, cdk.CfnResource)
        if not cdk.Token.is_unresolved(label):
            letters = "".join(filter(str.isalnum, label))
            digest = hashlib.sha256(label.encode()).hexdigest()[:8].upper()
            resource.override_logical_id(f"AppFlowConnector{letters[:150]}{digest}{suffix}")

    def _appflow_arn(self, resource: str) -> str:
        return cdk.Stack.of(self).format_arn(
            service="appflow", resource=resource, arn_format=cdk.ArnFormat.NO_RESOURCE_NAME
        )
