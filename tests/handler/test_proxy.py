"""The response goes through the proxy that the environment names, as calls to AppFlow do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import proxy
import pytest
from connector_registration import delivery
from connector_registration.response import Response
from pytest_httpserver import HTTPServer

from appflow_local_cloud.environment import free_port
from tests.handler.cloudformation import RESPONSE_PATH, SIGNATURE, CloudFormation
from tests.handler.endpoint import forget_endpoints
from tests.handler.events import LABEL
from tests.handler.log import Log

OPTIONS = "--hostname 127.0.0.1 --port 0 --num-workers 1 --num-acceptors 1 --log-level ERROR"


@pytest.fixture(scope="module")
def proxy_port() -> Iterator[int]:
    """The port of a proxy that requires credentials."""
    with proxy.Proxy([*OPTIONS.split(), "--basic-auth", "handler:p@ss/word"]) as server:
        yield server.flags.port


@pytest.fixture
def deliver(
    httpserver: HTTPServer, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], int]]:
    """Sends a response, in one try; returns how many have arrived."""
    httpserver.expect_request(RESPONSE_PATH).respond_with_data()
    stack = CloudFormation(httpserver.url_for(f"{RESPONSE_PATH}?{SIGNATURE}"), lambda *_: None)

    def deliver() -> int:
        event = stack.event("Create", {})
        Response(event, delivery.pool, failure_physical_id=LABEL).succeed(LABEL, {})
        return len(httpserver.log)

    monkeypatch.setattr(delivery, "_PAUSES", ())
    forget_endpoints()
    yield deliver
    forget_endpoints()


@pytest.mark.parametrize("scheme", ["http://", ""])
@pytest.mark.parametrize(
    ("credentials", "delivered"), [("handler:p%40ss%2Fword@", 1), ("handler:wrong@", 0), ("", 0)]
)
def test_response_goes_through_the_proxy(
    proxy_port: int,
    deliver: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    credentials: str,
    delivered: int,
) -> None:
    """The response arrives if the proxy of HTTPS_PROXY accepts the credentials in its URL."""
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}{credentials}127.0.0.1:{proxy_port}")

    assert deliver() == delivered


@pytest.mark.parametrize("excepted", ["localhost", "*", ".example,localhost"])
def test_no_proxy_is_honoured(
    deliver: Callable[[], int], monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    """A host in NO_PROXY is reached directly, although the proxy does not respond."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", excepted)

    assert deliver() == 1


@pytest.mark.parametrize("other", ["HTTP_PROXY", "FTP_PROXY"])
def test_other_proxies_are_not_used(
    deliver: Callable[[], int], monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """A proxy for another scheme than the response URL's is not used."""
    monkeypatch.setenv(other, f"http://127.0.0.1:{free_port()}")

    assert deliver() == 1


@pytest.mark.parametrize(
    "address",
    ["http://handler:secret@127.0.0.1:{port}", "http://handler:secret@127.0.0.1:x", "ftp://secret"],
)
def test_broken_proxy_is_logged_safely(
    deliver: Callable[[], int], monkeypatch: pytest.MonkeyPatch, log: Log, address: str
) -> None:
    """A response that a proxy does not deliver is logged as lost, without the proxy's URL."""
    monkeypatch.setenv("https_proxy", address.format(port=free_port()))

    assert deliver() == 0
    assert any("'response': 'lost'" in line for line in log.lines)
    assert not any("secret" in line for line in log.lines)
