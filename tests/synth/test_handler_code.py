"""The asset with the handler's code."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import aws_cdk as cdk
import pytest

from appflow_local_cloud.lambda_python import ensure_lambda_python
from tests.synth.support import asset_of, make_function, register


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


def test_files_of_an_earlier_version_are_removed(tmp_path: Path) -> None:
    """A file that an earlier version staged is not part of the asset."""
    left = tmp_path / "a" / "appflow-connector-registration-handler" / "connector_registration"
    left.mkdir(parents=True)
    (left / "former_module.py").write_text("")

    assert asset_of(tmp_path / "a").name == asset_of(tmp_path / "b").name


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
