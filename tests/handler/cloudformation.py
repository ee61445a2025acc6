"""A simulator of CloudFormation for one custom resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug import Request, Response

from tests.handler.clock import BEGINNING, Clock
from tests.handler.events import LABEL, SERVICE_TIMEOUT, SERVICE_TOKEN, TYPE

# Where the endpoint of the tests serves CloudFormation's API, and where it takes responses.
CLOUDFORMATION_PATH = "/cloudformation"
RESPONSE_PATH = "/response"

SIGNATURE = "X-Amz-Signature=f00dfeed"
"""A part of every response URL that must not appear in a log."""

STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1a2b3c"
LOGICAL_ID = "Registration8466E9D0"

INVOCATION_SECONDS = 300.0
"""The timeout that the provider gives the handler's function."""

# The size of CloudFormation's own pages.
_EVENTS_PER_PAGE = 100


@dataclass
class Context:
    """Lambda's context object of one invocation, as far as the handler reads it."""

    clock: Clock = field(default_factory=Clock)
    seconds: float = INVOCATION_SECONDS
    log_group_name: str = "/aws/lambda/registration-handler"
    aws_request_id: str = "an-invocation"
    invoked_function_arn: str = SERVICE_TOKEN

    def __post_init__(self) -> None:
        self._end = self.clock.now + self.seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - self.clock.now) * 1000)


@dataclass(frozen=True)
class StackEvent:
    """One event of a stack, in the words of CloudFormation."""

    status: str
    reason: str = ""
    logical_id: str = LOGICAL_ID
    at: float = 0.0
    physical_id: str = LABEL
    type_: str = TYPE


@dataclass
class CloudFormation:
    """CloudFormation for one resource: sends events, takes responses, keeps the stack's events.

    Attributes:
        url: where responses are to be sent.
        invoke: the handler.
        responses: all responses, the oldest first.
        history: the stack's events, the oldest first.
        while_reading: called for each page of the stack's events that is read.
    """

    url: str
    invoke: Callable[[Mapping[str, Any], Any], None]
    responses: list[Mapping[str, Any]] = field(default_factory=list)
    history: list[StackEvent] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    while_reading: Callable[[], None] = lambda: None

    def create(self, properties: Mapping[str, Any], **event: Any) -> Mapping[str, Any]:
        return self.send("Create", properties, **event)

    def update(
        self, properties: Mapping[str, Any], old: Mapping[str, Any], physical_id: str, **event: Any
    ) -> Mapping[str, Any]:
        return self.send(
            "Update",
            properties,
            OldResourceProperties=old,
            PhysicalResourceId=physical_id,
            **event,
        )

    def delete(
        self, properties: Mapping[str, Any], physical_id: str, **event: Any
    ) -> Mapping[str, Any]:
        return self.send("Delete", properties, PhysicalResourceId=physical_id, **event)

    def send(
        self, request_type: str, properties: Mapping[str, Any], **event: Any
    ) -> Mapping[str, Any]:
        """Send an event, take its one response, and record both."""
        sent = self.event(request_type, properties, **event)
        self.record(f"{request_type.upper()}_IN_PROGRESS")
        response = self.deliver(sent)
        self._record_response(request_type, response)
        return response

    def deliver(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the handler, as Lambda does at least once for each event.

        Returns:
            The one response, checked as CloudFormation checks it.
        """
        before = len(self.responses)
        self.invoke(event, Context(self.clock))
        responses = self.responses[before:]
        assert len(responses) == 1, responses
        [response] = responses
        for key in ("StackId", "RequestId", "LogicalResourceId"):
            assert response[key] == event[key]
        assert response["PhysicalResourceId"]
        assert response["Status"] == "SUCCESS" or response["Reason"]
        assert all(isinstance(value, str) for value in response["Data"].values())
        return response

    def cancel_update(self) -> None:
        """Cancel an update, as a user does or the failure of another resource."""
        self.record("UPDATE_FAILED", "Resource update cancelled")

    def record(self, status: str, reason: str = "") -> None:
        """Add an event of the resource to the stack's events."""
        self.history.append(StackEvent(status, reason, at=self.clock.now))

    def record_stack(self, status: str) -> None:
        """Add an event of the stack itself to the stack's events."""
        event = StackEvent(
            status,
            logical_id="demo",
            at=self.clock.now,
            physical_id=STACK_ID,
            type_="AWS::CloudFormation::Stack",
        )
        self.history.append(event)

    def record_others(self, count: int) -> None:
        """Add events of other resources to the stack's events."""
        self.history.extend(
            StackEvent("UPDATE_COMPLETE", logical_id=f"Bucket{number}") for number in range(count)
        )

    def event(
        self, request_type: str, properties: Mapping[str, Any], **event: Any
    ) -> dict[str, Any]:
        """An event that is made now."""
        return event_of(self.url, self.clock, request_type, properties, **event)

    def _record_response(self, request_type: str, response: Mapping[str, Any]) -> None:
        if response["Status"] == "SUCCESS":
            self.record(f"{request_type.upper()}_COMPLETE")
            return
        self.record(f"{request_type.upper()}_FAILED", failure_reason(response))

    def describe_stack_events(self, request: Request) -> Response:
        self.while_reading()
        known = request.form["StackName"] == STACK_ID
        return describe_stack_events(self.history if known else None, request)


def event_of(
    url: str, clock: Clock, request_type: str, properties: Mapping[str, Any], **event: Any
) -> dict[str, Any]:
    """An event that is made now, with the members that are given and others."""
    return {
        "RequestType": request_type,
        "RequestId": str(uuid4()),
        "ResponseURL": f"{url}&X-Amz-Date={_date(clock.now):%Y%m%dT%H%M%SZ}",
        "StackId": STACK_ID,
        "ResourceType": TYPE,
        "LogicalResourceId": LOGICAL_ID,
        "ServiceToken": SERVICE_TOKEN,
        "ServiceTimeout": SERVICE_TIMEOUT,
        "ResourceProperties": properties,
        **event,
    }


def failure_reason(response: Mapping[str, Any]) -> str:
    """The reason in the stack event about a response that says FAILED."""
    return (
        "Received response status [FAILED] from custom resource. Message returned:"
        f" {response['Reason']} (RequestId: {response['RequestId']})"
    )


def describe_stack_events(history: Sequence[StackEvent] | None, request: Request) -> Response:
    """DescribeStackEvents: newest first, page by page, or an error if there is no such stack."""
    assert request.form["Action"] == "DescribeStackEvents"
    if history is None:
        error = "<Code>ValidationError</Code><Message>There is no such stack</Message>"
        return Response(f"<ErrorResponse><Error>{error}</Error></ErrorResponse>", status=400)
    start = int(request.form.get("NextToken", "0"))
    end = start + _EVENTS_PER_PAGE
    stack_id = request.form["StackName"]
    members = "".join(_member(stack_id, event) for event in history[::-1][start:end])
    more = f"<NextToken>{end}</NextToken>" if end < len(history) else ""
    return Response(
        "<DescribeStackEventsResponse><DescribeStackEventsResult>"
        f"<StackEvents>{members}</StackEvents>{more}"
        "</DescribeStackEventsResult></DescribeStackEventsResponse>",
        content_type="text/xml",
    )


def _member(stack_id: str, event: StackEvent) -> str:
    stack_name = stack_id.split("/")[1]
    reason = f"<ResourceStatusReason>{escape(event.reason)}</ResourceStatusReason>"
    return (
        f"<member><StackId>{stack_id}</StackId><EventId>{uuid4()}</EventId>"
        f"<StackName>{stack_name}</StackName>"
        f"<Timestamp>{_date(event.at).isoformat(timespec='milliseconds')}</Timestamp>"
        f"<LogicalResourceId>{event.logical_id}</LogicalResourceId>"
        f"<PhysicalResourceId>{event.physical_id}</PhysicalResourceId>"
        f"<ResourceType>{event.type_}</ResourceType>"
        f"<ResourceStatus>{event.status}</ResourceStatus>{reason if event.reason else ''}</member>"
    )


def _date(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)
