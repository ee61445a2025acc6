"""The AWS SDK: clients, built from no more than they need.

botocore in place of boto3, which would import transfer managers and resource models first.
``make bench`` says what that saves.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader


class Patience(NamedTuple):
    """Seconds for a connection and for an answer, and how often a call is tried."""

    connect: float
    read: float
    attempts: int


PATIENCE = {
    # It answers an update only after the connector's Lambda has answered it, and Amazon's samples
    # give a connector 30 seconds. The tries are those of ``appflow``, see there.
    "appflow": Patience(connect=5, read=40, attempts=1),
    # What it knows is worth less than the time to do without.
    "cloudformation": Patience(connect=2, read=5, attempts=2),
}
"""By service."""

# What botocore's endpoints.json says of a service that it does not know, in the one partition that
# has AppFlow; the hosts themselves come from each service's own rules.
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


class _Loader(Loader):  # type: ignore[misc]
    """Reads the data of the services in use and of no others.

    That saves a seventh of a cold Update, and a sixth of its memory.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        # botocore would look into the folders of all four hundred.
        return [*PATIENCE]

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        if name == "endpoints":
            # The file has a megabyte, and is the largest part of what a client keeps in memory.
            return _ENDPOINTS, self.BUILTIN_DATA_PATH
        found: tuple[Any, str] = super().load_data_with_path(name)
        return found


@functools.cache
def client(service: str) -> Any:
    """A client of one of the services above, set up from the environment as boto3 would be."""
    patience = PATIENCE[service]
    session = botocore.session.Session()
    session.register_component("data_loader", _Loader())
    return session.create_client(
        service,
        config=Config(
            connect_timeout=patience.connect,
            read_timeout=patience.read,
            retries={"mode": "standard", "total_max_attempts": patience.attempts},
        ),
    )
