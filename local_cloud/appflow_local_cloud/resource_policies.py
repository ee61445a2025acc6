"""What the resource policy of a function or a bucket allows a service of AWS.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_evaluator


def allows(
    policy: Mapping[str, Any],
    service: str,
    action: str,
    resource: str,
    *,
    account: str,
    region: str,
    source_arn: str,
) -> bool:
    """Whether a resource policy allows a service an action.

    Args:
        policy: the policy of the resource.
        service: the service's principal, for example ``appflow.amazonaws.com``.
        action: for example ``s3:PutObject``.
        resource: the ARN of the resource.
        account: the account for which the service acts.
        region: the Region in which it acts.
        source_arn: the ARN of the service's own resource for which it acts.
    """
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        # Services call each other over TLS: the policy of a bucket may require it.
        secure_transport=True,
        service_context={"aws:sourceaccount": account, "aws:sourcearn": source_arn},
    )
    decision: str = iam_evaluator.evaluate_resource_policy(
        policy, context, service=service
    ).decision
    return decision == "Allow"
