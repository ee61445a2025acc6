"""AppFlow, Lambda and the response URL, answering at once: ``python -m benchmarks.world``.

All answers are fixed, so that what is measured is the contenders' own time. The response URL is
served over TLS, as in AWS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import botocore
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

ACCOUNT = "111122223333"
LABEL = "acme-crm"
LAMBDA_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:crm"

_ARN = {"connectorArn": f"arn:aws:appflow:us-east-1:{ACCOUNT}:connector/{LABEL}"}
_ANSWERS: dict[str, Any] = {
    "/register-connector": _ARN,
    "/update-connector-registration": _ARN,
    "/describe-connector": {
        "connectorConfiguration": {
            **_ARN,
            "connectorLabel": LABEL,
            "connectorVersion": "1.0",
            "connectorProvisioningConfig": {"lambda": {"lambdaArn": LAMBDA_ARN}},
        }
    },
    "/response": {},
}

_AUTHORITIES = Path(botocore.__file__).parent / "cacert.pem"


class World:
    """The ASGI application.

    Args:
        command: starts a container of the function that can be invoked.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._container: asyncio.subprocess.Process | None = None
        self._tally: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await Request(scope, receive).body()
        if scope["path"].endswith("/invocations"):
            answer = await self._invoke(body)
        elif scope["path"] == "/begin":
            # A new life: the next invocation is a cold one, and what was answered is told.
            await self.forget_container()
            answer, self._tally = self._tally, Counter()
        else:
            answer = _ANSWERS[scope["path"]]
            self._tally["calls" if scope["path"] != "/response" else _outcome(body)] += 1
        await JSONResponse(answer)(scope, receive, send)

    async def _invoke(self, payload: bytes) -> Any:
        if self._container is None:
            self._container = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        stdin, stdout = self._container.stdin, self._container.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(json.loads(payload)).encode() + b"\n")
        return json.loads(await stdout.readline())["returned"]

    async def forget_container(self) -> None:
        """Let the next invocation be a cold one."""
        if self._container is not None:
            self._container.kill()
            await self._container.wait()
            self._container = None


def _outcome(response: bytes) -> str:
    answer = json.loads(response)
    return "SUCCESS" if answer["Status"] == "SUCCESS" else str(answer["Reason"])


async def _serve(port: int, tls_port: int, folder: Path, command: list[str]) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    # Beside everybody whom Lambda trusts: reading them all takes its time.
    (folder / "trusted.pem").write_bytes(_AUTHORITIES.read_bytes())
    authority.cert_pem.write_to_path(folder / "trusted.pem", append=True)
    server.private_key_pem.write_to_path(folder / "server.key")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    config = Config()
    config.insecure_bind = [f"127.0.0.1:{port}"]
    config.bind = [f"127.0.0.1:{tls_port}"]
    config.certfile, config.keyfile = str(folder / "server.pem"), str(folder / "server.key")
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 60
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    world = World(command)
    await serve(world, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    await world.forget_container()


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.world", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the certificate goes")
    parser.add_argument("command", nargs="+", help="starts a container that can be invoked")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.tls_port, arguments.folder, arguments.command))


if __name__ == "__main__":
    main()
