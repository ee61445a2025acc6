"""The documentation states facts about the code that are true, and commands that run."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from cdk_appflow_connector_cli import arguments
from cdk_appflow_connector_cli.drift import State
from cdk_appflow_connector_cli.refreshing import Outcome
from connector_registration.errors import RETRY_SECONDS

from appflow_local_cloud.process import LocalCloud
from tests.cdk_cli import quick_cli
from tests.pages import blocks, run_steps

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"


def blocks_of_all_pages(language: str) -> list[Any]:
    """The code blocks of all pages in a language, as parameters with the name of their page."""
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, language), start=1)
    ]


def first_cells(text: str) -> list[str]:
    """The code spans in the first cells of all tables of a text."""
    cells = re.findall(r"^\| ((?:[^|`]|`[^`]*`)*) \|", text, re.M)
    return [span for cell in cells for span in re.findall(r"`([^`]*)`", cell)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    """Every link to a file of the repository leads to one."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("package", "prefix"),
    [
        ("constructs/cdk_appflow_connector", ""),
        ("handler/connector_registration", ""),
        ("cli/cdk_appflow_connector_cli", ""),
        ("local_cloud/appflow_local_cloud", ""),
        ("local_cloud/appflow_local_cloud/appflow", "appflow."),
        ("shared/appflow_connector_configuration", ""),
    ],
)
def test_architecture_names_every_module(package: str, prefix: str) -> None:
    """The map of the modules is complete."""
    modules = {prefix + path.stem for path in (ROOT / package).glob("*.py")}
    modules -= {f"{prefix}__init__"}

    page = (DOCS / "explanation" / "architecture.md").read_text()
    assert modules
    assert modules - set(first_cells(page)) == set()


@pytest.mark.parametrize("block", blocks_of_all_pages("python"))
def test_python_is_part_of_an_example(block: str) -> None:
    """Python code of the documentation is in an app or a connector that the tests run."""
    examples = [path.read_text() for path in (ROOT / "examples").rglob("*.py")]

    # Whole lines.
    assert any(f"\n{block}" in f"\n{example}" for example in examples)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    """Every make command on a page is a target of the Makefile."""
    named = set(re.findall(r"(?:^ *\$ |`)make (\w+)", page.read_text(), re.M))

    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert named - targets == set()


# Those that are no operations of a service.
COMMANDS_OF_AWS_CLI = {("cloudformation", "package"), ("cloudformation", "deploy"), ("s3", "mb")}


@pytest.mark.parametrize("block", blocks_of_all_pages("console"))
def test_commands_name_what_exists(block: str) -> None:
    """Commands name examples, modules, operations of AWS, subcommands and options that exist."""
    for example in re.findall(r"python (examples/\S+\.py)", block):
        assert (ROOT / example).is_file()
    for module in re.findall(r"python -m ((?:tests|tools)[\w.]+)", block):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for service, operation, waiter in re.findall(r"^\$ aws (\S+) (\S+) ?(\S*)", block, re.M):
        if (service, operation) in COMMANDS_OF_AWS_CLI:
            continue
        # The AWS CLI names the operations of S3's API so, beside commands of its own.
        name = service.removesuffix("api")
        session = botocore.session.Session()
        if operation == "wait":
            names, named = session.get_waiter_model(name).waiter_names, waiter
        else:
            names, named = session.get_service_model(name).operation_names, operation
        assert named in {xform_name(one, "-") for one in names}
    for words in re.findall(r"^\$ cdk-appflow-connector (.*)", block, re.M):
        arguments_of_line = shlex.split(re.sub(r" (\||>|\\).*", "", words))
        if arguments_of_line[0] in arguments.PERMISSIONS and "--help" not in arguments_of_line:
            arguments.parser().parse_args(arguments_of_line)


REASON = re.compile(r"connector <>: |property <> |The handler |See log group ")


def literal(node: ast.AST) -> str:
    """The text of an expression, with ``<>`` for each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(literal, node.values))
    return str(node.value) if isinstance(node, ast.Constant) else "<>"


def handler_reasons() -> Iterator[str]:
    """The reasons that the handler can give: a problem, and often the next step behind it."""
    for path in (ROOT / "handler").rglob("*.py"):
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        calls = [node for node in nodes if isinstance(node, ast.Call) and len(node.args) == 2]
        next_steps = {call.args[0]: call.args[1] for call in calls}
        for node in nodes:
            text = literal(node) if isinstance(node, ast.JoinedStr) else ""
            if REASON.match(text):
                yield f"{text} {literal(next_steps[node])}" if node in next_steps else text


def test_errors_are_those_of_the_handler() -> None:
    """The reference of errors lists the handler's reasons, in its words, and no others."""
    spans = re.findall(r"`([^`\n]+)`", (REFERENCE / "errors.md").read_text())
    listed = {re.sub(r"<[^>]*>", "<>", span) for span in spans}

    assert {text for text in listed if REASON.match(text)} == set(handler_reasons())


def test_retry_times_are_those_of_the_handler() -> None:
    """The reference of errors lists each error that is retried, with its seconds."""
    rows = re.findall(r"^\| (`.*?`) \| (\d+) s \|", (REFERENCE / "errors.md").read_text(), re.M)

    listed = {code: int(seconds) for codes, seconds in rows for code in re.findall(r"\w+", codes)}
    assert listed == RETRY_SECONDS


def test_warnings_are_those_of_the_constructs() -> None:
    """The reference of errors lists the ids of all warnings."""
    module = ROOT / "constructs" / "cdk_appflow_connector" / "_warnings.py"
    ids = set(re.findall(r'_warn\(\s*\w+,\s*"(\w+)"', module.read_text()))

    page = (REFERENCE / "errors.md").read_text()
    assert ids
    assert set(re.findall(r"`cdk-appflow-connector:(\w+)`", page)) == ids


def test_findings_are_those_of_the_code() -> None:
    """The reference of findings has a row for each kind of id, and no others."""
    pattern = r'"([A-Z0-9]+(?:_[A-Z0-9]+)*_(?:ADDED|CHANGED|RAISED|REMOVED|REQUIRED))[:"]'
    sources = [path.read_text() for path in (ROOT / "shared").rglob("*.py")]
    kinds = {kind for source in sources for kind in re.findall(pattern, source)}

    rows = re.findall(r"^\| `([A-Z0-9_]+):\S+` \|", (REFERENCE / "findings.md").read_text(), re.M)
    assert kinds
    assert sorted(rows) == sorted(kinds)


def test_permissions_are_those_of_the_constructs() -> None:
    """The reference of permissions lists each action that the constructs grant."""
    action = r"\b(?:appflow|cloudformation|ec2|lambda|logs|secretsmanager):[A-Z]\w+"
    sources = "".join(path.read_text() for path in (ROOT / "constructs").rglob("*.py"))

    assert set(re.findall(rf'"({action})"', sources)) == set(
        re.findall(rf"`({action})`", (REFERENCE / "permissions.md").read_text())
    )


@pytest.mark.parametrize("command", arguments.PERMISSIONS)
def test_command_is_documented(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The reference of the command line lists the options and permissions of each command."""
    page = (REFERENCE / "cli.md").read_text()
    of_command = REFERENCE / f"{command}.md"
    if of_command.exists():
        section = of_command.read_text()
    else:
        [section] = re.findall(rf"^## `{command}`\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    [common] = re.findall(r"^## Common options\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    with pytest.raises(SystemExit):
        arguments.parser().parse_args([command, "--help"])
    options = set(re.findall(r"^  (?:-h, )?(--[\w-]+)", capsys.readouterr().out, re.M))

    cells = first_cells(section)
    shared = first_cells(common) if "--region" in options else []
    documented = {span.split()[0] for span in [*cells, *shared] if span[:2] == "--"}
    assert options - {"--help"} == documented
    assert set(arguments.PERMISSIONS[command]) == {
        cell for cell in cells if re.fullmatch("[a-z]+:[A-Z][A-Za-z]+", cell)
    }


def test_states_are_documented() -> None:
    """The reference of the command line lists all states and outcomes."""
    cells = first_cells((REFERENCE / "cli.md").read_text())

    states = {one.value for one in [*State, *Outcome]}
    assert states == {cell for cell in cells if cell.isupper() and cell.isidentifier()}


@pytest.mark.parametrize("page", ["tutorial", "how-to/develop-a-connector"])
def test_commands_run(cloud: LocalCloud, page: str) -> None:
    """The commands, files and changes of a page, in their order, print what the page says."""
    text = (DOCS / f"{page}.md").read_text()

    environment = {**cloud.environment("000000000000"), **quick_cli()}
    for commands, expected, shown in run_steps(text, ROOT, environment):
        for line in expected:
            assert line.strip() in shown, commands
