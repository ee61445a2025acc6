"""Arguments of another type than their own: refused in words, and nothing is left behind."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template
from cdk_appflow_connector import (
    Adoption,
    ConnectorRegistration,
    ConnectorRegistrationProvider,
    connector_registration,
    connector_registration_provider,
)

from tests.synth.support import LABEL, make_function, register


class Made:
    """A value that a test makes in its stack."""

    def __init__(self, make: Callable[[cdk.Stack], Any]) -> None:
        self.make = make


def value_in(stack: cdk.Stack, value: Any) -> Any:
    return value.make(stack) if isinstance(value, Made) else value


ROLE = Made(
    lambda stack: iam.Role(stack, "Any", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
)
QUEUE = Made(lambda stack: sqs.Queue(stack, "Any"))
FUNCTION = Made(lambda stack: make_function(stack, "Any"))
NUMBER_TOKEN = Made(lambda stack: cdk.CfnParameter(stack, "Any", type="Number").value_as_number)

A_FUNCTION = (
    "a Lambda function, version or alias, or its CloudFormation resource. Import a function from"
    " elsewhere with Function.from_function_arn(scope, id, arn)"
)
SOME_TEXT = "text. Pass text. Convert a token with Token.as_string(...)"
TEXT_OR_NONE = SOME_TEXT.replace("text.", "text or None.", 1)
A_FLAG = "True or False. Pass one of the two"
A_DURATION = "a Duration. Pass for example Duration.minutes(10)"
A_PERIOD = "a Duration or None. Pass for example Duration.hours(24)"
A_REMOVAL_POLICY = "a RemovalPolicy. Pass RemovalPolicy.RETAIN or RemovalPolicy.DESTROY"
AN_ADOPTION = "an Adoption. Pass for example Adoption.ALLOWED"
AN_ON_BREAKING_CHANGE = "an OnBreakingChange. Pass for example OnBreakingChange.FAIL"
TEXTS_OR_NONE = "a list of texts or None. Pass a list, also of one text"
A_MAPPING = "a mapping or None. Pass a dictionary"
A_WHOLE_NUMBER = "a whole number or the token of one. Pass a whole number"
WHOLE_NUMBER_OR_NONE = A_WHOLE_NUMBER.replace("one.", "one or None.", 1)

OF_A_REGISTRATION = [
    ("connector_label", 123, "123", SOME_TEXT),
    ("connector_label", None, "None", SOME_TEXT),
    ("connector_label", b"acme", "b'acme'", SOME_TEXT),
    ("connector_label", NUMBER_TOKEN, "a token", SOME_TEXT),
    ("connector_function", "arn:aws:lambda", "'arn:aws:lambda'", A_FUNCTION),
    ("connector_function", None, "None", A_FUNCTION),
    ("connector_function", [], "[]", A_FUNCTION),
    ("connector_function", ROLE, "Role 'Stack/Any'", A_FUNCTION),
    ("connector_function", lambda_.Function, repr(lambda_.Function), A_FUNCTION),
    ("description", 5, "5", TEXT_OR_NONE),
    ("description", ["Acme"], "['Acme']", TEXT_OR_NONE),
    ("removal_policy", "destroy", "'destroy'", A_REMOVAL_POLICY),
    ("removal_policy", None, "None", A_REMOVAL_POLICY),
    ("removal_policy", Adoption.REQUIRED, "Adoption.REQUIRED", A_REMOVAL_POLICY),
    (
        "removal_policy",
        cdk.CfnDeletionPolicy.DELETE,
        "CfnDeletionPolicy.DELETE",
        A_REMOVAL_POLICY,
    ),
    ("removal_policy", Made(lambda _: cdk.Aws.REGION), "a token", A_REMOVAL_POLICY),
    ("force_delete", "yes", "'yes'", A_FLAG),
    ("force_delete", 1, "1", A_FLAG),
    ("force_delete", None, "None", A_FLAG),
    ("adoption", cdk.RemovalPolicy.RETAIN, "RemovalPolicy.RETAIN", AN_ADOPTION),
    ("adoption", "Required", "'Required'", AN_ADOPTION),
    ("refresh_on_code_change", "no", "'no'", A_FLAG),
    ("triggers", ["x"], "['x']", A_MAPPING),
    ("triggers", "x", "'x'", A_MAPPING),
    ("refresh_on_external_change", "yes", "'yes'", A_FLAG),
    ("refresh_on_external_change", None, "None", A_FLAG),
    ("reconcile_every", 24, "24", A_PERIOD),
    ("reconcile_every", "rate(1 day)", "'rate(1 day)'", A_PERIOD),
    ("reconcile_every", False, "False", A_PERIOD),
    ("on_breaking_change", "Fail", "'Fail'", AN_ON_BREAKING_CHANGE),
    ("on_breaking_change", None, "None", AN_ON_BREAKING_CHANGE),
    ("acknowledged_changes", "CHANGE", "'CHANGE'", TEXTS_OR_NONE),
    ("acknowledged_changes", ["CHANGE", 5], "['CHANGE', 5]", TEXTS_OR_NONE),
    ("acknowledged_changes", {"CHANGE": "v1"}, "{'CHANGE': 'v1'}", TEXTS_OR_NONE),
    ("skip_permissions", 1, "1", A_FLAG),
    ("service_timeout", 600, "600", A_DURATION.replace("Duration.", "Duration or None.", 1)),
    (
        "provider",
        FUNCTION,
        "Function 'Stack/Any'",
        "a ConnectorRegistrationProvider or None. Pass a ConnectorRegistrationProvider of the same"
        " stack",
    ),
    (
        "provider",
        ConnectorRegistrationProvider,
        repr(ConnectorRegistrationProvider),
        "a ConnectorRegistrationProvider or None. Pass a ConnectorRegistrationProvider of the same"
        " stack",
    ),
]

OF_A_PROVIDER = [
    ("runtime", "python3.13", "'python3.13'", "a Runtime. Pass for example Runtime.PYTHON_3_13"),
    (
        "architecture",
        "arm64",
        "'arm64'",
        "an Architecture. Pass for example Architecture.ARM_64",
    ),
    ("memory_size", "512", "'512'", A_WHOLE_NUMBER),
    ("memory_size", True, "True", A_WHOLE_NUMBER),
    ("memory_size", 512.5, "512.5", A_WHOLE_NUMBER),
    ("memory_size", float("nan"), "nan", A_WHOLE_NUMBER),
    ("memory_size", None, "None", A_WHOLE_NUMBER),
    ("timeout", 300, "300", A_DURATION),
    ("timeout", None, "None", A_DURATION),
    ("max_event_age", 60, "60", A_DURATION),
    (
        "on_failure",
        QUEUE,
        "Queue 'Stack/Any'",
        "a destination of Lambda or None. Pass for example SqsDestination(queue)",
    ),
    (
        "dead_letter_queue",
        "arn:aws:sqs",
        "'arn:aws:sqs'",
        "an SQS queue or None. Pass a Queue. For a topic, use on_failure=SnsDestination(...)",
    ),
    ("function_name", 5, "5", TEXT_OR_NONE),
    ("reserved_concurrent_executions", "1", "'1'", WHOLE_NUMBER_OR_NONE),
    ("reserved_concurrent_executions", False, "False", WHOLE_NUMBER_OR_NONE),
    (
        "code_signing_config",
        "arn",
        "'arn'",
        "a CodeSigningConfig or None. Pass a CodeSigningConfig",
    ),
    (
        "role",
        "arn:aws:iam::111122223333:role/r",
        "'arn:aws:iam::111122223333:role/r'",
        "a Role or None. Pass a Role, or import one with Role.from_role_arn(scope, id, arn)",
    ),
    ("role_name", b"role", "b'role'", TEXT_OR_NONE),
    (
        "permissions_boundary",
        ROLE,
        "Role 'Stack/Any'",
        "a ManagedPolicy or None. Pass a ManagedPolicy, or import one with"
        " ManagedPolicy.from_managed_policy_name(scope, id, name)",
    ),
    (
        "log_group",
        "/acme/logs",
        "'/acme/logs'",
        "a LogGroup or None. Pass a LogGroup, or import one with"
        " LogGroup.from_log_group_name(scope, id, name)",
    ),
    (
        "log_retention",
        NUMBER_TOKEN,
        "a token",
        "a RetentionDays or None. Pass for example RetentionDays.ONE_MONTH. For a token, pass a log"
        " group of your own as log_group",
    ),
    (
        "vpc",
        "vpc-0a1b2c3d",
        "'vpc-0a1b2c3d'",
        "a Vpc or None. Pass a Vpc, or import one with Vpc.from_lookup(...)",
    ),
    (
        "vpc_subnets",
        ["subnet-0a1b2c3d"],
        "['subnet-0a1b2c3d']",
        "a SubnetSelection or None. Pass for example"
        " SubnetSelection(subnet_type=SubnetType.PRIVATE_ISOLATED)",
    ),
    (
        "security_groups",
        "sg-0a1b2c3d",
        "'sg-0a1b2c3d'",
        "a list of security groups or None. Pass for example [SecurityGroup(...)]",
    ),
    (
        "security_groups",
        ["sg-0a1b2c3d"],
        "['sg-0a1b2c3d']",
        "a list of security groups or None. Pass for example [SecurityGroup(...)]",
    ),
    ("environment", "HTTPS_PROXY=x", "'HTTPS_PROXY=x'", A_MAPPING),
    (
        "environment_encryption",
        "alias/acme",
        "'alias/acme'",
        "a Key or None. Pass a Key, or import one with Key.from_key_arn(scope, id, arn)",
    ),
    ("tracing", True, "True", "a Tracing or None. Pass for example Tracing.ACTIVE"),
    (
        "tracing",
        logs.RetentionDays.ONE_DAY,
        "RetentionDays.ONE_DAY",
        "a Tracing or None. Pass for example Tracing.ACTIVE",
    ),
]


@pytest.mark.parametrize(("name", "value", "shown", "allowed"), OF_A_REGISTRATION)
def test_wrong_type_of_a_registration_is_refused(
    stack: cdk.Stack,
    function: lambda_.Function,
    name: str,
    value: Any,
    shown: str,
    allowed: str,
) -> None:
    """An argument of another type raises its name, its value, what it may be and the next step."""
    wrong = {name: value_in(stack, value)}

    with pytest.raises(
        ValueError, match=f"^{re.escape(f'{name} is {shown}, but must be {allowed}')}$"
    ):
        register(stack, function, **wrong)


@pytest.mark.parametrize(("name", "value", "shown", "allowed"), OF_A_PROVIDER)
def test_wrong_type_of_a_provider_is_refused(
    stack: cdk.Stack, name: str, value: Any, shown: str, allowed: str
) -> None:
    """An argument of another type raises its name, its value, what it may be and the next step."""
    wrong = {name: value_in(stack, value)}

    with pytest.raises(
        ValueError, match=f"^{re.escape(f'{name} is {shown}, but must be {allowed}')}$"
    ):
        ConnectorRegistrationProvider(stack, "Provider", **wrong)


@pytest.mark.parametrize(
    ("constructor", "table"),
    [
        (ConnectorRegistration.__init__, connector_registration._ARGUMENTS),
        (ConnectorRegistrationProvider.__init__, connector_registration_provider._ARGUMENTS),
    ],
)
def test_every_argument_is_checked(constructor: Callable[..., None], table: dict[str, Any]) -> None:
    """The types of all arguments are checked."""
    names = [*inspect.signature(constructor).parameters]

    assert [*table] == names[1:]


PLACES = [
    (None, "None"),
    ("Stack", "'Stack'"),
    (5, "5"),
    (cdk.Stack, repr(cdk.Stack)),
]


@pytest.mark.parametrize(("scope", "shown"), PLACES)
def test_wrong_scope_is_refused(function: lambda_.Function, scope: Any, shown: str) -> None:
    """What is no construct is no scope of any of the constructs."""
    message = (
        f"scope is {shown}, but must be a construct. Pass the construct in which to create this"
        " one, often self"
    )
    for create in (
        lambda: register(scope, function),
        lambda: ConnectorRegistrationProvider(scope, "Provider"),
        lambda: ConnectorRegistration.from_connector_label(scope, "Crm", LABEL),
        lambda: ConnectorRegistrationProvider.get_or_create(scope),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            create()


def test_scope_outside_a_stack_is_refused(app: cdk.App, function: lambda_.Function) -> None:
    """An app is no scope, and nothing is created in it."""
    message = (
        "scope is App '', which is in no stack, but must be a stack or a construct in one. Create"
        " a Stack in the app, and pass it or a construct in it"
    )
    before = [child.node.path for child in app.node.children]
    for create in (
        lambda: ConnectorRegistration(
            app, "Registration", connector_label=LABEL, connector_function=function
        ),
        lambda: ConnectorRegistrationProvider(app, "Provider"),
        lambda: ConnectorRegistration.from_connector_label(app, "Crm", LABEL),
        lambda: ConnectorRegistrationProvider.get_or_create(app),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            create()

    assert [child.node.path for child in app.node.children] == before


@pytest.mark.parametrize("construct_id", [None, 5, b"Registration"])
def test_wrong_id_is_refused(
    stack: cdk.Stack, function: lambda_.Function, construct_id: Any
) -> None:
    """An id that is no text is refused by all constructs."""
    message = f"id is {construct_id!r}, but must be text. Pass an id that is unique within scope"
    for create in (
        lambda: register(stack, function, construct_id),
        lambda: ConnectorRegistrationProvider(stack, construct_id),
        lambda: ConnectorRegistration.from_connector_label(stack, construct_id, LABEL),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            create()


@pytest.mark.parametrize("label", [None, 5, b"acme"])
def test_wrong_label_is_not_imported(stack: cdk.Stack, label: Any) -> None:
    """A label that is no text cannot be imported."""
    with pytest.raises(ValueError, match=f"^connector_label is {re.escape(repr(label))}, but must"):
        ConnectorRegistration.from_connector_label(stack, "Crm", label)


@pytest.mark.parametrize("grantee", [None, "role", Made(lambda stack: sqs.Queue(stack, "Any"))])
@pytest.mark.parametrize("imported", [False, True])
def test_wrong_grantee_is_refused(
    stack: cdk.Stack, function: lambda_.Function, grantee: Any, imported: bool
) -> None:
    """Credentials are not granted to what can have no permissions."""
    connector = (
        ConnectorRegistration.from_connector_label(stack, "Crm", LABEL)
        if imported
        else register(stack, function)
    )

    with pytest.raises(ValueError, match=r"^grantee is .*, but must be a function, role or user\."):
        connector.grant_read_credentials(value_in(stack, grantee))


@pytest.mark.parametrize("policy", ["destroy", 1, Adoption.REQUIRED])
def test_wrong_applied_policy_is_refused(
    stack: cdk.Stack, function: lambda_.Function, policy: Any
) -> None:
    """A removal policy that is none cannot be applied."""
    registration = register(stack, function)

    with pytest.raises(ValueError, match=r"^the policy applied to Stack/Registration/Resource is "):
        registration.apply_removal_policy(policy)


def cyclic() -> Any:
    found: dict[str, Any] = {}
    found["again"] = [found]
    return found


ALLOWED = (
    "must be text, a finite number of at most 9007199254740991, True, False, None, a token, or a"
    " list or dictionary of these. Pass text that changes with the value"
)


class TestTriggers:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (object(), "an object of class object"),
            ({1}, "{1}"),
            (b"x", "b'x'"),
            ((1, 2), "(1, 2)"),
            (float("nan"), "nan"),
            (float("-inf"), "-inf"),
            (2**53, "9007199254740992"),
            (cdk.RemovalPolicy.RETAIN, "RemovalPolicy.RETAIN"),
            (cdk.Duration.minutes(1), "an object of class Duration"),
            (cdk.CfnTag(key="a", value="b"), "CfnTag(key='a', value='b')"),
            (Made(lambda stack: stack), "Stack 'Stack'"),
            (
                Made(lambda stack: cdk.CfnParameter(stack, "Release")),
                "CfnParameter 'Stack/Release'",
            ),
            (len, "an object of class builtin_function_or_method"),
            (str, repr(str)),
        ],
    )
    @pytest.mark.parametrize("place", ["[0]", "", "['deep']"])
    def test_with_another_value_are_refused(
        self, stack: cdk.Stack, function: lambda_.Function, value: Any, shown: str, place: str
    ) -> None:
        """A value that CloudFormation cannot receive is refused wherever it stands."""
        wrong = value_in(stack, value)
        around = {"": wrong, "[0]": [wrong], "['deep']": {"deep": wrong}}[place]

        message = f"triggers['Release']{place} is {shown}, but {ALLOWED}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function, triggers={"Release": around})

    def test_with_a_cycle_are_refused(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """A value that contains itself is refused."""
        message = (
            "triggers['Release']['again'][0] contains itself, but must be finite. Remove the cycle"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function, triggers={"Release": cyclic()})

    @pytest.mark.parametrize("key", [1, None, ("a", "b"), Made(lambda _: cdk.Aws.REGION)])
    def test_with_another_key_are_refused(
        self, stack: cdk.Stack, function: lambda_.Function, key: Any
    ) -> None:
        """A key that is no text is refused."""
        with pytest.raises(ValueError, match=r"but a key must be text without tokens\. Name the"):
            register(stack, function, triggers={"Release": {value_in(stack, key): "1"}})

    @pytest.mark.parametrize(
        "value",
        [
            "7",
            7,
            0.5,
            True,
            ["a", {"b": ["c"]}],
            Made(lambda stack: cdk.CfnParameter(stack, "Release").value),
            Made(lambda stack: cdk.CfnParameter(stack, "Release").value_as_string),
            Made(lambda stack: cdk.CfnParameter(stack, "N", type="Number").value_as_number),
            Made(
                lambda stack: cdk.CfnParameter(stack, "L", type="CommaDelimitedList").value_as_list
            ),
            Made(lambda stack: cdk.Fn.get_att("Queue", "Arn")),
        ],
    )
    def test_with_json_and_tokens_are_accepted(
        self, stack: cdk.Stack, function: lambda_.Function, value: Any
    ) -> None:
        """JSON values and every kind of token are accepted."""
        register(stack, function, triggers={"Release": value_in(stack, value)})

    def test_may_share_a_value(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """A value that stands at two places contains no cycle."""
        shared = {"a": "1"}

        register(stack, function, triggers={"One": shared, "Two": [shared, shared]})


REFUSED: list[dict[str, Any]] = [
    *({name: value} for name, value, *_ in OF_A_REGISTRATION if not isinstance(value, Made)),
    {"connector_label": "x"},
    {"description": ","},
    {"force_delete": True},
    {"removal_policy": cdk.RemovalPolicy.SNAPSHOT},
    {"triggers": {"Release": object()}},
    {"service_timeout": cdk.Duration.seconds(1)},
    {"service_timeout": cdk.Duration.millis(600_500)},
]


def template(stack: cdk.Stack) -> Any:
    return Template.from_stack(stack).to_json()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The template of the stack without an attempt that was refused."""
    folder = tmp_path_factory.mktemp("cdk.out")
    stack = cdk.Stack(cdk.App(outdir=str(folder)), "Stack")
    register(stack, make_function(stack, "Connector"))
    return template(stack)


@pytest.mark.parametrize("arguments", REFUSED, ids=lambda arguments: "-".join(arguments))
def test_refused_registration_leaves_nothing(
    stack: cdk.Stack, function: lambda_.Function, expected: Any, arguments: dict[str, Any]
) -> None:
    """After a refusal, the same id and label make the template of an app without it."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        register(stack, function, **arguments)
    assert stack.node.try_find_child("Registration") is None
    assert stack.node.try_find_child("AppFlowConnectorRegistrationProvider") is None

    register(stack, function)

    assert template(stack) == expected


def test_used_id_claims_no_label(
    stack: cdk.Stack, function: lambda_.Function, expected: Any
) -> None:
    """An id that the CDK refuses claims no label and creates no provider."""
    with pytest.raises(RuntimeError, match="There is already a Construct with name 'Connector'"):
        register(stack, function, "Connector")

    register(stack, function)

    assert template(stack) == expected


def provider_with_full_role(stack: cdk.Stack) -> ConnectorRegistrationProvider:
    """A provider whose role has as many managed policies as IAM accepts."""
    policies = [
        iam.ManagedPolicy.from_managed_policy_name(stack, f"Policy{n}", f"policy-{n}")
        for n in range(20)
    ]
    role = iam.Role(
        stack,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=[*policies],
    )
    return ConnectorRegistrationProvider(stack, "Provider", role=role)


def test_limit_of_a_role_leaves_nothing(tmp_path: Path) -> None:
    """A registration that exceeds IAM's limits is removed, and its id and label are free."""
    with_attempt, without = (
        cdk.Stack(cdk.App(outdir=str(tmp_path / name)), "Stack") for name in ("with", "without")
    )
    functions = [make_function(stack, "Connector") for stack in (with_attempt, without)]
    full = provider_with_full_role(with_attempt)
    # With as many connectors, one more would begin to share a managed policy.
    for stack, function, provider in (
        (with_attempt, functions[0], full),
        (without, functions[1], provider_with_full_role(without)),
    ):
        for number in range(16):
            register(
                stack,
                function,
                f"R{number}",
                connector_label=f"{'a' * 25}-{number:02}",
                provider=provider,
            )

    with pytest.raises(ValueError, match="IAM accepts at most 20"):
        register(
            with_attempt,
            functions[0],
            "Of/Crm",
            provider=full,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
    register(with_attempt, functions[0], "Of/Crm")
    register(without, functions[1], "Of/Crm")

    assert template(with_attempt) == template(without)


def unregistering(stack: cdk.Stack, names: Iterable[str]) -> list[str]:
    """Register connectors that would be unregistered, and return the names that were accepted."""
    function = make_function(stack, "Connector")
    accepted = []
    for name in names:
        with contextlib.suppress(ValueError):
            register(
                stack,
                function,
                name,
                connector_label=f"{name}-{'x' * 200}",
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
            accepted.append(name)
    return accepted


def test_limit_of_inline_policies_leaves_nothing(tmp_path: Path) -> None:
    """Registrations beyond the size of the inline policies change nothing in the template."""
    with_attempts, without = (
        cdk.Stack(cdk.App(outdir=str(tmp_path / name)), "Stack") for name in ("with", "without")
    )
    names = [f"Of{n:02}" for n in range(30)]

    accepted = unregistering(with_attempts, names)
    assert len(accepted) < len(names)
    unregistering(without, accepted)

    assert template(with_attempts) == template(without)


@pytest.mark.parametrize(
    "arguments",
    [
        {"memory_size": 1},
        {"timeout": cdk.Duration.seconds(1)},
        {"role": "role"},
        {"environment": {"AWS_REGION": "x"}},
        {"vpc_subnets": ec2.SubnetSelection(one_per_az=True)},
    ],
    ids=lambda arguments: "-".join(arguments),
)
def test_refused_provider_leaves_nothing(stack: cdk.Stack, arguments: dict[str, Any]) -> None:
    """After a refusal, the id of a provider is free, and the template has no part of it."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        ConnectorRegistrationProvider(stack, "Provider", **arguments)

    assert "Resources" not in template(stack)
    ConnectorRegistrationProvider(stack, "Provider")


def test_refusal_of_the_cdk_leaves_nothing(stack: cdk.Stack) -> None:
    """A provider whose function the CDK refuses leaves no half of it."""
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0a1b2c3d4e5f60718",
        availability_zones=["us-east-1a"],
        public_subnet_ids=["subnet-0a1b2c3d4e5f60718"],
    )
    public = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)

    with pytest.raises(RuntimeError, match="public subnet"):
        ConnectorRegistrationProvider(stack, "A/Provider", vpc=vpc, vpc_subnets=public)

    assert "Resources" not in template(stack)
    ConnectorRegistrationProvider(stack, "A/Provider")
