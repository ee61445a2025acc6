"""The calls to Amazon AppFlow: their tokens, their retries, and the proof that they took effect.

Source of operations, members and errors: the service model 2020-08-23 in botocore.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from .errors import (
    WAITED_OUT_SECONDS,
    AppFlowError,
    CallError,
    NotRegisteredError,
    out_of_time,
    readable,
)
from .request import Registration

logger = logging.getLogger(__name__)

# For how long AppFlow may go on showing what it held before a change.
_READ_BACK_SECONDS = 30.0

_FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 8.0
"""Between two tries of a call, or two looks."""


class Connector(NamedTuple):
    """What AppFlow holds for a label."""

    connector_label: str
    connector_arn: str
    lambda_arn: str
    description: str
    version: str

    def shows(self, lambda_arn: str, description: str) -> bool:
        """Whether it is registered with these."""
        return (self.lambda_arn, self.description) == (lambda_arn, description)


class LabelTakenError(AppFlowError):
    """A connector is registered under the label already.

    Attributes:
        held: that connector.
    """

    def __init__(self, held: Connector) -> None:
        self.held = held


class Clock(Protocol):
    """Time, as the retries see it."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        ...

    def time(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class AppFlow:
    """AppFlow on behalf of one CloudFormation request.

    Args:
        client: a boto3 AppFlow client whose own retries are off: the table above decides, because
            no retry mode of the SDK waits for IAM, cold starts or conflicts, and because every
            wait has to fit into the time the invocation has left.
        request_id: CloudFormation's id of the request. All tries of an operation carry the token
            made from it, so a repeated event or a lost answer takes effect once.
        seconds_left: how long calls and waits may still take.
    """

    def __init__(
        self,
        client: Any,
        *,
        request_id: str,
        seconds_left: Callable[[], float],
        clock: Clock = time,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._client = client
        self._request_id = request_id
        self._seconds_left = seconds_left
        self._clock = clock
        self._jitter = jitter

    def register(self, registration: Registration) -> None:
        """Register a label that nobody holds.

        Raises:
            LabelTakenError: the label is registered already.
            AppFlowError: for every other refusal.
        """

        def is_label_taken(error: CallError) -> None:
            # The documentation does not say which error a taken label gets, so AppFlow is asked.
            if error.code in ("ConflictException", "ValidationException"):
                held = self.find(registration)
                if held is not None:
                    raise LabelTakenError(held)

        self._call(
            "RegisterConnector",
            registration,
            is_label_taken,
            connectorProvisioningType="LAMBDA",
            clientToken=self._token("register"),
            **_desired_state(registration, registration.description),
        )

    def update(self, registration: Registration, *, description: str | None) -> None:
        """Point a registered label at the Lambda and have AppFlow read its configuration again.

        ``description`` is the new one, or None to leave what AppFlow holds.

        Raises:
            NotRegisteredError: nothing is registered under the label.
            AppFlowError: for every other refusal.
        """
        self._update(registration, description, token=self._token("update"))

    def find(self, registration: Registration) -> Connector | None:
        """What AppFlow holds for the registration's label, or None."""
        try:
            answer = self._call(
                "DescribeConnector",
                registration,
                connectorType="CustomConnector",
                connectorLabel=registration.connector_label,
            )
        except NotRegisteredError:
            return None
        held = answer["connectorConfiguration"]
        provisioning = held.get("connectorProvisioningConfig", {})
        return Connector(
            connector_label=registration.connector_label,
            connector_arn=held.get("connectorArn", ""),
            lambda_arn=provisioning.get("lambda", {}).get("lambdaArn", ""),
            description=held.get("connectorDescription", ""),
            version=held.get("connectorVersion", ""),
        )

    def read_back(self, registration: Registration) -> Connector:
        """Wait until AppFlow shows the Lambda that was asked for.

        Raises:
            AppFlowError: it shows another one, or none, for longer than a moment.
        """
        held = None
        for _ in self._looks():
            held = self.find(registration)
            if held is not None and held.lambda_arn == registration.lambda_arn:
                return held
        raise AppFlowError(_read_back_message(registration, held))

    def keep(self, registration: Registration, *, description: str) -> Connector:
        """Update again whenever AppFlow shows something else, as long as there is time.

        Raises:
            AppFlowError: AppFlow refused, or shows something else in the end.
        """
        repetitions = itertools.count(1)
        pauses = self._pauses()
        while self._pause(next(pauses)):
            held = self.find(registration)
            if held is not None and not held.shows(registration.lambda_arn, description):
                # Under its own token: AppFlow answers a known one without doing anything.
                token = self._token(f"update-again-{next(repetitions)}")
                self._update(registration, description, token=token)
        return self.read_back(registration)

    def unregister(self, registration: Registration) -> None:
        """Unregister the label, until AppFlow no longer shows it with the registration's Lambda.

        Raises:
            AppFlowError: AppFlow refused, for instance because a connector profile uses it.
        """
        label = registration.connector_label
        for _ in self._looks():
            # Not registered may be the answer to a second try whose first one did it.
            with contextlib.suppress(NotRegisteredError):
                self._call(
                    "UnregisterConnector",
                    registration,
                    connectorLabel=label,
                    forceDelete=registration.force_unregister,
                )
            held = self.find(registration)
            if held is None or held.lambda_arn != registration.lambda_arn:
                return
        raise AppFlowError(
            f"connector {label}: AppFlow still shows it after unregistering it. Delete again."
        )

    def _update(self, registration: Registration, description: str | None, *, token: str) -> None:
        self._call(
            "UpdateConnectorRegistration",
            registration,
            clientToken=token,
            **_desired_state(registration, description),
        )

    def _token(self, operation: str) -> str:
        # AppFlow refuses a token that comes back with other parameters, hence the operation's name.
        return f"{self._request_id}-{operation}"

    def _call(
        self,
        operation: str,
        registration: Registration,
        on_error: Callable[[CallError], None] = lambda _: None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Call an operation until it succeeds or its error is final.

        ``on_error`` sees each error first, and may raise another one in its place.
        """
        method = getattr(self._client, xform_name(operation))
        first_seen: dict[str, float] = {}
        tries = enumerate(self._pauses(), start=1)
        error: AppFlowError = out_of_time(operation, registration)
        while True:
            attempt, pause = next(tries)
            if self._seconds_left() <= 0:
                # After a pause that took longer than it should, the last try's error says more.
                raise error
            started = self._clock.monotonic()
            try:
                answer = _readable_answer(method, parameters, operation)
            except (ClientError, BotoCoreError, ResponseParserError) as cause:
                now = self._clock.monotonic()
                error = refusal = readable(cause, operation, registration)
                self._log(operation, registration, attempt, now - started, refusal.code)
                on_error(refusal)
                limit = WAITED_OUT_SECONDS.get(refusal.code, 0)
                give_up = first_seen.setdefault(refusal.code, now) + limit
                if not self._pause(pause, until=give_up):
                    raise refusal from cause
            else:
                elapsed = self._clock.monotonic() - started
                self._log(operation, registration, attempt, elapsed, "OK")
                return answer

    def _looks(self) -> Iterator[None]:
        """One look at what AppFlow holds, and more after pauses while there is patience."""
        until = self._clock.monotonic() + _READ_BACK_SECONDS
        pauses = self._pauses()
        yield
        while self._pause(next(pauses), until=until):
            yield

    def _pauses(self) -> Iterator[float]:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            # Jitter, so that the connectors of a large stack do not all come back at once.
            yield self._jitter(pause / 2, pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _pause(self, seconds: float, *, until: float = math.inf) -> bool:
        """Sleep and say True, or say False at once when the wait would not fit."""
        fits = self._clock.monotonic() + seconds <= until and seconds < self._seconds_left()
        if fits:
            self._clock.sleep(seconds)
        return fits

    @staticmethod
    def _log(
        operation: str, registration: Registration, attempt: int, seconds: float, outcome: str
    ) -> None:
        logger.info(
            {
                "call": operation,
                "label": registration.connector_label,
                "attempt": attempt,
                "milliseconds": round(seconds * 1000),
                "outcome": outcome,
            }
        )


# What the SDK makes of an answer that is no JSON lacks these members, and raises nothing.
_MEMBERS = {
    "RegisterConnector": "connectorArn",
    "UpdateConnectorRegistration": "connectorArn",
    "DescribeConnector": "connectorConfiguration",
}


def _readable_answer(
    method: Callable[..., dict[str, Any]], parameters: Mapping[str, Any], operation: str
) -> dict[str, Any]:
    try:
        answer = method(**parameters)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # The SDK trips over JSON of another shape than it expects.
        raise ResponseParserError(f"the answer is not of AppFlow's form: {error}") from error
    member = _MEMBERS.get(operation)
    if member is not None and member not in answer:
        raise ResponseParserError(f"the answer has no {member}")
    return answer


def _desired_state(registration: Registration, description: str | None) -> dict[str, Any]:
    state: dict[str, Any] = {
        "connectorLabel": registration.connector_label,
        "connectorProvisioningConfig": {"lambda": {"lambdaArn": registration.lambda_arn}},
    }
    if description is not None:
        state["description"] = description
    return state


def _read_back_message(registration: Registration, held: Connector | None) -> str:
    label = registration.connector_label
    if held is None:
        return f"connector {label}: AppFlow does not show it after registering it. Deploy again."
    return (
        f"connector {label}: AppFlow accepted the change but still holds {held.lambda_arn}. Another"
        " stack or person may be updating the same label; see to it that one of them owns it."
    )
