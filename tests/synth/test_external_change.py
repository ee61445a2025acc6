"""The rule that refreshes registrations after changes outside of deployments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template
from cdk_appflow_connector import (
    ConnectorRegistration,
    ConnectorRegistrationProvider,
    OnBreakingChange,
)
from ministack.services import eventbridge

from tests.synth.graph import circle_in, graph_of
from tests.synth.support import LABEL, TYPE, arn_of, make_function, register

RULE = "AWS::Events::Rule"
PERMISSION = "AWS::Lambda::Permission"
ACCOUNT = "111122223333"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:crm"
LONGEST = "c" * 64


def follow(
    scope: cdk.Stack, function: Any, name: str = "Registration", **arguments: Any
) -> ConnectorRegistration:
    """A registration that changes of its function refresh."""
    return register(scope, function, name, **{"refresh_on_external_change": True, **arguments})


def imported(stack: cdk.Stack, arn: str = ARN, name: str = "Imported") -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(stack, name, arn)


def rules(stack: cdk.Stack) -> list[dict[str, Any]]:
    """The properties of all rules in the template of a stack."""
    found = Template.from_stack(stack).find_resources(RULE).values()
    return [rule["Properties"] for rule in found]


def evaluated(value: Any, values: Mapping[str, Any]) -> Any:
    """A value of a template as CloudFormation evaluates it."""
    match value:
        case {"Ref": name}:
            return values[name]
        case {"Fn::GetAtt": [name, _]} | {"Fn::ImportValue": name}:
            return values[name]
        case {"Fn::Join": [separator, parts]}:
            known = evaluated(parts, values) if isinstance(parts, dict) else parts
            return separator.join(evaluated(part, values) for part in known)
        case {"Fn::Split": [separator, text]}:
            return evaluated(text, values).split(separator)
        case {"Fn::Select": [index, members]}:
            return evaluated(members, values)[int(index)]
        case dict():
            return {name: evaluated(member, values) for name, member in value.items()}
        case list():
            return [evaluated(member, values) for member in value]
    return value


class Values(dict[str, Any]):
    """What the references in a template stand for; by default, the name of a resource."""

    def __missing__(self, name: str) -> str:
        return name


PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/Stack/{'a' * 36}",
}


def received(target: Mapping[str, Any], **values: Any) -> Any:
    """What the handler receives of an event."""
    transformer = target["InputTransformer"]
    template = evaluated(transformer["InputTemplate"], Values({**PSEUDO, **values}))
    event = {"id": "an-id", "time": "2026-11-27T12:00:00Z"}
    paths = transformer["InputPathsMap"]
    replacements = {name: event[path.removeprefix("$.")] for name, path in paths.items()}
    return json.loads(eventbridge._render_input_template(template, replacements))


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether EventBridge delivers an event to a rule, by MiniStack's TestEventPattern."""
    arguments = {"EventPattern": json.dumps(pattern), "Event": json.dumps(event)}
    status, _, body = eventbridge._test_event_pattern(arguments)
    result = json.loads(body)
    assert status == 200, result
    return bool(result["Result"])


def envelope(detail_type: str, detail: Mapping[str, Any], *resources: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "an-id",
        "source": "aws.lambda",
        "detail-type": detail_type,
        "account": ACCOUNT,
        "time": "2026-11-27T12:00:00Z",
        "region": "us-east-1",
        "resources": [*resources],
        "detail": detail,
    }


def native(detail: Mapping[str, Any], *resources: str) -> dict[str, Any]:
    """An event of Lambda itself."""
    return envelope("Lambda Function State Change", {"state": "Active", **detail}, *resources)


def call(name: str, function: str, **members: Any) -> dict[str, Any]:
    """CloudTrail's event of a call that names a function."""
    detail = {
        "eventSource": "lambda.amazonaws.com",
        "eventName": name,
        "requestParameters": {"functionName": function, "dryRun": False},
        "responseElements": {"functionName": "crm", "functionArn": ARN},
        **members,
    }
    return envelope("AWS API Call via CloudTrail", detail)


UPDATE = "UpdateFunctionCode20150331v2"

CHANGES = {
    "a resource with a version": native({}, f"{ARN}:7"),
    "a resource": native({}, ARN),
    "one of several resources": native({}, f"arn:aws:iam::{ACCOUNT}:role/r", f"{ARN}:$LATEST"),
    "an ARN with a version": native({"functionArn": f"{ARN}:$LATEST"}),
    "an ARN": native({"functionArn": ARN}),
    "a name": native({"functionName": "crm"}),
    "new code": call(UPDATE, "crm"),
    "new configuration": call("UpdateFunctionConfiguration20150331v2", "crm"),
    "a new version": call("PublishVersion20150331", "crm"),
    "another version of an alias": call("UpdateAlias20150331", "crm"),
    "an alias that is created again": call("CreateAlias20150331", "crm"),
    "a call of another API version": call("UpdateAlias20300101v3", "crm"),
    "a name with an alias": call(UPDATE, "crm:live"),
    "a partial ARN": call(UPDATE, f"{ACCOUNT}:function:crm"),
    "a partial ARN with an alias": call(UPDATE, f"{ACCOUNT}:function:crm:live"),
    "an ARN in a call": call(UPDATE, ARN),
    "an ARN with an alias in a call": call(UPDATE, f"{ARN}:live"),
    "no response": call(UPDATE, "crm", responseElements=None),
}
# An operation of CloudTrail about the connector itself, and functions with similar names.
OTHERS = {
    "a failed call": call(UPDATE, "crm", errorCode="ResourceConflictException"),
    "an invocation": call("Invoke", ARN, resources=[{"ARN": ARN}]),
    "an invocation with resources": {**call("Invoke", ARN), "resources": [ARN]},
    "another call": call("AddPermission20150331v2", "crm"),
    "another service": {**native({}, ARN), "source": "aws.ecs"},
    "no function": native({}),
    **{
        f"{name}{where}": event
        for name in ("crm2", "my-crm", "crm-live", "CRM")
        for where, event in {
            " in resources": native({}, ARN.replace("crm", name)),
            " with a version": native({}, f"{ARN.replace('crm', name)}:7"),
            " by its ARN": native({"functionArn": f"{ARN.replace('crm', name)}:7"}),
            " by its name": native({"functionName": name}),
            " in a call": call(UPDATE, name),
            " with an alias in a call": call(UPDATE, f"{name}:live"),
            " by its ARN in a call": call(UPDATE, ARN.replace("crm", name)),
            " by an alias's ARN in a call": call(UPDATE, f"{ARN.replace('crm', name)}:crm"),
        }.items()
    },
}


def kinds(stack: cdk.Stack) -> dict[str, Any]:
    """Functions named crm, of each kind that can be registered."""
    function = make_function(stack, "Connector", function_name="crm")
    version = function.current_version
    return {
        "a function": function,
        "a resource": function.node.default_child,
        "an alias": lambda_.Alias(stack, "Live", alias_name="live", version=version),
        "an imported function": imported(stack),
        "an imported alias": imported(stack, f"{ARN}:live", "ImportedAlias"),
        "a function by its name": lambda_.Function.from_function_name(stack, "ByName", "crm"),
        "a token": imported(stack, cdk.CfnParameter(stack, "Arn").value_as_string, "ByToken"),
    }


KINDS = [
    "a function",
    "a resource",
    "an alias",
    "an imported function",
    "an imported alias",
    "a function by its name",
    "a token",
]


@pytest.mark.parametrize("kind", KINDS)
def test_rule_matches_changes_only(stack: cdk.Stack, kind: str) -> None:
    """The rule of every kind of function matches changes of it, and nothing else."""
    registration = follow(stack, kinds(stack)[kind])

    [rule] = rules(stack)
    arns = dict.fromkeys(Template.from_stack(stack).find_resources(ALIAS), f"{ARN}:live")
    values = Values({**PSEUDO, name_of(registration): "crm", **arns, "Arn": f"{ARN}:live"})
    pattern = evaluated(rule["EventPattern"], values)
    assert [name for name, event in CHANGES.items() if not matches(pattern, event)] == []
    assert [name for name, event in OTHERS.items() if matches(pattern, event)] == []


ALIAS = "AWS::Lambda::Alias"


def name_of(registration: ConnectorRegistration) -> str:
    """The logical id of the connector's function in the stack of its registration."""
    functions = Template.from_stack(registration.stack).find_resources("AWS::Lambda::Function")
    return next(name for name in functions if name.startswith("Connector"))


@pytest.mark.parametrize("function", [LONGEST, "a" * 64, "crm"])
def test_pattern_fits_into_a_rule(stack: cdk.Stack, function: str) -> None:
    """EventBridge accepts the pattern, also for the longest name: 2,048 characters by default."""
    follow(stack, imported(stack, ARN.replace("crm", function)))

    [rule] = rules(stack)
    assert len(json.dumps(rule["EventPattern"])) <= 2_048
    assert matches(rule["EventPattern"], native({"functionName": function}))


def test_default_makes_no_rule(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Without the argument, a registration has no rule and no permission for EventBridge."""
    register(stack, function)

    template = Template.from_stack(stack)
    template.resource_count_is(RULE, 0)
    assert "events.amazonaws.com" not in json.dumps(template.to_json())
    assert "ChangeRule" not in json.dumps(template.to_json())


def test_rule_invokes_the_handler(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The target is the provider's handler, and may be late by the age of the handler's events."""
    provider = ConnectorRegistrationProvider(
        stack, "Provider", max_event_age=cdk.Duration.minutes(2)
    )
    follow(stack, function, provider=provider)

    [rule] = rules(stack)
    [target] = rule["Targets"]
    assert target["Arn"] == stack.resolve(provider.service_token)
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 120}
    assert set(target) == {"Arn", "Id", "InputTransformer", "RetryPolicy"}


def test_handler_receives_the_registration(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The handler receives what it needs to refresh, and of the event its id and time only."""
    follow(stack, function)

    [rule] = rules(stack)
    [target] = rule["Targets"]
    [connector] = arn_of(function)["Fn::GetAtt"][:1]
    assert received(target, **{connector: ARN}) == {
        "RequestType": "Refresh",
        "StackId": PSEUDO["AWS::StackId"],
        "LambdaArn": ARN,
        "Registrations": [{"ConnectorLabel": LABEL}],
        "MaxEventAgeSeconds": 300 + 900,
        "EventId": "an-id",
        "Time": "2026-11-27T12:00:00Z",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_stack_is_named_for_its_functions(stack: cdk.Stack, kind: str) -> None:
    """The handler receives the stack if the function or alias is a resource of it."""
    follow(stack, kinds(stack)[kind])

    [rule] = rules(stack)
    [target] = rule["Targets"]
    is_resource = kind in ("a function", "a resource", "an alias")
    assert ("StackId" in received(target)) == is_resource


def test_function_of_another_stack(app: cdk.App, stack: cdk.Stack) -> None:
    """A function of another stack is matched; its stack, which the handler cannot see, is not."""
    elsewhere = make_function(cdk.Stack(app, "Elsewhere"), "Connector")
    follow(stack, elsewhere)

    [rule] = rules(stack)
    [target] = rule["Targets"]
    assert "StackId" not in received(target)


def test_registrations_of_a_function_share(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Registrations of one function share a rule, a target and an input."""
    for label in ("acme-two", "acme-one"):
        follow(stack, function, label, connector_label=label)
    register(stack, function, "Not", connector_label="acme-not")

    [rule] = rules(stack)
    [target] = rule["Targets"]
    labels = [{"ConnectorLabel": "acme-one"}, {"ConnectorLabel": "acme-two"}]
    assert received(target)["Registrations"] == labels


def test_order_of_registrations_changes_nothing(tmp_path: Path) -> None:
    """The rules and permissions are the same whichever registration is created first."""

    def resources(*labels: str) -> dict[str, Any]:
        stack = cdk.Stack(cdk.App(outdir=str(tmp_path / labels[0])), "Stack")
        function = make_function(stack, "Connector")
        providers = {label: ConnectorRegistrationProvider(stack, label) for label in sorted(labels)}
        for label in labels:
            follow(
                stack,
                function,
                f"R-{label}",
                connector_label=label,
                provider=providers[label],
                reconcile_every=cdk.Duration.hours(len(label)),
            )
        template = Template.from_stack(stack)
        return {**template.find_resources(RULE), **template.find_resources(PERMISSION)}

    assert resources("acme", "acme-two") == resources("acme-two", "acme")


def test_providers_are_targets(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Registrations of one function with two providers make two targets, each with its labels."""
    for name in ("One", "Two"):
        provider = ConnectorRegistrationProvider(stack, name)
        for number in range(2):
            label = f"acme-{name.lower()}-{number}"
            follow(stack, function, label, connector_label=label, provider=provider)

    [rule] = rules(stack)
    labels = {
        target["Arn"]["Fn::GetAtt"][0][:3]: [
            one["ConnectorLabel"] for one in received(target)["Registrations"]
        ]
        for target in rule["Targets"]
    }
    assert labels == {"One": ["acme-one-0", "acme-one-1"], "Two": ["acme-two-0", "acme-two-1"]}
    assert len({target["Id"] for target in rule["Targets"]}) == 2


def test_sixth_provider_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """EventBridge accepts five targets for a rule; the sixth is refused and leaves nothing."""
    providers = [ConnectorRegistrationProvider(stack, f"Provider{n}") for n in range(6)]
    for n, provider in enumerate(providers[:5]):
        follow(stack, function, f"R{n}", connector_label=f"acme-{n}", provider=provider)
    before = Template.from_stack(stack).to_json()

    message = (
        "with this registration, 6 providers would refresh the registrations of Stack/Connector"
        " after external changes, but EventBridge accepts 5 targets for a rule. Pass one of the"
        " other providers, or set refresh_on_external_change=False"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        follow(stack, function, "R5", connector_label="acme-5", provider=providers[5])

    assert Template.from_stack(stack).to_json() == before
    follow(stack, function, "R5", connector_label="acme-5", provider=providers[0])


def test_input_of_the_handler_is_limited(stack: cdk.Stack, function: lambda_.Function) -> None:
    """EventBridge accepts an input of 8,192 characters; one label too many leaves nothing."""
    message = (
        "with this registration, the labels of the connectors of Stack/Connector can make an input"
        " of 8,254 characters for the handler, but EventBridge accepts 8,192. Pass another"
        " provider, which has an input of its own, or set refresh_on_external_change=False"
    )
    labels = [f"acme-{n:03}".ljust(256, "x") for n in range(27)]
    for label in labels[:-1]:
        follow(stack, function, label, connector_label=label)

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        follow(stack, function, "More", connector_label=labels[-1])

    [rule] = rules(stack)
    [target] = rule["Targets"]
    assert len(received(target)["Registrations"]) == 26
    assert labels[-1] not in json.dumps(rule)
    provider = ConnectorRegistrationProvider(stack, "Provider")
    follow(stack, function, "More", connector_label=labels[-1], provider=provider)


@pytest.mark.parametrize("count", [1, 2])
def test_acknowledged_list_of_a_token_arrives(
    stack: cdk.Stack, function: lambda_.Function, count: int
) -> None:
    """Acknowledged changes that only the deployment knows are values of the input."""
    ids = cdk.CfnParameter(stack, "Ids", type="CommaDelimitedList").value_as_list
    follow(stack, function, on_breaking_change=OnBreakingChange.FAIL, acknowledged_changes=ids)

    [rule] = rules(stack)
    [target] = rule["Targets"]
    changes = ["API_VERSION_REMOVED:v1", "API_VERSION_REMOVED:v2"][:count]
    [registration] = received(target, Ids=changes)["Registrations"]
    assert registration["AcknowledgedChanges"] == changes


def test_token_label_arrives(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A label that only the deployment knows is a value of the input, not a reference to it."""
    label = cdk.CfnParameter(stack, "Label").value_as_string
    follow(stack, function, connector_label=label)

    [rule] = rules(stack)
    [target] = rule["Targets"]
    registrations = received(target, Label="acme-of-today")["Registrations"]
    assert registrations == [{"ConnectorLabel": "acme-of-today"}]


@pytest.mark.parametrize("weight", [0, 0.1])
def test_weights_of_an_alias_arrive(
    stack: cdk.Stack, function: lambda_.Function, weight: float
) -> None:
    """The handler knows whether the template gives an alias a second version."""
    before = lambda_.Version.from_version_arn(stack, "Before", f"{ARN}:1")
    weights = [lambda_.VersionWeight(version=before, weight=weight)] if weight else None
    version = function.current_version
    live = lambda_.Alias(
        stack, "Live", alias_name="live", version=version, additional_versions=weights
    )
    follow(stack, live)

    [rule] = rules(stack)
    [target] = rule["Targets"]
    [registration] = received(target)["Registrations"]
    routing = {"AliasRouting": "Weighted"} if weight else {}
    assert registration == {"ConnectorLabel": LABEL, **routing}


EXPRESSIONS = [
    (cdk.Duration.hours(24), "rate(1 day)"),
    (cdk.Duration.hours(1), "rate(1 hour)"),
    (cdk.Duration.minutes(90), "rate(90 minutes)"),
    (cdk.Duration.hours(6), "rate(6 hours)"),
    (cdk.Duration.days(7), "rate(7 days)"),
    (None, None),
]


@pytest.mark.parametrize(("every", "expression"), EXPRESSIONS)
def test_schedule_is_a_rate(
    stack: cdk.Stack, function: lambda_.Function, every: cdk.Duration | None, expression: str | None
) -> None:
    """The rule runs on the schedule as well, in EventBridge's singular or plural."""
    follow(stack, function, reconcile_every=every)

    [rule] = rules(stack)
    assert rule.get("ScheduleExpression") == expression
    assert expression is None or eventbridge._validate_schedule_expression(expression)


def test_default_schedule_is_a_day(stack: cdk.Stack, function: lambda_.Function) -> None:
    """By default, a lost event has an effect after a day."""
    follow(stack, function)

    assert [rule["ScheduleExpression"] for rule in rules(stack)] == ["rate(1 day)"]


@pytest.mark.parametrize("times", [(None, 12, 2), (2, 12, None), (12, None, 2)])
def test_shortest_schedule_wins(
    stack: cdk.Stack, function: lambda_.Function, times: tuple[int | None, ...]
) -> None:
    """Registrations that share a rule share the shortest of their schedules."""
    for number, hours in enumerate(times):
        every = None if hours is None else cdk.Duration.hours(hours)
        follow(
            stack, function, f"R{number}", connector_label=f"acme-{number}", reconcile_every=every
        )

    assert [rule["ScheduleExpression"] for rule in rules(stack)] == ["rate(2 hours)"]


def permissions(stack: cdk.Stack) -> list[dict[str, Any]]:
    """The permissions of EventBridge in the template of a stack."""
    found = Template.from_stack(stack).find_resources(
        PERMISSION, {"Properties": {"Principal": "events.amazonaws.com"}}
    )
    return [permission["Properties"] for permission in found.values()]


def test_only_rules_of_the_stack_may_invoke(app: cdk.App, stack: cdk.Stack) -> None:
    """The rules of the stack may invoke the handler; those of another stack or name may not."""
    other = cdk.Stack(app, "Other")
    for each in (stack, other):
        follow(each, imported(each), connector_label=f"acme-{each.node.id}")

    values = Values(PSEUDO)
    elsewhere = Values({**PSEUDO, "AWS::StackId": f"arn:x:stack/Other/{'b' * 36}"})
    [permission] = permissions(stack)
    [rule], [others] = rules(stack), rules(other)
    source = evaluated(permission["SourceArn"], values)
    assert set(permission) == {"Action", "FunctionName", "Principal", "SourceArn"}
    assert permission["Action"] == "lambda:InvokeFunction"
    assert permission["FunctionName"] == rule["Targets"][0]["Arn"]
    assert source.count("*") == 1
    assert source.endswith("*")
    prefix = source.removesuffix("*")
    arn = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/"
    assert f"{arn}{evaluated(rule['Name'], values)}".startswith(prefix)
    assert not f"{arn}{evaluated(others['Name'], elsewhere)}".startswith(prefix)
    assert not f"{arn}Another".startswith(prefix)
    for replaced in ("us-east-1:", f"{ACCOUNT}:"):
        assert not f"{arn}{rule['Name']}".replace(replaced, "x:").startswith(prefix)


def test_rule_name_is_short_and_valid(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A rule has a name of at most 64 characters, which is another one for each function."""
    follow(stack, function)
    follow(stack, imported(stack), "Other", connector_label="acme-other")

    names = [evaluated(rule["Name"], Values(PSEUDO)) for rule in rules(stack)]
    assert len({*names}) == 2
    assert all(re.fullmatch(r"[.\-_A-Za-z0-9]{1,64}", name) for name in names)


def test_logical_ids_never_change(stack: cdk.Stack) -> None:
    """An upgrade of the library keeps the rule and its permission, whatever else it changes."""
    follow(stack, imported(stack))

    template = Template.from_stack(stack)
    assert [*template.find_resources(RULE)] == [
        "AppFlowConnectorStackRecordChangeRuleD6A56E4C6459CFE2"
    ]
    found = template.find_resources(
        PERMISSION, {"Properties": {"Principal": "events.amazonaws.com"}}
    )
    assert [*found] == ["AppFlowConnectorRegistrationProviderChangeRulePermission9AA04779"]
    [rule], [target] = rules(stack), rules(stack)[0]["Targets"]
    assert evaluated(rule["Name"], Values(PSEUDO)) == f"AppFlowConnector-{'a' * 36}-D6A56E4C"
    assert target["Id"] == "Handler1966B82B"


def test_handler_policy_has_room(stack: cdk.Stack) -> None:
    """100 rules need one statement in the handler's resource policy, which has room for 54."""
    for number in range(100):
        function = imported(stack, f"{ARN}-{number}", f"Function{number}")
        follow(stack, function, f"R{number}", connector_label=f"acme-{number}")

    assert len(rules(stack)) == 100
    assert len(permissions(stack)) == 1


def test_no_permission_is_added_to_the_role(tmp_path: Path) -> None:
    """The handler's role is the same with the rule as without it."""

    def policies(name: str, **arguments: Any) -> dict[str, Any]:
        stack = cdk.Stack(cdk.App(outdir=str(tmp_path / name)), "Stack")
        version = make_function(stack, "Connector").current_version
        live = lambda_.Alias(stack, "Live", alias_name="live", version=version)
        register(stack, live, **arguments)
        template = Template.from_stack(stack)
        return {
            kind: template.find_resources(kind)
            for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
        }

    with_rule = policies("with", refresh_on_external_change=True)
    assert with_rule == policies("without")
    assert "lambda:GetAlias" in json.dumps(with_rule)


def test_imported_role_is_not_changed(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A provider with an imported role has the rule and its permission, and no policy."""
    role = cdk.aws_iam.Role.from_role_arn(stack, "Role", f"arn:aws:iam::{ACCOUNT}:role/handler")
    provider = ConnectorRegistrationProvider(stack, "Provider", role=role)
    follow(stack, function, provider=provider)

    assert len(rules(stack)) == len(permissions(stack)) == 1
    Template.from_stack(stack).resource_count_is("AWS::IAM::Policy", 0)


def test_refused_registration_leaves_no_rule(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A registration that IAM's limits refuse leaves no rule, label or permission behind."""
    refused = ""
    for number in range(60):
        label = f"acme-{number}"
        try:
            follow(
                stack,
                imported(stack, f"{ARN}-{number}", f"Function{number}"),
                label,
                connector_label=label,
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
        except ValueError as error:
            refused = str(error)
            break

    assert "IAM accepts 10,240 for a role" in refused
    assert len(Template.from_stack(stack).find_resources(TYPE)) == number
    assert len(rules(stack)) == number
    assert f'"{label}' not in json.dumps(rules(stack))


def test_first_refused_registration_leaves_nothing(stack: cdk.Stack) -> None:
    """A first registration that is refused after its provider leaves no permission behind."""
    function = imported(stack, ARN.replace("crm", "crm:7"))
    provider = ConnectorRegistrationProvider(stack, "Provider")

    with pytest.raises(ValueError, match="a version"):
        follow(stack, function, provider=provider)

    template = Template.from_stack(stack)
    for kind in (RULE, PERMISSION, TYPE):
        template.resource_count_is(kind, 0)
    assert "ChangeRule" not in json.dumps(template.to_json())


def test_rule_of_a_nested_stack(stack: cdk.Stack) -> None:
    """A nested stack has separate rules and permissions."""
    nested = cdk.NestedStack(stack, "Nested")
    follow(stack, imported(stack))
    follow(nested, imported(nested), connector_label="acme-nested")
    follow(nested, make_function(stack, "Parent"), "Other", connector_label="acme-parent")

    assert [len(rules(each)) for each in (stack, nested)] == [1, 2]
    assert [len(permissions(each)) for each in (stack, nested)] == [1, 1]
    assert circle_in(graph_of(Template.from_stack(stack).to_json())) == []
    assert circle_in(graph_of(Template.from_stack(nested).to_json())) == []


def test_nothing_waits_for_a_rule(stack: cdk.Stack, function: lambda_.Function) -> None:
    """No resource waits for a rule, so a rule is part of no circle."""
    registration = follow(stack, function)
    cdk.CfnOutput(stack, "Label", value=registration.connector_label)

    template = Template.from_stack(stack)
    graph = graph_of(template.to_json())
    ours = {*template.find_resources(RULE)}
    assert [name for name, waited in graph.items() if waited & ours] == []
    [rule] = ours
    assert graph[rule].isdisjoint(template.find_resources(TYPE))


def test_connector_may_know_its_registration(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A connector whose role may read the credentials of its profiles makes no circle."""
    follow(stack, function).grant_read_credentials(function)

    assert circle_in(graph_of(Template.from_stack(stack).to_json())) == []


def version_of(stack: cdk.Stack, kind: str) -> lambda_.IFunction:
    """A version in the app, imported by its ARN, or imported by a token."""
    match kind:
        case "app":
            return make_function(stack, "Connector").current_version
        case "import":
            return imported(stack, f"{ARN}:7", "Version")
    token = cdk.CfnParameter(stack, "Arn").value_as_string
    return lambda_.Version.from_version_arn(stack, "Version", token)


@pytest.mark.parametrize("kind", ["app", "import", "token"])
def test_version_is_refused(stack: cdk.Stack, kind: str) -> None:
    """A version never changes, so a rule for it is refused with this reason."""
    version = version_of(stack, kind)

    message = (
        f"refresh_on_external_change is True, but connector_function is {version.node.path}, a"
        " version, whose code and configuration never change. Omit refresh_on_external_change, or"
        " pass the function or an alias"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        follow(stack, version)

    Template.from_stack(stack).resource_count_is(RULE, 0)


def test_half_of_the_changes_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Changes of deployments are events too, so a refresh for the others alone is refused."""
    message = (
        "refresh_on_external_change is True, but refresh_on_code_change is False, and Lambda"
        " reports the changes that deployments make as well. Omit refresh_on_code_change, or set"
        " refresh_on_external_change=False"
    )
    for connector in (function, imported(stack)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            follow(stack, connector, refresh_on_code_change=False)

    Template.from_stack(stack).resource_count_is(RULE, 0)


def test_more_rules_than_the_quota_warn(app: cdk.App) -> None:
    """The first rule of an environment beyond the default quota of EventBridge warns, once."""
    environment = cdk.Environment(account=ACCOUNT, region="af-south-1")
    stacks = [cdk.Stack(app, f"Stack{n}", env=environment) for n in range(2)]
    elsewhere = cdk.Stack(
        app, "Elsewhere", env=cdk.Environment(account=ACCOUNT, region="eu-west-1")
    )
    arn = f"arn:aws:lambda:REGION:{ACCOUNT}:function:crm"
    for number in range(102):
        for each in [stacks[number % 2], *([elsewhere] if number < 3 else [])]:
            here = arn.replace("REGION", each.region)
            function = imported(each, f"{here}-{number}", f"Function{number}")
            follow(each, function, f"R{number}", connector_label=f"acme-{number}")

    found = [
        (each.node.id, str(message.entry.data))
        for each in (*stacks, elsewhere)
        for message in Annotations.from_stack(each).find_warning("*", Match.any_value())
    ]
    [(stack, warning)] = found
    assert stack == "Stack0"
    assert warning.startswith(
        "this stack and those of the same account and Region have 101 rules for"
        " refresh_on_external_change, but EventBridge accepts 100 rules on an event bus unless the"
        " account's quota is raised. Request an increase of the quota 'Number of rules', or set"
        " refresh_on_external_change=False for functions that only deployments change"
    )


def test_imported_function_gets_no_warning(stack: cdk.Stack) -> None:
    """With the rule, new code of an imported function is seen, so nothing warns about it."""
    follow(stack, imported(stack))

    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_metric_counts_what_breaks(stack: cdk.Stack, function: lambda_.Function) -> None:
    """The metric of a registration is that of its label, and makes an alarm."""
    metric = follow(stack, function).metric_breaking_changes()
    metric.create_alarm(stack, "Alarm", threshold=1, evaluation_periods=1)

    Template.from_stack(stack).has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "CdkAppFlowConnector",
            "MetricName": "BreakingChanges",
            "Dimensions": [{"Name": "ConnectorLabel", "Value": LABEL}],
            "Statistic": "Sum",
            "Period": 300,
        },
    )


def test_metric_takes_its_options(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Statistic, period, label and colour of the metric can be chosen."""
    metric = register(stack, function).metric_breaking_changes(
        statistic="Maximum", period=cdk.Duration.hours(1), label="Broken", color="#d62728"
    )

    found = (metric.statistic, metric.period.to_hours(), metric.label, metric.color)
    assert found == ("Maximum", 1, "Broken", "#d62728")


@pytest.mark.parametrize(
    ("arguments", "is_warned"),
    [
        ({}, True),
        ({"refresh_on_external_change": True}, True),
        ({"on_breaking_change": OnBreakingChange.FAIL}, True),
        ({"refresh_on_external_change": True, "on_breaking_change": OnBreakingChange.FAIL}, False),
    ],
)
def test_metric_without_values_is_warned_about(
    stack: cdk.Stack, function: lambda_.Function, arguments: dict[str, Any], is_warned: bool
) -> None:
    """An alarm on a metric that the handler never reports would look as if all were well."""
    register(stack, function, **arguments).metric_breaking_changes()

    found = Annotations.from_stack(stack).find_warning(
        "*",
        Match.string_like_regexp("metric_breaking_changes\\(\\) of this registration never has"),
    )
    assert len(found) == is_warned
