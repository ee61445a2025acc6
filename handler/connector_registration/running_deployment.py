"""Whether a running deployment refreshes the registrations of a function by itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from .request import Registration
from .stack_history import StackEvent, StackHistory, is_in_progress, status_of


class RunningDeployment:
    """The operation that CloudFormation carries out on a stack at the moment, if there is one.

    Args:
        history: the events of the stack, which has a registration and its function.
        registration: the registration.
    """

    def __init__(self, history: StackHistory, registration: Registration) -> None:
        self._history = history
        self._registration = registration

    def refreshes_registration(self) -> bool:
        """Whether it has changed the function, and refreshes the registration after that.

        False also if the stack events do not tell.
        """
        return bool(self._history.ask(self._refreshes))

    def _refreshes(self, events: Iterable[StackEvent]) -> bool:
        status = self._history.status(events) or ""
        # While CloudFormation cleans up, every resource has its new state.
        if not status.endswith("_IN_PROGRESS") or "CLEANUP" in status:
            return False
        operation = itertools.takewhile(self._is_of_running_operation, events)
        for event in operation:
            if self._is_about_registration(event) and status_of(event).endswith("_COMPLETE"):
                return False
            if self._is_about_function(event):
                # A rollback updates only the resources whose update the deployment has begun.
                return status != "UPDATE_ROLLBACK_IN_PROGRESS" or any(
                    self._is_about_registration(earlier)
                    and status_of(earlier).startswith("UPDATE_")
                    for earlier in operation
                )
        return False

    def _is_of_running_operation(self, event: StackEvent) -> bool:
        return is_in_progress(event) or not self._history.is_about_stack(event)

    def _is_about_registration(self, event: StackEvent) -> bool:
        return event.get("PhysicalResourceId") == self._registration.connector_label and event.get(
            "ResourceType", ""
        ).startswith("Custom::")

    def _is_about_function(self, event: StackEvent) -> bool:
        """Whether an event is about the function, a version or an alias of it.

        The physical id of a function is its name, that of a version or an alias is its ARN.
        """
        function_arn = ":".join(self._registration.lambda_arn.split(":")[:7])
        physical_id = event.get("PhysicalResourceId", "")
        return event.get("ResourceType", "").startswith("AWS::Lambda::") and (
            physical_id == function_arn.rpartition(":")[2]
            or f"{physical_id}:".startswith(f"{function_arn}:")
        )
