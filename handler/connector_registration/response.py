"""One answer to CloudFormation.

The answer is a JSON object of at most 4096 bytes, PUT to the presigned URL of the event with an
empty content type. Source: "Custom resource response objects" in the AWS CloudFormation User Guide.
"""

from __future__ import annotations

import functools
import json
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
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
_HEADERS = {"Content-Type": ""}
_TIMEOUT = urllib3.Timeout(connect=2, read=4)

SLOWEST_SECONDS = 52.0
"""How long sending an answer can take, all tries included."""


class ForeseenError(Exception):
    """A failure whose text is fit to be the reason in the stack's events."""


class LostResponseError(RuntimeError):
    """CloudFormation could not be answered.

    Left to escape from the invocation: Lambda then runs the event again a minute later, and the
    tokens of the calls see to it that what has been done is not done twice.
    """


class Response:
    """The single answer to one event; whoever sends first, the work or the timer, wins.

    Attributes:
        failure_id: the physical id of the answer if it is a failure. CloudFormation takes any other
            id than its own for a replacement, even in a failed Update, and refuses an empty one.
    """

    def __init__(
        self,
        event: Mapping[str, Any],
        http: Callable[[], urllib3.PoolManager],
        *,
        failure_id: str,
    ) -> None:
        self.failure_id = failure_id
        self._url = _checked(event["ResponseURL"])
        self._ids = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        self._http = http
        self._lock = threading.Lock()
        self._sent = False
        self._lost = False

    def succeed(self, physical_id: str, data: Mapping[str, str]) -> None:
        """Answer SUCCESS, unless an answer has been sent already."""
        self._send({"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": dict(data)})

    def fail(self, reason: str) -> None:
        """Answer FAILED, unless an answer has been sent already."""
        answer = {"Status": "FAILED", "PhysicalResourceId": self.failure_id, "Data": {}}
        reason = reason[:_MAX_BODY_BYTES]
        # Measured as JSON, where a character outside ASCII takes six bytes or twelve.
        while reason and len(self._body({**answer, "Reason": reason})) > _MAX_BODY_BYTES:
            reason = reason[:-1]
        self._send({**answer, "Reason": reason})

    def check_delivered(self) -> None:
        """Make sure that the answer has arrived, or can arrive no more.

        Raises:
            LostResponseError: it has not, and another try may succeed.
        """
        if self._lost:
            raise LostResponseError(
                "the answer to CloudFormation did not arrive; see the log above"
            )

    def _send(self, answer: Mapping[str, Any]) -> None:
        # The lock is held while sending: whoever comes second waits for the first to finish.
        # Returning earlier would end the invocation, and Lambda would freeze the sender half-way.
        with self._lock:
            if self._sent:
                logger.warning({"response": "suppressed", "status": answer["Status"]})
                return
            self._sent = True
            self._put(self._body(answer), answer["Status"])

    def _body(self, answer: Mapping[str, Any]) -> str:
        return json.dumps({**answer, **self._ids})

    def _put(self, body: str, status: str) -> None:
        # Until the answer has been taken, whatever is raised on the way.
        self._lost = True
        # Neither the URL nor an exception that quotes it may be logged: its signature lets anybody
        # answer in our place. Nor may it be followed to somewhere else, perhaps without TLS.
        try:
            answer = self._http().request(
                "PUT", self._url, body=body, headers=_HEADERS, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            logger.error({"response": "lost", "status": status, "error": type(error).__name__})
            return
        # A URL that is refused (it has expired, or its signature is wrong) stays refused.
        self._lost = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        delivered = answer.status < HTTPStatus.MULTIPLE_CHOICES
        logger.log(
            logging.INFO if delivered else logging.ERROR,
            {
                "response": "delivered" if delivered else "refused",
                "status": status,
                "http_status": answer.status,
            },
        )


_making_pool = threading.Lock()


def pool() -> urllib3.PoolManager:
    """Connections for answers: certificates checked, every wait bounded."""
    # Whoever comes second waits: reading the authorities twice at once takes longer.
    with _making_pool:
        return _pool()


@functools.cache
def _pool() -> urllib3.PoolManager:
    # One context for all connections: urllib3 would read the authorities again for each, and a warm
    # event would take seven times as long.
    context = ssl.create_default_context()
    return urllib3.PoolManager(retries=_RETRY, timeout=_TIMEOUT, ssl_context=context)


def _checked(url: str) -> str:
    """The response URL, if an answer sent there stays secret on its way.

    Raises:
        ValueError: it is neither https nor on this machine.
    """
    target = urllib3.util.parse_url(url)
    if target.scheme == "https" or target.host in ("localhost", "127.0.0.1", "[::1]"):
        return url
    raise ValueError(f"the response URL is {target.scheme}://{target.host}, and not https")
