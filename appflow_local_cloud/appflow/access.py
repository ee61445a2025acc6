"""Who may do what: the caller by IAM's policies, AppFlow itself by a function's.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ministack.core import iam_evaluator

from .errors import not_authorized
from .limits import Permissions
from .service import Caller

_APPFLOW = "appflow.amazonaws.com"
_INVOKE = "lambda:InvokeFunction"


class Access:
    """What is allowed in one call, as far as it has spread."""

    def __init__(
        self,
        access_key: str,
        caller: Caller,
        permissions: Permissions,
        now: datetime,
        delay: timedelta,
    ) -> None:
        self._access_key = access_key
        self._caller = caller
        self._permissions = permissions
        self._now = now
        self._delay = delay

    def demand(self, action: str, resource: str) -> None:
        """Ask IAM whether the caller may do something.

        Raises:
            AccessDeniedException: it may not, or not yet.
        """
        caller = self._caller
        service = action.partition(":")[0]
        denial = iam_evaluator.enforce(self._access_key, action, service, caller.region, resource)
        # An account's root needs no permission, so there is none that would have to spread.
        if denial is None and caller.arn.endswith(":root"):
            return
        # Every container of a function is another session of its role.
        principal = "/".join(caller.arn.split("/")[:2])
        if not self._is_known(principal, action, resource, found=denial is None):
            raise not_authorized(caller.arn, action, resource)

    def demand_invocation(self, lambda_arn: str) -> None:
        """Ask IAM whether the caller may invoke a function, version or alias.

        Raises:
            AccessDeniedException: it may not, or not yet.
        """
        self.demand(_INVOKE, lambda_arn)

    def appflow_may_invoke(self, lambda_arn: str, policy: Mapping[str, Any]) -> bool:
        """Whether AppFlow may invoke a function, version or alias by its resource policy."""
        caller = self._caller
        context = iam_evaluator.EvalContext(
            principal_arn=_APPFLOW,
            principal_type="Service",
            principal_account=caller.account,
            action=_INVOKE,
            resource_arn=lambda_arn,
            region=caller.region,
            service_context={
                "aws:sourceaccount": caller.account,
                "aws:sourcearn": f"arn:aws:appflow:{caller.region}:{caller.account}:connector",
            },
        )
        decision = iam_evaluator.evaluate_resource_policy(
            policy, context, service=_APPFLOW
        ).decision
        return self._is_known(_APPFLOW, _INVOKE, lambda_arn, found=decision == "Allow")

    def _is_known(self, principal: str, action: str, resource: str, *, found: bool) -> bool:
        permission = (principal, action, resource)
        return self._permissions.is_known(permission, found=found, now=self._now, delay=self._delay)
