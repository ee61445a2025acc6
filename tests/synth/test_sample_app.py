"""The sample app's template, as CloudFormation's linter and a deployment see it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

ROOT = Path(__file__).parents[2]

REGISTRATION = "AppFlowConnectorsalesforceexampleAF608584"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly of app.py; the library's own validation of templates included."""
    folder = tmp_path_factory.mktemp("sample.out")
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "CDK_OUTDIR": str(folder)},
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def template(assembly: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (assembly / "SalesforceConnector.template.json").read_text()
    )
    return loaded


def test_an_upgrade_of_this_library_changes_nothing_that_is_deployed(
    template: dict[str, Any], snapshot: SnapshotAssertion
) -> None:
    """Whoever changes the snapshot changes the stacks of all users: is it worth an update there?

    ``pytest --snapshot-update`` writes it anew.
    """
    # Code changes with every release, and may.
    text = re.sub(r"\b[0-9a-f]{64}\.zip\b", "HASH.zip", json.dumps(template))
    masked = json.loads(text)
    # The connector's code is part of it here; test_lambda_revision.py holds hashes without assets.
    masked["Resources"][REGISTRATION]["Properties"]["FunctionHash"]["Hash"] = "HASH"

    assert masked == snapshot(extension_class=JSONSnapshotExtension)


def test_the_connector_is_the_published_one(assembly: Path) -> None:
    configurations = list(
        assembly.glob("asset.*/custom_connector_example/handlers/configuration.py")
    )

    assert len(configurations) == 1
    assert "SamplePythonSalesforceConnector" in configurations[0].read_text()
