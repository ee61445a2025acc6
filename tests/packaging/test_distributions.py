"""The sdist and the wheel: their contents, and an app that uses the installed wheel."""

from __future__ import annotations

import email
import json
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The folders of the checkout, and their paths in the wheel.
FOLDERS = {
    "constructs/cdk_appflow_connector": "cdk_appflow_connector",
    "handler": "cdk_appflow_connector/_handler",
    "cli/cdk_appflow_connector_cli": "cdk_appflow_connector_cli",
    "local_cloud/appflow_local_cloud": "appflow_local_cloud",
    "shared/appflow_connector_configuration": "appflow_connector_configuration",
}

APP = """
import importlib.util
import json
import sys

import aws_cdk as cdk
import cdk_appflow_connector
import constructs
from aws_cdk import aws_lambda as lambda_

app = cdk.App(outdir=sys.argv[1])
stack = cdk.Stack(app, "Stack")
function = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline("version = 1"),
)
cdk_appflow_connector.ConnectorRegistration(
    stack, "Registration", connector_label="acme-crm", connector_function=function
)
app.synth()
folders = [name for name in ("handler", "examples", "tests") if importlib.util.find_spec(name)]
print(json.dumps([cdk_appflow_connector.__file__, constructs.__file__, folders]))
"""


def build(source: Path, target: Path, *kinds: str) -> None:
    """Build distributions with the packages of this environment, without downloads."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(target)]
    subprocess.run([*command, str(source)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build(ROOT, folder, "--wheel")
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    build(ROOT, folder, "--sdist")
    [built] = folder.iterdir()
    return built


@pytest.fixture
def wheel_python(wheel: Path, tmp_path: Path) -> Iterator[Path]:
    """The interpreter of an environment with the wheel and its dependencies."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    # With -I pip does not count the packages of this process as installed.
    install = [str(python), "-I", "-m", "pip", "install", "-qq", "--no-compile", str(wheel)]
    subprocess.run([*install, "--disable-pip-version-check"], check=True)
    yield python
    # The CDK takes 250 MB, and pytest keeps the folders of the last three runs.
    shutil.rmtree(folder)


def files_of(wheel: Path) -> set[str]:
    """The paths of all files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@dataclass(frozen=True)
class Synthesis:
    """The paths of the packages that an app imported, and the hashes of its assets."""

    library: Path
    constructs: Path
    checkout_folders: list[str]
    assets: set[str]


def synthesise(python: str, folder: Path) -> Synthesis:
    """Synthesise an app in a new folder outside of the checkout."""
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    result = subprocess.run(
        [python, "app.py", "cdk.out"], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    library, constructs, folders = json.loads(result.stdout)
    files = json.loads((folder / "cdk.out" / "Stack.assets.json").read_text())["files"]
    assets = {name for name, file in files.items() if file["source"]["packaging"] == "zip"}
    return Synthesis(Path(library), Path(constructs), folders, assets)


def test_wheel_contains_packages_and_handler(wheel: Path) -> None:
    """The wheel contains the packages and the handler's source, and nothing else."""
    wanted = {
        f"{inside}/{file.relative_to(ROOT / folder)}"
        for folder, inside in FOLDERS.items()
        for pattern in ("*.py", "py.typed")
        for file in (ROOT / folder).rglob(pattern)
    }

    files = files_of(wheel)
    about = {name for name in files if name.split("/")[0].endswith(".dist-info")}

    assert files - about == wanted
    assert "cdk_appflow_connector/py.typed" in files
    assert "appflow_local_cloud/py.typed" in files
    assert {Path(name).name for name in about} == {
        "METADATA",
        "WHEEL",
        "RECORD",
        "LICENSE",
        "entry_points.txt",
    }


def test_wheel_requires_only_the_cdk_and_crhelper(wheel: Path) -> None:
    """The wheel's only dependencies are those of the constructs."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = email.message_from_bytes(archive.read(name))

    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    names = sorted(line.split(">")[0].split("<")[0].split("=")[0] for line in required)
    assert names == ["aws-cdk-lib", "constructs", "crhelper"]


def test_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    """The sdist builds the same wheel, byte for byte."""
    with tarfile.open(sdist) as archive:
        # Debian's Python 3.11 does not have the filter.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    [unpacked] = tmp_path.iterdir()

    build(unpacked, tmp_path / "dist", "--wheel")

    [rebuilt] = (tmp_path / "dist").iterdir()
    assert rebuilt.name == wheel.name
    assert rebuilt.read_bytes() == wheel.read_bytes()


def test_wheel_deploys_the_checkouts_handler(wheel_python: Path, tmp_path: Path) -> None:
    """The wheel and the checkout give an app the same handler asset."""
    installed = synthesise(str(wheel_python), tmp_path / "elsewhere")
    checkout = synthesise(sys.executable, tmp_path / "with-checkout")

    assert tmp_path in installed.library.parents
    assert installed.constructs.name == "__init__.py"
    assert installed.checkout_folders == []
    assert ROOT in checkout.library.parents
    assert len(checkout.assets) == 1
    assert installed.assets == checkout.assets
