"""The handler's code as it is uploaded."""

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
from tests.synth.conftest import make_function
from tests.synth.test_connector_registration import register


def asset_of(folder: Path) -> Path:
    """Synthesise a registration and return the folder of the handler's asset."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Stack")
    register(stack, make_function(stack, "Connector"))
    app.synth()
    [asset] = folder.glob("asset.*")
    return asset


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_holds_the_handler_and_crhelper_and_nothing_else(tmp_path: Path) -> None:
    handler = Path(__file__).parents[2] / "handler"
    ours = {str(file.relative_to(handler)) for file in handler.rglob("*.py")}
    theirs = {"__init__.py", "log_helper.py", "resource_helper.py", "utils.py", "NOTICE"}

    assert files(asset_of(tmp_path)) == ours | {f"crhelper/{name}" for name in theirs}


def test_is_small(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "asset"), "zip", asset_of(tmp_path))

    assert Path(archive).stat().st_size <= 30 * 1024


def test_has_one_hash_wherever_it_is_made(tmp_path: Path) -> None:
    first, second = asset_of(tmp_path / "a"), asset_of(tmp_path / "b" / "elsewhere")

    assert first.name == second.name


def test_holds_nothing_that_an_earlier_version_left(tmp_path: Path) -> None:
    left = tmp_path / "a" / "appflow-connector-registration-handler" / "connector_registration"
    left.mkdir(parents=True)
    (left / "former_module.py").write_text("")

    assert asset_of(tmp_path / "a").name == asset_of(tmp_path / "b").name


def test_is_not_made_without_crhelper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.files", lambda _: None)

    message = (
        "the installed crhelper does not list its files, so they cannot be copied into the"
        " handler's asset. Install it with pip, for example with pip install --force-reinstall"
        " crhelper"
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        asset_of(tmp_path)


def test_can_be_read_by_the_user_that_lambda_runs_as(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = os.umask(0o077)
    try:
        asset = asset_of(tmp_path)
    finally:
        os.umask(previous)

    for path in asset.rglob("*"):
        wanted = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_is_imported_by_a_python_that_has_only_boto3(tmp_path: Path) -> None:
    python = ensure_lambda_python()
    entry_point = "connector_registration.function"
    program = f"import {entry_point} as f; print(type(f.resource).__mro__[1].__module__)"

    result = subprocess.run(
        [str(python), "-B", "-c", program],
        cwd=asset_of(tmp_path),
        env={"AWS_REGION": "us-east-1"},
        capture_output=True,
        text=True,
    )

    assert result.stderr == ""
    assert result.stdout.strip() == "crhelper.resource_helper"


def test_keeps_its_source_for_a_deployment_without_staging(tmp_path: Path) -> None:
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
