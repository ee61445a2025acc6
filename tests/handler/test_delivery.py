"""The delivery of a response: the tries, and how long each may take."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import trustme
from connector_registration import delivery, time_budget
from connector_registration.delivery import Outcome, deliver, pool

from tests.handler.clock import Clock
from tests.handler.cloudformation import SIGNATURE
from tests.handler.endpoint import (
    CLOSE,
    ESTABLISHED,
    OK,
    SILENCE,
    Endpoint,
    body,
    forget_endpoints,
    status,
    trickle,
)

RESPONSE = '{"Status": "SUCCESS"}'
DELIVERED = Outcome("delivered", True, {"http_status": 200})

# The format of S3: "REST error responses" in the Amazon S3 API Reference.
REQUEST_TIMEOUT = b"<Error><Code>RequestTimeout</Code><Message>Idle.</Message></Error>"
OTHER_ERROR = b"<Error><Code>InvalidRequest</Code><Message>No.</Message></Error>"

pytestmark = pytest.mark.usefixtures("trusted", "quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[None]:
    """The handler's limits, scaled down, and connections of this test only."""
    monkeypatch.setattr(delivery, "_TRY_SECONDS", 1.5)
    forget_endpoints()
    yield
    forget_endpoints()


def send(endpoint: Endpoint) -> Outcome:
    """Deliver a response to an endpoint."""
    return deliver(pool, f"{endpoint.url}?{SIGNATURE}", RESPONSE)


class TestStatus:
    """What the status of an answer leads to."""

    @pytest.mark.parametrize(
        "answer",
        [status(code) for code in (408, 409, 429, 500, 501, 502, 503, 504, 599)]
        + [
            status(400, REQUEST_TIMEOUT),
            status(400, REQUEST_TIMEOUT + b" " * 100_000),
        ],
        ids=lambda answer: answer[9:12].decode(),
    )
    def test_temporary_refusal_is_retried(
        self, authority: trustme.CA, clock: Clock, answer: bytes
    ) -> None:
        """A response that is refused for now is sent again."""
        with Endpoint(authority, [answer], [answer], [OK]) as endpoint:
            outcome = send(endpoint)

        assert outcome == DELIVERED
        assert [body(request) for request in endpoint.requests] == [RESPONSE] * 3
        assert clock.slept == [0, 1]

    @pytest.mark.parametrize("interim", [b"102 Processing", b"103 Early Hints"])
    def test_interim_answer_is_no_acceptance(self, authority: trustme.CA, interim: bytes) -> None:
        """An interim answer accepts nothing, and its connection is not used again."""
        answer = b"HTTP/1.1 " + interim + b"\r\n\r\n"

        with Endpoint(authority, [answer], [OK]) as endpoint:
            outcome = send(endpoint)

        assert outcome == DELIVERED
        assert len(endpoint.requests) == endpoint.connections == 2

    @pytest.mark.parametrize("code", [408, 409, 429, 500, 503])
    def test_lasting_refusal_is_not_final(
        self, authority: trustme.CA, clock: Clock, code: int
    ) -> None:
        """A response that is refused at six tries counts as undelivered."""
        with Endpoint(authority, [status(code)]) as endpoint:
            outcome = send(endpoint)

        assert outcome == Outcome("refused", False, {"http_status": code})
        assert len(endpoint.requests) == 6
        assert clock.slept == [0, 1, 2, 4, 8]

    def test_lasting_s3_timeout_is_not_final(self, authority: trustme.CA) -> None:
        """A 400 RequestTimeout at six tries counts as undelivered."""
        with Endpoint(authority, [status(400, REQUEST_TIMEOUT)]) as endpoint:
            outcome = send(endpoint)

        assert outcome == Outcome("refused", False, {"http_status": 400})

    @pytest.mark.parametrize(
        "answer",
        [status(code) for code in (301, 304, 307, 400, 401, 403, 404, 405, 411, 412, 413)]
        + [
            status(400, OTHER_ERROR),
            status(400, OTHER_ERROR + b" " * 100_000 + REQUEST_TIMEOUT),
            # Only the code of a 400 counts.
            status(403, REQUEST_TIMEOUT),
        ],
        ids=lambda answer: answer[9:12].decode(),
    )
    def test_final_refusal_is_not_retried(self, authority: trustme.CA, answer: bytes) -> None:
        """A response that is refused for good is sent once."""
        with Endpoint(authority, [answer]) as endpoint:
            outcome = send(endpoint)

        assert outcome == Outcome("refused", True, {"http_status": int(answer[9:12])})
        assert len(endpoint.requests) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            status(200),
            status(201),
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        ],
    )
    def test_acceptance_is_sent_once(self, authority: trustme.CA, answer: bytes) -> None:
        """A response that is accepted in any form is sent once."""
        with Endpoint(authority, [answer]) as endpoint:
            outcome = send(endpoint)

        assert (outcome.result, outcome.is_final) == ("delivered", True)
        assert len(endpoint.requests) == 1

    def test_connection_is_used_again(self, authority: trustme.CA) -> None:
        """The response to the next event uses the connection of the one before."""
        with Endpoint(authority, [OK]) as endpoint:
            send(endpoint)
            send(endpoint)

        assert len(endpoint.requests) == 2
        assert endpoint.connections == 1


class TestBrokenConnection:
    """A connection that breaks, or an answer that cannot be read."""

    @pytest.mark.parametrize(
        "answer",
        [
            CLOSE,
            SILENCE,
            [b"\x16\x03nonsense\r\n\r\n"],
            [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200],
        ],
        ids=["closed", "silent", "not HTTP", "too many headers"],
    )
    def test_failed_try_is_repeated(self, authority: trustme.CA, answer: Sequence[bytes]) -> None:
        """A response without a readable answer is sent again."""
        with Endpoint(authority, answer, [OK]) as endpoint:
            outcome = send(endpoint)

        assert outcome == DELIVERED
        assert [body(request) for request in endpoint.requests] == [RESPONSE] * 2

    def test_failed_handshake_is_repeated(self, authority: trustme.CA) -> None:
        """A response whose TLS handshake fails once is sent at the second try."""
        with Endpoint(authority, [OK], broken_handshakes=1) as endpoint:
            outcome = send(endpoint)

        assert outcome == DELIVERED
        assert endpoint.connections == 2

    def test_untrusted_server_receives_nothing(
        self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server with an untrusted certificate receives no response."""
        monkeypatch.delenv("SSL_CERT_FILE")

        with Endpoint(authority, [OK]) as endpoint:
            outcome = send(endpoint)

        assert outcome == Outcome("lost", False, {"error": "SSLError"})
        assert endpoint.requests == []
        assert endpoint.connections == 6


class TestTrickle:
    """An answer that arrives so slowly that no timeout of a socket is reached."""

    @pytest.mark.parametrize(
        "answer",
        [
            trickle(OK),
            [b"HTTP/1.1 200 OK\r\n", *trickle(b"X-Header: 1\r\nContent-Length: 0\r\n\r\n")],
            [*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 200, OK],
            [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000\r\n\r\n", *trickle(b"<Error>\r\n")],
        ],
        ids=["status line", "header", "100 Continue", "body of a 400"],
    )
    def test_slow_answer_is_abandoned(self, authority: trustme.CA, answer: Sequence[bytes]) -> None:
        """A try whose answer trickles ends with its connection, and the next try delivers."""
        with Endpoint(authority, answer, [OK]) as endpoint:
            outcome = send(endpoint)
            assert endpoint.abandoned.wait(10)

        assert outcome == DELIVERED
        assert len(endpoint.requests) == 2

    @pytest.mark.parametrize(
        "answer",
        [
            [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 200],
            [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"],
            [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 10_000] * 200],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 200],
            [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 200],
        ],
        ids=["slow", "too short", "endless", "endless chunks", "slow refusal"],
    )
    def test_status_is_enough(self, authority: trustme.CA, answer: Sequence[bytes]) -> None:
        """A body decides nothing, so an answer whose body does not end is not awaited."""
        with Endpoint(authority, answer) as endpoint:
            outcome = send(endpoint)

        assert outcome == Outcome(
            "refused" if b"403" in answer[0] else "delivered",
            True,
            {"http_status": int(answer[0][9:12])},
        )
        assert len(endpoint.requests) == 1

    def test_lasting_trickle_ends(
        self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        """A delivery to an endpoint that always trickles ends after six tries."""
        monkeypatch.setattr(delivery, "_TRY_SECONDS", 0.2)

        with Endpoint(authority, trickle(OK)) as endpoint:
            outcome = send(endpoint)

        assert (outcome.result, outcome.is_final) == ("lost", False)
        assert len(endpoint.requests) == 6
        assert clock.slept == [0, 1, 2, 4, 8]

    def test_slow_name_is_abandoned(
        self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A try ends although the resolution of the name does not, and sends nothing afterwards."""
        lookups: list[threading.Thread] = []
        was_released: list[bool] = []
        released = threading.Event()
        resolve = socket.getaddrinfo

        def slow_at_first(*args: Any, **kwargs: Any) -> Any:
            lookups.append(threading.current_thread())
            if len(lookups) == 1:
                was_released.append(released.wait(20))
            return resolve(*args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", slow_at_first)

        with Endpoint(authority, [OK]) as endpoint:
            outcome = send(endpoint)
            released.set()
            lookups[0].join()

        assert outcome == DELIVERED
        assert was_released == [True]
        assert len(lookups) == endpoint.connections == 2
        assert len(endpoint.requests) == 1

    def test_all_tries_fit_into_the_reserve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Six tries that all reach their limit fit into the time that is reserved for them."""
        monkeypatch.undo()

        tries = 1 + len(delivery._PAUSES)
        longest = tries * delivery._TRY_SECONDS + sum(delivery._PAUSES)

        assert tries == 6
        assert longest <= time_budget.MAX_SEND_SECONDS


class TestProxy:
    """A proxy that misbehaves."""

    @pytest.mark.parametrize(
        "answer",
        [[status(502)], [status(407)], CLOSE, SILENCE, trickle(ESTABLISHED)],
        ids=["502", "407", "closed", "silent", "slow"],
    )
    def test_failed_proxy_is_asked_again(
        self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, answer: Sequence[bytes]
    ) -> None:
        """A response that a proxy does not forward is sent again."""
        with Endpoint(authority, answer, [ESTABLISHED], [OK], is_proxy=True) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")

            outcome = send(proxy)

        assert outcome == DELIVERED
        methods = [request.split()[0] for request in proxy.requests]
        assert methods == [b"CONNECT", b"CONNECT", b"PUT"]
