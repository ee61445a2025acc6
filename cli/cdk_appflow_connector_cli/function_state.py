"""Whether the function of a connector runs its newest code.

AppFlow invokes the function during a refresh. A function that is being updated still runs its old
code and configuration, and an alias with a weighted second version runs either of the two. Sources:
"Lambda function states" and "Implement Lambda canary deployments using a weighted alias" in the AWS
Lambda Developer Guide.
"""

from __future__ import annotations

from typing import Any

from .aws import SDK_ERRORS, Session, Unknown
from .polling import polls

_MAX_SECONDS = 300
_QUALIFIED_ARN_PARTS = 8


class FunctionState:
    """The states of connectors' functions.

    Args:
        session: a session in the account and Region.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client = session.client("lambda")

    def wait_until_ready(self, lambda_arn: str) -> Unknown | None:
        """Wait until the function is created and updated, and its alias has one version.

        Returns:
            Why the state could not be read, or None.

        Raises:
            NotReadyError: the function cannot be used, or is not ready after five minutes.
        """
        pending: str | None = None
        for _ in polls(_MAX_SECONDS):
            try:
                pending = self._pending_change(lambda_arn) or self._pending_traffic_shift(
                    lambda_arn
                )
            except SDK_ERRORS as error:
                return self._session.unknown(error, is_required=False)
            if pending is None:
                return None
        raise NotReadyError(
            f"{lambda_arn} was not ready within {_MAX_SECONDS // 60} minutes: {pending}",
            "Refresh the connector when Lambda has ended the change.",
        )

    def _pending_change(self, lambda_arn: str) -> str | None:
        function = self._client.get_function_configuration(FunctionName=lambda_arn)
        for member in ("State", "LastUpdateStatus"):
            status = function.get(member)
            text = f"its {member} is {status}"
            if detail := function.get(f"{member}Reason"):
                text += f" ({detail})"
            if status in ("Pending", "InProgress"):
                return text
            if status == "Failed":
                raise NotReadyError(
                    f"{lambda_arn} does not run its newest code, since {text}",
                    "Correct the function. Then refresh the connector.",
                )
        return None

    def _pending_traffic_shift(self, lambda_arn: str) -> str | None:
        parts = lambda_arn.split(":")
        is_alias = len(parts) == _QUALIFIED_ARN_PARTS and not parts[-1].isdigit()
        if not is_alias:
            return None
        alias: Any = self._client.get_alias(FunctionName=":".join(parts[:-1]), Name=parts[-1])
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
        return f"its alias still routes to version {', '.join(weights)} too" if weights else None


class NotReadyError(Exception):
    """The function does not run its newest code.

    Attributes:
        unknown: the reason and the next step.
    """

    def __init__(self, reason: str, next_step: str) -> None:
        super().__init__(reason)
        self.unknown = Unknown(reason, next_step)
