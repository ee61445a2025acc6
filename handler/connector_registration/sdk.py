"""The AWS SDK: clients, built from no more than they need.

botocore in place of boto3, which would import transfer managers and resource models first.
``make bench`` says what that saves.
"""

from __future__ import annotations

import functools
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.regions import EndpointResolver

CONNECT_TIMEOUT_SECONDS = 5

# AppFlow answers an update only after the connector's Lambda has answered it, and Amazon's samples
# give a connector 30 seconds.
READ_TIMEOUT_SECONDS = 40

# What botocore's endpoints.json says of a service that it does not know, in the one partition that
# has AppFlow; the hosts themselves come from each service's own rules. The file is a megabyte.
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


@functools.cache
def client(service: str, attempts: int) -> Any:
    """A client of a service, set up from the environment as boto3 would be.

    Args:
        service: its name in the SDK.
        attempts: how often a call is tried at most. One for AppFlow: its class retries; see there.
    """
    session = botocore.session.Session()
    session.register_component(
        "endpoint_resolver", EndpointResolver(_ENDPOINTS, uses_builtin_data=True)
    )
    return session.create_client(
        service,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
    )
