"""The published JSON Schema accepts what the construct writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_appflow_connector import Adoption, ConnectorRegistration, OnBreakingChange

from tests.custom_resource import PROPERTIES, validator

SNAPSHOTS = Path(__file__).parents[1] / "synth" / "__snapshots__"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"

BuildFunction = Callable[[cdk.Stack], Any]


def function(stack: cdk.Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Connector",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("version = 1"),
        layers=[
            lambda_.LayerVersion.from_layer_version_arn(
                stack, "Layer", f"arn:aws:lambda:{cdk.Aws.REGION}:111122223333:layer:crm:1"
            )
        ],
    )


def imported(stack: cdk.Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(stack, "Connector", FUNCTION_ARN)


def weighted_alias(stack: cdk.Stack) -> lambda_.Alias:
    before = lambda_.Version.from_version_arn(stack, "Before", f"{FUNCTION_ARN}:1")
    return lambda_.Alias(
        stack,
        "Live",
        alias_name="live",
        version=function(stack).current_version,
        additional_versions=[lambda_.VersionWeight(version=before, weight=0.1)],
    )


def synthesised(tmp_path: Path, build: BuildFunction, arguments: Mapping[str, Any]) -> Any:
    """The template of a stack with one registration."""
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Stack")
    ConnectorRegistration(
        stack,
        "Registration",
        **{"connector_label": "acme-crm", "connector_function": build(stack), **arguments},
    )
    return Template.from_stack(stack).to_json()


def properties_of(template: Any) -> Mapping[str, Any]:
    """The properties of the only registration of a template."""
    [properties] = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "Custom::AppFlowConnectorRegistration"
    ]
    return dict(properties)


EVERYTHING = {
    "description": "Acme CRM connector",
    "removal_policy": cdk.RemovalPolicy.DESTROY,
    "force_delete": True,
    "adoption": Adoption.FORBIDDEN,
    "triggers": {"Release": 7, "Parts": [True, None, {"a": 0.5}]},
    "on_breaking_change": OnBreakingChange.FAIL,
    "acknowledged_changes": ["API_VERSION_REMOVED:v51.0"],
    "service_timeout": cdk.Duration.minutes(30),
}

CASES: Mapping[str, tuple[BuildFunction, Mapping[str, Any]]] = {
    "a function": (function, {}),
    "an imported function": (imported, {}),
    "a version": (lambda stack: function(stack).current_version, {}),
    "an alias with weights": (weighted_alias, {}),
    "every argument": (function, EVERYTHING),
    "tokens": (
        imported,
        {
            "connector_label": f"acme-{cdk.Aws.REGION}",
            "description": cdk.Fn.sub("Acme in ${AWS::Region}"),
            "acknowledged_changes": [cdk.Aws.REGION],
            "on_breaking_change": OnBreakingChange.FAIL,
        },
    ),
    "an adoption": (imported, {"adoption": Adoption.REQUIRED}),
}


@pytest.mark.parametrize("case", CASES)
def test_template_of_the_construct_is_valid(tmp_path: Path, case: str) -> None:
    """The schemas accept the registrations that the construct makes."""
    template = synthesised(tmp_path, *CASES[case])

    assert list(validator().iter_errors(properties_of(template))) == []
    assert validator("template.schema.json").is_valid(template)


def test_construct_can_write_every_property(tmp_path: Path) -> None:
    """The construct has an argument or a function for each property of the schema."""
    everything = synthesised(tmp_path / "everything", function, EVERYTHING)
    weighted = synthesised(tmp_path / "weighted", weighted_alias, {})

    assert {*properties_of(everything), *properties_of(weighted)} == set(PROPERTIES)


@pytest.mark.parametrize("path", [*SNAPSHOTS.rglob("*.json")], ids=lambda path: path.stem)
def test_deployed_templates_are_valid(path: Path) -> None:
    """The schema accepts the registrations in the snapshots of deployed templates."""
    template = json.loads(path.read_text())

    assert list(validator().iter_errors(properties_of(template))) == []
