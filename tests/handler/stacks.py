"""A simulator of CloudFormation's stacks of several registrations, and of Lambda's deliveries.

Each event goes to a container of its own, if an earlier one is still busy, and time passes for all.
Sources: "Custom resource request types", "Cancel a stack update" and "Continue rolling back an
update" in the AWS CloudFormation User Guide, and "Asynchronous invocation" in the AWS Lambda
Developer Guide.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from werkzeug import Request as HttpRequest
from werkzeug import Response

from tests.handler.clock import RESPONSE, Clock, Task
from tests.handler.cloudformation import (
    Context,
    StackEvent,
    describe_stack_events,
    event_of,
    failure_reason,
)
from tests.handler.events import SERVICE_TIMEOUT, SERVICE_TOKEN

Properties = Mapping[str, Any]
Template = Mapping[str, Properties]
"""The properties of each resource, by logical id."""

_STACK_TYPE = "AWS::CloudFormation::Stack"
_FUNCTION_TYPE = "AWS::Lambda::Function"
_OTHER_TYPE = "AWS::S3::Bucket"

_NO_RESPONSE = (
    "CloudFormation did not receive a response from your Custom Resource. Please check your logs"
    " for requestId [{}]. If you are using the Python cfn-response module, you may need to update"
    " your Lambda function code so that CloudFormation can attach the updated version."
)


@dataclass
class Invocation:
    """One delivery of an event to the handler.

    Attributes:
        ended: the time of its end, or None while it runs.
        error: what the handler has raised.
    """

    event: Mapping[str, Any]
    started: float
    ended: float | None = None
    error: BaseException | None = None

    @property
    def request_id(self) -> str:
        request_id: str = self.event["RequestId"]
        return request_id


@dataclass
class Notice:
    """One event of an EventBridge rule, which Lambda delivers again while the handler fails.

    Attributes:
        is_over: whether Lambda delivers it no more.
        has_failed: whether its last delivery has failed, or none was in time.
        delivered: the time of each delivery.
        errors: what the handler has raised.
    """

    event: Mapping[str, Any]
    is_over: bool = False
    has_failed: bool = True
    delivered: list[float] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


class Region:
    """CloudFormation and Lambda: sends events, takes responses, and knows every stack.

    Attributes:
        invocations: every delivery, the oldest first.
        responses: every response, the oldest first.
        notices: every event of EventBridge, the oldest first.
    """

    def __init__(
        self,
        url: str,
        invoke: Callable[[Mapping[str, Any], Any, Clock], None],
        clock: Clock,
        handler_arn: str = SERVICE_TOKEN,
    ) -> None:
        self.clock = clock
        self.notices: list[Notice] = []
        self.invocations: list[Invocation] = []
        self.responses: list[Mapping[str, Any]] = []
        self.stacks: dict[str, Stack] = {}
        self._url = url
        self._invoke = invoke
        self._handler_arn = handler_arn
        self._answered: dict[str, Mapping[str, Any]] = {}

    def stack(self, **settings: Any) -> Stack:
        """A stack that is not created yet."""
        stack = Stack(self, **settings)
        self.stacks[stack.id] = stack
        return stack

    def deliver(self, event: Mapping[str, Any], *, at: float = 0.0) -> Invocation:
        """Deliver an event, for the first time or again, now or at a later time."""
        invocation = Invocation(event, max(at, self.clock.now))
        self.invocations.append(invocation)

        def run() -> None:
            try:
                self._invoke(event, Context(self.clock), self.clock)
            except Exception as error:  # noqa: BLE001 - Lambda runs the event again a minute later.
                invocation.error = error
            invocation.ended = self.clock.now

        self.clock.start(run, at=at)
        return invocation

    def notify(self, event: Mapping[str, Any], *, at: float = 0.0) -> Notice:
        """Deliver an event of EventBridge, now or at a later time.

        Lambda repeats it after one minute and after two more, while it is young enough.
        """
        notice = Notice(event)
        self.notices.append(notice)
        sent = self.clock.now

        def run() -> None:
            for pause in (0, 60, 120):
                self.clock.advance(pause)
                if not notice.has_failed or self.clock.now - sent > event["MaxEventAgeSeconds"]:
                    break
                self._deliver_notice(notice)
            notice.is_over = True

        self.clock.start(run, at=at)
        return notice

    def _deliver_notice(self, notice: Notice) -> None:
        notice.delivered.append(self.clock.now)
        context = Context(self.clock, invoked_function_arn=self._handler_arn)
        try:
            self._invoke(notice.event, context, self.clock)
        except Exception as error:  # noqa: BLE001 - Lambda repeats the event.
            notice.errors.append(error)
            return
        notice.has_failed = False

    def event(self, request_type: str, properties: Properties, **event: Any) -> dict[str, Any]:
        """An event that is made now."""
        return event_of(self._url, self.clock, request_type, properties, **event)

    def response(self, request_id: str) -> Mapping[str, Any] | None:
        """The first response to a request, which is the one that counts."""
        return self._answered.get(request_id)

    def take(self, request: HttpRequest) -> Response:
        """Take a response, as S3 does; CloudFormation sees it after the latency."""
        assert request.method == "PUT"
        response = json.loads(request.data)
        self.responses.append(response)
        # The server has one thread, which may not wait for another invocation.
        seconds = sum(self.clock.latency.parts(RESPONSE))
        request_id = response["RequestId"]
        self.clock.at(
            self.clock.now + seconds, lambda: self._answered.setdefault(request_id, response)
        )
        return Response()

    def describe_stack_events(self, request: HttpRequest) -> Response:
        stack = self.stacks.get(request.form["StackName"])
        return describe_stack_events(None if stack is None else stack.history, request)

    def forget(self) -> None:
        """Forget every stack and every invocation."""
        self.stacks.clear()
        self.invocations.clear()
        self.responses.clear()
        self.notices.clear()
        self._answered.clear()

    def settle(self) -> None:
        """Let time pass until every operation and every invocation has ended."""
        self.clock.wait(
            lambda: (
                all(stack.is_settled for stack in self.stacks.values())
                and all(invocation.ended is not None for invocation in self.invocations)
                and all(notice.is_over for notice in self.notices)
            )
        )


@dataclass
class _Change:
    """What an operation does to a resource.

    Attributes:
        old: the properties before, or None if the resource is created.
        physical_id: the id before, and the new one once CloudFormation knows it.
        previous_id: the id before.
        is_reverted: whether the rollback has reverted it.
    """

    logical_id: str
    old: Properties | None
    new: Properties
    physical_id: str = ""
    previous_id: str = ""
    is_reverted: bool = False


@dataclass
class Resource:
    """A resource as CloudFormation knows it."""

    properties: Properties
    physical_id: str


@dataclass
class _Removal:
    """A physical resource that is to be deleted."""

    logical_id: str
    resource: Resource


@dataclass
class Operation:
    """What is set for one operation of a stack.

    Attributes:
        parallel: whether resources are created and updated at the same time.
        pause: seconds between the end of the failed operation and the first event of the rollback.
        stack_first: whether a cancellation is recorded for the stack before the resources.
        before: called before resources are created or updated; it updates the functions.
        before_rollback: called before resources are rolled back; it restores the functions.
    """

    parallel: bool = False
    pause: float = 0.0
    stack_first: bool = False
    before: Callable[[], object] = lambda: None
    before_rollback: Callable[[], object] = lambda: None


class Stack:
    """One stack of registrations.

    Attributes:
        id: its ARN.
        history: its events, the oldest first.
        resources: what CloudFormation knows about its resources, by logical id.
    """

    def __init__(self, region: Region, name: str = "demo") -> None:
        self.name = name
        self.id = f"arn:aws:cloudformation:us-east-1:111122223333:stack/{name}/{uuid4()}"
        self.history: list[StackEvent] = []
        self.resources: dict[str, Resource] = {}
        self._region = region
        self._clock = region.clock
        self._operation = Operation()
        self._failure: str | None = None
        self._changes: list[_Change] = []
        self._removals: list[_Removal] = []
        self._rolled_back: dict[str, Resource] = {}

    @property
    def status(self) -> str:
        """The status of the stack, or nothing before its creation."""
        events = (event for event in self.history[::-1] if event.physical_id == self.id)
        return next((event.status for event in events), "")

    @property
    def is_settled(self) -> bool:
        """Whether no operation is in progress."""
        return not self.status.endswith("_IN_PROGRESS")

    def deploy(self, template: Template, operation: Operation | None = None) -> Task:
        """Create the stack or update it, and roll back if that fails."""
        assert self.is_settled
        kind = "UPDATE" if self.status else "CREATE"
        self._operation = operation or Operation()
        self._failure = None
        self._changes, self._removals = [], []
        self._rolled_back = {**self.resources}
        self._record_stack(f"{kind}_IN_PROGRESS", "User Initiated")
        return self._clock.start(lambda: self._deploy(kind, template))

    def record_function(self, name: str) -> None:
        """Record that the running operation has updated a function of the stack."""
        for status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"):
            self._record(f"Function{name}", status, physical_id=name, type_=_FUNCTION_TYPE)

    def cancel(self) -> None:
        """Cancel an update, as a user does, unless it is over."""
        if self.status == "UPDATE_IN_PROGRESS" and self._failure is None:
            if self._operation.stack_first:
                self._record_stack("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
            self._failure = "User Initiated"

    def fail_another_resource(self) -> None:
        """Let another resource of the stack fail, unless the operation is over."""
        if self.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS") and self._failure is None:
            kind = self.status.split("_")[0]
            self._record("Bucket", f"{kind}_FAILED", "Access Denied", type_=_OTHER_TYPE)
            self._failure = f"The following resource(s) failed to {kind.lower()}: [Bucket]. "

    def continue_rollback(self, *, skip: Collection[str] = ()) -> Task:
        """Continue a rollback that has failed; skipped resources are left as they are."""
        assert self.status == "UPDATE_ROLLBACK_FAILED"
        self._record_stack("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
        for change in self._changes:
            if change.logical_id in skip and not change.is_reverted:
                change.is_reverted = True
                self._record(change.logical_id, "UPDATE_COMPLETE", physical_id=change.physical_id)
        return self._clock.start(self._roll_back_resources)

    def delete(self) -> Task:
        """Delete the stack, or what is left of it."""
        assert self.is_settled
        self._record_stack("DELETE_IN_PROGRESS", "User Initiated")
        return self._clock.start(self._delete)

    @property
    def failed_to_roll_back(self) -> list[str]:
        """The logical ids of the resources that a failed rollback has not reverted."""
        touched = [change for change in self._changes if change.old is not None]
        return [change.logical_id for change in touched if not change.is_reverted]

    @property
    def touched(self) -> list[str]:
        """The logical ids of the resources that the last deployment has sent an event for."""
        return [change.logical_id for change in self._changes]

    def _deploy(self, kind: str, template: Template) -> None:
        self._operation.before()
        self._each(self._apply, list(self._planned(template)))
        if self._failure is not None:
            self._clock.advance(self._operation.pause)
            self._roll_back(kind)
            return
        for logical_id in [*self.resources]:
            if logical_id not in template:
                self._remove(logical_id, self.resources.pop(logical_id))
        if kind == "UPDATE":
            self._record_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up()
        self._record_stack(f"{kind}_COMPLETE")

    def _planned(self, template: Template) -> Iterable[_Change]:
        for logical_id, properties in template.items():
            known = self.resources.get(logical_id)
            if known is None:
                yield _Change(logical_id, None, properties)
            elif known.properties != properties:
                old_id = known.physical_id
                yield _Change(logical_id, known.properties, properties, old_id, old_id)

    def _each(self, action: Callable[[_Change], None], changes: Iterable[_Change]) -> None:
        """Carry changes out, at the same time or one after the other."""
        if not self._operation.parallel:
            for change in changes:
                action(change)
            return
        tasks = [self._clock.start(lambda change=change: action(change)) for change in changes]  # type: ignore[misc]
        for task in tasks:
            task.wait()

    def _apply(self, change: _Change) -> None:
        """Create or update a resource, unless the operation has failed before."""
        if self._failure is not None:
            return
        self._changes.append(change)
        kind = "Create" if change.old is None else "Update"
        response, reason = self._request(
            kind, change, change.new, change.old, gives_up=lambda: self._failure is not None
        )
        if response is not None:
            change.physical_id = response["PhysicalResourceId"]
        if reason is None:
            self._complete(kind, change)
            return
        change.physical_id = change.physical_id or self._made_up_id(change)
        self._record(change.logical_id, f"{kind.upper()}_FAILED", reason, change.physical_id)
        if self._failure is None:
            self._failure = (
                f"The following resource(s) failed to {kind.lower()}: [{change.logical_id}]. "
            )

    def _complete(self, kind: str, change: _Change) -> None:
        if kind == "Create":
            initiated = "Resource creation Initiated"
            self._record(change.logical_id, "CREATE_IN_PROGRESS", initiated, change.physical_id)
        elif change.physical_id != change.previous_id:
            assert change.old is not None
            self._remove(change.logical_id, Resource(change.old, change.previous_id))
        self._record(change.logical_id, f"{kind.upper()}_COMPLETE", "", change.physical_id)
        self.resources[change.logical_id] = Resource(change.new, change.physical_id)

    def _roll_back(self, kind: str) -> None:
        # What a successful update had replaced stays.
        self._removals = []
        status = "ROLLBACK" if kind == "CREATE" else "UPDATE_ROLLBACK"
        if self.status != f"{status}_IN_PROGRESS":
            self._record_stack(f"{status}_IN_PROGRESS", self._failure or "")
        self._operation.before_rollback()
        if kind == "UPDATE":
            self._roll_back_resources()
            return
        self.resources = {}
        for change in self._changes:
            self._remove(change.logical_id, Resource(change.new, change.physical_id))
        failed = self._clean_up()
        self.resources = {one.logical_id: one.resource for one in failed}
        self._record_stack("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE")

    def _roll_back_resources(self) -> None:
        pending = self.failed_to_roll_back
        changes = [change for change in self._changes[::-1] if change.logical_id in pending]
        self._each(self._revert, changes)
        if failed := self.failed_to_roll_back:
            reason = f"The following resource(s) failed to update: [{', '.join(failed)}]. "
            self._record_stack("UPDATE_ROLLBACK_FAILED", reason)
            return
        self.resources = self._rolled_back
        for change in self._changes:
            if change.old is None:
                self._remove(change.logical_id, Resource(change.new, change.physical_id))
        self._record_stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up()
        self._record_stack("UPDATE_ROLLBACK_COMPLETE")

    def _revert(self, change: _Change) -> None:
        assert change.old is not None
        response, reason = self._request("Update", change, change.old, change.new)
        if reason is not None:
            self._record(change.logical_id, "UPDATE_FAILED", reason, change.physical_id)
            return
        assert response is not None
        reverted_id = response["PhysicalResourceId"]
        if reverted_id != change.physical_id:
            self._remove(change.logical_id, Resource(change.new, change.physical_id))
        self._record(change.logical_id, "UPDATE_COMPLETE", "", reverted_id)
        self._rolled_back[change.logical_id] = Resource(change.old, reverted_id)
        change.is_reverted = True

    def _delete(self) -> None:
        for logical_id in [*self.resources][::-1]:
            self._remove(logical_id, self.resources[logical_id])
        failed = self._clean_up()
        self.resources = {one.logical_id: one.resource for one in failed}
        self._record_stack("DELETE_FAILED" if failed else "DELETE_COMPLETE")

    def _remove(self, logical_id: str, resource: Resource) -> None:
        self._removals.append(_Removal(logical_id, resource))

    def _clean_up(self) -> list[_Removal]:
        """Delete what is to be removed, and return what failed."""
        removals, self._removals = self._removals, []
        return [removal for removal in removals if not self._delete_resource(removal)]

    def _delete_resource(self, removal: _Removal) -> bool:
        physical_id = removal.resource.physical_id
        change = _Change(removal.logical_id, None, {}, physical_id)
        _, reason = self._request("Delete", change, removal.resource.properties)
        outcome = "COMPLETE" if reason is None else "FAILED"
        self._record(removal.logical_id, f"DELETE_{outcome}", reason or "", physical_id)
        return reason is None

    def _request(
        self,
        kind: str,
        change: _Change,
        properties: Properties,
        old: Properties | None = None,
        *,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> tuple[Mapping[str, Any] | None, str | None]:
        """Send an event; return the response, if there is one, and the reason of a failure."""
        members: dict[str, Any] = {} if old is None else {"OldResourceProperties": old}
        if change.physical_id:
            members["PhysicalResourceId"] = change.physical_id
        event = self._region.event(
            kind, properties, StackId=self.id, LogicalResourceId=change.logical_id, **members
        )
        request_id: str = event["RequestId"]
        self._record(change.logical_id, f"{kind.upper()}_IN_PROGRESS", "", change.physical_id)
        self._region.deliver(event)
        self._clock.wait(
            lambda: self._region.response(request_id) is not None or gives_up(),
            until=self._clock.now + float(SERVICE_TIMEOUT),
        )
        response = self._region.response(request_id)
        if response is None:
            noun = {"Create": "creation"}.get(kind, kind.lower())
            cancelled = f"Resource {noun} cancelled"
            return None, cancelled if gives_up() else _NO_RESPONSE.format(request_id)
        return response, None if response["Status"] == "SUCCESS" else failure_reason(response)

    def _made_up_id(self, change: _Change) -> str:
        return f"{self.name}-{change.logical_id}-{uuid4().hex[:12].upper()}"

    def _record_stack(self, status: str, reason: str = "") -> None:
        self._record(self.name, status, reason, self.id, type_=_STACK_TYPE)

    def _record(
        self,
        logical_id: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        **members: str,
    ) -> None:
        event = StackEvent(status, reason, logical_id, self._clock.now, physical_id, **members)
        self.history.append(event)
