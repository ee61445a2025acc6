"""A registration is a resource as the CDK means it, and so is an imported one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, IConnectorRegistration

from tests.synth.support import LABEL

ENVIRONMENT = cdk.Environment(account="111122223333", region="eu-west-1")


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack", env=ENVIRONMENT)


@pytest.fixture(params=["registered", "imported"])
def connector(
    request: pytest.FixtureRequest, stack: cdk.Stack, function: lambda_.Function
) -> IConnectorRegistration:
    if request.param == "imported":
        return ConnectorRegistration.from_connector_label(stack, "Crm", LABEL)
    return ConnectorRegistration(stack, "Crm", connector_label=LABEL, connector_function=function)


def test_has_stack_and_environment(stack: cdk.Stack, connector: Any) -> None:
    """Both kinds of connector are resources with the stack and environment they are created in."""
    assert isinstance(connector, cdk.Resource)
    assert connector.stack is stack
    assert connector.env.account == ENVIRONMENT.account
    assert connector.env.region == ENVIRONMENT.region


def test_is_in_the_tree_under_its_id(stack: cdk.Stack, connector: Any) -> None:
    """Both kinds of connector are created under the id that is passed."""
    assert stack.node.find_child("Crm") is connector
    assert connector.node.path == "Stack/Crm"


def test_imported_twice_under_one_id_is_refused(stack: cdk.Stack) -> None:
    """The id of an imported connector is unique in its scope, as any id."""
    ConnectorRegistration.from_connector_label(stack, "Crm", LABEL)

    with pytest.raises(RuntimeError, match="already a Construct with name 'Crm'"):
        ConnectorRegistration.from_connector_label(stack, "Crm", LABEL)


def test_wrong_label_makes_no_imported_construct(stack: cdk.Stack) -> None:
    """A label that AppFlow refuses raises before anything is created."""
    with pytest.raises(ValueError, match="connector_label is 'x'"):
        ConnectorRegistration.from_connector_label(stack, "Crm", "x")

    assert stack.node.try_find_child("Crm") is None


def test_refused_service_timeout_leaves_nothing(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """A registration that an argument refuses can be created again with another argument."""
    with pytest.raises(ValueError, match="service_timeout is 1 seconds"):
        ConnectorRegistration(
            stack,
            "Crm",
            connector_label=LABEL,
            connector_function=function,
            service_timeout=cdk.Duration.seconds(1),
        )

    ConnectorRegistration(stack, "Crm", connector_label=LABEL, connector_function=function)


def test_assembly_contains_nothing_private(
    app: cdk.App, stack: cdk.Stack, function: lambda_.Function
) -> None:
    """The library writes no metadata of its own into the cloud assembly."""
    ConnectorRegistration(
        stack,
        "Crm",
        connector_label=LABEL,
        connector_function=function,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )

    app.synth()

    files = [file for file in Path(app.outdir).glob("*.json") if file.is_file()]
    assert [file for file in files if "cdk-appflow-connector:" in file.read_text()] == []
    assert {file.name for file in files} >= {"manifest.json", "Stack.template.json"}
