"""The asset with the handler's code."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from aws_cdk.cloud_assembly_schema import FileAssetMetadataEntry

from appflow_local_cloud.lambda_python import ensure_lambda_python
from tests.synth.support import asset_of, make_function, register

MakeSynthesizer = Callable[[], cdk.IReusableStackSynthesizer]


def is_handler(resource: dict[str, Any]) -> bool:
    """Whether a resource is the handler's function."""
    handler = resource.get("Properties", {}).get("Handler")
    return bool(handler == "connector_registration.function.handler")


def handler_of(stack: cdk.Stack) -> dict[str, Any]:
    """The handler's function in the template of a stack."""
    resources = Template.from_stack(stack).to_json()["Resources"]
    [handler] = filter(is_handler, resources.values())
    found: dict[str, Any] = handler
    return found


def files(folder: Path) -> set[str]:
    """The paths of all files in a folder, relative to it."""
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_contains_what_the_handler_imports(tmp_path: Path) -> None:
    """The asset has the handler's modules, shared ones, crhelper's and its notice."""
    sources = [Path(__file__).parents[2] / folder for folder in ("handler", "shared")]
    handler_files = {
        str(file.relative_to(source)) for source in sources for file in source.rglob("*.py")
    }
    unused = ("entities", "faults", "model")
    handler_files -= {f"appflow_connector_configuration/{name}.py" for name in unused}
    crhelper_files = {"__init__.py", "log_helper.py", "resource_helper.py", "utils.py", "NOTICE"}

    assert files(asset_of(tmp_path)) == handler_files | {
        f"crhelper/{name}" for name in crhelper_files
    }


def test_is_at_most_80_kib(tmp_path: Path) -> None:
    """The zipped asset has at most 80 KiB."""
    archive = shutil.make_archive(str(tmp_path / "asset"), "zip", asset_of(tmp_path))

    assert Path(archive).stat().st_size <= 80 * 1024


def test_hash_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    """The asset has the same hash in every output folder."""
    first, second = asset_of(tmp_path / "a"), asset_of(tmp_path / "b" / "elsewhere")

    assert first.name == second.name


@pytest.mark.parametrize("of_app", [True, False], ids=["of the app", "of the stack"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: cdk.DefaultStackSynthesizer(file_assets_bucket_name="acme-assets"),
        lambda: cdk.CliCredentialsStackSynthesizer(file_assets_bucket_name="acme-assets"),
    ],
    ids=["default", "CLI credentials"],
)
def test_synthesizer_decides_on_the_bucket(
    tmp_path: Path, make: MakeSynthesizer, of_app: bool
) -> None:
    """A synthesizer of the app or of the stack deploys the same code from its bucket."""
    app = cdk.App(outdir=str(tmp_path), default_stack_synthesizer=make() if of_app else None)
    stack = cdk.Stack(app, "Stack", synthesizer=None if of_app else make())
    register(stack, make_function(stack, "Connector"))

    code = handler_of(stack)["Properties"]["Code"]

    assert code["S3Bucket"] == "acme-assets"
    source = json.loads((tmp_path / "Stack.assets.json").read_text())["files"][
        code["S3Key"].removesuffix(".zip")
    ]["source"]
    assert source["packaging"] == "zip"
    assert files(tmp_path / source["path"]) == files(asset_of(tmp_path / "usual"))


def test_legacy_synthesizer_gets_the_same_code(tmp_path: Path) -> None:
    """With the synthesizer of former bootstrap stacks, parameters name the place of the code."""
    app = cdk.App(outdir=str(tmp_path), default_stack_synthesizer=cdk.LegacyStackSynthesizer())
    stack = cdk.Stack(app, "Stack")
    register(stack, make_function(stack, "Connector"))

    [asset] = app.synth().stacks[0].assets
    assert isinstance(asset, FileAssetMetadataEntry)

    bucket = handler_of(stack)["Properties"]["Code"]["S3Bucket"]["Ref"]
    assert asset.s3_bucket_parameter == bucket
    assert files(tmp_path / asset.path) == files(asset_of(tmp_path / "usual"))


def test_code_is_added_once_to_each_stack(tmp_path: Path) -> None:
    """Two stacks of a stage deploy one asset, by a path from the manifest of the stage."""
    app = cdk.App(outdir=str(tmp_path))
    stage = cdk.Stage(app, "Production")
    for name in ("First", "Second"):
        stack = cdk.Stack(stage, name)
        register(stack, make_function(stack, "Connector"), connector_label=f"acme-{name.lower()}")
    app.synth()

    manifests = [*tmp_path.glob("assembly-Production/*.assets.json")]
    sources = {
        file.parent / asset["source"]["path"]
        for file in manifests
        for asset in json.loads(file.read_text())["files"].values()
        if asset["source"]["packaging"] == "zip"
    }
    assert len(manifests) == 2
    assert [source.resolve() for source in sources] == [*tmp_path.glob("asset.*")]


@pytest.mark.parametrize("synthesizer", [None, cdk.DefaultStackSynthesizer()], ids=["own", "app's"])
def test_metadata_names_the_code(
    tmp_path: Path, synthesizer: cdk.IReusableStackSynthesizer | None
) -> None:
    """The CDK CLI's option for metadata adds that of a function with an asset of the CDK."""
    app = cdk.App(
        outdir=str(tmp_path),
        context={"aws:cdk:enable-asset-metadata": True},
        default_stack_synthesizer=synthesizer,
    )
    stack = cdk.Stack(app, "Stack")
    register(stack, make_function(stack, "Connector"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.py").write_text("")
    code = lambda_.Code.from_asset(str(source))
    other = lambda_.Function(
        stack, "Other", runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handler", code=code
    )

    resources = Template.from_stack(stack).to_json()["Resources"]

    found = next(one for one in resources.values() if is_handler(one))["Metadata"]
    usual = resources[stack.resolve(other.function_name)["Ref"]]["Metadata"]
    assert found == usual | {"aws:asset:path": found["aws:asset:path"]}
    assert (tmp_path / found["aws:asset:path"] / "connector_registration").is_dir()


def test_interrupted_synthesis_leaves_no_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An asset of which only some files could be written is not taken for the whole."""
    write = Path.write_bytes

    def fail_on_function(path: Path, content: bytes) -> int:
        if path.name == "function.py":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail_on_function)
    with pytest.raises(OSError, match="No space left on device"):
        asset_of(tmp_path)
    monkeypatch.undo()

    assert [*tmp_path.glob("*/")] == []
    assert (asset_of(tmp_path) / "connector_registration" / "function.py").is_file()


def test_missing_crhelper_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If crhelper's files are not recorded, the error says how to install it."""
    monkeypatch.setattr("importlib.metadata.files", lambda _: None)

    message = (
        "the installed crhelper does not list its files, so they cannot be copied into the"
        " handler's asset. Install it with pip, for example with pip install --force-reinstall"
        " crhelper"
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        asset_of(tmp_path)


def test_is_readable_by_every_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda's user can read the asset even if the umask is strict."""
    previous = os.umask(0o077)
    try:
        asset = asset_of(tmp_path)
    finally:
        os.umask(previous)

    for path in asset.rglob("*"):
        wanted = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_imports_with_only_boto3(tmp_path: Path) -> None:
    """A Python with nothing but boto3 can import the asset, and its shared modules too."""
    python = ensure_lambda_python()
    entry_point = "connector_registration.function"
    program = (
        "import appflow_connector_configuration.findings;"
        f" import {entry_point} as f; print(type(f.resource).__mro__[1].__module__)"
    )

    result = subprocess.run(
        [str(python), "-B", "-c", program],
        cwd=asset_of(tmp_path),
        env={"AWS_REGION": "us-east-1"},
        capture_output=True,
        text=True,
    )

    assert result.stderr == ""
    assert result.stdout.strip() == "crhelper.resource_helper"


def test_source_is_kept_without_staging(tmp_path: Path) -> None:
    """Without asset staging the manifest refers to a folder with the handler's code."""
    app = cdk.App(outdir=str(tmp_path), context={"aws:cdk:disable-asset-staging": True})
    stack = cdk.Stack(app, "Stack")
    register(stack, make_function(stack, "Connector"))
    app.synth()

    manifest = json.loads((tmp_path / "Stack.assets.json").read_text())
    sources = [
        tmp_path / asset["source"]["path"]
        for asset in manifest["files"].values()
        if asset["source"]["packaging"] == "zip"
    ]
    assert len(sources) == 1
    assert (sources[0] / "connector_registration" / "function.py").is_file()
