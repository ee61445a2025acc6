"""The single response to CloudFormation.

The response is a JSON object of at most 4096 bytes. The handler sends it by a PUT to the presigned
URL of the event, with an empty content type. Source: "Custom resource response objects" in the AWS
CloudFormation User Guide.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from .delivery import deliver

logger = logging.getLogger(__name__)

_MAX_BODY_BYTES = 4096


class ReportableError(Exception):
    """A failure whose text is written for the reason in the stack events."""


class ResponseNotDeliveredError(RuntimeError):
    """The response did not reach CloudFormation.

    The error escapes, so Lambda runs the event again a minute later.
    """


class Response:
    """The single response to one event: the first one that is sent, by the work or by the timer.

    Attributes:
        failure_physical_id: the id in a failure response. CloudFormation treats any id but the
            resource's as a replacement, even in a failed Update, and refuses an empty one.
    """

    def __init__(
        self,
        event: Mapping[str, Any],
        http: Callable[[str], urllib3.PoolManager],
        *,
        failure_physical_id: str,
    ) -> None:
        self.failure_physical_id = failure_physical_id
        self._url = _validated(event["ResponseURL"])
        self._ids = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        self._http = http
        self._lock = threading.Lock()
        self._sent = False
        self._undelivered = False

    def succeed(self, physical_id: str, data: Mapping[str, str]) -> None:
        """Send SUCCESS, unless a response has been sent already.

        CloudFormation refuses a response that is too long, so FAILED is sent instead if the
        attributes make it so.
        """
        response = {"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": dict(data)}
        length = len(self._body(response))
        if data and length > _MAX_BODY_BYTES:
            self.fail(_too_long(physical_id, data, length))
        else:
            self._send(response)

    def fail(self, reason: str) -> None:
        """Send FAILED, unless a response has been sent already."""
        response = {"Status": "FAILED", "PhysicalResourceId": self.failure_physical_id, "Data": {}}
        reason = reason[:_MAX_BODY_BYTES]
        # Measured as JSON, where a character outside ASCII takes six bytes or twelve.
        while reason and len(self._body({**response, "Reason": reason})) > _MAX_BODY_BYTES:
            reason = reason[:-1]
        self._send({**response, "Reason": reason})

    def check_delivered(self) -> None:
        """Raise ResponseNotDeliveredError if another try may deliver the response."""
        if self._undelivered:
            raise ResponseNotDeliveredError(
                "the response did not reach CloudFormation; see the log above"
            )

    def _send(self, response: Mapping[str, Any]) -> None:
        # The lock is held while sending. If the second sender returned earlier, the invocation
        # would end, and Lambda would freeze the first sender half-way.
        with self._lock:
            if self._sent:
                logger.warning({"response": "suppressed", "status": response["Status"]})
                return
            self._sent = True
            self._deliver(self._body(response), response["Status"])

    def _body(self, response: Mapping[str, Any]) -> str:
        return json.dumps({**response, **self._ids})

    def _deliver(self, body: str, status: str) -> None:
        # Until the outcome is final, whatever is raised.
        self._undelivered = True
        outcome = deliver(self._http, self._url, body)
        self._undelivered = not outcome.is_final
        logger.log(
            logging.INFO if outcome.result == "delivered" else logging.ERROR,
            {"response": outcome.result, "status": status, **outcome.details},
        )


def _too_long(label: str, data: Mapping[str, str], length: int) -> str:
    lengths = {name: len(json.dumps(value)) for name, value in data.items()}
    longest = max(lengths, key=lengths.__getitem__)
    return (
        f"connector {label}: the attributes make a response of {length} bytes; CloudFormation"
        f" allows {_MAX_BODY_BYTES}. {longest} is the longest, with {lengths[longest]} bytes as"
        " JSON. Shorten it, and deploy again."
    )


def _validated(url: str) -> str:
    """Return the response URL if the network cannot read what is sent there.

    Raises:
        ValueError: it is neither https nor on this machine.
    """
    target = urllib3.util.parse_url(url)
    if target.scheme == "https" or target.host in ("localhost", "127.0.0.1", "[::1]"):
        return url
    raise ValueError(f"the response URL is {target.scheme}://{target.host}, and not https")
