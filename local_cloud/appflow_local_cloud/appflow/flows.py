"""The flows of one account and Region, their states and their runs.

Source: FlowDefinition, DescribeFlow and ExecutionRecord in the AppFlow API Reference.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .errors import ConflictException, ResourceNotFoundException

IN_PROGRESS = "InProgress"

# The longest executionMessage of the service model.
_MAX_MESSAGE = 2048


@dataclass
class Counts:
    """What a run has transferred so far.

    Attributes:
        records: the number of records that the run has read.
        bytes_processed: the size of these records.
        bytes_written: the size of what the run has written.
        failures: the number of records that the destination refused.
    """

    records: int = 0
    bytes_processed: int = 0
    bytes_written: int = 0
    failures: int = 0


@dataclass
class Run:
    """One run of a flow. Its thread alone changes it, except ``cancelled``."""

    id: str
    started_at: datetime
    updated_at: datetime
    status: str = IN_PROGRESS
    message: str | None = None
    counts: Counts = field(default_factory=Counts)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def in_progress(self) -> bool:
        """Whether the run has not ended."""
        return self.status == IN_PROGRESS

    def end(self, status: str, message: str | None, now: datetime) -> None:
        """Set the outcome of the run.

        Args:
            status: ``Successful``, ``Error`` or ``Canceled``.
            message: why the run did not succeed, or None.
            now: the time.
        """
        self.message = message[:_MAX_MESSAGE] if message else None
        self.updated_at = now
        # Last, since other threads read the rest once the status is not InProgress.
        self.status = status

    def cancel(self) -> None:
        """Ask the run to end before its next request."""
        self.cancelled.set()

    def shown_status(self) -> str:
        """The status in an execution record."""
        is_ending = self.in_progress and self.cancelled.is_set()
        return "CancelStarted" if is_ending else self.status


@dataclass(frozen=True)
class Flow:
    """A flow.

    Attributes:
        definition: the members of CreateFlow that describe the flow, without tags.
        labels: the label of the connector that is the source, and of the one that is the
            destination; None for a bucket.
        status: a ``FlowStatus``.
        schema_version: the number of times that the tasks have changed, and 1.
        runs: all runs, the oldest first.
    """

    name: str
    arn: str
    definition: Mapping[str, Any]
    labels: tuple[str | None, str | None]
    status: str
    tags: Mapping[str, str]
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    schema_version: int = 1
    runs: list[Run] = field(default_factory=list)

    @property
    def trigger(self) -> str:
        """``OnDemand`` or ``Scheduled``."""
        return str(self.definition["triggerConfig"]["triggerType"])

    @property
    def is_running(self) -> bool:
        """Whether one of its runs is in progress."""
        return any(run.in_progress for run in self.runs)

    def uses_profile(self, name: str) -> bool:
        """Whether the source or a destination uses a connector profile."""
        ends = [self.definition["sourceFlowConfig"], *self.definition["destinationFlowConfigList"]]
        return any(end.get("connectorProfileName") == name for end in ends)

    def cancel_runs(self) -> None:
        """Ask all its runs to end."""
        for run in self.runs:
            run.cancel()


class Flows:
    """The flows of one account and Region."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._lock = threading.RLock()

    def get(self, name: str) -> Flow:
        """The flow with a name.

        Raises:
            ResourceNotFoundException: no flow has this name.
        """
        try:
            return self._flows[name]
        except KeyError:
            raise ResourceNotFoundException(f"Flow {name} does not exist.") from None

    def with_arn(self, arn: str) -> Flow:
        """The flow with an ARN.

        Raises:
            ResourceNotFoundException: no flow has this ARN.
        """
        for flow in self.all():
            if flow.arn == arn:
                return flow
        raise ResourceNotFoundException(f"There is no flow with the ARN {arn}.")

    def all(self) -> list[Flow]:
        """All flows."""
        with self._lock:
            return list(self._flows.values())

    def add(self, flow: Flow) -> None:
        """Add a flow.

        Raises:
            ConflictException: a flow with this name exists.
        """
        with self._lock:
            if flow.name in self._flows:
                raise ConflictException(f"Flow {flow.name} already exists.")
            self._flows[flow.name] = flow

    def change(self, name: str, **members: Any) -> Flow:
        """Change members of a flow; the others keep what another call has set meanwhile.

        Raises:
            ResourceNotFoundException: no flow has this name.
        """
        with self._lock:
            self._flows[name] = changed = replace(self.get(name), **members)
            return changed

    def begin_run(self, name: str, run: Run) -> Flow:
        """Add a run to a flow.

        Raises:
            ResourceNotFoundException: no flow has this name.
            ConflictException: a run of the flow is in progress.
        """
        with self._lock:
            flow = self.get(name)
            if flow.is_running:
                raise ConflictException(f"A run of flow {name} is in progress.")
            flow.runs.append(run)
            return flow

    def remove(self, name: str, *, force: bool) -> None:
        """Remove a flow, and cancel its runs.

        Raises:
            ResourceNotFoundException: no flow has this name.
            ConflictException: the flow is in use, and ``force`` is false.
        """
        with self._lock:
            flow = self.get(name)
            is_activated = flow.trigger != "OnDemand" and flow.status == "Active"
            if not force and (flow.is_running or is_activated):
                use = "a run of it is in progress" if flow.is_running else "it is active"
                raise ConflictException(
                    f"Flow {name} is in use: {use}. Stop the flow first, or set forceDelete."
                )
            flow.cancel_runs()
            del self._flows[name]
