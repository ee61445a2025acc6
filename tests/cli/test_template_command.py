"""The command ``template``: the files, what is printed, and what is not overwritten."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cfn_lint import run_cfn_lint
from tests.cli.support import SCRIPT, run_main
from tests.synth.support import asset_of

ROOT = Path(__file__).parents[2]


def run(
    folder: Path, output: str = "provider", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return run_main(
        "template",
        "--output",
        output,
        environment={**os.environ, **variables},
        folder=folder,
    )


def run_script(
    folder: Path, output: str = "provider", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed script in a folder, in a process that starts the CDK anew."""
    return subprocess.run(
        [str(SCRIPT), "template", "--output", output],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by their paths in it."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the command has written into a new folder, and what it has printed."""
    folder = tmp_path_factory.mktemp("template")
    result = run_script(folder)
    assert (result.stderr, result.returncode) == ("", 0)
    return folder / "provider", result.stdout


@pytest.fixture
def earlier(made: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of an earlier output, beside which a test may run the command."""
    shutil.copytree(made[0], tmp_path / "provider")
    return tmp_path / "provider"


def test_prints_what_was_written(made: tuple[Path, str]) -> None:
    """The output names the files, the size of the code and the command that deploys them."""
    folder, printed = made
    size = sum(map(len, contents(folder / "handler").values()))

    assert printed.splitlines()[0] == (
        "Wrote provider/provider.yaml and provider/handler/ (the handler's code,"
        f" {round(size / 1000)} kB)."
    )
    assert "  sam deploy --template-file provider/provider.yaml --stack-name" in printed
    assert set(re.findall(r"\b([A-Z]\w+)=", printed)) == {
        "ConnectorLabels",
        "FunctionArns",
        "StackNames",
    }


def test_handler_is_that_of_the_construct(made: tuple[Path, str], tmp_path: Path) -> None:
    """The folder ``handler`` has the files of the construct's asset and the licence of both."""
    licence = {"LICENSE": (ROOT / "LICENSE").read_bytes()}

    assert contents(made[0] / "handler") == contents(asset_of(tmp_path)) | licence


def test_equal_files_each_time(made: tuple[Path, str], tmp_path: Path) -> None:
    """Another process writes equal files, whose times are equal too."""
    run_script(tmp_path, PYTHONHASHSEED="1")

    first, second = made[0], tmp_path / "provider"
    assert contents(second) == contents(first)
    times = {file.stat().st_mtime for folder in (first, second) for file in code_of(folder)}
    assert len(times) == 1


def code_of(folder: Path) -> Iterator[Path]:
    """The files of the handler in an output."""
    return (folder / "handler").rglob("*.py")


def test_template_passes_cfn_lint(made: tuple[Path, str]) -> None:
    """cfn-lint finds nothing in the template, even before its code is packaged."""
    assert run_cfn_lint(made[0] / "provider.yaml") == ("", 0)


def test_template_needs_no_cdk(made: tuple[Path, str]) -> None:
    """The template has short names, and neither assets nor a rule of the CDK's bootstrapping."""
    text = (made[0] / "provider.yaml").read_text()

    assert re.findall(r"^  (\w+):\n    Type: AWS::", text, re.M) == [
        "Handler",
        "HandlerEvents",
        "HandlerRole",
        "HandlerLogs",
    ]
    assert re.findall(r"Bootstrap|cdk-hnb|aws:cdk|AppFlowConnectorRegistrationProvider", text) == []


def test_earlier_output_is_replaced(earlier: Path, made: tuple[Path, str]) -> None:
    """An earlier output is replaced, with what another version wrote, and other files stay."""
    (earlier / "handler" / "former_module.py").write_text("")
    (earlier / "provider.yaml").write_text("# Made by cdk-appflow-connector template, version 0\n")
    (earlier / "samconfig.toml").write_text("version = 0.1\n")

    result = run(earlier.parent)

    assert result.returncode == 0
    assert contents(earlier) == {**contents(made[0]), "samconfig.toml": b"version = 0.1\n"}


@pytest.mark.parametrize("name", ["provider.yaml", "handler", "handler/index.py"])
def test_other_files_are_not_overwritten(tmp_path: Path, name: str) -> None:
    """A template or a handler that the command has not written is an error, and stays."""
    file = tmp_path / "provider" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")

    result = run(tmp_path)

    found = "provider/provider.yaml" if name == "provider.yaml" else "provider/handler"
    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr == (
        f"cdk-appflow-connector: {found} exists, and this command has not written it. Name another"
        " folder with --output, or remove it\n"
    )
    assert contents(tmp_path) == {f"provider/{name}": b"mine"}


@pytest.mark.parametrize("name", ["provider.yaml", "handler"])
def test_link_is_not_replaced(earlier: Path, tmp_path: Path, name: str) -> None:
    """A link in place of what the command writes is an error, and nothing is replaced."""
    written = earlier / name
    written.rename(tmp_path / "elsewhere")
    written.symlink_to(tmp_path / "elsewhere")
    before = contents(tmp_path)

    result = run(tmp_path)

    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr.startswith(
        f"cdk-appflow-connector: provider/{name} exists, and this command has not written it."
    )
    assert written.is_symlink()
    assert contents(tmp_path) == before


def test_file_as_handler_is_not_replaced(earlier: Path) -> None:
    """A file in place of the folder of code is an error, and the template stays."""
    shutil.rmtree(earlier / "handler")
    (earlier / "handler").write_text("mine")
    before = contents(earlier)

    result = run(earlier.parent)

    assert result.stderr.startswith("cdk-appflow-connector: provider/handler exists, and this")
    assert contents(earlier) == before


def test_empty_output_is_an_error(tmp_path: Path) -> None:
    """An empty name, as of a variable that is not set, does not stand for the current folder."""
    result = run(tmp_path, "")

    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr == (
        "cdk-appflow-connector: --output is empty. Name a folder, or . for the current one\n"
    )
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("output", ["a folder", "it's $HOME"])
def test_printed_command_quotes_the_folder(tmp_path: Path, output: str) -> None:
    """A shell reads the printed command with the path of the template as one argument."""
    result = run(tmp_path, output)

    command = result.stdout.partition("for example with\n")[2]
    words = shlex.split(command)
    assert words[:4] == ["sam", "deploy", "--template-file", f"{output}/provider.yaml"]
    assert (tmp_path / words[3]).is_file()


def test_output_may_not_be_a_file(tmp_path: Path) -> None:
    """A file in place of the folder is an error that says what to do."""
    (tmp_path / "provider").write_text("mine")

    result = run(tmp_path)

    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr == (
        "cdk-appflow-connector: provider is a file. Name a folder with --output\n"
    )


@pytest.mark.parametrize("output", ["mine/provider", "/proc/provider"])
def test_output_that_cannot_be_written(tmp_path: Path, output: str) -> None:
    """A folder that cannot be made is an error with its path and the system's reason."""
    (tmp_path / "mine").write_text("")

    result = run(tmp_path, output)

    assert (result.stdout, result.returncode) == ("", 2)
    assert re.fullmatch(
        rf"cdk-appflow-connector: {output} cannot be written: \w[\w ]+\. Name another folder with"
        r" --output\n",
        result.stderr,
    )


@pytest.mark.parametrize("variables", [{"PATH": "/nowhere"}, {"JSII_NODE": "no-such-node"}])
def test_missing_node_is_an_error(tmp_path: Path, variables: dict[str, Any]) -> None:
    """Without Node.js the command says what needs it, and writes nothing."""
    result = run(tmp_path, **variables)

    node = variables.get("JSII_NODE", "node")
    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr == (
        f"cdk-appflow-connector: {node} is not found. The CDK, which makes the template, runs on"
        " Node.js. Install Node.js 22 or newer, and put it on the PATH\n"
    )
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("echo v14.21.3", "is Node.js v14.21.3"),
        ("echo v21.7.0", "is Node.js v21.7.0"),
        ("echo Another program", "cannot be run"),
        ("exit 1", "cannot be run"),
    ],
)
def test_unusable_node_is_an_error(tmp_path: Path, program: str, problem: str) -> None:
    """A Node.js that is too old, or cannot be run, is an error in words and not a traceback."""
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\n{program}\n")
    node.chmod(0o755)

    result = run(tmp_path, JSII_NODE=str(node))

    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr == (
        f"cdk-appflow-connector: {node} {problem}. The CDK, which makes the template, runs on"
        " Node.js. Install Node.js 22 or newer, and put it on the PATH\n"
    )
    assert not (tmp_path / "provider").exists()
