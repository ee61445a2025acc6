"""Start, use and stop the local cloud from another program."""

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

from .environment import (
    FUNCTION_SETTINGS_PATH,
    HOST,
    JOURNAL_PATH,
    READY,
    REGION,
    SETTINGS_PATH,
    free_port,
    tool_environment,
)
from .faults import Faults
from .lambda_python import ensure_lambda_python

_START_SECONDS = 60
_STOP_SECONDS = 20

_SOURCE_ROOT = Path(__file__).parents[1]


class StartError(RuntimeError):
    """The local cloud did not start; the message contains what it printed."""


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud.

    Attributes:
        port: where it is served on loopback, 127.0.0.1.
        faults: the rules of the proxy between its functions and AppFlow. Default: there is no
            proxy.
    """

    port: int
    faults: Faults | None = None

    def environment(self, account: str) -> dict[str, str]:
        """The environment of a subprocess with the CDK CLI, the AWS CLI or an SDK.

        The credentials are those of the account's root. Programs of this Python's environment and
        of the working folder's ``node_modules`` come first on the path. The AWS settings of the
        current environment are left out.

        Args:
            account: a string of 12 digits.
        """
        # The developer's own AWS settings could lead a tool to AWS.
        inherited = {k: value for k, value in os.environ.items() if not k.startswith("AWS_")}
        return {
            **inherited,
            **tool_environment(self.port, account),
            "PATH": search_path(),
            # The CDK's validation takes seconds at each synthesis, and its CLI is pinned to one
            # version, so that a reminder of newer ones is noise.
            "CDK_VALIDATION": "false",
            "CDK_DISABLE_VERSION_CHECK": "true",
        }

    def client(self, service: str, account: str, **settings: Any) -> Any:
        """A boto3 client, as an account's root.

        Args:
            service: the name of the service in boto3.
            account: a string of 12 digits.
            settings: arguments of boto3's ``Session.client``, for example another Region. They
                override the local cloud's own. Default Region: us-east-1.
        """
        root = {
            "endpoint_url": f"http://{HOST}:{self.port}",
            "region_name": REGION,
            "aws_access_key_id": account,
            # The local cloud accepts any secret for an account's root.
            "aws_secret_access_key": "test",
        }
        return _session().client(service, **{**root, **settings})

    def appflow_calls(self, account: str, *, after: int = 0) -> list[Mapping[str, Any]]:
        """The calls that AppFlow has received in an account, the oldest first.

        Args:
            account: a string of 12 digits.
            after: how many of the oldest calls to leave out. Default: 0.

        Returns:
            The ``at``, ``account``, ``region``, ``caller``, ``operation``, ``parameters``,
            ``outcome`` (``OK`` or an error code) and ``remembered`` of each call. The last tells
            that a client token was used before, so that the call had no effect.
        """
        url = f"http://{HOST}:{self.port}{JOURNAL_PATH}/{account}?after={after}"
        with urllib.request.urlopen(url, timeout=10) as response:
            calls: list[Mapping[str, Any]] = json.load(response)
        return calls

    def configure_appflow(self, account: str, **settings: Any) -> None:
        """Set how AppFlow behaves in an account; a setting that is left out gets its default.

        Args:
            account: a string of 12 digits.
            settings: the members of :class:`~appflow_local_cloud.appflow.settings.Settings`, in
                camelCase: ``callsPerSecond``, ``permissionDelaySeconds``, ``clockAheadSeconds`` and
                others.

        Raises:
            ValueError: a setting does not exist, or its value is not allowed.
        """
        self._configure(SETTINGS_PATH, account, settings)

    def configure_lambda(
        self,
        account: str,
        *,
        pendingSeconds: float = 0,  # noqa: N803 - the names of the control API
        inProgressSeconds: float = 0,  # noqa: N803
        creationFailure: str | None = None,  # noqa: N803
        updateFailure: str | None = None,  # noqa: N803
        stateEventDelaySeconds: float = 0,  # noqa: N803
        callEventDelaySeconds: float = 0,  # noqa: N803
        eventDelivery: str = "once",  # noqa: N803
        eventOrder: str = "kept",  # noqa: N803
    ) -> None:
        """Set how functions of an account become ready; an omitted setting gets its default.

        :class:`~appflow_local_cloud.function_settings.FunctionSettings` documents the settings.

        Args:
            account: a string of 12 digits.
            pendingSeconds: how long a function is Pending after its creation. Default: 0.
            inProgressSeconds: how long an update is InProgress. Default: 0.
            creationFailure: why functions become Failed after their creation. Default: they do not.
            updateFailure: why updates become Failed. Default: they do not.
            stateEventDelaySeconds: how late Lambda's events of states are. Default: 0.
            callEventDelaySeconds: how late CloudTrail's events of calls are. Default: 0.
            eventDelivery: whether each event is delivered ``once`` or ``twice``. Default: ``once``.
            eventOrder: whether events are delivered when they are due (``kept``), or the newest
                first (``reversed``). Default: ``kept``.

        Raises:
            ValueError: the value of a setting is not allowed.
        """
        settings = {
            "pendingSeconds": pendingSeconds,
            "inProgressSeconds": inProgressSeconds,
            "creationFailure": creationFailure,
            "updateFailure": updateFailure,
            "stateEventDelaySeconds": stateEventDelaySeconds,
            "callEventDelaySeconds": callEventDelaySeconds,
            "eventDelivery": eventDelivery,
            "eventOrder": eventOrder,
        }
        self._configure(FUNCTION_SETTINGS_PATH, account, settings)

    def _configure(self, path: str, account: str, settings: Mapping[str, Any]) -> None:
        url = f"http://{HOST}:{self.port}{path}/{account}"
        request = urllib.request.Request(url, json.dumps(settings).encode(), method="PUT")
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback
        except urllib.error.HTTPError as error:
            with error:
                message = json.load(error)["message"]
            raise ValueError(message) from error


def search_path() -> str:
    """A PATH with the programs of this Python's environment and of ``node_modules`` first."""
    programs = [str(Path(sys.executable).parent), str(Path("node_modules", ".bin").absolute())]
    return os.pathsep.join([*programs, os.environ.get("PATH", os.defpath)])


@functools.cache
def _session() -> boto3.session.Session:
    # One session for all clients, since each session reads the service models again, which is slow.
    # It does not read the developer's configuration.
    no_configuration = {"profile": (None,) * 4, "config_file": (None, None, os.devnull, None)}
    return boto3.session.Session(botocore_session=botocore.session.Session(no_configuration))


@contextmanager
def local_cloud(log: TextIO, *, with_faults: bool = False) -> Iterator[LocalCloud]:
    """Run a local cloud on a free port for the length of a ``with`` block.

    Args:
        log: an open file to which everything that the local cloud prints is copied.
        with_faults: whether functions reach AppFlow through a proxy that can make calls fail.
            Default: False.

    Yields:
        The local cloud. When the block ends it has stopped, and its data is deleted.

    Raises:
        subprocess.CalledProcessError: pip could not install the Python environment of functions,
            which is made once. pip has printed the reason.
        StartError: the local cloud ended instead of starting, or did not start within a minute.
    """
    # The program makes it too, but a download may take longer than a start is allowed to take.
    ensure_lambda_python()
    port = free_port()
    faults = Faults(free_port()) if with_faults else None
    command = [sys.executable, "-m", "appflow_local_cloud", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--faults-port", str(faults.port)] if faults else command,
        # Python looks here first, so that it finds this package wherever this program found it.
        cwd=_SOURCE_ROOT,
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
    # The program has ended, so that waiting is over, ready or not.
    ready.set()


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
