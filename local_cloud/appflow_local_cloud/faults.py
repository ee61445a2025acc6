"""Faults of AppFlow: microburst, a proxy for AWS's protocols, fails or delays calls by rules.

The functions of the local cloud, the handler among them, call AppFlow through the proxy. A client
of the local cloud itself bypasses it and sees what is registered. The rules are microburst's own;
its README documents them. They return errors of AppFlow's model or bare HTTP statuses (``error``),
delay (``latency``, ``timeout_ms``), and close the connection before AppFlow receives the call
(``reset``) or after AppFlow has carried it out (``response: {abort_bytes: 0}``). They select calls
by ``operation``, by ``body`` (``connectorLabel == 'acme-crm'``), by number (``times``) and by
``probability``, drawn from a seed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .environment import HOST, PROXY_HOST

# All that microburst remembers (fired_capacity of its Microburst). It returns the last 100 unless
# it is asked for more.
_MAX_FIRED = 2000


@dataclass(frozen=True)
class Faults:
    """The rules of a running proxy.

    Attributes:
        port: where the proxy is served on loopback, 127.0.0.1.
    """

    port: int

    @property
    def endpoint_url(self) -> str:
        """Where a client of AppFlow meets the faults."""
        return f"http://{PROXY_HOST}:{self.port}"

    def use(self, *rules: Mapping[str, Any]) -> None:
        """Replace all rules.

        Args:
            rules: microburst's rules, without the service. Default: no rules, so that every call
                reaches AppFlow.

        Raises:
            ValueError: microburst refuses a rule; the message says which one and why.
        """
        named = [{"service": "appflow", **rule} for rule in rules]
        self._call("POST", "rules", named)

    def fired(self) -> list[Mapping[str, Any]]:
        """The last 2,000 faults that calls have met, the oldest first.

        Returns:
            The time (``ts``, in seconds), ``operation``, ``action`` and ``rule_id`` of each.
            microburst keeps no members of requests, so neither label nor client token.
        """
        fired: list[Mapping[str, Any]] = self._call("GET", f"fired?limit={_MAX_FIRED}")
        return fired

    def is_ready(self) -> bool:
        """Whether the proxy accepts calls."""
        try:
            self._call("GET", "health")
        except OSError:
            return False
        return True

    def _call(self, method: str, path: str, body: Sequence[Mapping[str, Any]] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}/_microburst/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read().decode()
            raise ValueError(
                f"microburst refuses {body}: {reason}. Its README documents the rules"
            ) from error


# The program ``microburst``, with a seed for its probabilities as the first argument.
_PROGRAM = """\
import random, sys
from microburst.cli import main
random.seed(int(sys.argv.pop(1)))
sys.exit(main())
"""


@contextmanager
def proxy(*, port: int, upstream_port: int, seed: int = 0) -> Iterator[None]:
    """Run a proxy in front of the local cloud for the length of a ``with`` block.

    With the same seed, the same sequence of calls meets the same faults.
    """
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _PROGRAM, str(seed)),
            *("--upstream", f"http://{PROXY_HOST}:{upstream_port}"),
            *("--port", str(port)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        # Not terminate: the proxy would wait for the end of every call that a rule delays.
        process.kill()
        process.wait()
