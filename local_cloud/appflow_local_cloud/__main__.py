"""Run the local cloud until it is interrupted: ``python -m appflow_local_cloud [--port PORT]``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from .asgi import make_certificate, serve
from .environment import HOST, READY, free_port, prepare_environment, tool_environment
from .faults import Faults, proxy
from .lambda_python import ensure_lambda_python

DEFAULT_PORT = 4566
DEFAULT_ACCOUNT = "000000000000"

_DESCRIPTION = """\
Emulate AWS on this machine: AppFlow, CloudFormation, Lambda, IAM, S3 and other services on one
loopback port. The program prints the environment variables that the AWS CLI, the CDK CLI and the
SDKs need. When it stops, it deletes all data."""


def main() -> int:
    """Parse the command line and serve."""
    arguments = _parse_command_line()
    port, faults_port = arguments.port, arguments.faults_port
    port_error = _port_error(port, faults_port)
    if port_error is not None:
        print(port_error, file=sys.stderr)
        return 1
    print(f"Starting the local cloud on {HOST}:{port}.", flush=True)
    lambda_python = ensure_lambda_python()
    with (
        tempfile.TemporaryDirectory(prefix="local-cloud-", ignore_cleanup_errors=True) as folder,
        _proxy(port, faults_port, arguments.faults_seed),
    ):
        asyncio.run(_serve(port, Path(folder), lambda_python, faults_port))
    print("The local cloud has stopped. Its data is deleted.", flush=True)
    # Otherwise Python examines hundreds of thousands of objects before it exits, for seconds.
    gc.freeze()
    return 0


def _parse_command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m appflow_local_cloud", description=_DESCRIPTION)
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port on loopback (default: %(default)s)"
    )
    parser.add_argument(
        "--faults-port",
        type=int,
        help="run a microburst proxy on this port too: functions call AppFlow through the proxy,"
        " whose rules make calls fail",
    )
    parser.add_argument(
        "--faults-seed",
        type=int,
        default=0,
        help="seed of the probabilities in the proxy's rules (default: %(default)s)",
    )
    return parser.parse_args()


def _port_error(port: int, faults_port: int | None) -> str | None:
    """Why the ports cannot be used and what to do, or None."""
    in_use = "port {} is in use: stop the program that uses it, or choose another port: {}"
    if not _is_free(port):
        return in_use.format(port, f"--port {port + 1}, or make cloud PORT={port + 1}")
    if faults_port == port:
        return f"--port and --faults-port are both {port}: choose two different ports"
    if faults_port is not None and not _is_free(faults_port):
        return in_use.format(faults_port, f"--faults-port {faults_port + 1}")
    return None


def _proxy(port: int, faults_port: int | None, seed: int) -> AbstractContextManager[None]:
    if faults_port is None:
        return nullcontext()
    return proxy(port=faults_port, upstream_port=port, seed=seed)


async def _serve(port: int, run_folder: Path, lambda_python: Path, faults_port: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tls_port = free_port()
    trusted = make_certificate(run_folder)
    prepare_environment(
        port=port,
        tls_port=tls_port,
        run_folder=run_folder,
        trusted=trusted,
        appflow_port=faults_port,
    )
    # MiniStack reads its settings when it is imported.
    from .appflow.endpoint import Endpoint
    from .ministack import create_app, stop_functions

    endpoint = Endpoint(f"http://{HOST}:{port}")
    app = create_app(endpoint, lambda_python, port=port, faults_port=faults_port)
    # One line for each call, whatever MiniStack's log level is.
    logging.getLogger("appflow").setLevel(logging.INFO)

    async def until_stopped() -> None:
        await stop.wait()
        endpoint.stop()
        await asyncio.to_thread(stop_functions)

    printing = asyncio.create_task(_print_when_ready(port, faults_port))
    await serve(app, port=port, tls_port=tls_port, run_folder=run_folder, stop=until_stopped())
    printing.cancel()


async def _print_when_ready(port: int, faults_port: int | None) -> None:
    while not await asyncio.to_thread(_is_ready, port):
        await asyncio.sleep(0.1)
    if faults_port is not None:
        while not await asyncio.to_thread(Faults(faults_port).is_ready):
            await asyncio.sleep(0.1)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    variables = tool_environment(port, DEFAULT_ACCOUNT).items()
    lines = [
        f"{READY}. To use it, set these variables in your shell:",
        "",
        *(f"  export {name}={value}" for name, value in variables),
        "",
        "Every 12-digit access key ID is an account, separate from all others and empty at first.",
        f"All python3.x functions run on Python {version}, this machine's Python, with boto3.",
        "Calls to AppFlow are logged below. Press Ctrl-C to stop.",
    ]
    print("\n".join(lines), flush=True)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://{HOST}:{port}/_ministack/ready", timeout=5
        ) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
