"""The caller of an operation, and what the caller and AppFlow itself are allowed to do.

IAM policies decide on the caller, the resource policy of a function on AppFlow.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ministack.core import iam_evaluator

from ..resource_policies import allows
from .errors import not_authorized
from .limits import PermissionPropagation

_APPFLOW = "appflow.amazonaws.com"
_INVOKE = "lambda:InvokeFunction"


@dataclass(frozen=True)
class Caller:
    """The principal of a call, and the account and Region that it calls."""

    account: str
    region: str
    arn: str


class Access:
    """What is allowed during one call; a new permission takes a while to become effective."""

    def __init__(
        self,
        access_key: str,
        caller: Caller,
        propagation: PermissionPropagation,
        now: datetime,
        delay: timedelta,
    ) -> None:
        self._access_key = access_key
        self._caller = caller
        self._propagation = propagation
        self._now = now
        self._delay = delay

    def authorize(self, action: str, resource: str) -> None:
        """Check that IAM allows the caller an action on a resource.

        Raises:
            AccessDeniedException: the action is not allowed, or not yet.
        """
        caller = self._caller
        service = action.partition(":")[0]
        denial = iam_evaluator.enforce(self._access_key, action, service, caller.region, resource)
        # An account's root needs no permission, so that none has to propagate.
        if denial is None and caller.arn.endswith(":root"):
            return
        # Every execution environment of a function has a session of its own for the same role.
        principal = "/".join(caller.arn.split("/")[:2])
        if not self._is_effective(principal, action, resource, found=denial is None):
            raise not_authorized(caller.arn, action, resource)

    def authorize_invoke(self, lambda_arn: str) -> None:
        """Check that IAM allows the caller to invoke a function, version or alias.

        Raises:
            AccessDeniedException: the invocation is not allowed, or not yet.
        """
        self.authorize(_INVOKE, lambda_arn)

    def appflow_may_invoke(self, lambda_arn: str, policy: Mapping[str, Any]) -> bool:
        """Whether the resource policy of a function, version or alias allows AppFlow's call."""
        caller = self._caller
        source = f"arn:aws:appflow:{caller.region}:{caller.account}:connector"
        return self.appflow_may(_INVOKE, lambda_arn, policy, source)

    def appflow_may(
        self, action: str, resource: str, policy: Mapping[str, Any], source_arn: str
    ) -> bool:
        """Whether a resource policy allows AppFlow an action.

        Args:
            action: for example ``s3:PutObject``.
            resource: the ARN of the resource.
            policy: the policy of the resource.
            source_arn: the ARN of AppFlow's own resource for which AppFlow acts.
        """
        found = allows(
            policy,
            _APPFLOW,
            action,
            resource,
            account=self._caller.account,
            region=self._caller.region,
            source_arn=source_arn,
        )
        return self._is_effective(_APPFLOW, action, resource, found=found)

    def _is_effective(self, principal: str, action: str, resource: str, *, found: bool) -> bool:
        permission = (principal, action, resource)
        return self._propagation.is_effective(
            permission, found=found, now=self._now, delay=self._delay
        )
