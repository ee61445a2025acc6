"""The handler reads the properties that the construct writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_appflow_connector import Adoption, ConnectorRegistration, OnBreakingChange
from connector_registration import request
from connector_registration.request import Registration

from tests.custom_resource import sent_by_cloudformation

FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"


def parsed(tmp_path: Path, function: Any = None, **arguments: Any) -> Registration:
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Stack")
    target = function or lambda_.Function.from_function_arn(stack, "Connector", FUNCTION_ARN)
    if callable(target):
        target = target(stack)
    ConnectorRegistration(
        stack,
        "Registration",
        **{"connector_label": "acme-crm", "connector_function": target, **arguments},
    )
    resources = Template.from_stack(stack).find_resources("Custom::AppFlowConnectorRegistration")
    [resource] = resources.values()
    properties = sent_by_cloudformation(resource["Properties"])
    # A reference is replaced by its value before CloudFormation sends it.
    if properties["LambdaArn"] != FUNCTION_ARN:
        properties["LambdaArn"] = FUNCTION_ARN
    return Registration.parse(properties)


def test_every_argument_arrives(tmp_path: Path) -> None:
    """The handler reads each argument from the property that the construct writes it to."""
    assert parsed(
        tmp_path,
        description="Acme CRM connector",
        removal_policy=cdk.RemovalPolicy.DESTROY,
        force_delete=True,
        adoption=Adoption.FORBIDDEN,
        triggers={"Release": 7},
        on_breaking_change=OnBreakingChange.FAIL,
        acknowledged_changes=["API_VERSION_REMOVED:v51.0", "CHANGE"],
    ) == Registration(
        connector_label="acme-crm",
        lambda_arn=FUNCTION_ARN,
        description="Acme CRM connector",
        function_hash=None,
        unregister_on_delete=True,
        triggers={"Release": "7"},
        adoption=request.Adoption.FORBIDDEN,
        force_delete=True,
        fails_on_breaking_change=True,
        acknowledged_changes=("API_VERSION_REMOVED:v51.0", "CHANGE"),
    )


@pytest.mark.parametrize("adoption", list(Adoption), ids=lambda adoption: adoption.name)
def test_every_adoption_arrives(tmp_path: Path, adoption: Adoption) -> None:
    """The handler has the same three kinds of adoption as the construct."""
    assert parsed(tmp_path, adoption=adoption).adoption.value == adoption.value


@pytest.mark.parametrize("policy", list(OnBreakingChange), ids=lambda policy: policy.name)
def test_every_on_breaking_change_arrives(tmp_path: Path, policy: OnBreakingChange) -> None:
    """The handler fails on breaking changes only if the construct says so."""
    registration = parsed(tmp_path, on_breaking_change=policy)

    assert registration.fails_on_breaking_change == (policy is OnBreakingChange.FAIL)


def test_every_default_arrives(tmp_path: Path) -> None:
    """The handler's defaults are those of the construct, which omits them."""
    assert parsed(tmp_path) == Registration(
        connector_label="acme-crm",
        lambda_arn=FUNCTION_ARN,
        description=None,
        function_hash=None,
        unregister_on_delete=False,
    )


@pytest.mark.parametrize("weight", [0, 0.1])
def test_weights_of_an_alias_arrive(tmp_path: Path, weight: float) -> None:
    """The handler knows whether the template gives an alias a second version."""

    def alias(stack: cdk.Stack) -> Any:
        arn = f"{FUNCTION_ARN}:1"
        before = lambda_.Version.from_version_arn(stack, "Before", arn)
        function = lambda_.Function(
            stack,
            "Connector",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("version = 2"),
        )
        return lambda_.Alias(
            stack,
            "Live",
            alias_name="live",
            version=function.current_version,
            additional_versions=(
                [lambda_.VersionWeight(version=before, weight=weight)] if weight else None
            ),
        )

    assert parsed(tmp_path, alias).alias_is_weighted == bool(weight)


@pytest.mark.parametrize("memory", [256, 512])
def test_changed_function_is_a_change_in_appflow(tmp_path: Path, memory: int) -> None:
    """The handler refreshes the registration if, and only if, the function has changed."""

    def function(memory_size: int) -> Any:
        return lambda stack: lambda_.Function(
            stack,
            "Connector",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("version = 1"),
            memory_size=memory_size,
        )

    before = parsed(tmp_path / "before", function(256))
    after = parsed(tmp_path / "after", function(memory))

    assert after.same_in_appflow(before) == (memory == 256)
