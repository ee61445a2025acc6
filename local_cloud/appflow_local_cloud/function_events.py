"""Events of changes to functions, in EventBridge's default bus.

Lambda itself sends an event when a function or version has reached a state: an update reports its
end. CloudTrail sends an event of each call that changes a function, at the call, which is before an
update ends. It needs a trail on AWS, and none here. Both arrive late, more than once or in another
order, as the settings of the account say.

Sources: "Lambda Function state events in Amazon EventBridge" in the Lambda Developer Guide, which
names the source, the ARN with its version, and the state; the detail type and the names of members
are the local cloud's. For CloudTrail's events: "AWS Lambda events" in the EventBridge Events
Reference, and the record of lambda-overwrite-code in the documentation of Stratus Red Team.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import contextvars
import functools
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_evaluator, responses
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from .event_delivery import EventDelivery

Response = tuple[int, dict[str, str], bytes]

STATE_EVENT = "Lambda Function State Change"
CALL_EVENT = "AWS API Call via CloudTrail"

# What CloudTrail calls the operations.
_EVENT_NAMES = {
    "_update_code": "UpdateFunctionCode20150331v2",
    "_update_config": "UpdateFunctionConfiguration20150331v2",
    "_publish_version": "PublishVersion20150331",
    "_create_alias": "CreateAlias20150331",
    "_update_alias": "UpdateAlias20150331",
}
_STATES = (
    "State",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
)
# CloudTrail does not record code and the values of environment variables.
_SECRET = ("ZipFile", "Environment")


class _Deferred:
    """The events of states that an operation reaches before it returns."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] | None = []

    def keep(self, event: dict[str, Any]) -> bool:
        """Keep an event; False if the operation has returned."""
        if self._events is None:
            return False
        self._events.append(event)
        return True

    def release(self) -> list[dict[str, Any]]:
        """The events; the operation has returned."""
        events, self._events = self._events or [], None
        return events


class FunctionEvents:
    """Sends an event of each change of a function.

    Args:
        delivery: what delivers the events.
    """

    def __init__(self, delivery: EventDelivery) -> None:
        self._delivery = delivery
        self._handle_request = lambda_svc.handle_request
        # The function as a call of Lambda's API names it; None: the call is CloudFormation's.
        self._named: contextvars.ContextVar[str | None] = contextvars.ContextVar(
            "named", default=None
        )
        self._deferred: contextvars.ContextVar[_Deferred | None] = contextvars.ContextVar(
            "deferred", default=None
        )

    def install(self) -> None:
        """Replace the functions of MiniStack."""
        self._handle_request = lambda_svc.handle_request
        lambda_svc.handle_request = self.handle_request
        for name, event_name in _EVENT_NAMES.items():
            setattr(lambda_svc, name, self._recorded(getattr(lambda_svc, name), event_name))
        handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Alias"]
        handlers["create"] = self._recorded_alias(handlers["create"])

    async def handle_request(self, method: str, path: str, *others: Any) -> Response:
        """Serve a call of Lambda's API."""
        found = re.search("/functions/([^/]+)", path)
        token = self._named.set(unquote(found[1]) if found else None)
        try:
            response: Response = await self._handle_request(method, path, *others)
        finally:
            self._named.reset(token)
        return response

    def state_changed(self, config: Mapping[str, Any]) -> None:
        """Send Lambda's event of a function or version that has reached a state."""
        arn = config["FunctionArn"]
        version = config["Version"]
        qualified = arn if arn.endswith(f":{version}") else f"{arn}:{version}"
        detail = {
            "functionArn": qualified,
            "functionName": config["FunctionName"],
            "version": version,
            **_lower_camel({name: config[name] for name in _STATES if config.get(name)}),
        }
        event = _event(STATE_EVENT, detail, [qualified])
        deferred = self._deferred.get()
        if deferred is None or not deferred.keep(event):
            self._delivery.send(event, is_call=False)

    def _recorded(
        self, original: Callable[..., Response], event_name: str
    ) -> Callable[..., Response]:
        """Wrap an operation of Lambda, so that CloudTrail's event of each call is sent."""

        @functools.wraps(original)
        def operation(name: str, *arguments: Any) -> Response:
            # An operation may end at once, but its call comes first.
            deferred = _Deferred()
            token = self._deferred.set(deferred)
            try:
                response = original(name, *arguments)
            finally:
                self._deferred.reset(token)
            self._send_call(event_name, name, arguments, response)
            for event in deferred.release():
                self._delivery.send(event, is_call=False)
            return response

        return operation

    def _recorded_alias(
        self, original: Callable[..., tuple[str, dict[str, Any]]]
    ) -> Callable[..., tuple[str, dict[str, Any]]]:
        """Wrap how CloudFormation creates an alias, for which MiniStack calls no operation."""

        def create(
            logical_id: str, properties: Mapping[str, Any], stack_name: str
        ) -> tuple[str, dict[str, Any]]:
            created = original(logical_id, properties, stack_name)
            arn = created[0]
            alias = {
                "Name": properties["Name"],
                "FunctionVersion": properties.get("FunctionVersion", "$LATEST"),
            }
            body = json.dumps({"AliasArn": arn, **alias}).encode()
            name = arn.split(":")[6]
            self._send_call(_EVENT_NAMES["_create_alias"], name, (alias,), (201, {}, body))
            return created

        return create

    def _send_call(
        self, event_name: str, name: str, arguments: tuple[Any, ...], response: Response
    ) -> None:
        status, headers, body = response
        parameters: dict[str, Any] = {"functionName": self._named.get() or name}
        # The operations on one alias have its name between the function and the members.
        *alias, members = arguments
        parameters |= {"name": alias[0]} if alias else {}
        parameters |= _lower_camel(members)
        result = json.loads(body or b"{}")
        detail = {
            "eventVersion": "1.11",
            "userIdentity": self._user_identity(),
            "eventTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "lambda.amazonaws.com",
            "eventName": event_name,
            "awsRegion": responses.get_region(),
            "requestParameters": parameters,
            "responseElements": None,
            "requestID": str(uuid.uuid4()),
            "eventID": str(uuid.uuid4()),
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": responses.get_account_id(),
        }
        if status < 400:
            detail["responseElements"] = _lower_camel(result)
        else:
            detail["errorCode"] = headers.get("x-amzn-errortype", result.get("__type"))
            detail["errorMessage"] = result.get("message", result.get("Message"))
        self._delivery.send(_event(CALL_EVENT, detail, []), is_call=True)

    def _user_identity(self) -> dict[str, Any]:
        identity = {"arn": iam_evaluator.caller_arn(), "accountId": responses.get_account_id()}
        if self._named.get() is None:
            identity["invokedBy"] = "cloudformation.amazonaws.com"
        return identity


def _event(detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> dict[str, Any]:
    """An event as MiniStack's EventBridge keeps it."""
    return {
        "EventId": str(uuid.uuid4()),
        "Source": "aws.lambda",
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "EventBusName": "default",
        "Time": int(time.time()),
        "Resources": resources,
        "Account": responses.get_account_id(),
        "Region": responses.get_region(),
    }


def _lower_camel(members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name[0].lower() + name[1:]: value for name, value in members.items() if name not in _SECRET
    }
