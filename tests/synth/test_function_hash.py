"""The hash of a function: which changes refresh the registration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from tests.synth.support import TYPE, make_function, properties, register

Build = Callable[[cdk.Stack], lambda_.IFunction]
BuildFunction = Callable[[cdk.Stack], lambda_.Function]


def hash_of(build: Build, folder: Path) -> Any:
    """The function hash in the template of a fresh app, or None."""
    stack = cdk.Stack(cdk.App(outdir=str(folder)), "Stack")
    register(stack, build(stack))
    return properties(stack).get("FunctionHash")


def plain(stack: cdk.Stack) -> lambda_.Function:
    return make_function(stack, "Connector")


def new_code(stack: cdk.Stack) -> lambda_.Function:
    return make_function(stack, "Connector", "version = 2")


def new_variable(stack: cdk.Stack) -> lambda_.Function:
    function = plain(stack)
    function.add_environment("ENDPOINT", "https://crm.acme.example")
    return function


def new_memory(stack: cdk.Stack) -> lambda_.Function:
    function = plain(stack)
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    resource.memory_size = 512
    return function


def tagged(stack: cdk.Stack) -> lambda_.Function:
    function = plain(stack)
    cdk.Tags.of(function).add("commit", "c0ffee")
    return function


def alias(function: BuildFunction) -> Build:
    def build(stack: cdk.Stack) -> lambda_.IFunction:
        version = function(stack).current_version
        return lambda_.Alias(stack, "Live", alias_name="live", version=version)

    return build


def alias_of_latest(function: BuildFunction) -> Build:
    def build(stack: cdk.Stack) -> lambda_.IFunction:
        return lambda_.Alias(
            stack, "Live", alias_name="live", version=function(stack).latest_version
        )

    return build


def weighted(weight: float) -> Build:
    def build(stack: cdk.Stack) -> lambda_.IFunction:
        function = plain(stack)
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm:1"
        before = lambda_.Version.from_version_arn(stack, "Before", arn)
        return lambda_.Alias(
            stack,
            "Live",
            alias_name="live",
            version=function.current_version,
            additional_versions=[lambda_.VersionWeight(version=before, weight=weight)],
        )

    return build


def image(tag: str) -> Build:
    def build(stack: cdk.Stack) -> lambda_.IFunction:
        repository = ecr.Repository.from_repository_name(stack, "Repository", "crm")
        code = lambda_.DockerImageCode.from_ecr(repository, tag_or_digest=tag)
        return lambda_.DockerImageFunction(stack, "Connector", code=code)

    return build


def singleton(code: str) -> Build:
    def build(stack: cdk.Stack) -> lambda_.IFunction:
        return lambda_.SingletonFunction(
            stack,
            "Connector",
            uuid="5b1f7f7e-acme",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(code),
        )

    return build


def with_code(code: lambda_.Code) -> BuildFunction:
    def build(stack: cdk.Stack) -> lambda_.Function:
        return lambda_.Function(
            stack,
            "Connector",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="crm.handler",
            code=code,
        )

    return build


def version(stack: cdk.Stack) -> lambda_.IFunction:
    return plain(stack).current_version


def imported(stack: cdk.Stack) -> lambda_.IFunction:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
    return lambda_.Function.from_function_arn(stack, "Imported", arn)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(plain, new_code, id="code"),
        pytest.param(plain, new_variable, id="environment"),
        pytest.param(plain, new_memory, id="memory"),
        pytest.param(alias(plain), alias(new_code), id="code behind an alias"),
        pytest.param(alias_of_latest(plain), alias_of_latest(new_code), id="alias of LATEST"),
        pytest.param(singleton("version = 1"), singleton("version = 2"), id="code of a singleton"),
        pytest.param(weighted(0.1), weighted(0.5), id="the weights of an alias"),
        pytest.param(image("1"), image("2"), id="the image of a container"),
    ],
)
def test_change_gives_another_hash(before: Build, after: Build, tmp_path: Path) -> None:
    """A change of code, configuration, alias or image changes the hash."""
    assert hash_of(before, tmp_path / "a") != hash_of(after, tmp_path / "b")


@pytest.mark.parametrize(
    "after",
    [pytest.param(plain, id="a second synthesis"), pytest.param(tagged, id="tags")],
)
def test_same_function_has_the_same_hash(after: Build, tmp_path: Path) -> None:
    """Neither a second synthesis nor new tags change the hash."""
    assert hash_of(plain, tmp_path / "a") == hash_of(after, tmp_path / "b")


@pytest.mark.parametrize("build", [version, imported])
def test_version_and_import_have_no_hash(build: Build, tmp_path: Path) -> None:
    """A version, whose code is fixed, and an imported function have no hash."""
    assert hash_of(build, tmp_path) is None


def test_later_change_is_included(tmp_path: Path) -> None:
    """The hash includes changes that the app makes after the registration."""
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path / "a")), "Stack")
    function = plain(stack)
    register(stack, function)
    function.add_environment("ENDPOINT", "https://crm.acme.example")

    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    revision = resource["Properties"]["FunctionHash"]
    assert revision == hash_of(new_variable, tmp_path / "b")
    assert revision != hash_of(plain, tmp_path / "c")


def test_version_and_layers_are_tokens(stack: cdk.Stack, tmp_path: Path) -> None:
    """The alias's version and the layers are included as deploy-time values."""
    (tmp_path / "module.py").touch()
    layer = lambda_.LayerVersion(stack, "Layer", code=lambda_.Code.from_asset(str(tmp_path)))
    function = plain(stack)
    function.add_layers(layer)
    live = lambda_.Alias(stack, "Live", alias_name="live", version=function.current_version)
    register(stack, function, "Plain", connector_label="plain")
    register(stack, live, "ByAlias", connector_label="by-alias")

    by_label = {
        resource["Properties"]["ConnectorLabel"]: resource["Properties"]["FunctionHash"]
        for resource in Template.from_stack(stack).find_resources(TYPE).values()
    }
    assert by_label["plain"]["Layers"] == [stack.resolve(layer.layer_version_arn)]
    assert by_label["by-alias"]["Version"] == stack.resolve(function.current_version.version)


def test_code_from_parameters_is_included(stack: cdk.Stack) -> None:
    """Code in S3 that parameters name is included as deploy-time values."""
    code = lambda_.Code.from_cfn_parameters(
        bucket_name_param=cdk.CfnParameter(stack, "Bucket"),
        object_key_param=cdk.CfnParameter(stack, "Key"),
    )
    register(stack, with_code(code)(stack))

    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    assert resource["Properties"]["FunctionHash"]["Code"] == {
        "S3Bucket": {"Ref": "Bucket"},
        "S3Key": {"Ref": "Key"},
    }


@pytest.mark.parametrize("staged", [True, False])
def test_code_known_at_synthesis_is_only_hashed(staged: bool, tmp_path: Path) -> None:
    """Code that is known at synthesis is part of the hash and no separate member."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "crm.py").touch()
    asset = lambda_.Code.from_asset(str(folder))

    revision = hash_of(with_code(asset) if staged else plain, tmp_path / "out")

    assert set(revision) == {"Hash"}


def test_hashes_are_those_of_every_release(
    stack: cdk.Stack,
) -> None:
    """Fixed apps have the hashes of every release, so that an upgrade refreshes nothing."""
    # A changed hash updates the registration of every user at the upgrade. Each update makes
    # AppFlow read the connector's configuration, and fails if the connector does not respond.
    # Change the hashes only if they were computed from wrong input.
    function = plain(stack)
    version = lambda_.Version(stack, "Version", lambda_=function)
    live = lambda_.Alias(stack, "Live", alias_name="live", version=version)
    register(stack, function, "Plain", connector_label="plain")
    register(stack, live, "ByAlias", connector_label="by-alias")

    hashes = {
        resource["Properties"]["ConnectorLabel"]: resource["Properties"]["FunctionHash"]["Hash"]
        for resource in Template.from_stack(stack).find_resources(TYPE).values()
    }
    assert hashes == {
        "plain": "3de61e025337e979f263321de2149225c0fca06033ead6a14a976eb01c40429f",
        "by-alias": "e92057d4c6afb82e7a61e11e3d4b8a87ba9b3bb6f22c52a8f0a6e4323dfb947d",
    }


def test_other_stack_exports_only_the_arn(app: cdk.App) -> None:
    """The hash of a function in another stack adds no export."""
    elsewhere, here = cdk.Stack(app, "Theirs"), cdk.Stack(app, "Ours")
    function = make_function(elsewhere, "Connector")
    live = lambda_.Alias(elsewhere, "Live", alias_name="live", version=function.current_version)
    register(here, live)

    [resource] = Template.from_stack(here).find_resources(TYPE).values()
    assert set(resource["Properties"]["FunctionHash"]) == {"Hash"}
    assert len(Template.from_stack(elsewhere).to_json()["Outputs"]) == 1


def test_environment_values_are_not_shown(stack: cdk.Stack) -> None:
    """No value of an environment variable appears in the resource."""
    function = plain(stack)
    function.add_environment("TOKEN", "do-not-show")
    register(stack, function)

    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    assert "do-not-show" not in str(resource)
