"""The calls that bring a registration in line with a template: tokens, and what took effect.

Source of operations, members and errors: the service model 2020-08-23 in botocore.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from . import sdk, time_budget
from .advice import CONNECTION_ERROR
from .appflow_calls import AppFlowCalls, Connector
from .cancelled_update import PendingCheck
from .errors import AlreadyRegisteredError, AppFlowError, CallError, NotRegisteredError
from .request import Registration
from .time_budget import SLOW_CALL_SECONDS, UPDATE_VISIBLE_SECONDS, TimeBudget

# After these, AppFlow may have carried out the call.
_LOST_RESPONSE_CODES = (CONNECTION_ERROR, "InternalServerException", "RequestTimeoutException")

# How long to look, before an error is reported, whether a call with a lost response took effect.
_LAST_LOOK_SECONDS = 10.0

# How long to try to give a registration its former function, before an error is reported.
_RESTORE_SECONDS = 10.0


class AppFlow(AppFlowCalls):
    """AppFlow on behalf of one CloudFormation request, for the one registration that it is about.

    Args:
        client: as of ``AppFlowCalls``.
        registration: what the template asks for.
        request_id: CloudFormation's id of the request. All tries of an operation carry the client
            token made from it, so an event that is delivered twice takes effect once.
        budget: as of ``AppFlowCalls``.
        wait_until_ready: as of ``AppFlowCalls``.
        check_pending: called before each call that changes something, and after a slow one.

    Attributes:
        has_registered: whether this request has registered the label.
        may_have_changed: whether AppFlow may have carried out a change for this request.
    """

    def __init__(
        self,
        client: Any,
        registration: Registration,
        *,
        request_id: str,
        budget: TimeBudget,
        wait_until_ready: Callable[[], object],
        check_pending: PendingCheck,
    ) -> None:
        super().__init__(client, registration, budget=budget, wait_until_ready=wait_until_ready)
        self._request_id = request_id
        self.check_pending = check_pending
        self.has_registered = False
        self.may_have_changed = False

    def register(self) -> None:
        """Register the connector.

        Raises:
            AlreadyRegisteredError: a connector is registered under the label.
            AppFlowError: AppFlow refused.
        """
        self._wait_until_ready()
        begun_at = sdk.latest_response_at()
        try:
            self._change(
                "RegisterConnector",
                {
                    "connectorProvisioningType": "LAMBDA",
                    "clientToken": self._token("register"),
                    **self._desired_state(self.registration.description),
                },
                on_error=self._raise_if_label_taken,
            )
        except AppFlowError as error:
            # The label is registered by a try whose response was lost, or by another owner.
            self.has_registered = self._is_registered_since(begun_at)
            if not (self.has_registered and isinstance(error, AlreadyRegisteredError)):
                raise
        self.has_registered = True

    def update(self, *, description: str | None) -> None:
        """Set the registration's Lambda ARN and have AppFlow read the connector's configuration.

        Args:
            description: the new description, or None to keep the registered one.

        Raises:
            NotRegisteredError: no connector is registered under the label.
            AppFlowError: AppFlow refused.
        """
        self._wait_until_ready()
        self._change(
            "UpdateConnectorRegistration",
            {
                "clientToken": self._update_token(description),
                **self._desired_state(description),
            },
        )

    def refresh_again(self) -> None:
        """Have AppFlow read the configuration of the function that is registered, whichever it is.

        Raises:
            AppFlowError: AppFlow refused.
        """
        self.refresh(self._token("refresh"))

    def restore(self, former: Connector) -> None:
        """Give the registration the Lambda ARN and the description of a former one.

        Raises:
            AppFlowError: AppFlow refused.
        """
        is_described = self.registration.description is not None
        self._change(
            "UpdateConnectorRegistration",
            {
                "clientToken": self._token("restore"),
                "connectorLabel": self.registration.connector_label,
                "connectorProvisioningConfig": {"lambda": {"lambdaArn": former.lambda_arn}},
                **({"description": former.description} if is_described else {}),
            },
            seconds=_RESTORE_SECONDS,
        )

    def unregister(self, registered: Connector, *, even_if_stale: bool = False) -> None:
        """Unregister the connector, until AppFlow no longer shows this registration.

        Another stack may register or adopt the label between two tries, so each further try begins
        with a look.

        Args:
            registered: the registration, as it has just been described.
            even_if_stale: whether it is unregistered if CloudFormation no longer waits.

        Raises:
            AppFlowError: AppFlow refused, for instance because a connector profile uses it.
        """
        tries = itertools.count()

        def check_same() -> None:
            if next(tries) and not registered.is_same_registration(self.describe()):
                raise _UnregisteredError

        call = self._call if even_if_stale else self._change
        with contextlib.suppress(_UnregisteredError):
            for _ in self.budget.polls(UPDATE_VISIBLE_SECONDS):
                # "Not registered" can be the response to a second try whose first one took effect.
                with contextlib.suppress(NotRegisteredError):
                    call(
                        "UnregisterConnector",
                        {
                            "connectorLabel": self.registration.connector_label,
                            "forceDelete": self.registration.force_delete,
                        },
                        before_try=check_same,
                    )
                check_same()
            raise AppFlowError(
                f"connector {self.registration.connector_label}: AppFlow still shows the connector"
                " after unregistering it.",
                "Delete again.",
            )

    def wait_until_updated(self) -> Connector:
        """Wait until AppFlow shows the Lambda ARN of the registration.

        Raises:
            AppFlowError: AppFlow still shows another ARN, or none, after half a minute.
        """
        registered = None
        for _ in self.budget.polls(UPDATE_VISIBLE_SECONDS):
            registered = self.describe()
            if registered is not None and registered.lambda_arn == self.registration.lambda_arn:
                return registered
        raise self._not_updated_error(registered)

    def _raise_if_label_taken(self, error: CallError) -> None:
        # The documentation does not name the error for a label that is in use.
        if error.code in ("ConflictException", "ValidationException"):
            registered = self.describe()
            if registered is not None:
                raise AlreadyRegisteredError(self.registration, registered)

    def _desired_state(self, description: str | None) -> dict[str, Any]:
        state: dict[str, Any] = {
            "connectorLabel": self.registration.connector_label,
            "connectorProvisioningConfig": {"lambda": {"lambdaArn": self.registration.lambda_arn}},
        }
        if description is not None:
            state["description"] = description
        return state

    def _not_updated_error(self, registered: Connector | None) -> AppFlowError:
        label = self.registration.connector_label
        if registered is None:
            return AppFlowError(
                f"connector {label}: AppFlow does not show the connector after registering it.",
                "Deploy again.",
            )
        return AppFlowError(
            f"connector {label}: AppFlow accepted the update but still shows"
            f" {registered.lambda_arn}.",
            "Another stack or an operator may be updating the same label; make sure that only one"
            " of them manages it.",
        )

    def _is_registered_since(self, begun_at: float | None) -> bool:
        """Whether a call with a lost response has registered the label after a time."""
        if begun_at is None or not self.may_have_changed:
            return False
        self.budget.extend()
        try:
            registered = self.describe(seconds=_LAST_LOOK_SECONDS)
        except AppFlowError:
            return False
        return (
            registered is not None
            and registered.lambda_arn == self.registration.lambda_arn
            and begun_at <= registered.registered_at < math.inf
        )

    def _token(self, operation: str) -> str:
        # AppFlow refuses a token that comes back with other parameters.
        return f"{self._request_id}-{operation}"

    def _update_token(self, description: str | None) -> str:
        if description == self.registration.description:
            return self._token("update")
        # A second delivery of the event can find another description to clear or to restore.
        digest = hashlib.sha256((description or "").encode()).hexdigest()[:8]
        return self._token(f"update-{digest}")

    def _change(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        on_error: Callable[[CallError], None] = lambda _: None,
        before_try: Callable[[], None] = lambda: None,
        seconds: float = math.inf,
    ) -> None:
        """Make a call that changes the registration, if CloudFormation waits for the response."""
        begun_at = 0.0

        def check() -> None:
            nonlocal begun_at
            before_try()
            self.check_pending(has_changed=self.may_have_changed)
            begun_at = time_budget.clock.monotonic()

        def note(error: CallError) -> None:
            self.may_have_changed |= error.code in _LOST_RESPONSE_CODES
            on_error(error)

        self._call(operation, parameters, on_error=note, before_try=check, seconds=seconds)
        self.may_have_changed = True
        if time_budget.clock.monotonic() - begun_at > SLOW_CALL_SECONDS:
            self.check_pending(has_changed=True, is_slow=True)


class _UnregisteredError(Exception):
    """AppFlow shows another registration, or none."""
