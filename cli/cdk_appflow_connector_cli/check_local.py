"""A connector's handler on this machine, run in a process of the connector's own Python."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from appflow_connector_configuration.response import parsed

from .arguments import PROGRAM
from .check_connector import ConnectorFailure, indented, not_json
from .errors import CommandError

_RUNNER = Path(__file__).with_name("check_runner.py")
_MOST_LINES = 20

FORMS = (
    "Pass module:function, as in crm:handler; Lambda's form, as in crm.handler; or a file, as in"
    " src/crm.py:handler"
)
# Lambda imports a module by its name, which is that of a file and may have hyphens.
_MODULE_NAME = r"[\w-]+"
_NAME = r"[^\W\d]\w*"
_ATTRIBUTE = rf"(?P<attribute>{_NAME}(?:\.{_NAME})*)"
_FILE = re.compile(rf"(?P<folder>(?:.*[/\\])?)(?P<module>{_MODULE_NAME})\.py:{_ATTRIBUTE}")
_MODULE = re.compile(rf"(?P<module>(?:{_MODULE_NAME}\.)*{_MODULE_NAME}):{_ATTRIBUTE}")
# Lambda allows folders before the name of the module.
_OF_LAMBDA = re.compile(
    rf"(?P<module>(?:{_MODULE_NAME}[./])*{_MODULE_NAME})\.(?P<attribute>{_NAME})"
)


class Handler(NamedTuple):
    """The place of a handler.

    Attributes:
        folder: the folder to import the module from.
        module: the name of the module, which may be in a package.
        attribute: the name of the handler in the module, which may be a member of an object.
    """

    folder: Path
    module: str
    attribute: str

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


def handler_in(text: str) -> Handler:
    """The handler that a text names, relative to the current folder.

    Raises:
        CommandError: the text has none of the allowed forms.
    """
    if found := _FILE.fullmatch(text):
        # Lambda runs in the folder of the code, which may not be the current one.
        folder = Path(found["folder"] or ".")
    elif not text.endswith(".py") and (
        found := _MODULE.fullmatch(text) or _OF_LAMBDA.fullmatch(text)
    ):
        folder = Path()
    else:
        raise CommandError(_wrong_form(text))
    module = found["module"].replace("/", ".")
    return Handler(folder.absolute(), module, found["attribute"])


def _wrong_form(text: str) -> str:
    if "::" in text:
        return (
            f"{text} is a handler in Java, and only handlers in Python run on this machine. Deploy"
            " the function, and pass --function"
        )
    return f"{text} names no handler. {FORMS}"


def default_python() -> str:
    """The Python of the active virtual environment, or else of this command."""
    environment = os.environ.get("VIRTUAL_ENV")
    return str(Path(environment, "bin", "python")) if environment else sys.executable


@contextmanager
def local_connector(
    handler: Handler, *, python: str, seconds: float, variables: Mapping[str, str]
) -> Iterator[LocalConnector]:
    """Start the process of a handler, and kill it and what it has started at the end.

    Args:
        handler: the handler.
        python: the path or the name of an interpreter.
        seconds: the time limit of each request.
        variables: environment variables, besides those of this process.

    Raises:
        CommandError: the interpreter cannot be started.
    """
    mark = secrets.token_hex()
    arguments = [mark, str(handler.folder), handler.module, handler.attribute, str(seconds)]
    # The process appends what the connector prints, while it is read.
    with tempfile.TemporaryFile("a+b") as printed:
        try:
            process = subprocess.Popen(
                [python, str(_RUNNER), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                # What the connector has printed at the time limit is not lost.
                env={**os.environ, **variables, "PYTHONUNBUFFERED": "1"},
                # Its own group, so that what it starts can be killed as well.
                start_new_session=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise CommandError(
                f"{python} cannot be started: {error.strerror}. Pass --python with the interpreter"
                " in which the connector's dependencies are installed"
            ) from error
        try:
            yield LocalConnector(process, printed, handler, python, mark, seconds)
        finally:
            _kill(process)
            # A request that the process has not read may be left.
            with suppress(BrokenPipeError), process:
                pass


class LocalConnector:
    """A handler whose process is running; made by :func:`local_connector`."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        printed: IO[bytes],
        handler: Handler,
        python: str,
        mark: str,
        seconds: float,
    ) -> None:
        self._process = process
        self._printed = printed
        self._handler = handler
        self._python = python
        self._mark = mark
        self._seconds = seconds
        self._is_ready = False

    def response_to(self, request: Mapping[str, Any]) -> Any:
        """The response to a request, as Lambda would return it.

        Raises:
            ConnectorFailure: the handler raised an exception, or its response is not JSON.
            CommandError: the handler was not found, or did not respond in time.
        """
        result = self._result_of(request)
        if result["outcome"] == "response":
            try:
                return parsed(result["payload"])
            except ValueError as error:
                raise ConnectorFailure(not_json(error), self._output()) from error
        traceback = result.get("traceback", "")
        if result["outcome"] in ("raised", "unmarshalled"):
            details = "\n".join(filter(None, [traceback.rstrip(), self._output()]))
            raise ConnectorFailure(result["message"], details)
        raise CommandError("\n".join(filter(None, [self._not_loaded(result), self._output()])))

    def _result_of(self, request: Mapping[str, Any]) -> dict[str, Any]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(self._process)

        limit = threading.Timer(self._seconds, stop)
        limit.start()
        try:
            line = self._exchanged(json.dumps(request))
        finally:
            limit.cancel()
            limit.join()
        if line is None:
            ended = self._ended(late.is_set())
            raise CommandError("\n".join(filter(None, [ended, self._output()])))
        result: dict[str, Any] = json.loads(line)
        return result

    def _exchanged(self, request: str) -> str | None:
        """The line with the result of a request, or None if the process has ended."""
        requests, results = self._process.stdin, self._process.stdout
        assert requests is not None
        assert results is not None
        try:
            requests.write(f"{request}\n")
            requests.flush()
        except BrokenPipeError:
            return None
        # A sitecustomize module may have printed lines before.
        for line in results:
            if line == f"{self._mark}\n":
                self._is_ready = True
            elif line.startswith(self._mark):
                return line[len(self._mark) :]
        return None

    def _ended(self, is_late: bool) -> str:
        if is_late:
            return (
                f"{self._handler} did not respond within {self._seconds:g} seconds. Pass a longer"
                " --timeout, or see where it waits in what it printed"
            )
        code = self._process.wait()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        if not self._is_ready:
            return (
                f"{self._python} ended {how} before it ran a program. Pass --python with the"
                " interpreter of the connector, Python 3.8 or newer"
            )
        return (
            f"{self._handler} ended its process {how} without a response. Return the response, also"
            " of a failure"
        )

    def _not_loaded(self, result: Mapping[str, Any]) -> str:
        module, attribute = self._handler.module, self._handler.attribute
        message = result["message"]
        if result["outcome"] == "no_module":
            return (
                f"{self._python} finds no module {module} in {self._handler.folder}: {message}."
                f" Run {PROGRAM} in the folder with the connector's code, or pass the file"
            )
        if result["outcome"] == "no_attribute":
            functions = message or "none"
            return f"{module} has no {attribute}. What can be called in it: {functions}"
        if result["outcome"] == "not_callable":
            return (
                f"{module} has {attribute} of type {message}, which cannot be called. Pass the name"
                " of a function"
            )
        next_step = (
            "Pass --python with the interpreter in which the connector's dependencies are installed"
        )
        if "attempted relative import" in message:
            next_step = (
                f"{module} is a module of a package: run {PROGRAM} in the folder that contains the"
                " package, and pass package.module:function"
            )
        return (
            f"{self._python} cannot import {module}: {message}. {next_step}\n"
            f"{result['traceback'].rstrip()}"
        )

    def _output(self) -> str:
        """What the connector has printed, under a heading; empty if it is nothing."""
        self._printed.seek(0)
        text = self._printed.read().decode(errors="replace")
        return f"The connector printed:\n{indented(text, most=_MOST_LINES)}" if text.strip() else ""


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and the group that it leads."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # The process and all that it has started have ended; the second error is that of macOS.
        return
