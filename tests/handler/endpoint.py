"""An endpoint whose answers arrive in pieces, or not at all."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import TypeAlias

import trustme
from connector_registration import delivery, speed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

CLOSE: Sequence[bytes] = ()
"""The answer that closes the connection instead."""

SILENCE: Sequence[bytes] = (b"",)
"""The answer that never arrives."""

Connection: TypeAlias = socket.socket

# Between two pieces: less than any timeout of the handler in the tests.
_PACE_SECONDS = 0.05


def status(code: int, body: bytes = b"") -> bytes:
    """An answer with a status and a body."""
    return b"HTTP/1.1 %d Text\r\nContent-Length: %d\r\n\r\n%b" % (code, len(body), body)


def trickle(answer: bytes, *, pieces: int = 200) -> Sequence[bytes]:
    """An answer that arrives byte by byte, and takes longer than the handler waits in the tests.

    Its first line is padded, for as many pieces.
    """
    line, rest = answer.split(b"\r\n", 1)
    return [*(bytes([byte]) for byte in line.ljust(pieces, b".")), b"\r\n" + rest]


def forget_endpoints() -> None:
    """Let the handler make new connections, and read the certificate authorities again."""
    # The handler's import has begun to read them on a thread.
    speed.tls_context()
    speed._tls_context.cache_clear()
    delivery._pool.cache_clear()


class Endpoint:
    """Answers one request after the other, over TLS; the last answer repeats.

    As a proxy, it receives CONNECT without TLS, and serves TLS when it has answered with 200.

    Args:
        authority: signs the certificate.
        answers: the pieces of each answer.
        is_proxy: whether connections begin without TLS.
        broken_handshakes: how many of the first connections meet something else than TLS.

    Attributes:
        requests: the received requests, the oldest first.
        connections: how many connections have been accepted.
        abandoned: set when the handler closes a connection before its answer has ended.
    """

    def __init__(
        self,
        authority: trustme.CA,
        *answers: Sequence[bytes],
        is_proxy: bool = False,
        broken_handshakes: int = 0,
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.abandoned = threading.Event()
        self._answers = answers
        self._is_proxy = is_proxy
        self._broken_handshakes = broken_handshakes
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._listener = socket.create_server(("localhost", 0))
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._open: list[Connection] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]
        self.url = f"https://localhost:{self.port}/response"

    def __enter__(self) -> Endpoint:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for connected in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                if self.connections <= self._broken_handshakes:
                    connection.sendall(status(400))
                thread = threading.Thread(target=self._serve, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            if not self._is_proxy:
                connection = self._secured(connection, stack)
            while request := _receive(connection):
                answer = self._next_answer(request)
                self._send(connection, answer)
                if answer is CLOSE or self._ended.is_set():
                    return
                if request.startswith(b"CONNECT") and b" 200 " in b"".join(answer):
                    connection = self._secured(connection, stack)

    def _secured(self, connection: Connection, stack: contextlib.ExitStack) -> ssl.SSLSocket:
        secured = self._context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        stack.enter_context(secured)
        self._open.append(secured)
        secured.do_handshake()
        return secured

    def _next_answer(self, request: bytes) -> Sequence[bytes]:
        with self._lock:
            self.requests.append(request)
            return self._answers[min(len(self.requests), len(self._answers)) - 1]

    def _send(self, connection: Connection, answer: Sequence[bytes]) -> None:
        try:
            for piece in answer:
                connection.sendall(piece)
                if len(answer) > 1 and self._ended.wait(_PACE_SECONDS):
                    return
        except OSError:
            self.abandoned.set()
            raise


def _receive(connection: Connection) -> bytes:
    """Return the next request, or nothing if the connection is closed."""
    request = b""
    while not _is_complete(request):
        received = connection.recv(65536)
        if not received:
            return b""
        request += received
    return request


def _is_complete(request: bytes) -> bool:
    # Each PUT has a body that is one JSON object.
    return request.endswith(b"\r\n\r\n" if request.startswith(b"CONNECT") else b"}")


def body(request: bytes) -> str:
    """The body of a received request."""
    return request.partition(b"\r\n\r\n")[2].decode()
