"""Clients with which the local cloud calls its own services over HTTP."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config


class Clients:
    """Clients of any service, as the root of any account; each is made once.

    Args:
        endpoint_url: where the services are served.
        settings: arguments of botocore's ``Config`` for all clients.
    """

    def __init__(self, endpoint_url: str, **settings: Any) -> None:
        self._endpoint_url = endpoint_url
        self._settings = settings
        # One session for all clients, since each session reads the service models again.
        self._session = boto3.session.Session()
        self._clients: dict[tuple[Any, ...], Any] = {}
        # A session cannot make two clients at once.
        self._lock = threading.Lock()

    def client(self, service: str, account: str, region: str, **settings: Any) -> Any:
        """The client of a service.

        Args:
            service: the name of the service in boto3.
            account: a string of 12 digits.
            region: the name of a Region.
            settings: arguments of ``Config`` for this client, of hashable values.
        """
        key = (service, account, region, *sorted(settings.items()))
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,
                    endpoint_url=self._endpoint_url,
                    region_name=region,
                    # MiniStack takes a 12-digit access key for the root of that account, with any
                    # secret.
                    aws_access_key_id=account,
                    aws_secret_access_key="test",  # noqa: S106 - see above
                    config=Config(**self._settings, **settings),
                )
            return self._clients[key]
