"""Functions as targets of EventBridge's rules, where MiniStack is more lenient.

EventBridge needs a permission in the function's resource policy, and drops an event without one. It
invokes a function asynchronously, and Lambda repeats an invocation that fails.

Sources: "Using resource-based policies for Amazon EventBridge" in the EventBridge User Guide, and
"Error handling for asynchronous invocation" in the Lambda Developer Guide.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from ministack.core import responses
from ministack.services import eventbridge, lambda_svc

from .resource_policies import allows

logger = logging.getLogger("eventbridge")

_EVENTBRIDGE = "events.amazonaws.com"


class PermittedTargets:
    """Replaces how MiniStack's EventBridge invokes functions."""

    def __init__(self) -> None:
        self._invoke_target = eventbridge._invoke_target

    def install(self) -> None:
        """Replace the functions of MiniStack."""
        eventbridge._invoke_target = self.invoke_target
        eventbridge._dispatch_to_lambda = _invoke_asynchronously

    def invoke_target(
        self, target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None
    ) -> None:
        """Send an event to a target; a function must allow it."""
        arn = target.get("Arn", "")
        if ":lambda:" in arn and not _is_permitted(arn, rule["Arn"]):
            logger.warning(
                "EventBridge dropped an event: the resource policy of %s must allow"
                " lambda:InvokeFunction to %s for %s.",
                arn,
                _EVENTBRIDGE,
                rule["Arn"],
            )
            return
        self._invoke_target(target, event, rule, view)


def _is_permitted(function_arn: str, rule_arn: str) -> bool:
    """Whether the resource policy of a function, version or alias allows a rule's call."""
    function, _, _ = lambda_svc._get_func_record_for_ref(function_arn)
    if function is None:
        return False
    return allows(
        function["policy"],
        _EVENTBRIDGE,
        "lambda:InvokeFunction",
        function_arn,
        account=responses.get_account_id(),
        region=responses.get_region(),
        source_arn=rule_arn,
    )


def _invoke_asynchronously(arn: str, payload: str) -> None:
    """Invoke a function; MiniStack repeats an invocation that fails."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    record = lambda_svc._execution_record_for_config(function, config)
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))
