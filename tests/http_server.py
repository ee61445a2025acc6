"""A server for tests that need one of their own."""

from __future__ import annotations

from pytest_httpserver import HTTPServer


class PromptServer(HTTPServer):
    """A server that stops at once, where the library's own takes up to half a second."""

    def thread_target(self) -> None:
        assert self.server is not None
        self.server.serve_forever(poll_interval=0.01)
