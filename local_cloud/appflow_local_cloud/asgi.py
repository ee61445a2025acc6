"""The ASGI servers: their two ports, their certificate, and middleware in front of MiniStack.

CloudFormation's response URLs are served over TLS on a second port, as on AWS: crhelper and other
careful handlers insist on TLS. The certificate is made anew at each start.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .appflow.model import operation_at
from .environment import HOST, PROXY_HOST

_CERTIFICATE = "server.pem"
_KEY = "server.key"


class _Server(uvicorn.Server):
    """A server that leaves signals to the program, which has two servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: ASGIApp, *, port: int, tls_port: int, run_folder: Path, stop: Awaitable[None]
) -> None:
    """Serve on both ports, on loopback only, until ``stop`` has ended.

    The certificate must have been made.
    """
    plain = _Server(_server_config(app, port))
    tls = _Server(
        _server_config(
            app,
            tls_port,
            # The start and the end of MiniStack are those of the other server.
            lifespan="off",
            ssl_certfile=run_folder / _CERTIFICATE,
            ssl_keyfile=run_folder / _KEY,
        )
    )

    async def stop_servers() -> None:
        await stop
        plain.should_exit = tls.should_exit = True

    await asyncio.gather(plain.serve(), tls.serve(), stop_servers())


def _server_config(app: ASGIApp, port: int, **settings: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=HOST,
        port=port,
        http="httptools",
        # MiniStack logs, and sets the headers that AWS sends.
        log_config=None,
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        # In seconds. A call fails if the server closes its connection in the same moment, which a
        # busy machine makes likely after a short timeout.
        timeout_keep_alive=120,
        # In seconds. A call may wait for a function that has been stopped.
        timeout_graceful_shutdown=3,
        **settings,
    )


def make_certificate(run_folder: Path) -> Path:
    """Make the certificate of the TLS port in a folder.

    Returns:
        The file with the certificate authorities that clients have to trust.
    """
    authority = trustme.CA()
    server = authority.issue_cert("localhost", HOST)
    server.private_key_pem.write_to_path(run_folder / _KEY)
    for index, certificate in enumerate(server.cert_chain_pems):
        certificate.write_to_path(run_folder / _CERTIFICATE, append=index > 0)
    trusted = run_folder / "trusted.pem"
    # Functions may call other hosts too, so the system's authorities stay trusted.
    system = ssl.get_default_verify_paths().cafile
    if system:
        trusted.write_bytes(Path(system).read_bytes())
    authority.cert_pem.write_to_path(trusted, append=bool(system))
    return trusted


def force_https(app: ASGIApp) -> ASGIApp:
    """Make every request look as if it came over TLS.

    The CDK's bootstrap bucket refuses plain HTTP. Tools use plain HTTP here, so that they need not
    trust the server's certificate; no request leaves the machine.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "scheme": "https"}
        await app(scope, receive, send)

    return serve


def require_signature(app: ASGIApp) -> ASGIApp:
    """Refuse unsigned calls to AppFlow.

    MiniStack finds the service of a request by its signature, and takes an unsigned request for
    one to S3.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if _is_appflow(scope) and b"authorization" not in dict(scope["headers"]):
            await _missing_token()(scope, receive, send)
        else:
            await app(scope, receive, send)

    return serve


def _is_appflow(scope: Scope) -> bool:
    return scope["type"] == "http" and operation_at(scope["method"], scope["path"]) is not None


def _missing_token() -> JSONResponse:
    return JSONResponse(
        {"message": "Missing Authentication Token"},
        status_code=403,
        headers={"x-amzn-errortype": "MissingAuthenticationTokenException"},
    )


def restore_host_header(app: ASGIApp, *, port: int, proxy_port: int) -> ASGIApp:
    """Restore the Host header that clients of a proxy have signed.

    The proxy replaces the header with the address of its upstream. No other client uses the host
    name in that address.
    """
    replaced = (b"host", f"{PROXY_HOST}:{port}".encode())
    signed = (b"host", f"{PROXY_HOST}:{proxy_port}".encode())

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [signed if header == replaced else header for header in scope["headers"]]
            scope = {**scope, "headers": headers}
        await app(scope, receive, send)

    return serve
