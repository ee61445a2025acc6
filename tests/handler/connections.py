"""The connections of the handler's SDK clients, on which calls take time and meet faults."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from tests.handler.clock import Clock
from tests.handler.faults import Fault, InjectedFault, error_response

_THROTTLE = error_response(429, "ThrottlingException")


class Rate:
    """A rate of calls that AppFlow accepts, with as many at once as in a second."""

    def __init__(self, calls_per_second: float) -> None:
        self._per_second = calls_per_second
        self._left, self._at = calls_per_second, 0.0

    def accepts(self, now: float) -> bool:
        """Whether another call is accepted."""
        self._left += (now - self._at) * self._per_second
        self._left, self._at = min(self._left, self._per_second), now
        accepted = self._left >= 1
        self._left -= accepted
        return accepted


class Connections:
    """The connections of all clients of the handler, in all containers.

    Attributes:
        clock: the clock by which calls take time, or None if they take none.
        rate: the rate of calls that AppFlow accepts, or None if it accepts any.
    """

    def __init__(self) -> None:
        self.clock: Clock | None = None
        self.rate: Rate | None = None
        self._faults: list[InjectedFault] = []
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()

    def use(self, clock: Clock | None) -> None:
        """Let calls take time by another clock, and meet no fault."""
        self.clock = clock
        self.rate = None
        self._faults.clear()

    def attach(self, client: Any) -> None:
        """Let the calls of a client take time and meet faults."""
        if client in self._clients:
            return
        self._clients.add(client)
        connection = _Connection(self, client)
        service = client.meta.service_model
        for operation in service.operation_names:
            name = f"{service.service_id.hyphenize()}.{operation}"
            client.meta.events.register_first(f"before-send.{name}", connection.before)
            client.meta.events.register(f"response-received.{name}", connection.after)

    def inject(self, operation: str, fault: Fault, times: int) -> InjectedFault:
        """Make the next calls of an operation meet a fault, after the faults injected before."""
        self._faults.append(InjectedFault(operation, fault, times))
        return self._faults[-1]

    def fault(self, operation: str) -> InjectedFault | None:
        """The fault that a call of an operation meets."""
        coming = (fault for fault in self._faults if fault.operation == operation)
        return next((fault for fault in coming if not fault.is_over), None)


class _Connection:
    """The connection of one client.

    A call that takes longer than the client's read timeout fails when that is over, and may reach
    the service after that.
    """

    def __init__(self, connections: Connections, client: Any) -> None:
        self._connections = connections
        self._client = client
        # A client may be used by more than one thread.
        self._call = threading.local()

    def before(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        operation, clock = event_name.split(".")[-1], self._connections.clock
        self._call.after = 0.0
        if clock is None:
            return None
        before, after = clock.latency.parts(operation)
        fault = self._connections.fault(operation)
        timeout = self._client.meta.config.read_timeout
        if fault is None and before > timeout:
            clock.at(clock.now + before, lambda: self._send(request))
            self._hang(clock, timeout, request)
        clock.advance(min(before, timeout))
        if fault is None and before + after > timeout:
            self._send(request)
            self._hang(clock, timeout - before, request)
        self._call.after = after
        if self._is_throttled(clock):
            return _THROTTLE(self._client, request)
        try:
            return None if fault is None else fault.apply(self._client, request)
        except ReadTimeoutError:
            self._hang(clock, timeout - before, request)
            raise

    def _is_throttled(self, clock: Clock) -> bool:
        rate = self._connections.rate
        is_appflow = self._client.meta.service_model.service_name == "appflow"
        return is_appflow and rate is not None and not rate.accepts(clock.now)

    def after(self, exception: Exception | None, **_: Any) -> None:
        if self._connections.clock is not None and not isinstance(exception, ReadTimeoutError):
            self._connections.clock.advance(self._call.after)

    def _hang(self, clock: Clock, seconds: float, request: Any) -> None:
        clock.advance(max(seconds, 0))
        raise ReadTimeoutError(endpoint_url=request.url)

    def _send(self, request: Any) -> None:
        self._client._endpoint.http_session.send(request)
