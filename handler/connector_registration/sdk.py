"""The AWS SDK: its clients with their time limits, its calls and their log lines, AWS's time."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from . import speed, time_budget
from .time_budget import APPFLOW_CONNECT_SECONDS, APPFLOW_READ_SECONDS

logger = logging.getLogger(__name__)


class Timeouts(NamedTuple):
    """Seconds for a connection and for a response, and the number of tries of a call."""

    connect: float
    read: float
    attempts: int


TIMEOUTS = {
    # The module ``appflow`` retries by itself.
    "appflow": Timeouts(connect=APPFLOW_CONNECT_SECONDS, read=APPFLOW_READ_SECONDS, attempts=1),
    # The handler can do without the stack events and the function's state.
    "cloudformation": Timeouts(connect=2, read=5, attempts=2),
    "lambda": Timeouts(connect=2, read=5, attempts=2),
    # Invokes the connector, once, and waits for it as long as AppFlow may. A refresh after an
    # external change reads the function's state with it too: another client takes time to build.
    "connector": Timeouts(connect=2, read=APPFLOW_READ_SECONDS, attempts=1),
}
"""By client, which has the name of its service unless it is in ``_SERVICES``."""

_SERVICES = {"connector": "lambda"}


@functools.cache
def client(name: str) -> Any:
    """Return the client in ``TIMEOUTS``, configured from the environment."""
    timeouts = TIMEOUTS[name]
    service = _SERVICES.get(name, name)
    session = speed.sdk_session(service)
    return session.create_client(
        service,
        config=Config(
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            retries={"mode": "standard", "total_max_attempts": timeouts.attempts},
            user_agent=speed.user_agent(session),
        ),
    )


CALL_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""What ``call`` raises."""

_UNEXPECTED_SHAPE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def call(method: Callable[..., dict[str, Any]], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Call a method of a client, which raises other errors for an unexpected response."""
    try:
        response = method(**parameters)
    except ClientError as error:
        _note_date(error.response)
        raise
    except CALL_ERRORS:
        raise
    except _UNEXPECTED_SHAPE as error:
        raise ResponseParserError(f"the response does not have AWS's form: {error}") from error
    _note_date(response)
    return response


# AWS refuses a request whose time differs from its own by more. A larger difference is no clock's.
# Source: "Signature Version 4 request elements" in the IAM User Guide.
_MAX_CLOCK_DIFFERENCE_SECONDS = 300.0


class _AwsTime:
    """AWS's time, as its responses show it.

    Attributes:
        latest: the date of the latest response in seconds since 1970, or None before the first.
        slowness: by how many seconds this machine's clock is behind AWS's.
    """

    latest: float | None = None
    slowness: float = 0.0


def now() -> float:
    """Return the time in seconds since 1970, by AWS's clock if this machine's is behind it."""
    return time_budget.clock.time() + _AwsTime.slowness


def latest_response_at() -> float | None:
    """Return the date of AWS's latest response, in seconds since 1970, or None before the first."""
    return _AwsTime.latest


def _note_date(response: Mapping[str, Any]) -> None:
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    # A proxy in front of AWS may send another form.
    with contextlib.suppress(KeyError, TypeError, ValueError):
        date = parsedate_to_datetime(headers["date"]).timestamp()
        slowness = date - time_budget.clock.time()
        is_plausible = 0 < slowness <= _MAX_CLOCK_DIFFERENCE_SECONDS
        _AwsTime.latest = date
        _AwsTime.slowness = slowness if is_plausible else 0.0


def log_call(operation: str, label: str, started: float, outcome: str, **members: object) -> None:
    """Log a call of an operation that began at a time of the monotonic clock."""
    milliseconds = round((time_budget.clock.monotonic() - started) * 1000)
    logger.info(
        {
            "call": operation,
            "label": label,
            **members,
            "milliseconds": milliseconds,
            "outcome": outcome,
        }
    )
