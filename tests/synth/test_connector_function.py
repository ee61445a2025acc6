"""Functions that are no constructs of the CDK's upper layer: resources, templates and imports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import cloudformation_include as include
from aws_cdk.assertions import Annotations, Match, Template

from tests.synth.support import arn_of, make_function, properties, register

ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
UNSEEN = "cdk-appflow-connector:unseenCodeChanges"

Connector = lambda_.IFunction | cdk.CfnResource
Build = Callable[[cdk.Stack, str], Connector]


def resource(stack: cdk.Stack, key: str = "1.zip") -> lambda_.CfnFunction:
    """A function as a CloudFormation resource."""
    return lambda_.CfnFunction(
        stack,
        "Function",
        role="arn:aws:iam::111122223333:role/connector",
        handler="crm.handler",
        runtime="python3.13",
        code={"s3Bucket": "releases", "s3Key": key},
    )


def alias_resource(stack: cdk.Stack, key: str = "1.zip") -> lambda_.CfnAlias:
    """An alias of ``$LATEST`` as a CloudFormation resource."""
    return lambda_.CfnAlias(
        stack,
        "Live",
        name="live",
        function_name=resource(stack, key).attr_arn,
        function_version="$LATEST",
    )


def version_resource(stack: cdk.Stack) -> lambda_.CfnVersion:
    """A version as a CloudFormation resource."""
    return lambda_.CfnVersion(stack, "Version", function_name=resource(stack).ref)


def untyped(stack: cdk.Stack, key: str = "1.zip") -> cdk.CfnResource:
    """A function as a resource of a type that is only named."""
    code = {"S3Bucket": "releases", "S3Key": key}
    return cdk.CfnResource(
        stack, "Function", type="AWS::Lambda::Function", properties={"Code": code}
    )


def imported(stack: cdk.Stack, arn: str) -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(stack, "Imported", arn)


def by_attribute(stack: cdk.Stack, key: str) -> Connector:
    return imported(stack, resource(stack, key).attr_arn)


def by_attribute_of_construct(stack: cdk.Stack, key: str) -> Connector:
    return imported(stack, make_function(stack, "Function", key).function_arn)


def by_arn_with_name(stack: cdk.Stack, key: str) -> Connector:
    name = resource(stack, key).ref
    return imported(stack, f"arn:{cdk.Aws.PARTITION}:lambda:us-east-1:111122223333:function:{name}")


def by_logical_id(stack: cdk.Stack, key: str) -> Connector:
    resource(stack, key)
    return imported(stack, cdk.Fn.get_att("Function", "Arn").to_string())


def by_sub(stack: cdk.Stack, key: str) -> Connector:
    resource(stack, key)
    return imported(stack, cdk.Fn.sub("${Function.Arn}"))


def by_name(stack: cdk.Stack, key: str) -> Connector:
    return lambda_.Function.from_function_name(stack, "Imported", resource(stack, key).ref)


def by_attributes(stack: cdk.Stack, key: str) -> Connector:
    return lambda_.Function.from_function_attributes(
        stack, "Imported", function_arn=resource(stack, key).attr_arn, same_environment=True
    )


def by_ref_of_alias(stack: cdk.Stack, key: str) -> Connector:
    return imported(stack, alias_resource(stack, key).ref)


def by_name_of_alias(stack: cdk.Stack, key: str) -> Connector:
    alias_resource(stack, key)
    return imported(stack, cdk.Fn.get_att("Function", "Arn").to_string() + ":live")


def from_template(stack: cdk.Stack, folder: Path, key: str, kind: str) -> include.CfnInclude:
    """A stack with a template that defines a function."""
    values: dict[str, Any] = {"Runtime": "python3.13", "Handler": "crm.handler"}
    if kind == "AWS::Lambda::Function":
        values["Role"] = "arn:aws:iam::111122223333:role/connector"
        values["Code"] = {"S3Bucket": "releases", "S3Key": key}
    else:
        values["CodeUri"] = f"s3://releases/{key}"
    function = {"Type": kind, "Properties": values}
    file = folder / f"{key}.json"
    file.write_text(
        json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Function": function}})
    )
    return include.CfnInclude(stack, "Template", template_file=str(file))


def hash_with(build: Build, folder: Path, key: str) -> Any:
    """The FunctionHash of a fresh app."""
    stack = cdk.Stack(cdk.App(outdir=str(folder / f"{key}.out")), "Stack")
    register(stack, build(stack, key))
    return properties(stack).get("FunctionHash")


@pytest.mark.parametrize(
    "build",
    [
        resource,
        alias_resource,
        untyped,
        by_attribute,
        by_attribute_of_construct,
        by_attributes,
        by_arn_with_name,
        by_logical_id,
        by_sub,
        by_name,
        by_ref_of_alias,
        by_name_of_alias,
    ],
)
def test_new_code_changes_the_hash(build: Build, tmp_path: Path) -> None:
    """New code of a function that the app defines in any way changes the hash."""
    hashes = [hash_with(build, tmp_path, key)["Hash"] for key in ("1.zip", "2.zip")]

    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("kind", ["AWS::Lambda::Function", "AWS::Serverless::Function"])
@pytest.mark.parametrize("how", ["resource", "attribute"])
def test_new_code_in_a_template_changes_it(tmp_path: Path, kind: str, how: str) -> None:
    """New code in an included template changes the hash, whether SAM is used or not."""

    def build(stack: cdk.Stack, key: str) -> Connector:
        function = from_template(stack, tmp_path, key, kind).get_resource("Function")
        if how == "resource":
            return function
        return imported(stack, function.get_att("Arn").to_string())

    hashes = [hash_with(build, tmp_path, key)["Hash"] for key in ("1.zip", "2.zip")]

    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("build", "arn"),
    [
        (resource, {"Fn::GetAtt": ["Function", "Arn"]}),
        (untyped, {"Fn::GetAtt": ["Function", "Arn"]}),
        (alias_resource, {"Ref": "Live"}),
        (version_resource, {"Ref": "Version"}),
    ],
)
def test_resource_is_registered_by_its_arn(
    stack: cdk.Stack, build: Callable[[cdk.Stack], cdk.CfnResource], arn: Mapping[str, Any]
) -> None:
    """The ARN of a resource is registered, and AppFlow may invoke exactly this ARN."""
    register(stack, build(stack))

    assert properties(stack)["LambdaArn"] == arn
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Permission", {"FunctionName": arn}
    )


def test_version_resource_has_no_hash(stack: cdk.Stack) -> None:
    """The code of a version cannot change, so it has no hash."""
    register(stack, version_resource(stack))

    assert "FunctionHash" not in properties(stack)


def test_resource_and_construct_share_a_permission(
    stack: cdk.Stack, function: lambda_.Function
) -> None:
    """A function that is registered as construct and as resource has one permission."""
    underlying = function.node.default_child
    assert isinstance(underlying, lambda_.CfnFunction)

    register(stack, function, "One", connector_label="one")
    register(stack, underlying, "Two", connector_label="two")

    Template.from_stack(stack).resource_count_is("AWS::Lambda::Permission", 1)


def test_import_of_another_stack_is_found(app: cdk.App, stack: cdk.Stack) -> None:
    """An import by the attribute of a resource in another stack has the hash of that resource."""
    theirs = cdk.Stack(app, "Theirs")
    register(stack, imported(stack, resource(theirs).attr_arn))

    assert set(properties(stack)["FunctionHash"]) == {"Hash"}
    assert len(Template.from_stack(theirs).to_json()["Outputs"]) == 1


@pytest.mark.parametrize("value", [None, ARN, 7])
def test_other_value_is_refused(stack: cdk.Stack, value: Any) -> None:
    """What is no function raises an error that says what to pass."""
    message = (
        f"connector_function is {value!r}, but must be a Lambda function, version or alias, or its"
        " CloudFormation resource. Import a function from elsewhere with"
        " Function.from_function_arn(scope, id, arn)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, value)


def test_other_resource_is_refused(stack: cdk.Stack) -> None:
    """A resource of another type raises an error."""
    layer = lambda_.CfnLayerVersion(stack, "Layer", content={"s3Bucket": "b", "s3Key": "k"})

    message = (
        "connector_function is Stack/Layer, a resource of type AWS::Lambda::LayerVersion, but must"
        " be a Lambda function, version or alias"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        register(stack, layer)


class TestWarning:
    @staticmethod
    def texts(stack: cdk.Stack) -> list[str]:
        found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("app, so"))
        return [str(message.entry.data) for message in found]

    @pytest.mark.parametrize("arn", [ARN, f"{ARN}:live", "token"])
    def test_is_given_for_a_function_of_elsewhere(self, stack: cdk.Stack, arn: str) -> None:
        """A function whose code nothing in the app shows gets a warning that names triggers."""
        if arn == "token":
            arn = cdk.Fn.import_value("crm-arn")

        register(stack, imported(stack, arn))

        [text] = self.texts(stack)
        assert text.startswith(
            "connector_function is Stack/Imported, which does not refer to a resource of this app,"
            " so new code under the same ARN does not refresh the registration, and AppFlow keeps"
            " the old configuration. Set refresh_on_external_change=True, pass"
            " triggers={'Release': ...} with a value that changes with each release of the"
            " function, or import a version"
        )
        assert f"[ack: {UNSEEN}]" in text

    def test_is_given_for_an_unknown_alias(self, stack: cdk.Stack) -> None:
        """An alias that the app does not define gets the warning, even if its function is found."""
        register(stack, imported(stack, resource(stack).attr_arn + ":elsewhere"))

        assert len(self.texts(stack)) == 1

    @pytest.mark.parametrize(
        "arguments", [{"triggers": {"Release": "7"}}, {"refresh_on_code_change": False}]
    )
    def test_is_omitted_if_the_app_decides(
        self, stack: cdk.Stack, arguments: dict[str, Any]
    ) -> None:
        """Triggers, and no refresh at all, are decisions of the app and get no warning."""
        register(stack, imported(stack, ARN), **arguments)

        assert self.texts(stack) == []

    def test_is_omitted_for_a_version(self, stack: cdk.Stack) -> None:
        """New code has another version, and with it another ARN."""
        token = cdk.Fn.import_value("crm-version")
        versions = [
            imported(stack, f"{ARN}:7"),
            lambda_.Version.from_version_arn(stack, "Version", f"{ARN}:8"),
            lambda_.Version.from_version_arn(stack, "Token", token),
        ]
        for number, version in enumerate(versions):
            register(stack, version, f"R{number}", connector_label=f"acme-{number}")

        assert self.texts(stack) == []

    @pytest.mark.parametrize("build", [resource, by_attribute, by_ref_of_alias])
    def test_is_omitted_for_a_function_of_the_app(self, stack: cdk.Stack, build: Build) -> None:
        """A function that the app defines gets no warning."""
        register(stack, build(stack, "1.zip"))

        assert self.texts(stack) == []

    def test_can_be_acknowledged(self, stack: cdk.Stack) -> None:
        """The warning is acknowledged by its id."""
        cdk.Annotations.of(stack).acknowledge_warning(UNSEEN)

        register(stack, imported(stack, ARN))

        assert self.texts(stack) == []


def statements(stack: cdk.Stack) -> dict[str, Any]:
    """The resources of the handler's role by the actions of Lambda."""
    return {
        action: statement["Resource"]
        for kind in ("Policy", "ManagedPolicy")
        for policy in Template.from_stack(stack).find_resources(f"AWS::IAM::{kind}").values()
        if any("Provider" in str(role) for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in [statement["Action"]]
        + (statement["Action"] if isinstance(statement["Action"], list) else [])
        if isinstance(action, str) and action.startswith("lambda:")
    }


class TestReads:
    def test_of_a_function_have_no_alias(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The handler reads the configuration of exactly the function, and no alias."""
        register(stack, function)

        assert statements(stack) == {
            "lambda:GetFunctionConfiguration": arn_of(function),
            "lambda:InvokeFunction": arn_of(function),
        }

    def test_of_a_version_have_no_alias(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """The handler reads the configuration of exactly the version, and no alias."""
        version = function.current_version
        register(stack, version)

        arn = stack.resolve(version.function_arn)
        assert statements(stack) == {
            "lambda:GetFunctionConfiguration": arn,
            "lambda:InvokeFunction": arn,
        }

    @pytest.mark.parametrize("kind", ["construct", "resource"])
    def test_of_an_alias_name_its_function(
        self, stack: cdk.Stack, function: lambda_.Function, kind: str
    ) -> None:
        """IAM checks the read of an alias against the alias's function."""
        version = function.current_version
        live = lambda_.Alias(stack, "Live", alias_name="live", version=version)
        underlying = live.node.default_child
        assert isinstance(underlying, lambda_.CfnAlias)
        register(stack, live if kind == "construct" else underlying)

        arn = stack.resolve(live.function_arn)
        assert statements(stack) == {
            "lambda:GetFunctionConfiguration": arn,
            "lambda:InvokeFunction": arn,
            "lambda:GetAlias": arn_of(function),
        }

    def test_of_an_imported_alias_name_its_function(self, stack: cdk.Stack) -> None:
        """The function of an alias from elsewhere is the ARN without the alias."""
        register(stack, imported(stack, f"{ARN}:live"))

        assert statements(stack) == {
            "lambda:GetFunctionConfiguration": f"{ARN}:live",
            "lambda:InvokeFunction": f"{ARN}:live",
            "lambda:GetAlias": ARN,
        }

    def test_of_an_alias_of_another_stack_export_nothing(
        self, app: cdk.App, stack: cdk.Stack
    ) -> None:
        """The function of another stack's alias is named by a part of the alias's ARN."""
        theirs = cdk.Stack(app, "Theirs")
        version = make_function(theirs, "Connector").current_version
        register(stack, lambda_.Alias(theirs, "Live", alias_name="live", version=version))

        alias = properties(stack)["LambdaArn"]
        name = {"Fn::Select": [6, {"Fn::Split": [":", alias]}]}
        assert name in statements(stack)["lambda:GetAlias"]["Fn::Join"][1]
        assert len(Template.from_stack(theirs).to_json()["Outputs"]) == 1
