"""Code and configuration that expressions name: what is hashed, what travels and what is secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import cloudformation_include as include
from aws_cdk.assertions import Template

from tests.synth.support import make_function, properties, register

Code = Callable[[cdk.Stack], Any]


def function_with(stack: cdk.Stack, code: Any, **arguments: Any) -> lambda_.CfnFunction:
    """A function whose code is a value of the template."""
    return lambda_.CfnFunction(
        stack,
        "Connector",
        role="arn:aws:iam::111122223333:role/connector",
        handler="crm.handler",
        runtime="python3.13",
        code=code,
        **arguments,
    )


def hash_of(function: lambda_.CfnFunction) -> dict[str, Any]:
    """The FunctionHash of a function."""
    register(function.stack, function)
    found: dict[str, Any] = properties(function.stack)["FunctionHash"]
    return found


def key(expression: Code) -> Code:
    """Code in a bucket, whose key is an expression."""
    return lambda stack: {"s3Bucket": "releases", "s3Key": expression(stack)}


def parameter(stack: cdk.Stack, name: str = "Version", **arguments: Any) -> str:
    return cdk.CfnParameter(stack, name, **arguments).value_as_string


def intrinsic(value: Any) -> str:
    """An expression that the CDK has no method for."""
    return cdk.Token.as_string(value)


def condition(stack: cdk.Stack) -> str:
    """The name of a condition on a parameter."""
    chosen = cdk.Fn.condition_equals(parameter(stack), "next")
    return cdk.CfnCondition(stack, "IsNext", expression=chosen).logical_id


def chosen_by_condition(stack: cdk.Stack) -> str:
    condition(stack)
    return cdk.Fn.condition_if("IsNext", "next.zip", "crm.zip").to_string()


EXPRESSIONS: dict[str, tuple[Code, Any]] = {
    "Ref": (lambda stack: parameter(stack), {"Ref": "Version"}),
    "Sub": (
        lambda stack: [parameter(stack), cdk.Fn.sub("releases/${Version}.zip")][1],
        {"Fn::Sub": "releases/${Version}.zip"},
    ),
    "Sub of an attribute": (
        lambda stack: [s3.CfnBucket(stack, "Bucket"), cdk.Fn.sub("${Bucket.Arn}.zip")][1],
        {"Fn::Sub": "${Bucket.Arn}.zip"},
    ),
    "Sub with variables": (
        lambda stack: cdk.Fn.sub("releases/${V}.zip", {"V": parameter(stack)}),
        {"Fn::Sub": ["releases/${V}.zip", {"V": {"Ref": "Version"}}]},
    ),
    "Join": (
        lambda stack: f"releases/{parameter(stack)}.zip",
        {"Fn::Join": ["", ["releases/", {"Ref": "Version"}, ".zip"]]},
    ),
    "If": (chosen_by_condition, {"Fn::If": ["IsNext", "next.zip", "crm.zip"]}),
    "GetAtt": (
        lambda stack: s3.CfnBucket(stack, "Bucket").attr_arn,
        {"Fn::GetAtt": ["Bucket", "Arn"]},
    ),
    "ImportValue": (
        lambda _: cdk.Fn.import_value("crm-key"),
        {"Fn::ImportValue": "crm-key"},
    ),
    "GetStackOutput": (
        lambda _: intrinsic({"Fn::GetStackOutput": {"StackName": "Crm", "OutputName": "Key"}}),
        {"Fn::GetStackOutput": {"StackName": "Crm", "OutputName": "Key"}},
    ),
    "Select of Split": (
        lambda stack: cdk.Fn.select(0, cdk.Fn.split(",", parameter(stack))),
        {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Version"}]}]},
    ),
    "SSM": (lambda _: "{{resolve:ssm:/crm/key}}", "{{resolve:ssm:/crm/key}}"),
    "SSM in Join": (
        lambda _: intrinsic({"Fn::Join": [":", ["{{resolve", "ssm", "/crm/key}}"]]}),
        {"Fn::Join": [":", ["{{resolve", "ssm", "/crm/key}}"]]},
    ),
    "Transform": (
        lambda _: intrinsic({"Fn::Transform": {"Name": "Key"}}),
        {"Fn::Transform": {"Name": "Key"}},
    ),
    "a function of the future": (
        lambda _: intrinsic({"Fn::NewestRelease": ["crm"]}),
        {"Fn::NewestRelease": ["crm"]},
    ),
    "FindInMap with a parameter": (
        lambda stack: cdk.CfnMapping(
            stack, "Keys", mapping={"test": {"key": "1.zip"}, "live": {"key": "2.zip"}}
        ).find_in_map(parameter(stack), "key"),
        {"Fn::FindInMap": ["Keys", {"Ref": "Version"}, "key"]},
    ),
    "FindInMap of an unknown mapping": (
        lambda _: intrinsic({"Fn::FindInMap": ["Elsewhere", "live", "key"]}),
        {"Fn::FindInMap": ["Elsewhere", "live", "key"]},
    ),
}


@pytest.mark.parametrize(("expression", "travels"), EXPRESSIONS.values(), ids=list(EXPRESSIONS))
def test_expression_travels(stack: cdk.Stack, expression: Code, travels: Any) -> None:
    """An expression that only the deployment knows is a value of the resource as it stands."""
    found = hash_of(function_with(stack, key(expression)(stack)))

    assert found["Code"] == {"S3Bucket": "releases", "S3Key": travels}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("crm.zip", id="literal"),
        pytest.param(cdk.Fn.sub("crm-${AWS::Region}-${!Literal}.zip"), id="Sub"),
        pytest.param(f"crm-{cdk.Aws.ACCOUNT_ID}.zip", id="Join"),
        pytest.param(cdk.Fn.select(0, cdk.Fn.split("-", cdk.Aws.REGION)), id="Select"),
    ],
)
def test_pseudo_parameters_do_not_travel(stack: cdk.Stack, value: str) -> None:
    """What is the same at every deployment of a stack is only hashed."""
    found = hash_of(function_with(stack, {"s3Bucket": "releases", "s3Key": value}))

    assert set(found) == {"Hash"}


@pytest.mark.parametrize(
    "name",
    ["Architectures", "Handler", "ImageConfig", "Layers", "MemorySize", "Runtime", "Timeout"],
)
def test_expression_of_any_property_travels(stack: cdk.Stack, name: str) -> None:
    """An expression travels whichever property of the function has it."""
    code = {"S3Bucket": "releases", "S3Key": "crm.zip"}
    described = {"Code": code, name: {"Ref": "Version"}}
    register(
        stack,
        cdk.CfnResource(stack, "Connector", type="AWS::Lambda::Function", properties=described),
    )

    assert properties(stack)["FunctionHash"][name] == {"Ref": "Version"}


def test_image_tag_travels(stack: cdk.Stack) -> None:
    """The URI of an image travels if its tag is a deploy-time value."""
    repository = ecr.Repository.from_repository_name(stack, "Repository", "crm")
    code = lambda_.DockerImageCode.from_ecr(repository, tag_or_digest=parameter(stack))
    register(stack, lambda_.DockerImageFunction(stack, "Connector", code=code))

    assert {"Ref": "Version"} in properties(stack)["FunctionHash"]["Code"]["ImageUri"]["Fn::Join"][
        1
    ]


def test_chosen_code_travels(stack: cdk.Stack) -> None:
    """Code that is an expression as a whole travels as a whole."""
    condition(stack)
    code = cdk.Fn.condition_if(
        "IsNext",
        {"S3Bucket": "releases", "S3Key": "next.zip"},
        {"S3Bucket": "releases", "S3Key": "crm.zip"},
    )

    found = hash_of(function_with(stack, code))

    assert found["Code"] == stack.resolve(code)


class TestHash:
    @staticmethod
    def of(folder: Path, build: Callable[[cdk.Stack], lambda_.CfnFunction]) -> str:
        stack = cdk.Stack(cdk.App(outdir=str(folder)), "Stack")
        return str(hash_of(build(stack))["Hash"])

    @pytest.mark.parametrize("lazy", [None, True, False])
    @pytest.mark.parametrize("place", ["code", "environment"])
    def test_changes_with_a_mapping(self, tmp_path: Path, place: str, lazy: bool | None) -> None:
        """Another value in a mapping changes the hash, whether or not the mapping is lazy."""

        def build(release: str) -> Callable[[cdk.Stack], lambda_.CfnFunction]:
            def function(stack: cdk.Stack) -> lambda_.CfnFunction:
                contents = {"us-east-1": {"value": release}, "eu-west-1": {"value": "1.zip"}}
                mapping = cdk.CfnMapping(stack, "Releases", mapping=contents, lazy=lazy)
                value = mapping.find_in_map(cdk.Aws.REGION, "value")
                if place == "code":
                    return function_with(stack, {"s3Bucket": "releases", "s3Key": value})
                code = {"s3Bucket": "releases", "s3Key": "crm.zip"}
                return function_with(stack, code, environment={"variables": {"RELEASE": value}})

            return function

        before, again, after = (
            self.of(tmp_path / name, build(release))
            for name, release in (("a", "1.zip"), ("b", "1.zip"), ("c", "2.zip"))
        )

        assert before == again
        assert before != after

    def test_changes_with_a_lazy_value_in_a_mapping(self, tmp_path: Path) -> None:
        """A lazy value in a mapping is resolved."""

        def build(release: str) -> Callable[[cdk.Stack], lambda_.CfnFunction]:
            def function(stack: cdk.Stack) -> lambda_.CfnFunction:
                mapping = cdk.CfnMapping(stack, "Releases")
                key = mapping.find_in_map(cdk.Aws.REGION, "value")
                connector = function_with(stack, {"s3Bucket": "releases", "s3Key": key})
                mapping.set_value("us-east-1", "value", cdk.Lazy.uncached_string(Text(release)))
                return connector

            return function

        assert self.of(tmp_path / "a", build("1")) != self.of(tmp_path / "b", build("2"))

    def test_changes_with_a_lazy_value(self, tmp_path: Path) -> None:
        """A lazy value is resolved, also if it is set after the registration."""
        hashes = set()
        for release in ("1.zip", "2.zip"):
            stack = cdk.Stack(cdk.App(outdir=str(tmp_path / release)), "Stack")
            text = Text("")
            code = {"s3Bucket": "releases", "s3Key": cdk.Lazy.uncached_string(text)}
            register(stack, function_with(stack, code))
            text.value = release
            hashes.add(properties(stack)["FunctionHash"]["Hash"])

        assert len(hashes) == 2

    def test_changes_with_a_condition(self, tmp_path: Path) -> None:
        """Another definition of a condition changes the hash, also through other conditions."""

        def build(chosen: str) -> Callable[[cdk.Stack], lambda_.CfnFunction]:
            def function(stack: cdk.Stack) -> lambda_.CfnFunction:
                equals = cdk.Fn.condition_equals(parameter(stack), chosen)
                inner = cdk.CfnCondition(stack, "IsNext", expression=equals)
                negated: Any = inner
                cdk.CfnCondition(stack, "IsLast", expression=cdk.Fn.condition_not(negated))
                value = cdk.Fn.condition_if("IsLast", "1.zip", "2.zip").to_string()
                return function_with(stack, {"s3Bucket": "releases", "s3Key": value})

            return function

        assert self.of(tmp_path / "a", build("x")) != self.of(tmp_path / "b", build("y"))

    def test_sees_elements_that_are_added_late(self, stack: cdk.Stack) -> None:
        """A condition that is added after a value was resolved is part of the hash."""
        value = cdk.Fn.condition_if("IsNext", "1.zip", "2.zip").to_string()
        registration = register(stack, function_with(stack, {"s3Bucket": "b", "s3Key": value}))
        resource = registration.node.default_child
        assert isinstance(resource, cdk.CfnResource)
        early = stack.resolve(resource._cfn_properties)["FunctionHash"]["Hash"]

        condition(stack)

        assert properties(stack)["FunctionHash"]["Hash"] != early

    def test_changes_with_a_mapping_of_another_stack(self, tmp_path: Path) -> None:
        """A mapping that the CDK copies from another stack is resolved, too."""
        hashes = set()
        for release in ("1.zip", "2.zip"):
            app = cdk.App(outdir=str(tmp_path / release))
            theirs, ours = cdk.Stack(app, "Theirs"), cdk.Stack(app, "Ours")
            mapping = cdk.CfnMapping(theirs, "Keys", mapping={"us-east-1": {"key": release}})
            value = mapping.find_in_map(cdk.Aws.REGION, "key")
            register(ours, function_with(ours, {"s3Bucket": "releases", "s3Key": value}))
            hashes.add(properties(ours)["FunctionHash"]["Hash"])

        assert len(hashes) == 2


@jsii.implements(cdk.IStringProducer)
class Text:
    """A lazy text, which can change until synthesis."""

    def __init__(self, value: str) -> None:
        self.value = value

    def produce(self, context: cdk.IResolveContext) -> str:
        return self.value


SECRETS: dict[str, Code] = {
    "NoEcho": lambda stack: parameter(stack, "Hidden", no_echo=True),
    "NoEcho in Sub": lambda stack: [
        parameter(stack, "Hidden", no_echo=True),
        cdk.Fn.sub("token-${Hidden}"),
    ][1],
    "Secrets Manager": lambda _: "{{resolve:secretsmanager:Hidden:SecretString:token}}",
    "SecretValue": lambda _: cdk.SecretValue.secrets_manager("Hidden").unsafe_unwrap(),
    "Secrets Manager in Join": lambda stack: intrinsic(
        {"Fn::Join": [":", ["{{resolve", "secretsmanager", {"Ref": "Version"}, "Hidden}}"]]}
    ),
    "Secrets Manager in Sub": lambda _: intrinsic(
        {"Fn::Sub": "{{resolve:secretsmanager:${Hidden}:SecretString}}"}
    ),
    "a secret of the stack": lambda stack: secretsmanager.Secret(
        stack, "Hidden"
    ).secret_value.unsafe_unwrap(),
    "a service of the deployment": lambda stack: intrinsic(
        {"Fn::Sub": "{{resolve:${Version}:Hidden}}"}
    ),
    "SSM secure": lambda _: "{{resolve:ssm-secure:Hidden:1}}",
}


class TestSecrets:
    @pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
    def test_in_inline_code_stay_out(self, stack: cdk.Stack, secret: Code) -> None:
        """Inline code with a secret is only hashed."""
        source = f"TOKEN = '{secret(stack)}'"

        found = hash_of(function_with(stack, {"zipFile": source}))

        assert "Hidden" not in json.dumps(found)
        assert "TOKEN" not in json.dumps(found)

    @pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
    def test_in_other_code_stay_out(self, stack: cdk.Stack, secret: Code) -> None:
        """The name of code that contains a secret stays out, and other members travel."""
        code = {"s3Bucket": parameter(stack, "Bucket"), "s3Key": secret(stack)}

        found = hash_of(function_with(stack, code))

        assert found["Code"] == {"S3Bucket": {"Ref": "Bucket"}}

    def test_in_chosen_inline_code_stay_out(self, stack: cdk.Stack) -> None:
        """Of inline code that a condition chooses, only the choice travels."""
        condition(stack)
        token = parameter(stack, "Hidden", no_echo=True)
        code = cdk.Fn.condition_if("IsNext", {"ZipFile": f"TOKEN = '{token}'"}, {"ZipFile": "x"})

        found = hash_of(function_with(stack, code))

        assert "Hidden" not in json.dumps(found)
        assert "TOKEN" not in json.dumps(found)
        [choice] = found["Code"]
        assert choice["Fn::If"][0] == "IsNext"
        assert choice["Fn::If"][1] != choice["Fn::If"][2]

    def test_attributes_in_inline_code_stay_out(self, stack: cdk.Stack) -> None:
        """Attributes of resources stay out of what travels for inline code: some are secrets."""
        source = "KEY = '" + intrinsic({"Fn::GetAtt": ["Key", "SecretAccessKey"]}) + "'"

        assert set(hash_of(function_with(stack, {"zipFile": source}))) == {"Hash"}

    def test_of_the_parent_stack_stay_out(self, app: cdk.App, stack: cdk.Stack) -> None:
        """A NoEcho parameter of the parent stack is a secret in a nested stack."""
        nested = cdk.NestedStack(stack, "Nested")
        token = parameter(stack, "Hidden", no_echo=True)
        register(nested, function_with(nested, {"zipFile": f"TOKEN = '{token}'"}))
        app.synth()

        assert set(properties(nested)["FunctionHash"]) == {"Hash"}

    @pytest.mark.parametrize(
        "value", [{"Ref": "Version"}, "{{resolve:ssm:/crm/url}}", {"Fn::ImportValue": "url"}]
    )
    def test_environment_never_travels(self, stack: cdk.Stack, value: Any) -> None:
        """No value of an environment variable travels, whatever it is."""
        variables = {"URL": intrinsic(value)}
        code = {"s3Bucket": "releases", "s3Key": "crm.zip"}

        found = hash_of(function_with(stack, code, environment={"variables": variables}))

        assert set(found) == {"Hash"}


def test_references_in_inline_code_travel(stack: cdk.Stack) -> None:
    """Of inline code, the references that are no secrets travel, without the source."""
    source = (
        f"VERSION = '{parameter(stack)}'; REGION = '{cdk.Aws.REGION}'; AGAIN = '{{{{resolve:ssm:"
        f"/crm/url}}}}'; BUCKET = '{cdk.Fn.import_value('bucket')}'"
    )

    found = hash_of(function_with(stack, {"zipFile": source}))

    assert found["Code"] == {
        "ZipFile": [{"Ref": "Version"}, "{{resolve:ssm:/crm/url}}", {"Fn::ImportValue": "bucket"}]
    }


def test_where_a_function_runs_does_not_travel(stack: cdk.Stack) -> None:
    """The role, the network, the key and the log group are no members of their own."""
    function = function_with(
        stack,
        {"s3Bucket": "releases", "s3Key": "crm.zip"},
        vpc_config={"subnetIds": [parameter(stack)]},
        kms_key_arn=parameter(stack, "Key"),
        logging_config={"logGroup": parameter(stack, "Logs")},
    )
    function.role = parameter(stack, "Role")

    assert set(hash_of(function)) == {"Hash"}


class TestAliasOfLatest:
    def test_takes_code_and_layers(self, stack: cdk.Stack) -> None:
        """An alias of ``$LATEST`` has the deploy-time values of its function."""
        function = lambda_.Function(
            stack,
            "Connector",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="crm.handler",
            code=lambda_.Code.from_cfn_parameters(
                bucket_name_param=cdk.CfnParameter(stack, "Bucket"),
                object_key_param=cdk.CfnParameter(stack, "Key"),
            ),
            layers=[lambda_.LayerVersion.from_layer_version_arn(stack, "Layer", parameter(stack))],
        )
        live = lambda_.Alias(stack, "Live", alias_name="live", version=function.latest_version)
        register(stack, live)

        found = properties(stack)["FunctionHash"]
        assert found["Version"] == "$LATEST"
        assert found["Code"] == {"S3Bucket": {"Ref": "Bucket"}, "S3Key": {"Ref": "Key"}}
        assert found["Layers"] == [{"Ref": "Version"}]

    def test_takes_what_its_resource_names(self, stack: cdk.Stack) -> None:
        """An alias that is a CloudFormation resource finds its function by name."""
        function = function_with(stack, key(parameter)(stack))
        alias = lambda_.CfnAlias(
            stack, "Live", name="live", function_name=function.ref, function_version="$LATEST"
        )
        register(stack, alias)

        assert properties(stack)["FunctionHash"]["Code"]["S3Key"] == {"Ref": "Version"}


class TestAnotherStack:
    @pytest.fixture
    def theirs(self, app: cdk.App) -> cdk.Stack:
        return cdk.Stack(app, "Theirs")

    @pytest.mark.parametrize("name", ["Ref", "Sub", "If", "GetAtt", "Join", "ImportValue"])
    def test_expression_is_not_exported(
        self, stack: cdk.Stack, theirs: cdk.Stack, name: str
    ) -> None:
        """An expression of another stack's template stays there."""
        register(stack, function_with(theirs, key(EXPRESSIONS[name][0])(theirs)))

        assert set(properties(stack)["FunctionHash"]) == {"Hash"}
        assert len(Template.from_stack(theirs).to_json()["Outputs"]) == 1

    @pytest.mark.parametrize("name", ["SSM", "GetStackOutput"])
    def test_expression_of_every_stack_travels(
        self, stack: cdk.Stack, theirs: cdk.Stack, name: str
    ) -> None:
        """An expression that means the same in every stack travels."""
        expression, travels = EXPRESSIONS[name]
        register(stack, function_with(theirs, key(expression)(theirs)))

        assert properties(stack)["FunctionHash"]["Code"]["S3Key"] == travels
        assert len(Template.from_stack(theirs).to_json()["Outputs"]) == 1


class TestAliasRouting:
    def registered(self, stack: cdk.Stack, **arguments: Any) -> dict[str, Any]:
        alias = lambda_.CfnAlias(
            stack, "Live", name="live", function_name="crm", function_version="2", **arguments
        )
        register(stack, alias)
        return properties(stack)

    def test_is_weighted_with_additional_versions(self, stack: cdk.Stack) -> None:
        """An alias that routes to a second version in the template is weighted."""
        weights = {"additionalVersionWeights": [{"functionVersion": "1", "functionWeight": 0.1}]}

        assert self.registered(stack, routing_config=weights)["AliasRouting"] == "Weighted"

    def test_is_weighted_if_made_so_later(self, stack: cdk.Stack) -> None:
        """Weights that the app sets after the registration count."""
        function = make_function(stack, "Connector")
        live = lambda_.Alias(stack, "Live", alias_name="live", version=function.current_version)
        register(stack, live)
        resource = live.node.default_child
        assert isinstance(resource, lambda_.CfnAlias)
        resource.routing_config = lambda_.CfnAlias.AliasRoutingConfigurationProperty(
            additional_version_weights=[
                lambda_.CfnAlias.VersionWeightProperty(function_version="1", function_weight=0.1)
            ]
        )

        assert properties(stack)["AliasRouting"] == "Weighted"

    def test_is_weighted_if_chosen_at_deployment(self, stack: cdk.Stack) -> None:
        """Weights that a condition chooses count."""
        condition(stack)
        weights = {"AdditionalVersionWeights": [{"FunctionVersion": "1", "FunctionWeight": 0.1}]}
        routing = cdk.Fn.condition_if("IsNext", weights, cdk.Aws.NO_VALUE)

        assert self.registered(stack, routing_config=routing)["AliasRouting"] == "Weighted"

    def test_is_omitted_with_an_empty_list(self, stack: cdk.Stack) -> None:
        """A routing without additional versions has no weights."""
        routing: dict[str, Any] = {"additionalVersionWeights": []}

        assert "AliasRouting" not in self.registered(stack, routing_config=routing)

    def test_is_omitted_without_weights(self, stack: cdk.Stack) -> None:
        """An alias of one version has no routing."""
        assert "AliasRouting" not in self.registered(stack)

    def test_is_omitted_for_a_function(self, stack: cdk.Stack) -> None:
        """A function has no routing."""
        register(stack, make_function(stack, "Connector"))

        assert "AliasRouting" not in properties(stack)


class TestIncludedTemplate:
    """Parameters, mappings and conditions of a template that CfnInclude includes."""

    @staticmethod
    def hash_of(folder: Path, code: Any, release: str = "1.zip") -> dict[str, Any]:
        equals = {"Fn::Equals": [{"Ref": "Version"}, "next"]}
        function = {
            "Role": "arn:aws:iam::111122223333:role/connector",
            "Runtime": "python3.13",
            "Handler": "crm.handler",
            "Code": code,
        }
        template = {
            "Parameters": {
                "Version": {"Type": "String"},
                "Hidden": {"Type": "String", "NoEcho": True},
            },
            "Mappings": {"Releases": {"us-east-1": {"key": release}}},
            "Conditions": {"IsNext": equals},
            "Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": function}},
        }
        file = folder / "template.json"
        file.write_text(json.dumps(template))
        stack = cdk.Stack(cdk.App(outdir=str(folder / f"{release}.out")), "Stack")
        included = include.CfnInclude(stack, "Template", template_file=str(file))
        register(stack, included.get_resource("Function"))
        found: dict[str, Any] = properties(stack)["FunctionHash"]
        return found

    def test_mapping_is_hashed(self, tmp_path: Path) -> None:
        """Another value in an included mapping changes the hash."""
        key = {"Fn::FindInMap": ["Releases", {"Ref": "AWS::Region"}, "key"]}
        code = {"S3Bucket": "releases", "S3Key": key}

        hashes = [self.hash_of(tmp_path, code, release) for release in ("1.zip", "2.zip")]

        assert hashes[0] != hashes[1]
        assert [set(found) for found in hashes] == [{"Hash"}, {"Hash"}]

    @pytest.mark.parametrize(
        "key",
        [
            {"Ref": "Version"},
            {"Fn::Sub": "releases/${Version}.zip"},
            {"Fn::If": ["IsNext", "next.zip", "crm.zip"]},
            {"Fn::ImportValue": {"Fn::Sub": "${Version}-key"}},
            "{{resolve:ssm:/crm/key}}",
        ],
        ids=str,
    )
    def test_expression_travels(self, tmp_path: Path, key: Any) -> None:
        """An expression of an included template travels as it stands."""
        found = self.hash_of(tmp_path, {"S3Bucket": "releases", "S3Key": key})

        assert found["Code"] == {"S3Bucket": "releases", "S3Key": key}

    @pytest.mark.parametrize(
        "source",
        [
            {"Ref": "Hidden"},
            {"Fn::Sub": "TOKEN = '${Hidden}'"},
            {"Fn::Join": ["", ["TOKEN = '", {"Ref": "Hidden"}, "'"]]},
        ],
        ids=str,
    )
    def test_secret_stays_out(self, tmp_path: Path, source: Any) -> None:
        """A NoEcho parameter of an included template stays out."""
        assert set(self.hash_of(tmp_path, {"ZipFile": source})) == {"Hash"}
