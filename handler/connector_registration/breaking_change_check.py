"""When a refresh is checked for breaking changes, and what becomes of one that fails for them.

A rollback of CloudFormation restores the registration after an update, and not after an adoption.
"""

from __future__ import annotations

from . import sdk, time_budget
from .appflow import AppFlow
from .appflow_calls import Connector
from .decision_log import log_decision
from .errors import AppFlowError, BreakingChangeError, StaleEventError, shortened
from .stack_events import StackEvents
from .time_budget import FIRST_PAUSE_SECONDS

# A permission that the same deployment creates takes a while to become effective.
_PERMISSION_SECONDS = 30.0

_ROLLBACK_IS_NOT_KNOWN = (
    "The handler may not read the stack events, so it checks rollbacks too, which may fail. Allow"
    " its role cloudformation:DescribeStackEvents on the stack (in the provider's template:"
    " StackNames)."
)


class BreakingChangeCheck:
    """Fails a refresh that breaks what uses the connector, if the template asks for that.

    Args:
        appflow: AppFlow on behalf of the request.
        stack_events: tell whether the request is a rollback.
        log_group: the name of the handler's log group, for the reason of a failure.
    """

    def __init__(self, appflow: AppFlow, stack_events: StackEvents, log_group: str) -> None:
        self._appflow = appflow
        self._registration = appflow.registration
        self._stack_events = stack_events
        self._log_group = log_group
        self._is_on = appflow.registration.fails_on_breaking_change

    def shown_after(self, before: Connector | None) -> Connector:
        """Wait until AppFlow shows the registration after a refresh, and return it.

        AppFlow may need a moment to show a change. If it shows none, and the check depends on it,
        the handler looks once more.
        """
        after = self._appflow.wait_until_updated()
        if self._is_on and before is not None and not after.differences(before):
            self._appflow.budget.pause(FIRST_PAUSE_SECONDS)
            after = self._appflow.wait_until_updated()
        return after

    def __call__(self, before: Connector | None, after: Connector) -> None:
        """Compare what AppFlow showed before a refresh with what it shows after it.

        A rollback restores what was deployed before, so it is not checked. A request counts as a
        rollback only if the stack events say so: a rollback that fails can be continued, and then
        finds that AppFlow shows the old configuration already.

        Raises:
            BreakingChangeError: what is gone is in use, or what uses the connector is not known.
        """
        if not self._is_on or before is None:
            return
        # It imports the shared package.
        from . import breaking_changes

        changes = before.configuration, after.configuration
        if not breaking_changes.possible(self._registration, *changes):
            return
        if self._stack_events.is_rollback():
            self._log("not checked for breaking changes: this is a rollback")
            return
        try:
            if found := breaking_changes.in_use(self._appflow, *changes):
                raise breaking_changes.error_about(self._registration, found, self._log_group)
        except BreakingChangeError as error:
            if not self._stack_events.is_denied:
                raise
            raise BreakingChangeError(f"{error} {_ROLLBACK_IS_NOT_KNOWN}") from error

    def before_adoption(self, former: Connector) -> None:
        """Check that the handler may register the former function again, before it adopts a label.

        If an adoption fails, CloudFormation may delete the function that has been registered.
        AppFlow checks that its caller may invoke a function. Lambda answers whether this is so,
        without an invocation. Source: ``InvocationType`` of Invoke in the Lambda API Reference.

        Raises:
            BreakingChangeError: the handler may not.
        """
        if not self._is_on or former.lambda_arn == self._registration.lambda_arn:
            return
        refusal: str | None = None
        for _ in self._appflow.budget.polls(_PERMISSION_SECONDS):
            refusal = self._refused_invocation(former.lambda_arn)
            if refusal is None:
                return
        if not self._stack_events.is_rollback():
            raise BreakingChangeError(
                f"connector {self._registration.connector_label}: on_breaking_change is FAIL, and"
                f" the handler could not register {former.lambda_arn} again if the adoption failed:"
                f" {refusal} Nothing was changed. Allow the handler's role lambda:InvokeFunction on"
                " this function, or adopt the label with OnBreakingChange.IGNORE first."
            )

    def _refused_invocation(self, lambda_arn: str) -> str | None:
        """Why the handler may not invoke a function, or None if it may."""
        started, outcome, refusal = time_budget.clock.monotonic(), "OK", None
        try:
            invoke = sdk.client("lambda").invoke
            sdk.call(invoke, {"FunctionName": lambda_arn, "InvocationType": "DryRun"})
        except sdk.CALL_ERRORS as error:
            outcome = refusal = shortened(str(error))
        sdk.log_call("Invoke", self._registration.connector_label, started, outcome)
        return refusal

    def adopted(self, former: Connector | None) -> Connector:
        """Return the registration after a Create or a change of the label.

        Args:
            former: what was registered before it was adopted, or None if the label was free.

        Raises:
            BreakingChangeError: the adoption breaks what uses the connector. The former function
                is registered again if that is possible.
            AppFlowError: AppFlow does not show the registration.
        """
        after = self.shown_after(former)
        try:
            self(former, after)
        except BreakingChangeError as error:
            assert former is not None, "nothing else is compared"
            raise BreakingChangeError(f"{error} {self._put_back(former)}") from error
        return after

    def _put_back(self, former: Connector) -> str:
        """Register the former function and description again, and say what is registered."""
        deployed = self._registration.lambda_arn
        description = self._registration.description
        if description is None:
            description = former.description
        if not former.matches(deployed, description):
            self._log(f"put back: the registered ARN was {former.lambda_arn}")
            self._appflow.budget.extend()
            try:
                self._appflow.restore(former)
            except StaleEventError:
                raise
            except AppFlowError as error:
                return (
                    f"AppFlow keeps {deployed}, since the function before the adoption,"
                    f" {former.lambda_arn}, could not be registered again: {error}"
                )
        if former.lambda_arn == deployed:
            return (
                "The label had this function before the adoption, so AppFlow keeps the new"
                " configuration until the function has its old code and is refreshed."
            )
        return f"AppFlow has the function from before the adoption again, {former.lambda_arn}."

    def _log(self, decision: str) -> None:
        log_decision(decision, self._registration)
