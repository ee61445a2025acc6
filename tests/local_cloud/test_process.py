"""The local cloud as a program: how it starts, what it shows, what it leaves."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appflow_local_cloud.gateway import free_port
from appflow_local_cloud.running import StartError, local_cloud
from tests.support import Account, connector


def test_says_what_to_do_when_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-m", "appflow_local_cloud", "--port", str(port)],
            capture_output=True,
            text=True,
        )

    assert result.returncode == 1
    assert result.stderr == (
        f"port {port} is in use: stop what serves there, or choose another one, for instance with"
        f" make cloud PORT={port + 1}\n"
    )


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
