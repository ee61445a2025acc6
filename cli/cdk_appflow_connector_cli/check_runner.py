"""The program that runs a connector's handler for ``check``, in the connector's own Python.

It needs Python 3.8 and the standard library only. Its standard input has one request in each line,
as JSON. Its standard output has one result in each line, as JSON after a mark that its caller
chooses; the first line is the mark alone. What the connector prints goes to standard error, and the
connector's standard input is empty.

A result has ``outcome``. The outcome ``response`` has ``payload``, the text that Lambda would
return. All others have ``message``, and ``traceback`` if the connector raised an exception.
"""

from __future__ import annotations

import decimal
import importlib
import json
import os
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Any, TextIO

_FUNCTION = "check"
_MILLISECONDS = 1000


class Context:
    """The context of an invocation, with the members of Lambda's.

    Source: "Using the Lambda context object to retrieve Python function information" in the AWS
    Lambda Developer Guide.
    """

    function_name = _FUNCTION
    function_version = "$LATEST"
    memory_limit_in_mb = "128"
    log_group_name = f"/aws/lambda/{_FUNCTION}"
    log_stream_name = _FUNCTION
    identity = None
    client_context = None

    def __init__(self, seconds: float) -> None:
        self.aws_request_id = str(uuid.uuid4())
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self.invoked_function_arn = f"arn:aws:lambda:{region}:000000000000:function:{_FUNCTION}"
        self._ends_at = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """The time until the limit, in milliseconds."""
        return max(0, int((self._ends_at - time.monotonic()) * _MILLISECONDS))


def main(arguments: list[str]) -> None:
    """Answer requests until the input ends.

    Args:
        arguments: the mark of a result, the folder to import from, the module, the handler in it,
            and the time limit in seconds.
    """
    mark, folder, module, attribute, seconds = arguments
    requests, results = _private_streams()
    # Python has put this program's folder there.
    sys.path[0] = folder
    sys.argv = [module]
    results.write(f"\n{mark}\n")
    results.flush()
    handler: Callable[[Any, Context], Any] | None = None
    for line in requests:
        failure: dict[str, Any] | None = None
        if handler is None:
            handler, failure = _loaded(module, attribute)
        result = failure or _result(handler, json.loads(line), float(seconds))
        results.write(f"\n{mark}{json.dumps(result)}\n")
        results.flush()


def _private_streams() -> tuple[TextIO, TextIO]:
    """Standard input and output as streams of this program, which the connector does not have."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return requests, results


def _loaded(module: str, attribute: str) -> tuple[Any, dict[str, Any] | None]:
    """The handler, or else what is wrong."""
    try:
        found: Any = importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - a module can also end the program
        is_missing = isinstance(error, ModuleNotFoundError) and _is_or_has(module, error.name)
        return None, _failure("no_module" if is_missing else "import_raised", error)
    for name in attribute.split("."):
        if not hasattr(found, name):
            public = [one for one in dir(found) if not one.startswith("_")]
            functions = [one for one in public if callable(getattr(found, one))]
            return None, {"outcome": "no_attribute", "message": ", ".join(functions)}
        found = getattr(found, name)
    if not callable(found):
        return None, {"outcome": "not_callable", "message": type(found).__name__}
    return found, None


def _is_or_has(module: str, name: str | None) -> bool:
    """Whether a name is that of a module or of a package that it is in."""
    return name is not None and f"{module}.".startswith(f"{name}.")


def _result(handler: Any, request: Any, seconds: float) -> dict[str, Any]:
    try:
        response = handler(request, Context(seconds))
    except BaseException as error:  # noqa: BLE001 - a handler can also end the program
        return _failure("raised", error)
    try:
        return {"outcome": "response", "payload": json.dumps(response, default=_number)}
    except (TypeError, ValueError, RecursionError) as error:
        # Lambda's words. Source: the AWS Lambda Python Runtime Interface Client.
        return {"outcome": "unmarshalled", "message": f"Unable to marshal response: {error}"}


def _number(value: Any) -> float:
    """A number that Lambda's runtime can serialise and JSON cannot."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _failure(outcome: str, error: BaseException) -> dict[str, Any]:
    summary = traceback.TracebackException.from_exception(error)
    _keep_frames_of_connector(summary)
    text = "".join(summary.format())
    # The last line: those before it show where the syntax of a file is wrong.
    message = traceback.format_exception_only(type(error), error)[-1].strip()
    return {"outcome": outcome, "message": message, "traceback": text}


def _keep_frames_of_connector(summary: traceback.TracebackException | None) -> None:
    """Leave out the frames of this program and of the import system, in all linked exceptions."""
    if summary is None:
        return
    kept = [frame for frame in summary.stack if not _is_of_runner(frame.filename)]
    summary.stack = traceback.StackSummary.from_list(kept)
    _keep_frames_of_connector(summary.__cause__)
    _keep_frames_of_connector(summary.__context__)


def _is_of_runner(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


if __name__ == "__main__":
    main(sys.argv[1:])
