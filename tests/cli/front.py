"""An endpoint in front of the local cloud that alters responses.

AWS returns errors and leaves out members where the local cloud does not.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from werkzeug import Request, Response

from tests.http_server import PromptServer

Alteration = Callable[[str, Response], Response]
"""Makes the response of the parameters of a call, as text, and of its actual response."""

# The operations of Lambda by their paths.
_LAMBDA = {
    "/invocations$": "Invoke",
    "/functions/[^/]+/configuration$": "GetFunctionConfiguration",
    "/aliases/[^/]+$": "GetAlias",
}


@contextmanager
def front(
    environment: Mapping[str, str], alterations: Mapping[str, Alteration]
) -> Iterator[dict[str, str]]:
    """Serve the endpoint for the length of a ``with`` block.

    Args:
        environment: the variables of a program that uses the local cloud.
        alterations: what happens to the responses of an operation, by its name.

    Yields:
        The variable that leads the program to the endpoint.
    """
    endpoint = environment["AWS_ENDPOINT_URL"]

    def respond(request: Request) -> Response:
        parameters = request.get_data(as_text=True) + request.query_string.decode()
        response = _forwarded(request, endpoint)
        alter = alterations.get(_operation(request, parameters))
        return alter(parameters, response) if alter else response

    with PromptServer(threaded=True) as server:
        server.expect_request(re.compile("")).respond_with_handler(respond)
        yield {"AWS_ENDPOINT_URL": server.url_for("").rstrip("/")}


def error_for(text: str, code: str, status: int = 400) -> Alteration:
    """An error for the calls whose parameters contain a text."""

    def alter(parameters: str, response: Response) -> Response:
        if text not in parameters:
            return response
        if response.mimetype == "application/json":
            return Response(json.dumps({"__type": code, "message": "Not today"}), status)
        error = f"<Error><Code>{code}</Code><Message>Not today</Message></Error>"
        return Response(f"<ErrorResponse>{error}</ErrorResponse>", status, mimetype="text/xml")

    return alter


def changed_json(change: Callable[[Any], Any]) -> Alteration:
    """The response with its JSON document changed."""

    def alter(_: str, response: Response) -> Response:
        document = json.loads(response.get_data(as_text=True))
        return Response(json.dumps(change(document)), response.status_code)

    return alter


def replaced(pattern: str, replacement: str) -> Alteration:
    """The response with a pattern of its text replaced."""

    def alter(_: str, response: Response) -> Response:
        text = re.sub(pattern, replacement, response.get_data(as_text=True), flags=re.S)
        return Response(text, response.status_code, mimetype=response.mimetype)

    return alter


def _operation(request: Request, parameters: str) -> str:
    """The operation of a call of the query protocol, or else of Lambda or AppFlow."""
    if actions := urllib.parse.parse_qs(parameters).get("Action"):
        return actions[0]
    for pattern, operation in _LAMBDA.items():
        if re.search(pattern, request.path):
            return operation
    return request.path.strip("/").title().replace("-", "")


def _forwarded(request: Request, endpoint: str) -> Response:
    headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
    forwarded = urllib.request.Request(
        endpoint + request.full_path, request.get_data(), headers, method=request.method
    )
    try:
        with urllib.request.urlopen(forwarded) as response:
            return Response(
                response.read(), response.status, mimetype=response.headers["Content-Type"]
            )
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.read(), error.code, dict(error.headers))
