"""Start the local cloud, use it and stop it, from another program."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import boto3
import botocore.session

from .faults import Faults
from .gateway import (
    HOST,
    JOURNAL_PATH,
    READY,
    REGION,
    SETTINGS_PATH,
    free_port,
    tool_environment,
)
from .lambda_python import ensure_lambda_python

_START_SECONDS = 60
_STOP_SECONDS = 20

_FOLDER_OF_THIS_PACKAGE = Path(__file__).parents[1]


class StartError(RuntimeError):
    """The local cloud did not start; the message holds what it printed."""


@dataclass(frozen=True)
class LocalCloud:
    """A local cloud that runs.

    Attributes:
        port: where it serves on loopback, 127.0.0.1.
        faults: what the calls of its functions to AppFlow meet, if it was started for that.
    """

    port: int
    faults: Faults | None = None

    def environment(self, account: str) -> dict[str, str]:
        """A whole environment for the AWS CLI, the CDK CLI and the SDKs, as one account's root.

        Programs of this Python's environment and of the working folder's ``node_modules`` come
        first on its path. None of the AWS settings of the current environment are in it.

        Args:
            account: a number of 12 digits, a string.
        """
        # None of the developer's own AWS settings may lead a tool away from the local cloud.
        inherited = {k: value for k, value in os.environ.items() if not k.startswith("AWS_")}
        return {
            **inherited,
            **tool_environment(self.port, account),
            "PATH": search_path(),
            # The library validates every template at each synthesis, for some seconds; the CDK
            # CLI's own pinned version needs no reminder of its age.
            "CDK_VALIDATION": "false",
            "CDK_DISABLE_VERSION_CHECK": "true",
        }

    def client(self, service: str, account: str, **settings: Any) -> Any:
        """A boto3 client, as one account's root.

        Args:
            service: its name in boto3.
            account: a number of 12 digits, a string.
            settings: those of boto3's ``Session.client``, which come before the local cloud's own;
                another Region for instance. Default Region: us-east-1.
        """
        root = {
            "endpoint_url": f"http://{HOST}:{self.port}",
            "region_name": REGION,
            "aws_access_key_id": account,
            # Any secret will do for an account's root.
            "aws_secret_access_key": "test",
        }
        return _session().client(service, **{**root, **settings})

    def appflow_calls(self, account: str, *, after: int = 0) -> list[Mapping[str, Any]]:
        """The calls that AppFlow received in an account, the oldest first.

        Args:
            account: a number of 12 digits, a string.
            after: how many to leave out, from the oldest on.

        Returns:
            For each call its operation, its parameters, its caller and what became of it.
        """
        url = f"http://{HOST}:{self.port}{JOURNAL_PATH}/{account}?after={after}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            calls: list[Mapping[str, Any]] = json.load(answer)
        return calls

    def configure_appflow(self, account: str, **settings: Any) -> None:
        """Set how AppFlow behaves in an account; what is not named goes back to its default.

        Args:
            account: a number of 12 digits, a string.
            settings: those of :class:`~appflow_local_cloud.appflow.settings.Settings`, in
                camelCase: ``callsPerSecond``, ``permissionDelaySeconds``, ``clockAheadSeconds`` and
                others.

        Raises:
            ValueError: there is no such setting, or its value makes no sense.
        """
        url = f"http://{HOST}:{self.port}{SETTINGS_PATH}/{account}"
        request = urllib.request.Request(url, json.dumps(settings).encode(), method="PUT")
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["message"]) from error


def search_path() -> str:
    """The programs of this Python's environment and of ``node_modules``, then everybody else's."""
    programs = [str(Path(sys.executable).parent), str(Path("node_modules", ".bin").absolute())]
    return os.pathsep.join([*programs, os.environ.get("PATH", os.defpath)])


@functools.cache
def _session() -> boto3.session.Session:
    # One for all clients: a session reads the service models anew, which takes a while. It reads
    # no configuration of the developer's.
    nothing = {"profile": (None,) * 4, "config_file": (None, None, os.devnull, None)}
    return boto3.session.Session(botocore_session=botocore.session.Session(nothing))


@contextmanager
def local_cloud(log: TextIO, *, with_faults: bool = False) -> Iterator[LocalCloud]:
    """Run a local cloud on a free port for the length of a ``with`` block.

    Args:
        log: an open file that everything it prints is copied to.
        with_faults: whether its functions reach AppFlow through a proxy that can make calls fail.
            Default: False.

    Yields:
        The local cloud, which has stopped when the block ends. Nothing of it is left then.

    Raises:
        subprocess.CalledProcessError: the Python of its functions could not be made, which happens
            once; pip has printed why.
        StartError: it ended, or said nothing for a minute, instead of starting.
    """
    # It would do so itself, but a download may take longer than a start.
    ensure_lambda_python()
    port = free_port()
    faults = Faults(free_port()) if with_faults else None
    command = [sys.executable, "-m", "appflow_local_cloud", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--faults-port", str(faults.port)] if faults else command,
        # Where Python looks first: for this very package, however it came onto the path here.
        cwd=_FOLDER_OF_THIS_PACKAGE,
        env={**os.environ, "LOG_LEVEL": "INFO", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    ready = threading.Event()
    printed: list[str] = []
    reader = threading.Thread(target=_copy, args=(process, log, ready, printed), daemon=True)
    reader.start()
    try:
        ready.wait(_START_SECONDS)
        if not any(line.startswith(READY) for line in printed):
            raise StartError("the local cloud did not start; it printed:\n" + "".join(printed))
        yield LocalCloud(port, faults)
    finally:
        _stop(process)
        reader.join(_STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _copy(
    process: subprocess.Popen[str], log: TextIO, ready: threading.Event, printed: list[str]
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        log.write(line)
        log.flush()
        if not ready.is_set():
            printed.append(line)
        if line.startswith(READY):
            ready.set()
    # At the end of the output nobody needs to wait any longer, ready or not.
    ready.set()


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
