"""One endpoint for all services: MiniStack, with AppFlow added.

CloudFormation's response URLs are served over TLS on a second port, as in AWS: crhelper and every
careful handler insist on it. The certificate is made anew at each start, and functions trust it
through ``SSL_CERT_FILE``.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import hypercorn.config
import trustme

from .appflow.errors import AppFlowError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST = "127.0.0.1"
REGION = "us-east-1"

PROXY_UPSTREAM_HOST = "localhost"
"""Under which name a proxy in front of AppFlow reaches the gateway."""

JOURNAL_PATH = "/_local_cloud/appflow/calls"
SETTINGS_PATH = "/_local_cloud/appflow/settings"

READY = "The local cloud is ready"
"""How the line begins that says so."""

# Functions inherit the environment of this process, so whatever is not named here (somebody's real
# AWS credentials above all) is dropped before MiniStack starts.
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "LOG_LEVEL")


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack lacks something this program relies on."""


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def prepare_environment(
    *, port: int, tls_port: int, run_folder: Path, appflow_port: int | None = None
) -> None:
    """Set the environment that MiniStack reads when it is imported and that functions inherit.

    ``appflow_port`` is where functions reach AppFlow, if not where they reach everything else.
    """
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    bundle = _make_certificate(run_folder)
    # Where functions are unpacked. Python asks for TMPDIR once, and has asked already.
    tempfile.tempdir = str(run_folder)
    os.environ.clear()
    os.environ.update(
        {
            "LOG_LEVEL": "WARNING",
            # How long the process of a function waits for its next event: a test's are never needed
            # again, and there are thousands.
            "LAMBDA_WARM_TTL_SECONDS": "30",
            **kept,
            "HOME": str(run_folder),
            "TMPDIR": str(run_folder),
            "STATE_DIR": str(run_folder),
            "S3_DATA_DIR": str(run_folder),
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_HOST": "localhost",
            "GATEWAY_PORT": str(tls_port),
            "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "SSL_CERT_FILE": str(bundle),
            # No other ports, and no look at containers that somebody else's MiniStack may own.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{run_folder}/no-docker.sock",
        }
    )
    if appflow_port is not None:
        os.environ["AWS_ENDPOINT_URL_APPFLOW"] = f"http://{HOST}:{appflow_port}"


def server_config(*, port: int, tls_port: int, run_folder: Path) -> hypercorn.config.Config:
    """Both ports of the server, on loopback only."""
    config = hypercorn.config.Config()
    config.insecure_bind = [f"{HOST}:{port}"]
    config.bind = [f"{HOST}:{tls_port}"]
    config.certfile = str(run_folder / "server.pem")
    config.keyfile = str(run_folder / "server.key")
    config.loglevel = "WARNING"
    return config


def make_application(lambda_python: Path) -> Application:
    """MiniStack with AppFlow. The environment must have been prepared.

    Raises:
        IncompatibleMiniStackError: the installed MiniStack is another one than this was made for.
    """
    import ministack.app
    from ministack.core import iam_evaluator, lambda_runtime, router
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import custom_resource

    from .appflow.endpoint import Endpoint
    from .strict_cloudformation import StrictCustomResources

    _require(iam_evaluator.enforce, ["access_key_id", "iam_action", "service", "region"])
    _require(iam_evaluator.evaluate_resource_policy, ["doc", "ctx", "service"])
    _require(lambda_runtime._detect_runtime_binary, ["runtime"])
    _require(custom_resource.invoke_custom_resource, ["request_type", "logical_id", "props"])
    _require(custom_resource.deliver_response, ["token", "response"])
    _require(ministack.app._reset_all_state, [])
    _require(lambda_svc._execute_function_with_config_scope, ["func", "event"])

    endpoint = Endpoint(os.environ["AWS_ENDPOINT_URL"])
    # An empty pattern: requests signed for this name belong to the handler of this name.
    router.SERVICE_PATTERNS["appflow"] = {}
    ministack.app.SERVICE_HANDLERS["appflow"] = endpoint
    _reset_with_ministack(endpoint, ministack.app)
    _run_python_functions_with(lambda_python, lambda_runtime)
    custom_resources = StrictCustomResources()
    custom_resources.install()
    served = custom_resources.taking_answers(ministack.app.app)
    application = _with_controls(_as_over_tls(_only_signed(served)), endpoint)
    return _as_signed(application) if "AWS_ENDPOINT_URL_APPFLOW" in os.environ else application


def stop_functions() -> None:
    """End the processes of all functions.

    To be called before the server stops: their open connections would hold it up for 30 seconds.
    """
    from ministack.core import lambda_runtime

    lambda_runtime.reset()


def _require(function: Callable[..., Any], leading_parameters: list[str]) -> None:
    found = list(inspect.signature(function).parameters)[: len(leading_parameters)]
    if found != leading_parameters:
        raise IncompatibleMiniStackError(
            f"{function.__module__}.{function.__name__} takes {found}, not {leading_parameters}:"
            " install the MiniStack version that requirements.txt names"
        )


def _reset_with_ministack(endpoint: Any, app: Any) -> None:
    original = app._reset_all_state

    def reset() -> None:
        original()
        endpoint.reset()

    app._reset_all_state = reset


def _run_python_functions_with(lambda_python: Path, lambda_runtime: Any) -> None:
    original = lambda_runtime._detect_runtime_binary

    def detect(runtime: str) -> tuple[str, str]:
        binary, worker = original(runtime)
        return (str(lambda_python) if runtime.startswith("python3.") else binary), worker

    lambda_runtime._detect_runtime_binary = detect


def _as_over_tls(application: Application) -> Application:
    # The CDK's bootstrap bucket refuses plain HTTP. Tools use it here because it spares everybody
    # the trust in a made-up certificate, and nothing leaves the machine.
    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "scheme": "https"}
        await application(scope, receive, send)

    return served


def _only_signed(application: Application) -> Application:
    # MiniStack finds a request's service by its signature; it takes one without for S3's.
    from .appflow.model import operation_at

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        is_call = scope["type"] == "http" and operation_at(scope["path"]) is not None
        if is_call and b"authorization" not in dict(scope["headers"]):
            error = (b"x-amzn-errortype", b"MissingAuthenticationTokenException")
            await answer_json(send, 403, {"message": "Missing Authentication Token"}, error)
        else:
            await application(scope, receive, send)

    return served


def _as_signed(application: Application) -> Application:
    # The proxy writes its upstream's name into the Host header, which is part of what clients sign.
    # That name is used by nobody else.
    theirs = os.environ["AWS_ENDPOINT_URL"].replace(f"http://{HOST}", PROXY_UPSTREAM_HOST).encode()
    signed = os.environ["AWS_ENDPOINT_URL_APPFLOW"].removeprefix("http://").encode()

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"host", theirs) in scope["headers"]:
            headers = [(k, signed if k == b"host" else v) for k, v in scope["headers"]]
            scope = {**scope, "headers": headers}
        await application(scope, receive, send)

    return served


def _with_controls(application: Application, endpoint: Any) -> Application:
    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        what, _, account = path.rpartition("/")
        if what not in (JOURNAL_PATH, SETTINGS_PATH):
            await application(scope, receive, send)
            return
        try:
            _check_account(account, what)
            if what == JOURNAL_PATH:
                after = _after(scope["query_string"].decode())
                content = endpoint.journal.calls(account, after=after)
            else:
                endpoint.configure(account, json.loads(await read_body(receive)))
                content = {}
        except (ValueError, AppFlowError) as error:
            await answer_json(send, 400, {"message": str(error)})
        else:
            await answer_json(send, 200, content)

    return served


def _check_account(account: str, path: str) -> None:
    if not re.fullmatch("[0-9]{12}", account):
        raise ValueError(
            f"{account!r} is not an account: it must be a number of 12 digits, as in"
            f" {path}/000000000000."
        )


def _after(query: str) -> int:
    after = parse_qs(query, keep_blank_values=True).get("after", ["0"])[0]
    if not re.fullmatch("[0-9]+", after):
        raise ValueError(
            f"after is {after!r}, not how many calls to leave out: it must be a number of at least"
            " 0, as in ?after=12."
        )
    return int(after)


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request, for an ASGI application."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer_json(
    send: Send, status: int, content: Any, *more_headers: tuple[bytes, bytes]
) -> None:
    """Answer a request with JSON, for an ASGI application."""
    headers = [(b"content-type", b"application/json"), *more_headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


def _make_certificate(run_folder: Path) -> Path:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", HOST)
    server.private_key_pem.write_to_path(run_folder / "server.key")
    for index, certificate in enumerate(server.cert_chain_pems):
        certificate.write_to_path(run_folder / "server.pem", append=index > 0)
    bundle = run_folder / "trusted.pem"
    # Functions may still call the world outside, so its authorities stay trusted.
    system = ssl.get_default_verify_paths().cafile
    if system:
        bundle.write_bytes(Path(system).read_bytes())
    authority.cert_pem.write_to_path(bundle, append=bool(system))
    return bundle


def tool_environment(port: int, account: str) -> Mapping[str, str]:
    """What the AWS CLI, the CDK CLI and the SDKs need to reach the local cloud."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
