"""What makes an event fast: every measure, and what it saves.

``python -m tools.benchmarks events`` measures the handler without each of them. A measure that
saves less than 3 % of an event is not worth its code.

The first event of a container does without boto3 and the data of four hundred services, and OpenSSL
has read the certificate authorities beside the imports. All events share the TLS context of their
responses and the user agent of their calls.

Two measures are how other modules import: ``function`` imports ``lifecycle`` and
``external_change``, and with them the SDK, for the events that need them, and ``delivery`` imports
``urllib.request`` for a proxy only.
"""

from __future__ import annotations

import functools
import importlib
import ssl
import sys
import threading
import types
from typing import Any

_PRODUCT = "cdk-appflow-connector"


def import_crhelper() -> None:
    """Import crhelper without boto3, which it imports for its polling mode only.

    An event that makes no call then needs no SDK at all, and the others import only the part that
    they use: two thirds of the time of a cold Update, and two thirds of its memory.
    """
    boto3 = sys.modules.pop("boto3", None)
    sys.modules["boto3"] = types.ModuleType("boto3")
    importlib.import_module("crhelper")
    del sys.modules["boto3"]
    sys.modules.update({"boto3": boto3} if boto3 else {})


def read_authorities() -> None:
    """Begin to read the certificate authorities, on a thread beside the imports.

    OpenSSL reads them without the interpreter's lock. That saves an eighth of the time of a cold
    event that makes no call.
    """
    threading.Thread(target=tls_context, daemon=True).start()


_authorities_lock = threading.Lock()


def tls_context() -> ssl.SSLContext:
    """Return the TLS context of all responses, with the certificate authorities of the system.

    urllib3 would read the authorities again for each connection, and a warm event would take
    several times as long.
    """
    # The second caller waits: reading the authorities twice at once takes longer.
    with _authorities_lock:
        return _tls_context()


@functools.cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def sdk_session(service: str) -> Any:
    """Return a session of botocore that reads the data of one service only.

    botocore replaces boto3, which would import transfer managers and resource models first. Its own
    search lists the folders of all services and reads a megabyte of endpoints, with which a cold
    Update takes half as long again.
    """
    import botocore.session
    from botocore.loaders import Loader

    class OneService(Loader):  # type: ignore[misc]
        def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
            return [service]

        def load_data_with_path(self, name: str) -> tuple[Any, str]:
            if name == "endpoints":
                return _ENDPOINTS, self.BUILTIN_DATA_PATH
            found: tuple[Any, str] = super().load_data_with_path(name)
            return found

    session = botocore.session.Session()
    session.register_component("data_loader", OneService())
    return session


# What botocore's endpoints.json contains about a service that it does not list, in the one
# partition that has AppFlow. The host names come from each service's endpoint rules.
_ENDPOINTS: dict[str, Any] = {
    "version": 3,
    "partitions": [
        {
            "partition": "aws",
            "dnsSuffix": "amazonaws.com",
            "regionRegex": r"^\w+\-\w+\-\d+$",
            "regions": {},
            "services": {},
            "defaults": {
                "hostname": "{service}.{region}.{dnsSuffix}",
                "protocols": ["https"],
                "signatureVersions": ["v4"],
                "variants": [
                    {
                        "tags": ["fips"],
                        "dnsSuffix": "amazonaws.com",
                        "hostname": "{service}-fips.{region}.{dnsSuffix}",
                    },
                    {
                        "tags": ["dualstack"],
                        "dnsSuffix": "api.aws",
                        "hostname": "{service}.{region}.{dnsSuffix}",
                    },
                    {
                        "tags": ["dualstack", "fips"],
                        "dnsSuffix": "api.aws",
                        "hostname": "{service}-fips.{region}.{dnsSuffix}",
                    },
                ],
            },
        }
    ],
}


def user_agent(session: Any) -> str:
    """Return a fixed user agent: the one of botocore, and the name of this library.

    CloudTrail shows it as ``userAgent`` with every call. botocore composes its own twice for each
    call, which is a sixth of a warm Update. It has no version of this library, with which every
    release would replace the deployed code of the handler.
    """
    return f"{session.user_agent()} {_PRODUCT}"
