"""The handler reads what a rule of the construct sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_appflow_connector import ConnectorRegistration, OnBreakingChange
from connector_registration import breaking_change_metric, function
from connector_registration.refresh_event import OldEventError, RefreshEvent
from connector_registration.request import Registration

FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
HANDLER_ARN = "arn:aws:lambda:us-east-1:111122223333:function:handler"
STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/Stack/1a2b3c"
TIME, NOON = "2026-11-27T12:00:00Z", 1_795_780_800.0


def sent(tmp_path: Path, in_app: bool = False, **arguments: Any) -> Mapping[str, Any]:
    """What EventBridge sends for a registration of a function."""
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Stack")
    connector: lambda_.IFunction = lambda_.Function.from_function_arn(
        stack, "Imported", FUNCTION_ARN
    )
    if in_app:
        connector = lambda_.Function(
            stack,
            "Connector",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("version = 1"),
        )
    ConnectorRegistration(
        stack,
        "Registration",
        connector_label="acme-crm",
        connector_function=connector,
        refresh_on_external_change=True,
        **arguments,
    )
    [rule] = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    [target] = rule["Properties"]["Targets"]
    template = text(target["InputTransformer"]["InputTemplate"])
    for name, value in (("<id>", "an-id"), ("<time>", TIME)):
        template = template.replace(name, json.dumps(value))
    event: Mapping[str, Any] = json.loads(template)
    return event


def text(value: Any) -> str:
    """A text of a template as CloudFormation evaluates it."""
    match value:
        case {"Fn::Join": ["", parts]}:
            return "".join(map(text, parts))
        case {"Ref": "AWS::StackId"}:
            return STACK_ID
        case {"Fn::GetAtt": _}:
            return FUNCTION_ARN
    return str(value)


@pytest.mark.parametrize("in_app", [True, False])
def test_event_of_a_rule_arrives(tmp_path: Path, in_app: bool) -> None:
    """The handler reads the registration, and the stack if the function is a part of it."""
    event = sent(tmp_path, in_app)

    assert event["RequestType"] == function.REFRESH
    assert RefreshEvent.parse(event, HANDLER_ARN, NOON) == RefreshEvent(
        registrations=(Registration("acme-crm", FUNCTION_ARN, None, None, False),),
        stack_id=STACK_ID if in_app else None,
        event_id="an-id",
    )


def test_acknowledged_changes_arrive(tmp_path: Path) -> None:
    """The handler knows what a change may break."""
    event = sent(
        tmp_path,
        on_breaking_change=OnBreakingChange.FAIL,
        acknowledged_changes=["SETTING_REMOVED:a<b>", 'SETTING_REMOVED:"id"'],
    )

    [registration] = RefreshEvent.parse(event, HANDLER_ARN, NOON).registrations
    assert registration.fails_on_breaking_change
    assert {*registration.acknowledged_changes} == {
        "SETTING_REMOVED:a<b>",
        'SETTING_REMOVED:"id"',
    }


@pytest.mark.parametrize(("age", "accepted"), [(20 * 60, True), (20 * 60 + 1, False)])
def test_late_event_of_a_trail_arrives(tmp_path: Path, age: int, accepted: bool) -> None:
    """The handler accepts an event for a quarter of an hour longer than Lambda keeps it."""
    event = sent(tmp_path)

    if accepted:
        RefreshEvent.parse(event, HANDLER_ARN, NOON + age)
        return
    with pytest.raises(OldEventError):
        RefreshEvent.parse(event, HANDLER_ARN, NOON + age)


def test_metric_is_that_of_the_handler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The construct's metric has the names that the handler reports."""
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Stack")
    connector = lambda_.Function.from_function_arn(stack, "Imported", FUNCTION_ARN)
    registration = ConnectorRegistration(
        stack,
        "Registration",
        connector_label="acme-crm",
        connector_function=connector,
        refresh_on_external_change=True,
    )

    breaking_change_metric._write_metric("acme-crm", 2)

    metric = registration.metric_breaking_changes()
    reported = json.loads(capsys.readouterr().out)
    [definition] = reported["_aws"]["CloudWatchMetrics"]
    [dimensions] = definition["Dimensions"]
    assert definition["Namespace"] == metric.namespace
    assert [one["Name"] for one in definition["Metrics"]] == [metric.metric_name]
    assert {name: reported[name] for name in dimensions} == metric.dimensions
    assert reported[metric.metric_name] == 2
