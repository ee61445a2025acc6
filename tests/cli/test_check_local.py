"""``check`` of a handler on this machine: how it is found, run, limited and reported."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest
from cdk_appflow_connector_cli import check_runner

from tests.cli.check_support import document, response, run_check
from tools.demo.salesforce import ENTRY_POINT, stage_connector

ROOT = Path(__file__).parents[2]
RESPONSE = response()

# A connector with a handler in every place in which a Lambda function can have one.
CONNECTOR = f"""
import os
import subprocess
import sys

print("on import")

def handler(event, context):
    print("called with", event)
    os.write(1, b"past Python\\n")
    subprocess.run([sys.executable, "-c", "print('by a process')"])
    return {RESPONSE!r} | {{"connectorOwner": repr(sys.stdin.read())}}

class Connector:
    def handler(self, event, context):
        return {RESPONSE!r}

connector = Connector()
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with connectors in modules and packages."""
    (tmp_path / "crm.py").write_text(CONNECTOR)
    package = tmp_path / "acme" / "src"
    package.mkdir(parents=True)
    (package / "app.py").write_text(CONNECTOR)
    hyphened = tmp_path / "my-src"
    hyphened.mkdir()
    (hyphened / "2nd-crm.py").write_text(CONNECTOR)
    return tmp_path


def failure(folder: Path, source: str, *arguments: str, handler: str = "own:handler") -> str:
    """The error of a check that could not be made, of a handler with some source."""
    (folder / "own.py").write_text(source)
    result = run_check(handler, *arguments, folder=folder)
    assert result.returncode == 2, result
    assert result.stdout == ""
    return result.stderr.removeprefix("cdk-appflow-connector: ")


@pytest.mark.parametrize(
    "handler",
    [
        "crm:handler",
        "crm.handler",
        "crm.py:handler",
        "./crm.py:handler",
        "crm:connector.handler",
        "acme.src.app:handler",
        "acme/src/app.handler",
        "acme.src.app.handler",
        "acme/src/app.py:handler",
        "my-src.2nd-crm:handler",
        "my-src/2nd-crm.handler",
        "my-src/2nd-crm.py:handler",
    ],
)
def test_handler_is_found(folder: Path, handler: str) -> None:
    """A handler is found by module, as Lambda names it, by file, and as a member of an object."""
    result = run_check(handler, "--json", folder=folder)

    found = document(result)
    assert found["exitReason"] == "PASSED"
    assert found["source"] == {"handler": handler, "python": sys.executable, "function": None}
    assert result.returncode == 0


def test_file_in_another_folder_is_found(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file outside of the current folder imports the modules beside it."""
    (folder / "own.py").write_text("from crm import handler")

    result = run_check(f"{folder}/own.py:handler", folder=tmp_path_factory.mktemp("elsewhere"))

    assert "PASSED" in result.stdout


def test_prints_do_not_mix_with_json(folder: Path) -> None:
    """What a connector prints, by any means, is in no output of a check that succeeds."""
    result = run_check("crm:handler", "--json", folder=folder)

    assert document(result)["configuration"]["connectorOwner"] == "''"
    assert result.stderr == ""


def test_standard_input_is_empty(folder: Path) -> None:
    """A connector that reads standard input finds its end."""
    found = document(run_check("crm:handler", "--json", folder=folder))

    assert found["configuration"]["connectorOwner"] == repr("")


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("crm", "crm names no handler. Pass module:function"),
        ("crm.py", "crm.py names no handler. Pass module:function"),
        ("crm:", "crm: names no handler. Pass module:function"),
        ("my crm.handler", "my crm.handler names no handler. Pass module:function"),
        ("com.acme.Crm::handle", "com.acme.Crm::handle is a handler in Java"),
        ("nothing:handler", "finds no module nothing in "),
        ("acme.other:handler", "finds no module acme.other in "),
        ("crm:other", "crm has no other. What can be called in it: Connector, handler\n"),
        ("crm:number", "crm has number of type int, which cannot be called."),
    ],
)
def test_wrong_handler_is_named(folder: Path, handler: str, expected: str) -> None:
    """A handler that does not exist, or of a wrong form, is an error with the next step."""
    assert expected in failure(folder, "", handler=handler)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import acme_sdk", "ModuleNotFoundError: No module named 'acme_sdk'. Pass --python"),
        ("1 / 0", "ZeroDivisionError: division by zero. Pass --python"),
        ("raise SystemExit('no')", "SystemExit: no. Pass --python"),
        (
            "from . import acme",
            "ImportError: attempted relative import with no known parent package. own is a module"
            " of a package: run cdk-appflow-connector in the folder that contains the package, and"
            " pass package.module:function",
        ),
        ("def (", "SyntaxError: invalid syntax. Pass --python"),
    ],
)
def test_failed_import_is_shown(folder: Path, source: str, expected: str) -> None:
    """A module that cannot be imported is an error with the line of the connector."""
    text = failure(folder, f"print('so far')\n{source}")

    assert text.startswith(f"{sys.executable} cannot import own: {expected}")
    assert 'own.py", line 2' in text
    assert "check_runner" not in text
    assert "importlib" not in text


def test_ended_process_is_shown(folder: Path) -> None:
    """A handler that ends its process is an error with the exit code and what it printed."""
    source = "import os\ndef handler(e, c):\n    print('bye')\n    os._exit(3)"

    assert failure(folder, source) == (
        "own:handler ended its process with exit code 3 without a response. Return the response,"
        " also of a failure\nThe connector printed:\n  bye\n"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no account')", "ValueError: no account"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (
            "return {1, 2}",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
        ("loop = []; loop.append(loop); return loop", "Unable to marshal response: Circular"),
        (
            "return {'isSuccess': float('nan')}",
            "the response cannot be parsed as JSON: it contains NaN",
        ),
        ("return [-float('inf')]", "the response cannot be parsed as JSON: it contains -Infinity"),
        (
            "import functools, sys; sys.setrecursionlimit(9999);"
            " return functools.reduce(lambda inner, _: [inner], range(2000), 1)",
            "the response cannot be parsed as JSON: it is nested more than 100 levels",
        ),
        (
            "import sys; sys.set_int_max_str_digits(9999); return 10**9000",
            "the response cannot be parsed as JSON: Exceeds the limit",
        ),
    ],
)
def test_failed_handler_is_refused(folder: Path, body: str, message: str) -> None:
    """A handler that raises, or returns what Lambda cannot serialise, is refused with exit 1."""
    (folder / "own.py").write_text(f"def handler(e, c):\n    print('so far')\n    {body}\n")

    result = run_check("own:handler", "--json", folder=folder)

    [refusal] = document(result)["refused"]
    assert refusal["request"] == "DescribeConnectorConfigurationRequest"
    assert refusal["message"].startswith(message)
    assert result.returncode == 1
    assert "The connector printed:\n  so far\n" in result.stderr
    assert "check_runner" not in result.stderr


def test_linked_exceptions_are_shown(folder: Path) -> None:
    """The traceback shows the exception that led to another one, as the SDK raises them."""
    source = "def handler(e, c):\n try:\n  {}['key']\n except KeyError:\n  raise OSError"
    (folder / "own.py").write_text(source)

    result = run_check("own:handler", folder=folder)

    assert "KeyError: 'key'" in result.stderr
    assert result.stderr.rstrip().endswith("OSError")


def test_long_output_is_cut(folder: Path) -> None:
    """Of what a failed connector printed, the last twenty lines are shown."""
    (folder / "own.py").write_text("def handler(e, c):\n    for n in range(100): print(n)\n    1/0")

    result = run_check("own:handler", folder=folder)

    assert "printed:\n  (80 lines before)\n  80\n" in result.stderr
    assert result.stderr.endswith("  99\n")


def test_lambda_serialises_decimals(folder: Path) -> None:
    """A decimal in a response is a number, as in Lambda, and AppFlow refuses it for a text."""
    body = "return {'isSuccess': True, 'logoURL': decimal.Decimal(7)}"
    (folder / "own.py").write_text(f"import decimal\ndef handler(e, c): {body}")

    found = document(run_check("own:handler", "--json", folder=folder))

    assert ("logoURL", 7.0) in [(one["path"], one["value"]) for one in found["refused"]]


def test_time_limit_kills_all_processes(folder: Path) -> None:
    """At the time limit the handler is killed, and so is a process that it has started."""
    # Both ends are open in the process alone, so that reading ends when it does.
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    started = (
        f"import os, sys; os.open({str(fifo)!r}, os.O_RDWR); print('began'); sys.stdout.flush()"
    )
    block = "os.read(os.pipe()[0], 1)"
    source = (
        "import subprocess, sys\n"
        f"def handler(e, c): subprocess.run([sys.executable, '-c', {f'{started}; {block}'!r}])"
    )
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    text = failure(folder, source, "--timeout", "3")

    assert text == (
        "own:handler did not respond within 3 seconds. Pass a longer --timeout, or see where it"
        " waits in what it printed\nThe connector printed:\n  began\n"
    )
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "901"])
def test_wrong_time_limit_is_refused(seconds: str) -> None:
    """A time limit that is no number between 0 and 900 is refused."""
    result = run_check("crm:handler", "--timeout", seconds)

    assert f"{seconds} is no time limit. Pass a number of seconds up to 900\n" in result.stderr
    assert result.returncode == 2


def test_context_is_that_of_lambda(folder: Path) -> None:
    """The handler receives a context with the members of Lambda's, whose time runs out."""
    members = [
        *("aws_request_id", "function_name", "function_version", "invoked_function_arn"),
        *("memory_limit_in_mb", "log_group_name", "log_stream_name", "identity", "client_context"),
    ]
    source = f"""
def handler(event, context):
    assert all(hasattr(context, name) for name in {members!r})
    assert 0 < context.get_remaining_time_in_millis() <= 20000
    assert event == {{"type": "DescribeConnectorConfigurationRequest"}}
    return {RESPONSE!r}
"""
    (folder / "own.py").write_text(source)

    result = run_check("own:handler", "--timeout", "20", folder=folder)

    assert result.returncode == 0, result.stderr


def test_python_of_environment_runs_handler(folder: Path, tmp_path: Path) -> None:
    """The interpreter of the active virtual environment runs the handler, unless one is given."""
    interpreter = tmp_path / "bin" / "python"
    interpreter.parent.mkdir()
    # A wrapper that is no link, so that the check cannot resolve it.
    interpreter.write_text(f'#!/bin/sh\necho printed at start\nexec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)

    active = run_check("crm:handler", "--json", folder=folder, VIRTUAL_ENV=str(tmp_path))
    given = run_check("crm:handler", "--json", "--python", str(interpreter), folder=folder)

    assert document(active)["source"]["python"] == str(interpreter)
    assert document(given)["source"]["python"] == str(interpreter)


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("no-such-python", "no-such-python cannot be started: No such file or directory. Pass"),
        ("/", "/ cannot be started: Permission denied. Pass --python"),
        ("true", "true ended with exit code 0 before it ran a program. Pass --python"),
    ],
)
def test_wrong_interpreter_is_named(folder: Path, python: str, expected: str) -> None:
    """An interpreter that is missing, or none, is an error with the next step."""
    assert failure(folder, CONNECTOR, "--python", python).startswith(expected)


def test_region_reaches_the_handler(folder: Path) -> None:
    """The Region and the profile of the options are those of the handler's own calls."""
    names = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]
    (folder / "own.py").write_text(
        f"import os\ndef handler(e, c): raise ValueError([os.environ[n] for n in {names}])"
    )

    result = run_check("own:handler", "--region", "eu-west-1", "--profile", "crm", folder=folder)

    assert "ValueError: ['eu-west-1', 'eu-west-1', 'crm']" in result.stdout


def test_runner_is_of_python_3_8() -> None:
    """The program that runs a handler has the syntax of Python 3.8 and imports no package."""
    source = Path(check_runner.__file__).read_text()

    tree = ast.parse(source, feature_version=(3, 8))

    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("file", ["connector/crm.py", "smallest_connector/crm.py"])
def test_examples_pass(file: str) -> None:
    """The example connectors pass without advice."""
    found = document(run_check(f"{ROOT}/examples/{file}:handler", "--json"))

    assert (found["exitReason"], found["advice"]) == ("PASSED", [])


def test_connector_of_sdk_classes_passes(folder: Path) -> None:
    """A connector made of the classes of Amazon's SDK passes."""
    code = stage_connector(folder / "code")
    source = (ROOT / "tests" / "local_cloud" / "sdk_connector.py").read_text()
    (code / "sdk.py").write_text(source)

    found = document(run_check("sdk:handler", "--json", folder=code))

    assert found["exitReason"] == "PASSED"
    assert found["configuration"]["authenticationConfig"]["isOAuth2Supported"] is True


def test_amazons_example_passes(folder: Path) -> None:
    """Amazon's example connector for Salesforce passes under the name that Lambda uses."""
    code = stage_connector(folder / "code")

    found = document(run_check(ENTRY_POINT, "--json", folder=code))

    assert found["exitReason"] == "PASSED"
    assert found["configuration"]["connectorName"] == "SamplePythonSalesforceConnector"
