"""One answer to CloudFormation.

The answer is a JSON object of at most 4096 bytes, PUT to the presigned URL of the event with an
empty content type. Source: "Custom resource response objects" in the AWS CloudFormation User Guide.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

import urllib3

logger = logging.getLogger(__name__)

_MAX_BODY_BYTES = 4096

# S3 takes the answer. It asks clients to repeat 500 and 503; 403 means an expired URL and is final.
# The slowest case, six tries that all hang, ends within SLOWEST_SECONDS.
_RETRY = urllib3.Retry(
    total=5,
    backoff_factor=0.5,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=("PUT",),
    respect_retry_after_header=False,
    raise_on_status=False,
)
_TIMEOUT = urllib3.Timeout(connect=2, read=4)

SLOWEST_SECONDS = 52.0
"""How long sending an answer can take, all tries included."""


class Response:
    """The single answer to one event; whoever sends first, the work or the timer, wins.

    Attributes:
        failure_id: the physical id of the answer if it is a failure. CloudFormation takes any other
            id than its own for a replacement, even in a failed Update, and refuses an empty one.
    """

    def __init__(
        self, event: Mapping[str, Any], http: urllib3.PoolManager, *, failure_id: str
    ) -> None:
        self.failure_id = failure_id
        self._url: str = event["ResponseURL"]
        self._ids = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        self._http = http
        self._lock = threading.Lock()
        self._sent = False

    def succeed(self, physical_id: str, data: Mapping[str, str]) -> None:
        """Answer SUCCESS, unless an answer has been sent already."""
        self._send({"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": dict(data)})

    def fail(self, reason: str) -> None:
        """Answer FAILED, unless an answer has been sent already."""
        answer = {"Status": "FAILED", "PhysicalResourceId": self.failure_id, "Data": {}}
        room = _MAX_BODY_BYTES - len(json.dumps({**answer, **self._ids, "Reason": ""}))
        self._send({**answer, "Reason": _shortened(reason, room)})

    def _send(self, answer: Mapping[str, Any]) -> None:
        # The lock is held while sending: whoever comes second waits for the first to finish.
        # Returning earlier would end the invocation, and Lambda would freeze the sender half-way.
        with self._lock:
            if self._sent:
                logger.warning({"response": "suppressed", "status": answer["Status"]})
                return
            self._sent = True
            self._put(json.dumps({**answer, **self._ids}).encode("ascii"), answer["Status"])

    def _put(self, body: bytes, status: str) -> None:
        # Neither the URL nor an exception that quotes it may be logged: its signature lets anybody
        # answer in our place.
        try:
            answer = self._http.request("PUT", self._url, body=body, headers={"Content-Type": ""})
        except urllib3.exceptions.HTTPError as error:
            logger.error({"response": "lost", "status": status, "error": type(error).__name__})
            return
        outcome = "delivered" if answer.status < 300 else "refused"
        level = logging.INFO if answer.status < 300 else logging.ERROR
        logger.log(level, {"response": outcome, "status": status, "http_status": answer.status})


def pool() -> urllib3.PoolManager:
    """Connections for answers: certificates checked, every wait bounded."""
    # urllib3 logs the URL, signature included, with each retry.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    return urllib3.PoolManager(retries=_RETRY, timeout=_TIMEOUT)


def _shortened(reason: str, room: int) -> str:
    # Measured as JSON, where a character outside ASCII takes six bytes or twelve.
    while len(json.dumps(reason)) - len('""') > room:
        reason = reason[: len(reason) * 3 // 4]
    return reason
