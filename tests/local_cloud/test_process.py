"""The local cloud as a program: how it starts, what it shows, what it leaves."""

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

from appflow_local_cloud.__main__ import _announce
from appflow_local_cloud.environment import READY, free_port
from appflow_local_cloud.process import LocalCloud, StartError, local_cloud
from tests.support import Account, connector


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def refusal_to_start(*arguments: str) -> str:
    """What the program says on its way out."""
    result = subprocess.run(
        [sys.executable, "-m", "appflow_local_cloud", *arguments], capture_output=True, text=True
    )
    assert result.returncode == 1
    return result.stderr


def test_says_what_to_do_when_the_port_is_taken(taken_port: int) -> None:
    assert refusal_to_start("--port", str(taken_port)) == (
        f"port {taken_port} is in use: stop what serves there, or choose another one, for instance"
        f" with make cloud PORT={taken_port + 1}\n"
    )


def test_says_what_to_do_when_the_port_of_the_proxy_is_taken(taken_port: int) -> None:
    ports = ["--port", str(free_port()), "--faults-port", str(taken_port)]

    assert refusal_to_start(*ports) == (
        f"port {taken_port} is in use: stop what serves there, or choose another one, for instance"
        f" with --faults-port {taken_port + 1}\n"
    )


def test_does_not_start_with_one_port_for_two() -> None:
    port = str(free_port())

    assert refusal_to_start("--port", port, "--faults-port", port) == (
        f"--faults-port and --port are both {port}: choose another port for one of them\n"
    )


def test_is_announced_when_the_proxy_answers(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    printed_before: list[str] = []

    def begin(proxy: socket.socket) -> None:
        # A proxy that is beginning takes a connection before it answers.
        for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"):
            connection, _ = proxy.accept()
            with connection:
                connection.recv(4096)
                printed_before.append(capsys.readouterr().out)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=begin, args=[proxy], daemon=True).start()
        asyncio.run(_announce(cloud.port, proxy.getsockname()[1]))

    assert printed_before == ["", ""]
    assert capsys.readouterr().out.startswith(READY)


def test_says_why_the_python_of_functions_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(subprocess.CalledProcessError, match="pip"), local_cloud(io.StringIO()):
        pytest.fail("it started")

    assert "No matching distribution found for boto3" in capfd.readouterr().err


MAKER = """
import sys
from appflow_local_cloud.lambda_python import ensure_environment
sys.prefix = sys.argv[1]
print("now", flush=True)
ensure_environment("python", sys.argv[2])
"""


def test_an_environment_that_one_program_is_making_is_left_alone_by_another(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    os.mkfifo(requirements)
    command = [sys.executable, "-c", MAKER, str(tmp_path), f"-r {requirements}\n"]

    with subprocess.Popen(command) as first:
        # Opened as soon as the first one's pip reads it, which then waits for the end of it.
        with requirements.open("w"):
            mark = tmp_path / "python" / "mark"
            mark.touch()
            # The second one's pip, should there be one, has nothing to wait for.
            requirements.unlink()
            requirements.touch()
            second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert second.stdout is not None
            assert second.stdout.readline() == "now\n"
        second.communicate()

    assert (first.returncode, second.returncode) == (0, 0)
    assert mark.exists()


def test_prints_the_environment_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert printed.endswith("The local cloud has stopped; nothing of it is left.\n")
    assert "Traceback" not in printed


def test_listens_on_loopback_only(account: Account) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses = {
        line.split()[1].split(":")[0]
        for line in listening
        if int(line.split()[1].split(":")[1], 16) == account.local_cloud.port
    }

    assert addresses == {"0100007F"}


def test_keeps_the_developer_s_secrets_from_functions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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


def test_functions_have_boto3_and_nothing_else_of_this_project(account: Account) -> None:
    source = (
        "import importlib.util\n"
        "def handler(event, context):\n"
        "    names = ['boto3', 'crhelper', 'aws_cdk', 'ministack']\n"
        "    return [name for name in names if importlib.util.find_spec(name)]\n"
    )
    account.make_function("curious", source)

    found = account.client("lambda").invoke(FunctionName="curious")["Payload"].read().decode()

    assert found == '["boto3"]'


def test_reports_what_it_printed_when_it_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    message = "the local cloud did not start; it printed:"
    with pytest.raises(StartError, match=message), local_cloud(io.StringIO()):
        pytest.fail("it started")


def test_stops_when_it_is_interrupted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "appflow_local_cloud", "--port", str(free_port())],
        env={**os.environ},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("AppFlow calls are listed"):
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert rest == "The local cloud has stopped; nothing of it is left.\n"
