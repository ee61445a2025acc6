"""The sdist and the wheel: their contents, and an app that uses the installed wheel."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tools.environments import ensure_environment, run_uv

ROOT = Path(__file__).parents[2]

# Its dependencies contradict those of the AWS CLI.
TWINE = "twine==7.0.0\n"

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


@dataclass(frozen=True)
class Installed:
    """The wheel, installed into a folder, and the interpreter of an environment for it."""

    folder: Path
    python: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of a program that uses the wheel."""
        return {**os.environ, "PYTHONPATH": str(self.folder)}


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Installed:
    """The wheel, in an environment with what it requires and nothing else.

    The environment is made once for the requirements, since the CDK takes 250 MB.
    """
    python = ensure_environment("wheel-python", "\n".join(required_by(wheel)))
    folder = tmp_path / "installed"
    target = ["--python", str(python), "--target", str(folder)]
    run_uv("pip", "install", "--no-deps", *target, str(wheel))
    return Installed(folder, python)


def metadata_of(wheel: Path) -> Message:
    """The metadata of a wheel; its payload is the page on PyPI."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("METADATA")]
        return email.message_from_bytes(archive.read(name), policy=email.policy.default)


def required_by(wheel: Path) -> list[str]:
    """What a wheel requires without its extras."""
    lines = metadata_of(wheel).get_all("Requires-Dist", [])
    return [line for line in lines if "extra ==" not in line]


def links_in(page: str) -> list[str]:
    """The targets of all links and images of a page."""
    blocks = MarkdownIt().enable("table").parse(page)
    tokens = [token for block in blocks for token in block.children or []]
    return [
        str(token.attrs[name])
        for token in tokens
        for name in ("href", "src")
        if name in token.attrs
    ]


def sources() -> dict[Path, str]:
    """The files of the checkout that are part of the wheel, and their paths in it."""
    return {
        file: f"{inside}/{file.relative_to(ROOT / folder)}"
        for folder, inside in FOLDERS.items()
        for pattern in ("*.py", "py.typed")
        for file in (ROOT / folder).rglob(pattern)
    }


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


def synthesise(python: str, folder: Path, environment: Mapping[str, str]) -> Synthesis:
    """Synthesise an app in a new folder outside of the checkout."""
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    result = subprocess.run(
        [python, "app.py", "cdk.out"],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    library, constructs, folders = json.loads(result.stdout)
    files = json.loads((folder / "cdk.out" / "Stack.assets.json").read_text())["files"]
    assets = {name for name, file in files.items() if file["source"]["packaging"] == "zip"}
    return Synthesis(Path(library), Path(constructs), folders, assets)


def test_wheel_contains_packages_and_handler(wheel: Path) -> None:
    """The wheel contains the packages and the handler's source, and nothing else."""
    files = files_of(wheel)
    about = {name for name in files if name.split("/")[0].endswith(".dist-info")}

    assert files - about == set(sources().values())
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
    required = required_by(wheel)

    names = sorted(line.split(">")[0].split("<")[0].split("=")[0] for line in required)
    assert names == ["aws-cdk-lib", "constructs", "crhelper"]


def test_sdist_contains_what_a_build_needs(sdist: Path) -> None:
    """The sdist contains the sources of the wheel and what describes them, and nothing else."""
    with tarfile.open(sdist) as archive:
        names = {file.name.partition("/")[2] for file in archive if file.isfile()}

    about = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    assert names == about | {str(file.relative_to(ROOT)) for file in sources()}


def test_twine_finds_nothing(sdist: Path, wheel: Path) -> None:
    """PyPI accepts the metadata and renders the page of both distributions."""
    twine = ensure_environment("twine-python", TWINE)

    result = subprocess.run(
        [str(twine), "-m", "twine", "--no-color", "check", "--strict", str(sdist), str(wheel)],
        capture_output=True,
        text=True,
    )

    assert (result.stderr, result.returncode) == ("", 0)
    assert result.stdout.count(": PASSED") == 2


def test_links_on_pypi_lead_to_the_release(wheel: Path) -> None:
    """Every relative link of README leads to its file at the tag of the release."""
    metadata = metadata_of(wheel)
    relative = [link for link in links_in((ROOT / "README.md").read_text()) if ":" not in link]
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))

    links = links_in(str(metadata.get_payload()))

    files = f"{urls['Repository']}/blob/v{metadata['Version']}/"
    assert relative
    assert [link.removeprefix(files) for link in links if link.startswith(files)] == relative
    assert [link for link in links if not link.startswith("https://")] == []


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[page](docs/page.md#part)", "[page](REPOSITORY/blob/v42.0/docs/page.md#part)"),
        ("![image](docs/image.svg)", "![image](REPOSITORY/raw/v42.0/docs/image.svg)"),
        (
            "[![image](docs/image.svg)](docs/page.md)",
            "[![image](REPOSITORY/raw/v42.0/docs/image.svg)](REPOSITORY/blob/v42.0/docs/page.md)",
        ),
        ("[web](https://example.com) [part](#part)", "[web](https://example.com) [part](#part)"),
        ("![image](https://example.com/image.svg)", "![image](https://example.com/image.svg)"),
    ],
)
def test_links_become_absolute(tmp_path: Path, markdown: str, expected: str) -> None:
    """A relative link leads to the page of a file, and an image is the file itself."""
    project = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / "README.md").write_text(markdown)

    # The program shows the page of version 42.0.
    result = subprocess.run(
        [sys.executable, "-m", "hatch_fancy_pypi_readme"],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )

    [repository] = re.findall(r'^Repository = "(.*)"$', project, re.M)
    assert result.stdout.strip() == expected.replace("REPOSITORY", repository)


def test_addresses_are_of_one_repository() -> None:
    """Every file that names the repository names the same one."""
    text = "".join((ROOT / name).read_text() for name in ("pyproject.toml", "SECURITY.md"))

    found = re.findall(r"(?:https://github\.com/|--repo |--signer-workflow )([\w-]+/[\w-]+)", text)

    assert len(found) > 2
    assert len(set(found)) == 1


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


def test_wheel_deploys_the_checkouts_handler(installed: Installed, tmp_path: Path) -> None:
    """The wheel has its command, and gives an app the same handler asset as the checkout."""
    script = installed.folder / "bin" / "cdk-appflow-connector"
    shown = subprocess.run(
        [script, "--help"], env=installed.environment, check=True, stdout=subprocess.PIPE, text=True
    )
    with_wheel = synthesise(str(installed.python), tmp_path / "elsewhere", installed.environment)
    checkout = synthesise(sys.executable, tmp_path / "with-checkout", os.environ)

    assert shown.stdout.startswith("usage: cdk-appflow-connector ")
    assert with_wheel.library.is_relative_to(installed.folder)
    assert with_wheel.constructs.name == "__init__.py"
    assert with_wheel.constructs.is_relative_to(installed.python.parents[1])
    assert with_wheel.checkout_folders == []
    assert ROOT in checkout.library.parents
    assert len(checkout.assets) == 1
    assert with_wheel.assets == checkout.assets
