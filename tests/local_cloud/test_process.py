"""The local cloud as a program: its start, its output and its end."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ministack.services.cloudformation import engine

from appflow_local_cloud.__main__ import _print_when_ready
from appflow_local_cloud.environment import READY, free_port
from appflow_local_cloud.process import LocalCloud, StartError, local_cloud
from appflow_local_cloud.serverless_templates import ServerlessTemplates
from tests.local_cloud.flow_support import THROTTLED, Sales
from tests.support import Account, connector, new_account_id


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def failed_start(*arguments: str) -> tuple[int, str]:
    """The exit code and the error output of a start that fails."""
    result = subprocess.run(
        [sys.executable, "-m", "appflow_local_cloud", *arguments],
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stderr


def test_taken_port_is_reported(taken_port: int) -> None:
    """The program does not start on a port in use, and names another port."""
    assert failed_start("--port", str(taken_port)) == (
        1,
        f"port {taken_port} is in use: stop the program that uses it, or choose another port:"
        f" --port {taken_port + 1}, or make cloud PORT={taken_port + 1}\n",
    )


def test_taken_proxy_port_is_reported(taken_port: int) -> None:
    """The program does not start with a proxy on a port in use, and names another port."""
    ports = ["--port", str(free_port()), "--faults-port", str(taken_port)]

    assert failed_start(*ports) == (
        1,
        f"port {taken_port} is in use: stop the program that uses it, or choose another port:"
        f" --faults-port {taken_port + 1}\n",
    )


def test_equal_ports_are_reported() -> None:
    """The program does not start with one port for itself and the proxy."""
    port = str(free_port())

    assert failed_start("--port", port, "--faults-port", port) == (
        1,
        f"--port and --faults-port are both {port}: choose two different ports\n",
    )


def test_ready_is_printed_when_proxy_is_ready(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program prints that it is ready only when the proxy responds too."""
    printed_before: list[str] = []

    def start(proxy: socket.socket) -> None:
        # A starting proxy accepts a connection before it responds.
        for response in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"):
            connection, _ = proxy.accept()
            with connection:
                connection.recv(4096)
                printed_before.append(capsys.readouterr().out)
                connection.sendall(response)

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=start, args=[proxy], daemon=True).start()
        asyncio.run(_print_when_ready(cloud.port, proxy.getsockname()[1]))

    assert printed_before == ["", ""]
    assert capsys.readouterr().out.startswith(READY)


def test_failed_installation_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If pip cannot install the environment of functions, its reason is printed."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(subprocess.CalledProcessError, match="pip"), local_cloud(io.StringIO()):
        pytest.fail("it started")

    assert "No matching distribution found for boto3" in capfd.readouterr().err


MAKER = """
import sys
from appflow_local_cloud import lambda_python
sys.prefix, lambda_python._REQUIREMENTS = sys.argv[1:]
print("now", flush=True)
lambda_python.ensure_lambda_python()
"""


def test_environment_is_made_by_one_program(tmp_path: Path) -> None:
    """A program waits while another one makes the environment, and then uses it."""
    requirements = tmp_path / "requirements.txt"
    os.mkfifo(requirements)
    command = [sys.executable, "-c", MAKER, str(tmp_path), f"-r {requirements}\n"]

    with subprocess.Popen(command) as first:
        # This returns as soon as the first program's pip reads the file, and pip waits for its end.
        with requirements.open("w"):
            mark = tmp_path / "lambda-python" / "mark"
            mark.touch()
            # If the second program ran pip too, its pip would have nothing to wait for.
            requirements.unlink()
            requirements.touch()
            second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert second.stdout is not None
            assert second.stdout.readline() == "now\n"
        second.communicate()

    assert (first.returncode, second.returncode) == (0, 0)
    assert mark.exists()


def test_nothing_is_left_after_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program prints environment and calls, and leaves no file behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    log = io.StringIO()
    with local_cloud(log) as cloud:
        account = Account(cloud, "300000000000")
        account.register("acme-crm", account.make_function("crm", connector()))
        assert list(tmp_path.iterdir()) != []

    assert list(tmp_path.iterdir()) == []
    printed = log.getvalue()
    assert f"export AWS_ENDPOINT_URL=http://127.0.0.1:{cloud.port}" in printed
    assert "300000000000 RegisterConnector acme-crm: OK" in printed
    assert printed.endswith("The local cloud has stopped. Its data is deleted.\n")
    assert "Traceback" not in printed


def test_server_listens_on_loopback_only(account: Account) -> None:
    """The server listens on 127.0.0.1 and on no other address."""
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses = {
        line.split()[1].split(":")[0]
        for line in listening
        if int(line.split()[1].split(":")[1], 16) == account.local_cloud.port
    }

    assert addresses == {"0100007F"}


def test_functions_do_not_see_developer_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Functions do not inherit the variables of the developer's environment."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("ACME_TOKEN", "do-not-show")
    source = "import os\ndef handler(event, context):\n    return {**os.environ}\n"
    with (tmp_path / "log").open("w") as log, local_cloud(log) as cloud:
        account = Account(cloud, "300000000000")
        account.make_function("nosy", source)
        seen = account.client("lambda").invoke(FunctionName="nosy")["Payload"].read().decode()

    assert "AWS_REGION" in seen
    assert "do-not-show" not in seen
    assert "production" not in seen


def test_functions_have_boto3_only(account: Account) -> None:
    """Functions can import boto3, and no other package of this project's environment."""
    source = (
        "import importlib.util\n"
        "def handler(event, context):\n"
        "    names = ['boto3', 'crhelper', 'aws_cdk', 'ministack']\n"
        "    return [name for name in names if importlib.util.find_spec(name)]\n"
    )
    account.make_function("curious", source)

    found = account.client("lambda").invoke(FunctionName="curious")["Payload"].read().decode()

    assert found == '["boto3"]'


def test_failed_start_reports_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a failed start has what the program printed."""
    monkeypatch.setattr(sys, "executable", "/bin/false")

    message = "the local cloud did not start; it printed:"
    with pytest.raises(StartError, match=message), local_cloud(io.StringIO()):
        pytest.fail("it started")


def test_interrupt_stops_program() -> None:
    """The program stops cleanly at Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "appflow_local_cloud", "--port", str(free_port())],
        env={**os.environ},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Calls to AppFlow are logged"):
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert rest == "The local cloud has stopped. Its data is deleted.\n"


@pytest.mark.parametrize("module", ["process", "pytest_plugin", "faults"])
def test_clients_do_not_import_the_server(module: str) -> None:
    """Code that uses the local cloud does not load the server and what the server needs."""
    program = (
        f"import sys, appflow_local_cloud.{module}\n"
        "server = ('ministack', 'starlette', 'trustme', 'uvicorn')\n"
        "print([name for name in sys.modules if name.startswith(server)])\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"


def test_stop_ends_runs_of_flows() -> None:
    """A local cloud stops although a run of a flow waits for its connector."""
    log = io.StringIO()

    with local_cloud(log) as cloud:
        sales = Sales(Account(cloud, new_account_id()))
        sales.prepare()
        sales.appflow.create_flow(**sales.reading())
        sales.use(THROTTLED)
        sales.appflow.start_flow(flowName="orders")

    assert "run of flow orders: Canceled" in log.getvalue()
    assert log.getvalue().endswith("The local cloud has stopped. Its data is deleted.\n")


def test_missing_translator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without aws-sam-translator, a SAM template is refused with the command that installs it."""
    monkeypatch.setitem(sys.modules, "samtranslator.model.exceptions", None)

    refused = ServerlessTemplates().apply({"Transform": "AWS::Serverless-2016-10-31"})

    assert isinstance(refused, engine._TransformFailed)
    assert vars(refused)["error"] == (
        "Transform AWS::Serverless-2016-10-31 needs the package aws-sam-translator where the local"
        " cloud runs, and it cannot be imported: import of samtranslator.model.exceptions halted;"
        ' None in sys.modules. Install it with: pip install "cdk-appflow-connector[local-cloud]"'
    )
