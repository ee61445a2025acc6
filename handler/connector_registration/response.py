"""The single response to CloudFormation.

The response is a JSON object of at most 4096 bytes. The handler sends it by a PUT to the presigned
URL of the event, with an empty content type. Source: "Custom resource response objects" in the AWS
CloudFormation User Guide.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import urllib3

logger = logging.getLogger(__name__)

_MAX_BODY_BYTES = 4096

# S3 receives the response. It asks clients to retry after 500 and 503; 403 means an expired URL and
# is final. The slowest case, six tries that all time out, ends within MAX_SEND_SECONDS.
_RETRY = urllib3.Retry(
    total=5,
    backoff_factor=0.5,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=("PUT",),
    respect_retry_after_header=False,
    raise_on_status=False,
)
_HEADERS = {"Content-Type": ""}
_TIMEOUT = urllib3.Timeout(connect=2, read=4)


class ReportableError(Exception):
    """A failure whose text is written for the reason in the stack events."""


class ResponseNotDeliveredError(RuntimeError):
    """The response did not reach CloudFormation.

    The error escapes, so Lambda runs the event again a minute later.
    """


class Response:
    """The single response to one event: the first one that is sent, by the work or by the timer.

    Attributes:
        failure_physical_id: the id in a failure response. CloudFormation treats any id but the
            resource's as a replacement, even in a failed Update, and refuses an empty one.
    """

    def __init__(
        self,
        event: Mapping[str, Any],
        http: Callable[[str], urllib3.PoolManager],
        *,
        failure_physical_id: str,
    ) -> None:
        self.failure_physical_id = failure_physical_id
        self._url = _validated(event["ResponseURL"])
        self._ids = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        self._http = http
        self._lock = threading.Lock()
        self._sent = False
        self._undelivered = False

    def succeed(self, physical_id: str, data: Mapping[str, str]) -> None:
        """Send SUCCESS, unless a response has been sent already."""
        self._send({"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": dict(data)})

    def fail(self, reason: str) -> None:
        """Send FAILED, unless a response has been sent already."""
        response = {"Status": "FAILED", "PhysicalResourceId": self.failure_physical_id, "Data": {}}
        reason = reason[:_MAX_BODY_BYTES]
        # Measured as JSON, where a character outside ASCII takes six bytes or twelve.
        while reason and len(self._body({**response, "Reason": reason})) > _MAX_BODY_BYTES:
            reason = reason[:-1]
        self._send({**response, "Reason": reason})

    def check_delivered(self) -> None:
        """Raise ResponseNotDeliveredError if another try may deliver the response."""
        if self._undelivered:
            raise ResponseNotDeliveredError(
                "the response did not reach CloudFormation; see the log above"
            )

    def _send(self, response: Mapping[str, Any]) -> None:
        # The lock is held while sending. If the second sender returned earlier, the invocation
        # would end, and Lambda would freeze the first sender half-way.
        with self._lock:
            if self._sent:
                logger.warning({"response": "suppressed", "status": response["Status"]})
                return
            self._sent = True
            self._put(self._body(response), response["Status"])

    def _body(self, response: Mapping[str, Any]) -> str:
        return json.dumps({**response, **self._ids})

    def _put(self, body: str, status: str) -> None:
        # Until S3 has accepted the response, whatever is raised.
        self._undelivered = True
        # Neither the URL nor an exception that quotes it may be logged: its signature allows a
        # third party to respond in the handler's place. A redirect could lead away from TLS.
        try:
            received = self._http(self._url).request(
                "PUT", self._url, body=body, headers=_HEADERS, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            logger.error({"response": "lost", "status": status, "error": type(error).__name__})
            return
        # S3 refuses an expired URL, or one with a wrong signature, at every try.
        self._undelivered = received.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        delivered = received.status < HTTPStatus.MULTIPLE_CHOICES
        logger.log(
            logging.INFO if delivered else logging.ERROR,
            {
                "response": "delivered" if delivered else "refused",
                "status": status,
                "http_status": received.status,
            },
        )


_pool_lock = threading.Lock()


def pool(url: str) -> urllib3.PoolManager:
    """Return the connection pool for a response URL.

    Certificates are checked, every wait is bounded, and HTTPS_PROXY and NO_PROXY are honoured.
    """
    # The second caller waits: reading the certificate authorities twice at once takes longer.
    with _pool_lock:
        return _pool(_proxy_for(url))


@functools.cache
def _pool(proxy: str | None) -> urllib3.PoolManager:
    # All connections share one context. urllib3 would read the authorities again for each, and a
    # warm event would take seven times as long.
    context = ssl.create_default_context()
    if proxy is None:
        return urllib3.PoolManager(retries=_RETRY, timeout=_TIMEOUT, ssl_context=context)
    return urllib3.ProxyManager(
        proxy,
        proxy_headers=_proxy_headers(proxy),
        proxy_ssl_context=context,
        retries=_RETRY,
        timeout=_TIMEOUT,
        ssl_context=context,
    )


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, as the SDK does for its calls."""
    target = urllib3.util.parse_url(url)
    if not any(name.lower() == f"{target.scheme}_proxy" for name in os.environ):
        return None
    # Imported for a proxy only, to keep cold starts short.
    from urllib.request import getproxies, proxy_bypass

    proxy = getproxies().get(str(target.scheme))
    if not proxy or proxy_bypass(str(target.netloc)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxy_headers(proxy: str) -> Mapping[str, str]:
    credentials = urllib3.util.parse_url(proxy).auth
    return urllib3.make_headers(proxy_basic_auth=unquote(credentials)) if credentials else {}


def _validated(url: str) -> str:
    """Return the response URL if the network cannot read what is sent there.

    Raises:
        ValueError: it is neither https nor on this machine.
    """
    target = urllib3.util.parse_url(url)
    if target.scheme == "https" or target.host in ("localhost", "127.0.0.1", "[::1]"):
        return url
    raise ValueError(f"the response URL is {target.scheme}://{target.host}, and not https")
