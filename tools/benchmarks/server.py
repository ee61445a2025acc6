"""A stand-in for AppFlow, Lambda and CloudFormation's response URL.

All responses are fixed and immediate, so that only the candidate's own time counts. The response
URL is served over TLS, as in AWS.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore
import trustme

from .measurement import Candidate

ACCOUNT = "111122223333"
LABEL = "acme-crm"
LAMBDA_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:crm"

_AUTHORITIES = Path(botocore.__file__).parent / "cacert.pem"
_CONNECTOR = {"connectorArn": f"arn:aws:appflow:us-east-1:{ACCOUNT}:connector/{LABEL}"}
# What AppFlow shows of the connector in examples/connector.
_CONFIGURATION = {
    **_CONNECTOR,
    "connectorLabel": LABEL,
    "connectorProvisioningType": "LAMBDA",
    "connectorProvisioningConfig": {"lambda": {"lambdaArn": LAMBDA_ARN}},
    "registeredAt": 1767225600.0,
    "registeredBy": f"arn:aws:iam::{ACCOUNT}:role/handler",
    "connectorOwner": "Acme",
    "connectorName": "Acme CRM",
    "connectorVersion": "1.0",
    "connectorModes": ["SOURCE", "DESTINATION"],
    "connectorRuntimeSettings": [],
    "authenticationConfig": {
        "isBasicAuthSupported": True,
        "isApiKeyAuthSupported": False,
        "isOAuth2Supported": True,
        "isCustomAuthSupported": False,
        "oAuth2Defaults": {
            "tokenUrls": ["https://crm.acme.example/token"],
            "authCodeUrls": ["https://crm.acme.example/authorize"],
            "oauth2GrantTypesSupported": ["AUTHORIZATION_CODE"],
        },
    },
    "supportedApiVersions": ["v1"],
    "supportedOperators": ["PROJECTION", "EQUAL_TO"],
    "supportedWriteOperations": ["INSERT", "UPDATE", "UPSERT", "DELETE"],
    "supportedSchedulingFrequencies": ["DAILY"],
    "supportedTriggerTypes": ["Scheduled", "OnDemand"],
    "canUseAsSource": True,
    "canUseAsDestination": True,
}
_RESPONSES: dict[str, Any] = {
    "/update-connector-registration": _CONNECTOR,
    "/describe-connector": {"connectorConfiguration": _CONFIGURATION},
    f"/2015-03-31/functions/{quote(LAMBDA_ARN, safe='')}/configuration": {
        "State": "Active",
        "LastUpdateStatus": "Successful",
    },
}


class Server:
    """Counts the calls to AppFlow and Lambda, and CloudFormation's responses.

    Args:
        folder: where the certificates go; ``trusted.pem`` contains the authorities to trust.

    Attributes:
        port: serves AppFlow and Lambda.
        tls_port: serves the response URL.
        function: what Lambda runs when a candidate invokes a function.
    """

    def __init__(self, folder: Path) -> None:
        self.function: Candidate | None = None
        self._container: subprocess.Popen[str] | None = None
        self._tally: Counter[str] = Counter()
        handler = type("Handler", (_Handler,), {"backend": self})
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.port, self.tls_port = (server.server_port for server in self.servers)
        tls = _tls_context(folder)
        # The handshake is made by the thread of the connection.
        self.servers[1].socket = tls.wrap_socket(
            self.servers[1].socket, server_side=True, do_handshake_on_connect=False
        )

    def respond(self, path: str, body: bytes) -> Any:
        """The content of the response to a request."""
        if path.endswith("/invocations"):
            return self._invoke(json.loads(body))
        if path == "/response":
            response = json.loads(body)
            succeeded = response["Status"] == "SUCCESS"
            self._tally["SUCCESS" if succeeded else response["Reason"]] += 1
            return {}
        self._tally["calls"] += 1
        return _RESPONSES[path]

    def take_tally(self) -> dict[str, int]:
        """The counts since the last call; the next invocation starts a container."""
        if self._container is not None:
            self._container.kill()
            self._container.communicate()
            self._container = None
        tally, self._tally = self._tally, Counter()
        return dict(tally)

    def _invoke(self, event: Any) -> Any:
        assert self.function is not None
        if self._container is None:
            self._container = subprocess.Popen(
                self.function.command,
                cwd=self.function.folder,
                env=self.function.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        stdin, stdout = self._container.stdin, self._container.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(event) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())["returned"]


class _Handler(BaseHTTPRequestHandler):
    backend: Server
    protocol_version = "HTTP/1.1"
    # No packet waits for the acknowledgement of the one before.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response = self.backend.respond(self.path, body)
        # S3's answer to a response to CloudFormation has no body.
        content = b"" if self.command == "PUT" else json.dumps(response).encode()
        # Without a line on the terminal.
        self.send_response_only(200)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST  # noqa: N815


def _tls_context(folder: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    # Beside the authorities that Lambda trusts, since reading them takes time, too.
    (folder / "trusted.pem").write_bytes(_AUTHORITIES.read_bytes())
    authority.cert_pem.write_to_path(folder / "trusted.pem", append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Serve for the length of a ``with`` block."""
    backend = Server(folder)
    for server in backend.servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield backend
    finally:
        for server in backend.servers:
            server.shutdown()
            server.server_close()
        backend.take_tally()
