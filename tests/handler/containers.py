"""The containers in which Lambda runs the handler, each with modules and SDK clients of its own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import connector_registration

from tests.handler.clock import Clock

_PACKAGE = connector_registration.__name__
_FOLDER = Path(str(connector_registration.__file__)).parent


class Container:
    """A copy of the handler's package, as another process would import it."""

    def __init__(self, number: int) -> None:
        name = f"{_PACKAGE}_{number}"
        # The modules of the package import each other relatively, so they find their own copies.
        spec = importlib.util.spec_from_file_location(
            name, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        self.handler = importlib.import_module(f"{name}.function").handler
        self.sdk: Any = importlib.import_module(f"{name}.sdk")
        self.time_budget: Any = importlib.import_module(f"{name}.time_budget")
        # Many hours of a test's time pass within a second of AppFlow's, and the dates of responses
        # have whole seconds only.
        aws_time = self.sdk._AwsTime
        vars(self.sdk)["_note_date"] = lambda _: setattr(aws_time, "latest", time.time())
        self.is_busy = False

    def clients(self) -> list[Any]:
        """The SDK clients of the container."""
        return [self.sdk.client(service) for service in self.sdk.TIMEOUTS]


class Containers:
    """Runs each event in a container that is free, like Lambda.

    Args:
        prepare: called with each SDK client of a container that is new.
    """

    def __init__(self, prepare: Callable[[Any], None]) -> None:
        self._prepare = prepare
        self._all: list[Container] = []

    def invoke(self, event: Mapping[str, Any], context: Any, clock: Clock) -> None:
        container = next((one for one in self._all if not one.is_busy), None) or self._add()
        container.is_busy = True
        container.time_budget.clock = clock
        try:
            container.handler(event, context)
        finally:
            container.is_busy = False

    def _add(self) -> Container:
        container = Container(len(self._all))
        for client in container.clients():
            self._prepare(client)
        self._all.append(container)
        return container
