"""Evaluation of templates as the construct and the CDK synthesise them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Template as Synthesized
from cdk_appflow_connector import ConnectorRegistration
from cdk_appflow_connector_cli.conditions import UnresolvableError
from cdk_appflow_connector_cli.template import Resource, Template
from hypothesis import given
from hypothesis import strategies as st

STACK_ID = "arn:aws:cloudformation:eu-west-1:111122223333:stack/Crm/5f1d"
ARN = "arn:aws:lambda:eu-west-1:111122223333:function"
TYPE = "Custom::AppFlowConnectorRegistration"

FUNCTIONS = [
    *("Ref", "Fn::FindInMap", "Fn::GetAtt", "Fn::GetStackOutput", "Fn::If", "Fn::ImportValue"),
    *("Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"),
]

BuildFunction = Callable[[cdk.Stack], Any]


def property_of(
    tmp_path: Path,
    build: BuildFunction,
    name: str = "LambdaArn",
    *,
    parameter: dict[str, str] | None = None,
    **arguments: Any,
) -> str | None:
    """The value of a property of a synthesised registration on the function that is built.

    ``parameter`` is what DescribeStacks returns for every parameter.
    """
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Stack")
    ConnectorRegistration(
        stack, "R", connector_label="acme-crm", connector_function=build(stack), **arguments
    )
    body = Synthesized.from_stack(stack).to_json()
    resources = {
        logical_id: Resource(logical_id, physical_id(resource["Type"]), resource["Type"])
        for logical_id, resource in body["Resources"].items()
    }
    [registration] = [
        resource.logical_id for resource in resources.values() if resource.type == TYPE
    ]
    template = Template(
        body,
        stack_id=STACK_ID,
        parameters=dict.fromkeys(body.get("Parameters", {}), parameter or {}),
        resources=resources,
        export_value={"the-arn": f"{ARN}:exported"}.__getitem__,
        output_value=lambda reference: ", ".join(reference),
    )
    return template.property(registration, name)


def physical_id(resource_type: str) -> str:
    """A physical id as CloudFormation gives it to a resource of a type."""
    return {
        "AWS::Lambda::Alias": f"{ARN}:crm:live",
        "AWS::Lambda::Function": "crm",
        "AWS::Lambda::Version": f"{ARN}:crm:7",
    }.get(resource_type, "made")


def function(stack: cdk.Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Connector",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("version = 1"),
    )


def imported(function_arn: str) -> BuildFunction:
    return lambda stack: lambda_.Function.from_function_arn(stack, "Connector", function_arn)


def by_parameter(**properties: Any) -> BuildFunction:
    return lambda stack: imported(cdk.CfnParameter(stack, "Arn", **properties).value_as_string)(
        stack
    )


def from_parameter_store(stack: cdk.Stack) -> Any:
    return imported(ssm.StringParameter.value_for_string_parameter(stack, "/crm"))(stack)


def nested(stack: cdk.Stack) -> Any:
    return function(cdk.NestedStack(stack, "Nested"))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        pytest.param(function, f"{ARN}:crm", id="function"),
        pytest.param(
            lambda stack: function(stack).add_alias("live"), f"{ARN}:crm:live", id="alias"
        ),
        pytest.param(lambda stack: function(stack).current_version, f"{ARN}:crm:7", id="version"),
        pytest.param(imported(f"{ARN}:other"), f"{ARN}:other", id="arn"),
        pytest.param(
            lambda stack: lambda_.Function.from_function_name(stack, "Connector", "other"),
            f"{ARN}:other",
            id="name",
        ),
        pytest.param(imported(cdk.Fn.import_value("the-arn")), f"{ARN}:exported", id="export"),
        pytest.param(
            imported(cdk.Fn.sub("arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:other")),
            f"{ARN}:other",
            id="substitution",
        ),
    ],
)
def test_function_arn_is_resolved(tmp_path: Path, build: BuildFunction, expected: str) -> None:
    """The LambdaArn of each kind of function is resolved without CloudFormation."""
    assert property_of(tmp_path, build) == expected


def test_sub_resolves_attributes_and_literals(tmp_path: Path) -> None:
    """Fn::Sub resolves pseudo parameters and attributes, and keeps escaped literals."""
    description = cdk.Fn.sub("${!a} ${AWS::StackName} ${F.Arn}")

    def build(stack: cdk.Stack) -> Any:
        target = function(stack)
        resource = target.node.default_child
        assert isinstance(resource, cdk.CfnResource)
        resource.override_logical_id("F")
        return target

    assert (
        property_of(tmp_path, build, "Description", description=description)
        == f"${{a}} Crm {ARN}:crm"
    )


def test_parameter_has_its_deployed_value(tmp_path: Path) -> None:
    """A parameter resolves to the value that DescribeStacks returns."""
    parameter = {"ParameterValue": f"{ARN}:chosen"}

    assert property_of(tmp_path, by_parameter(), parameter=parameter) == f"{ARN}:chosen"


def test_ssm_parameter_has_its_deployed_value(tmp_path: Path) -> None:
    """An SSM parameter resolves to its value at the last deployment."""
    parameter = {"ParameterValue": "/crm", "ResolvedValue": f"{ARN}:stored"}

    assert property_of(tmp_path, from_parameter_store, parameter=parameter) == f"{ARN}:stored"


def test_missing_description_is_none(tmp_path: Path) -> None:
    """A description that the template does not set is None."""
    assert property_of(tmp_path, function, "Description") is None


def of_mapping(stack: cdk.Stack) -> Any:
    mapping = cdk.CfnMapping(stack, "Arns", mapping={"eu-west-1": {"Crm": f"{ARN}:mapped"}})
    return imported(mapping.find_in_map(cdk.Aws.REGION, "Crm"))(stack)


def of_cfn_alias(stack: cdk.Stack) -> Any:
    alias = function(stack).add_alias("live").node.default_child
    assert isinstance(alias, lambda_.CfnAlias)
    arn = alias.get_att("AliasArn").to_string()
    return lambda_.Function.from_function_arn(stack, "Imported", arn)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        pytest.param(of_mapping, f"{ARN}:mapped", id="mapping"),
        pytest.param(of_cfn_alias, f"{ARN}:crm:live", id="attribute of an alias"),
        pytest.param(
            imported(cdk.Fn.get_stack_output("Erp", "Arn")), "Erp, Arn, eu-west-1, ", id="output"
        ),
        pytest.param(
            imported(
                cdk.Fn.sub(
                    "${Arn}:live", {"Arn": cdk.Fn.get_stack_output("Erp", "Arn", "us-east-1", "me")}
                )
            ),
            "Erp, Arn, us-east-1, me:live",
            id="output in a substitution",
        ),
        pytest.param(
            nested, "made, StackNestedConnector3A864329Arn, eu-west-1, ", id="nested stack"
        ),
    ],
)
def test_value_from_elsewhere_is_resolved(
    tmp_path: Path, build: BuildFunction, expected: str
) -> None:
    """A LambdaArn from a mapping, an attribute or another stack is resolved."""
    assert property_of(tmp_path, build) == expected


def test_no_value_is_none(tmp_path: Path) -> None:
    """A description that is AWS::NoValue is not set."""
    assert property_of(tmp_path, function, "Description", description=cdk.Aws.NO_VALUE) is None


IS_HERE = cdk.Fn.condition_equals(cdk.Aws.REGION, "eu-west-1")
IS_THERE = cdk.Fn.condition_equals(cdk.Aws.REGION, "us-east-1")


def conditional(condition: cdk.ICfnConditionExpression) -> BuildFunction:
    """A function whose name is ``other`` under a condition, else ``crm``."""

    def build(stack: cdk.Stack) -> Any:
        cdk.CfnCondition(stack, "Here", expression=IS_HERE)
        cdk.CfnCondition(stack, "Two", expression=condition)
        name = cdk.Fn.condition_if("Two", "other", "crm").to_string()
        return imported(f"{ARN}:{name}")(stack)

    return build


def referring(stack: cdk.Stack) -> Any:
    """A function whose name is ``crm`` because another condition is true."""
    here = cdk.Token.as_any({"Condition": "Here"})
    return conditional(cdk.Fn.condition_not(here))(stack)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        pytest.param(conditional(IS_HERE), "other", id="equal"),
        pytest.param(conditional(IS_THERE), "crm", id="unequal"),
        pytest.param(conditional(cdk.Fn.condition_not(IS_THERE)), "other", id="not"),
        pytest.param(conditional(cdk.Fn.condition_and(IS_HERE, IS_HERE)), "other", id="and"),
        pytest.param(conditional(cdk.Fn.condition_and(IS_HERE, IS_THERE)), "crm", id="not both"),
        pytest.param(conditional(cdk.Fn.condition_or(IS_THERE, IS_HERE)), "other", id="or"),
        pytest.param(conditional(cdk.Fn.condition_or(IS_THERE, IS_THERE)), "crm", id="neither"),
        pytest.param(referring, "crm", id="by name"),
    ],
)
def test_condition_is_resolved(tmp_path: Path, build: BuildFunction, name: str) -> None:
    """A value under a condition is the one that CloudFormation has chosen."""
    assert property_of(tmp_path, build) == f"{ARN}:{name}"


@pytest.mark.parametrize(("condition", "expected"), [(IS_HERE, None), (IS_THERE, "Acme")])
def test_conditional_no_value_is_none(
    tmp_path: Path, condition: cdk.ICfnConditionExpression, expected: str | None
) -> None:
    """A description that is AWS::NoValue under a condition is set only without the condition."""
    chosen = cdk.Fn.condition_if("Two", cdk.Aws.NO_VALUE, "Acme").to_string()

    assert (
        property_of(tmp_path, conditional(condition), "Description", description=chosen) == expected
    )


def resolved(
    value: Any = None, name: str = "Description", secret: str = "****", **sections: Any
) -> str | None:
    """A property of a template with a value of ``Description``, or with these sections instead.

    ``secret`` is what DescribeStacks returns for the parameter ``Secret``.
    """
    template = Template(
        {"Resources": {"R": {"Properties": {"Description": value}}}} | sections,
        stack_id=STACK_ID,
        parameters={"Secret": {"ParameterValue": secret}},
        resources={},
        export_value=str,
        output_value=str,
    )
    return template.property("R", name)


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (2026, "2026")])
def test_scalar_of_json_is_text(value: Any, text: str) -> None:
    """A boolean or an integer of a JSON template is the text that CloudFormation passes on."""
    assert resolved(value) == text


@pytest.mark.parametrize("key", ["<<", "Fn::Transform", "Fn::ForEach::Names", "Fn::If"])
def test_merged_properties_are_unresolvable(key: str) -> None:
    """A property that is not written may be among those that a key adds; a written one is not."""
    properties = {key: {"Description": "Acme"}, "LambdaArn": ARN}
    resources = {"R": {"Properties": properties}}

    assert resolved(name="LambdaArn", Resources=resources) == ARN
    with pytest.raises(UnresolvableError) as error:
        resolved(Resources=resources)
    assert str(error.value) == f"the template may set it by {key} of the properties"


@pytest.mark.parametrize("value", ["****", "*****"])
@pytest.mark.parametrize("no_echo", ["yes", "True", True, "on"])
def test_masked_value_is_unresolvable(no_echo: Any, value: str) -> None:
    """The asterisks in place of a secret are no value, however the template spells NoEcho."""
    with pytest.raises(UnresolvableError, match="does not show the value of parameter Secret"):
        resolved({"Ref": "Secret"}, secret=value, Parameters={"Secret": {"NoEcho": no_echo}})


@pytest.mark.parametrize("empty", ["", None, []])
@pytest.mark.parametrize("section", ["Conditions", "Mappings", "Parameters"])
def test_empty_section_has_no_members(section: str, empty: Any) -> None:
    """An empty section of a template is like a missing one."""
    sections = {section: empty}

    assert resolved({"Ref": "Secret"}, secret="Acme", **sections) == "Acme"
    assert resolved(Resources={"R": {"Properties": empty}}) is None
    assert resolved(Resources={"R": empty}) is None
    with pytest.raises(UnresolvableError, match="the template has no condition A"):
        resolved({"Fn::If": ["A", "a", "b"]}, **sections)
    with pytest.raises(UnresolvableError, match=r"the template's mappings have no text a\.b\.c"):
        resolved({"Fn::FindInMap": ["a", "b", "c"]}, **sections)


def repeated(value: Any, times: int) -> Any:
    """A value in lists in lists, as aliases of YAML repeat one."""
    return value if times == 0 else repeated([value] * 9, times - 1)


@pytest.mark.parametrize("function_name", ["Fn::GetAtt", "Fn::If", "Fn::Sub", "Fn::Equals", "Ref"])
@pytest.mark.parametrize("value", [repeated("x", 9), ["x" * 2000]])
def test_reason_is_short(function_name: str, value: Any) -> None:
    """The reason shows the beginning of a long value, of a property and of a condition."""
    conditions = {"A": {function_name: value}}

    for unresolvable in (value, {function_name: value}, {"Fn::If": ["A", "a", "b"]}):
        with pytest.raises(UnresolvableError) as error:
            resolved(unresolvable, Conditions=conditions)
        assert len(str(error.value)) < 300


def test_delimiter_has_to_be_text() -> None:
    """A delimiter that is a function, which CloudFormation refuses, does not become text."""
    with pytest.raises(UnresolvableError):
        resolved({"Fn::Join": [{"Ref": "AWS::Region"}, ["a", "b"]]})


def dynamic_reference(stack: cdk.Stack) -> Any:
    service = cdk.CfnDynamicReferenceService.SSM
    return imported(cdk.CfnDynamicReference(service, "/crm").to_string())(stack)


def of_another_type(stack: cdk.Stack) -> Any:
    return imported(ssm.CfnParameter(stack, "Stored", type="String", value="x").ref)(stack)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        pytest.param(
            dynamic_reference, "it is the dynamic reference {{resolve:ssm:/crm}}", id="dynamic"
        ),
        pytest.param(
            imported(cdk.Fn.sub("{{resolve:ssm:/${AWS::Region}}}")),
            "it is the dynamic reference {{resolve:ssm:/eu-west-1}}",
            id="dynamic, substituted",
        ),
        pytest.param(
            conditional(cdk.Fn.condition_equals(cdk.Fn.import_value("gone"), "x")),
            "condition Two cannot be resolved: there is no export gone",
            id="condition",
        ),
        pytest.param(
            imported(cdk.Fn.condition_if("Two", ARN, ARN).to_string()),
            "the template has no condition Two",
            id="missing condition",
        ),
        pytest.param(
            imported(cdk.Fn.select(0, cdk.Fn.split(",", cdk.Fn.import_value("the-arn")))),
            "it depends on Fn::Select",
            id="selection",
        ),
        pytest.param(
            imported(cdk.Fn.find_in_map("Arns", cdk.Aws.REGION, "Crm")),
            "the template's mappings have no text Arns.eu-west-1.Crm",
            id="mapping",
        ),
        pytest.param(
            imported(cdk.Token.as_string({"Fn::GetStackOutput": {"OutputName": "Arn"}})),
            "it depends on Fn::GetStackOutput",
            id="weak reference",
        ),
        pytest.param(imported(cdk.Fn.import_value("gone")), "there is no export gone", id="export"),
        pytest.param(
            of_another_type,
            "it depends on Ref of Stored, whose type is AWS::SSM::Parameter",
            id="type",
        ),
        pytest.param(
            by_parameter(no_echo=True),
            "CloudFormation does not show the value of parameter Arn",
            id="secret parameter",
        ),
        pytest.param(
            from_parameter_store,
            "CloudFormation does not show the value of parameter"
            " SsmParameterValuecrmC96584B6F00A464EAD1953AFF4B05118Parameter",
            id="parameter store",
        ),
        pytest.param(
            imported(cdk.Fn.join(":", cdk.Fn.split(",", cdk.Fn.import_value("the-arn")))),
            "it depends on Fn::Join of a list that is not in the template",
            id="list",
        ),
    ],
)
def test_unresolvable_value_gives_the_reason(
    tmp_path: Path, build: BuildFunction, reason: str
) -> None:
    """A value that only CloudFormation can evaluate raises an error with the reason."""
    with pytest.raises(UnresolvableError) as error:
        property_of(tmp_path, build, parameter={"ParameterValue": "****"})

    assert str(error.value) == reason


def test_missing_resource_is_unresolvable() -> None:
    """A resource that is not in the template raises an error that names it."""
    template = Template(
        {}, stack_id=STACK_ID, parameters={}, resources={}, export_value=str, output_value=str
    )

    with pytest.raises(UnresolvableError, match=r"^the stack's template has no resource Gone$"):
        template.property("Gone", "LambdaArn")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["F", "A.B"]),
    lambda value: (
        st.lists(value, max_size=4)
        | st.dictionaries(st.sampled_from(["StackName", "OutputName", "Region", "X"]), value)
        | st.tuples(st.sampled_from(FUNCTIONS), value).map(lambda item: dict([item]))
    ),
    max_leaves=6,
)


@given(function_name=st.sampled_from(FUNCTIONS), argument=JSON, mappings=JSON)
def test_no_form_raises_another_error(function_name: str, argument: Any, mappings: Any) -> None:
    """A function with any argument has a value or raises UnresolvableError."""
    template = Template(
        {
            "Conditions": {"A": {"Fn::Not": [mappings]}},
            "Mappings": mappings,
            "Resources": {"R": {"Properties": {"LambdaArn": {function_name: argument}}}},
        },
        stack_id=STACK_ID,
        parameters={},
        resources={"F": Resource("F", "", "AWS::Lambda::Function")},
        export_value=dict[str, str]().__getitem__,
        output_value=str,
    )

    with contextlib.suppress(UnresolvableError):
        assert isinstance(template.property("R", "LambdaArn"), str | None)
