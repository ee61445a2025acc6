"""Addresses of the local cloud, and the environment variables of its server and of its clients.

Nothing here imports the server, so that clients do not load it.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"
REGION = "us-east-1"

PROXY_HOST = "localhost"
"""The host name of a proxy in front of AppFlow, for its clients and for its own calls.

To a host name with a dot in it, 127.0.0.1 for instance, microburst first reads every service model
of botocore, which takes seconds.
"""

CONTROL_PATH = "/_local_cloud/"
"""The prefix of the control API's paths."""

JOURNAL_PATH = f"{CONTROL_PATH}appflow/calls"
SETTINGS_PATH = f"{CONTROL_PATH}appflow/settings"
FUNCTION_SETTINGS_PATH = f"{CONTROL_PATH}lambda/settings"

READY = "The local cloud is ready"
"""The beginning of the line that the program prints when it accepts calls."""

# Functions inherit the environment of the server. Every other variable, real AWS credentials above
# all, is dropped before MiniStack starts.
_INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "LOG_LEVEL")

# How long the process of a function waits for its next event. A function of a test is seldom used
# again, and a test run makes thousands of them.
_WARM_FUNCTION_SECONDS = 30


def free_port() -> int:
    """A port of this machine that no program listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def tool_environment(port: int, account: str) -> Mapping[str, str]:
    """The variables that the AWS CLI, the CDK CLI and the SDKs need to reach the local cloud."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def prepare_environment(
    *, port: int, tls_port: int, run_folder: Path, trusted: Path, appflow_port: int | None = None
) -> None:
    """Set the variables that MiniStack reads when it is imported and that functions inherit.

    Args:
        port: where functions reach all services.
        tls_port: where functions reach the response URLs of custom resources.
        run_folder: where everything is stored.
        trusted: the certificate authorities that functions trust.
        appflow_port: where functions reach AppFlow, through a proxy. Default: ``port``.
    """
    inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    # Where functions are unpacked. Python has read TMPDIR already, and reads it only once.
    tempfile.tempdir = str(run_folder)
    os.environ.clear()
    os.environ.update(
        {
            "LOG_LEVEL": "WARNING",
            "LAMBDA_WARM_TTL_SECONDS": str(_WARM_FUNCTION_SECONDS),
            **inherited,
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
            "SSL_CERT_FILE": str(trusted),
            # No other ports, and no access to containers that another MiniStack may own.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{run_folder}/no-docker.sock",
        }
    )
    if appflow_port is not None:
        os.environ["AWS_ENDPOINT_URL_APPFLOW"] = f"http://{PROXY_HOST}:{appflow_port}"
