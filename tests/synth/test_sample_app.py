"""The template and the connector of the sample app."""

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
    """The cloud assembly of app.py, synthesised with the CDK's own validation."""
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


def test_upgrade_changes_no_deployed_resource(
    template: dict[str, Any], snapshot: SnapshotAssertion
) -> None:
    """An upgrade of this library changes nothing in a deployed stack but the code."""
    # A change of the snapshot is an update of every user's stack: it needs a reason. To write it:
    # pytest --snapshot-update. The code may change with every release, so its hash is masked.
    text = re.sub(r"\b[0-9a-f]{64}\.zip\b", "HASH.zip", json.dumps(template))
    masked = json.loads(text)
    # This hash includes the connector's code; test_function_hash.py has hashes without assets.
    masked["Resources"][REGISTRATION]["Properties"]["FunctionHash"]["Hash"] = "HASH"

    assert masked == snapshot(extension_class=JSONSnapshotExtension)


def test_connector_is_the_published_example(assembly: Path) -> None:
    """The sample app deploys the example connector of Amazon's SDK."""
    configurations = list(
        assembly.glob("asset.*/custom_connector_example/handlers/configuration.py")
    )

    assert len(configurations) == 1
    assert "SamplePythonSalesforceConnector" in configurations[0].read_text()
