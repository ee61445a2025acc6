"""Arguments that AppFlow would refuse at deployment are refused at synthesis."""

from __future__ import annotations

import re

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from tests.synth.test_connector_registration import register


@pytest.mark.parametrize("label", ["x", "acme crm", "-acme", "acme/crm", "", "a" * 257, "ünter"])
def test_a_label_that_appflow_refuses(
    stack: cdk.Stack, function: lambda_.Function, label: str
) -> None:
    message = (
        f"connector_label is {label!r}, but AppFlow takes 2 to 256 characters: a letter or digit"
        " first, then letters, digits and _ ! @ # . - only. Rename the connector, for instance to"
        " 'acme-crm'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, connector_label=label)


def test_a_description_with_characters_that_appflow_refuses(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    message = (
        "description is 'Acme: a CRM, mostly', but AppFlow takes letters, digits, spaces and"
        " / ! @ # + = . - _ only. Remove ',' ':'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, description="Acme: a CRM, mostly")


def test_a_description_that_is_too_long(stack: cdk.Stack, function: lambda_.Function) -> None:
    message = "description has 1025 characters, but AppFlow takes 1024 at most. Shorten it"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, description="x" * 1025)


def test_a_removal_policy_without_a_meaning_here(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    message = (
        "removal_policy is RemovalPolicy.SNAPSHOT, but a registration can only be kept"
        " (RemovalPolicy.RETAIN) or unregistered (RemovalPolicy.DESTROY). Choose one"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, removal_policy=cdk.RemovalPolicy.SNAPSHOT)


def test_nothing_is_made_of_what_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    with pytest.raises(ValueError, match="connector_label"):
        register(stack, function, connector_label="x")

    assert stack.node.try_find_child("Registration") is None


@pytest.mark.parametrize("label", ["ab", "a" * 256, "9_!@#.-"])
def test_a_label_at_the_limits_is_accepted(
    stack: cdk.Stack, function: lambda_.Function, label: str
) -> None:
    register(stack, function, connector_label=label)


def test_tokens_are_left_to_the_handler(stack: cdk.Stack, function: lambda_.Function) -> None:
    label = cdk.CfnParameter(stack, "Label").value_as_string
    description = cdk.CfnParameter(stack, "Description").value_as_string

    register(stack, function, connector_label=label, description=description)

    Template.from_stack(stack).has_resource_properties(
        "Custom::AppFlowConnectorRegistration",
        {"ConnectorLabel": {"Ref": "Label"}, "Description": {"Ref": "Description"}},
    )
