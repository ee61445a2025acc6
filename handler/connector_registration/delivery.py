"""The delivery of a response: the connections, the tries, and the limits of both."""

from __future__ import annotations

import functools
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

import urllib3

from . import speed, time_budget

# With six tries that all reach their limit, a delivery ends within MAX_SEND_SECONDS.
_TRY_SECONDS = 6
_PAUSES = (0, 1, 2, 4, 8)

# For each address of the endpoint.
_CONNECT_SECONDS = 2

_HEADERS = {"Content-Type": ""}

# S3 receives the response. Besides server errors (500 InternalError, 503 SlowDown) it asks for
# another try with 409 OperationAborted and 400 RequestTimeout, which it sends to a connection that
# was silent for too long. An expired URL or a wrong signature is refused at every try, with 403.
# Source: "Error responses" in the Amazon S3 API Reference. 408 and 429 are a proxy's: RFC 9110,
# section 15.5.9, and RFC 6585, section 4.
_RETRIED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
_RETRIED_CODE = b"<Code>RequestTimeout</Code>"
_MAX_ERROR_BYTES = 4096


class Outcome(NamedTuple):
    """What became of a try to deliver a response.

    Attributes:
        result: ``delivered``, ``refused`` or ``lost``.
        is_final: whether another try has the same outcome.
        details: the HTTP status or the kind of error. The URL, whose signature allows a third party
            to respond in the handler's place, is not among them, nor a text that may quote it.
    """

    result: str
    is_final: bool
    details: Mapping[str, object]


def deliver(http: Callable[[str], urllib3.PoolManager], url: str, body: str) -> Outcome:
    """Send a response to a presigned URL, with as many tries as necessary and possible.

    Args:
        http: returns the connections for a URL.
        url: the presigned URL.
        body: the response.

    Returns:
        The outcome of the last try, after ``time_budget.MAX_SEND_SECONDS`` at the latest.
    """
    outcome = _try(http, url, body)
    for pause in _PAUSES:
        if outcome.is_final:
            break
        time_budget.clock.sleep(pause)
        outcome = _try(http, url, body)
    return outcome


def _try(http: Callable[[str], urllib3.PoolManager], url: str, body: str) -> Outcome:
    """Try once, for ``_TRY_SECONDS`` at most.

    No timeout of a socket covers the resolution of a name, a name with many addresses, or a proxy
    that answers byte by byte. So the try has its own thread. A thread that is left behind can send
    nothing over TLS any more.
    """
    outcomes: list[Outcome] = []

    def put() -> None:
        _this_try.ends_at = time.monotonic() + _TRY_SECONDS
        outcomes.append(_put(http, url, body))

    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    thread.join(_TRY_SECONDS)
    return outcomes[0] if outcomes else _lost(TimeoutError())


def _put(http: Callable[[str], urllib3.PoolManager], url: str, body: str) -> Outcome:
    try:
        received = http(url).request(
            "PUT",
            url,
            body=body,
            headers=_HEADERS,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_TRY_SECONDS),
            retries=False,
            # It could lead away from TLS.
            redirect=False,
            # The status decides, however long the body is or takes.
            preload_content=False,
        )
        try:
            return _outcome(received)
        finally:
            received.close()
    except Exception as error:  # noqa: BLE001 - the error's text may contain the URL
        return _lost(error)


def _outcome(received: urllib3.BaseHTTPResponse) -> Outcome:
    details = {"http_status": received.status}
    if HTTPStatus.OK <= received.status < HTTPStatus.MULTIPLE_CHOICES:
        # S3's answer has no body, so its connection can deliver the response to the next event.
        if received.length_remaining == 0:
            received.drain_conn()
        return Outcome("delivered", True, details)
    return Outcome("refused", not _asks_for_another_try(received), details)


def _asks_for_another_try(received: urllib3.BaseHTTPResponse) -> bool:
    if received.status == HTTPStatus.BAD_REQUEST:
        return _RETRIED_CODE in received.read(_MAX_ERROR_BYTES)
    return (
        received.status in _RETRIED
        or received.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        # An interim answer, such as 103 Early Hints, whose final answer is unknown.
        or received.status < HTTPStatus.OK
    )


def _lost(error: Exception) -> Outcome:
    return Outcome("lost", False, {"error": type(error).__name__})


_this_try = threading.local()


class _Socket(ssl.SSLSocket):
    """A TLS connection that sends and receives nothing after the end of the thread's try.

    A timeout alone begins again with each byte, so an answer that arrives byte by byte would never
    reach it.
    """

    def read(self, len: int = 1024, buffer: Any = None) -> bytes:  # noqa: A002
        self._limit()
        return super().read(len, buffer)

    def send(self, data: Any, flags: int = 0) -> int:
        self._limit()
        return super().send(data, flags)

    def _limit(self) -> None:
        left = _this_try.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)


def pool(url: str) -> urllib3.PoolManager:
    """Return the connection pool for a response URL.

    Certificates are checked, and HTTPS_PROXY and NO_PROXY are honoured.
    """
    return _pool(_proxy_for(url))


@functools.cache
def _pool(proxy: str | None) -> urllib3.PoolManager:
    context = speed.tls_context()
    context.sslsocket_class = _Socket
    if proxy is None:
        return urllib3.PoolManager(ssl_context=context)
    return urllib3.ProxyManager(
        proxy,
        proxy_headers=_proxy_headers(proxy),
        proxy_ssl_context=context,
        ssl_context=context,
    )


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, as the SDK does for its calls."""
    target = urllib3.util.parse_url(url)
    if not any(name.lower() == f"{target.scheme}_proxy" for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    proxy = getproxies().get(str(target.scheme))
    if not proxy or proxy_bypass(str(target.netloc)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxy_headers(proxy: str) -> Mapping[str, str]:
    credentials = urllib3.util.parse_url(proxy).auth
    return urllib3.make_headers(proxy_basic_auth=unquote(credentials)) if credentials else {}
