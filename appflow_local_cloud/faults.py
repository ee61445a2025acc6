"""AppFlow on its worst day: microburst, a proxy that knows AWS's protocols, in front of it.

The functions of the local cloud, and with them the handler, call AppFlow through the proxy; whoever
wants to see what AppFlow really holds goes past it. Rules are microburst's own, see its README:
errors of AppFlow's model and bare HTTP statuses (``error``), ``latency``, ``reset`` before AppFlow
has seen the call, ``response: {abort_bytes: 0}`` after it has carried it out, ``timeout_ms``; by
``operation`` and ``body`` (``connectorLabel == 'acme-crm'``), ``times`` and ``probability``, whose
dice are sown with a seed.
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

from .gateway import HOST, PROXY_UPSTREAM_HOST

# As many as microburst remembers (fired_capacity of its Microburst). It tells only the last 100
# unless it is asked for more.
_REMEMBERED = 2000


@dataclass(frozen=True)
class Faults:
    """The rules of a proxy that runs.

    Attributes:
        port: where it serves on loopback, 127.0.0.1.
    """

    port: int

    def use(self, *rules: Mapping[str, Any]) -> None:
        """Replace all rules.

        Args:
            rules: microburst's own, the service left out; none of them makes calls succeed again.

        Raises:
            ValueError: microburst refuses a rule; the message says which and why.
        """
        named = [{"service": "appflow", **rule} for rule in rules]
        self._call("POST", "rules", named)

    def met(self) -> list[Mapping[str, Any]]:
        """The last 2,000 faults that calls have met, the oldest first.

        Returns:
            For each its time (``ts``, in seconds), ``operation``, ``action`` and ``rule_id``.
            microburst keeps no members of the request, so neither label nor client token.
        """
        met: list[Mapping[str, Any]] = self._call("GET", f"fired?limit={_REMEMBERED}")
        return met

    def is_ready(self) -> bool:
        """Whether the proxy answers."""
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
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(
                f"microburst refuses {body}: {error.read().decode()}. Its README has the rules"
            ) from error


# What the program ``microburst`` does, after sowing the dice for its probabilities.
_PROGRAM = """\
import random, sys
from microburst.cli import main
random.seed(int(sys.argv.pop(1)))
sys.exit(main())
"""


@contextmanager
def proxy(*, port: int, upstream_port: int, seed: int = 0) -> Iterator[None]:
    """Run a proxy in front of the local cloud for the length of a ``with`` block.

    The same seed and the same calls, one after the other, meet the same faults.
    """
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _PROGRAM, str(seed)),
            *("--upstream", f"http://{PROXY_UPSTREAM_HOST}:{upstream_port}"),
            *("--port", str(port)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()
