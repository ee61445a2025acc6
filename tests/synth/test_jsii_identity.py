"""Which Python objects jsii returns: what the library keeps in the construct tree relies on it."""

from __future__ import annotations

import gc
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

from constructs import Construct
from tests.synth.support import make_function


class Kept(Construct):
    """A construct with an attribute that only Python has."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.values = {"acme-crm": 1}


class TestConstructMadeInPython:
    def test_comes_back_after_its_variable_is_gone(self, stack: cdk.Stack) -> None:
        """A Python construct that no variable holds comes back as its own class with its data."""
        Kept(stack, "Kept")
        gc.collect()

        found = stack.node.try_find_child("Kept")

        assert isinstance(found, Kept)
        assert found.values == {"acme-crm": 1}
        assert stack.node.try_find_child("Kept") is found

    def test_is_found_while_its_stack_is_being_made(self, app: cdk.App) -> None:
        """A stack that is still in its constructor is the same object to its children."""

        class Made(cdk.Stack):
            def __init__(self, scope: Construct, construct_id: str) -> None:
                super().__init__(scope, construct_id)
                Kept(self, "Kept")
                self.same = cdk.Stack.of(self) is self
                self.found = self.node.try_find_child("Kept")

        stack = Made(app, "Made")

        assert stack.same
        assert isinstance(stack.found, Kept)

    def test_provider_is_the_same_object(self, stack: cdk.Stack) -> None:
        """The default provider of a stack is one Python object, also after a garbage collection."""
        first = id(ConnectorRegistrationProvider.get_or_create(stack))
        gc.collect()

        assert id(ConnectorRegistrationProvider.get_or_create(Construct(stack, "Any"))) == first


class TestStackMadeByTheCdk:
    @pytest.fixture(autouse=True)
    def edge_function(self, app: cdk.App, stack: cdk.Stack) -> None:
        """A function of CloudFront, for which the CDK creates a stack in us-east-1."""
        cloudfront.experimental.EdgeFunction(
            cdk.Stack(app, "Site", env=cdk.Environment(region="eu-west-1")),
            "Edge",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("version = 1"),
        )

    def made_by_cdk(self, app: cdk.App) -> cdk.Stack:
        [found] = (child for child in app.node.children if child.node.id.startswith("edge-lambda"))
        assert isinstance(found, cdk.Stack)
        return found

    def registration(self, app: cdk.App) -> dict[str, Any]:
        template = Template.from_stack(self.made_by_cdk(app))
        [resource] = template.find_resources("Custom::AppFlowConnectorRegistration").values()
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def test_is_a_new_object_each_time(self, app: cdk.App) -> None:
        """Python gets a new object for a stack that it did not make, so identity proves nothing."""
        assert self.made_by_cdk(app) is not self.made_by_cdk(app)

    def test_has_one_provider_and_permission(self, app: cdk.App) -> None:
        """Registrations that get the stack as different objects share what the library keeps."""
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
        for label in ("acme-one", "acme-two"):
            stack = self.made_by_cdk(app)
            function = lambda_.Function.from_function_arn(stack, f"{label}-function", arn)
            ConnectorRegistration(stack, label, connector_label=label, connector_function=function)

        template = Template.from_stack(self.made_by_cdk(app))
        template.resource_properties_count_is(
            "AWS::Lambda::Permission", {"Principal": "appflow.amazonaws.com"}, 1
        )
        template.resource_properties_count_is(
            "AWS::Lambda::Function", {"Handler": "connector_registration.function.handler"}, 1
        )

    def test_takes_a_provider_of_its_own(self, app: cdk.App) -> None:
        """A provider in such a stack is recognised as one of the registration's stack."""
        provider = ConnectorRegistrationProvider(self.made_by_cdk(app), "Provider")
        stack = self.made_by_cdk(app)
        ConnectorRegistration(
            stack,
            "Registration",
            connector_label="acme-crm",
            connector_function=make_function(stack, "Connector"),
            provider=provider,
        )

        assert self.registration(app)["ServiceToken"] == stack.resolve(provider.service_token)

    def test_has_deploy_time_values_in_the_hash(self, app: cdk.App) -> None:
        """A function in such a stack is recognised as one of the registration's stack."""
        stack = self.made_by_cdk(app)
        live = make_function(stack, "Connector").current_version
        ConnectorRegistration(
            self.made_by_cdk(app),
            "Registration",
            connector_label="acme-crm",
            connector_function=lambda_.Alias(stack, "Live", alias_name="live", version=live),
        )

        assert self.registration(app)["FunctionHash"]["Version"] == stack.resolve(live.version)

    def test_does_not_call_its_version_foreign(self, app: cdk.App) -> None:
        """A version in such a stack gets no warning about an export to another stack."""
        version = make_function(self.made_by_cdk(app), "Connector").current_version
        ConnectorRegistration(
            self.made_by_cdk(app),
            "Registration",
            connector_label="acme-crm",
            connector_function=version,
        )

        found = Annotations.from_stack(self.made_by_cdk(app)).find_warning("*", Match.any_value())
        messages = [str(message.entry.data) for message in found]
        assert [text for text in messages if "another stack" in text] == []
