"""Run the local cloud until it is interrupted: ``python -m appflow_local_cloud [--port PORT]``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import nullcontext
from pathlib import Path

from hypercorn.asyncio import serve

from .faults import Faults, proxy
from .gateway import (
    HOST,
    READY,
    free_port,
    make_application,
    prepare_environment,
    server_config,
    stop_functions,
    tool_environment,
)
from .lambda_python import ensure_lambda_python

DEFAULT_PORT = 4566
DEFAULT_ACCOUNT = "000000000000"


def main() -> int:
    """Parse the command line and serve."""
    arguments = _parse_command_line()
    port, faults_port = arguments.port, arguments.faults_port
    complaint = _complaint(port, faults_port)
    if complaint is not None:
        print(complaint, file=sys.stderr)
        return 1
    lambda_python = ensure_lambda_python()
    with tempfile.TemporaryDirectory(prefix="local-cloud-", ignore_cleanup_errors=True) as folder:
        faults = (
            nullcontext()
            if faults_port is None
            else proxy(port=faults_port, upstream_port=port, seed=arguments.faults_seed)
        )
        with faults:
            asyncio.run(_serve(port, Path(folder), lambda_python, faults_port))
    print("The local cloud has stopped; nothing of it is left.")
    return 0


def _parse_command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m appflow_local_cloud", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port on loopback (default: %(default)s)"
    )
    parser.add_argument(
        "--faults-port",
        type=int,
        help="have functions reach AppFlow through a microburst proxy at this port",
    )
    parser.add_argument(
        "--faults-seed",
        type=int,
        default=0,
        help="what the probabilities of faults are drawn from (default: %(default)s)",
    )
    return parser.parse_args()


def _complaint(port: int, faults_port: int | None) -> str | None:
    """Why these ports cannot be served on, and what to do; or None."""
    in_use = (
        "port {} is in use: stop what serves there, or choose another one, for instance with {}"
    )
    if not _is_free(port):
        return in_use.format(port, f"make cloud PORT={port + 1}")
    if faults_port == port:
        return f"--faults-port and --port are both {port}: choose another port for one of them"
    if faults_port is not None and not _is_free(faults_port):
        return in_use.format(faults_port, f"--faults-port {faults_port + 1}")
    return None


async def _serve(port: int, run_folder: Path, lambda_python: Path, faults_port: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tls_port = free_port()
    prepare_environment(
        port=port, tls_port=tls_port, run_folder=run_folder, appflow_port=faults_port
    )
    application = make_application(lambda_python)
    # One line a call, whatever MiniStack's own level is.
    logging.getLogger("appflow").setLevel(logging.INFO)
    config = server_config(port=port, tls_port=tls_port, run_folder=run_folder)

    async def until_stopped() -> None:
        await stop.wait()
        await asyncio.to_thread(stop_functions)

    announcing = asyncio.create_task(_announce(port, faults_port))
    await serve(application, config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]
    announcing.cancel()


async def _announce(port: int, faults_port: int | None) -> None:
    while not await asyncio.to_thread(_answers, port):
        await asyncio.sleep(0.1)
    if faults_port is not None:
        while not await asyncio.to_thread(Faults(faults_port).is_ready):
            await asyncio.sleep(0.1)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    exports = tool_environment(port, DEFAULT_ACCOUNT).items()
    lines = [
        f"{READY}. Point a shell at it with:",
        "",
        *(f"  export {name}={value}" for name, value in exports),
        "",
        "Any 12-digit access key is an account of its own.",
        f"Every python3.x function runs on Python {version} with boto3: this machine's Python.",
        "AppFlow calls are listed below as they come. Stop with Ctrl-C.",
    ]
    print("\n".join(lines), flush=True)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/_ministack/ready", timeout=5) as answer:
            return bool(answer.status == 200)
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
