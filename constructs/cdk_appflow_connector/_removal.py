"""The deletion policy of a registration, however an app sets it.

The property ``RemovalPolicy`` of the resource says what the handler does with a Delete, and the
deletion policy says when CloudFormation sends one. Neither may contradict the other.
Source: "DeletionPolicy attribute" in the CloudFormation Template Reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk

from ._arguments import shown

# What the CDK makes of each removal policy.
DELETION_POLICIES = {
    cdk.RemovalPolicy.DESTROY: cdk.CfnDeletionPolicy.DELETE,
    cdk.RemovalPolicy.RETAIN: cdk.CfnDeletionPolicy.RETAIN,
    cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE,
}

# By the name in a template.
_POLICIES = {
    "Delete": cdk.CfnDeletionPolicy.DELETE,
    "Retain": cdk.CfnDeletionPolicy.RETAIN,
    "RetainExceptOnCreate": cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE,
}

# The deletion policies with which CloudFormation sends a Delete that means what it says.
UNREGISTERING = (cdk.CfnDeletionPolicy.DELETE, cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE)


class FollowedOptions:
    """The ``cfn_options`` of a resource, which calls the resource when a policy is set.

    Args:
        options: the CDK's options of the resource.
        path: the path of the resource, for errors.
        on_deletion_policy: called with each deletion policy that is set.
    """

    def __init__(
        self,
        options: cdk.ICfnResourceOptions,
        path: str,
        on_deletion_policy: Callable[[cdk.CfnDeletionPolicy], None],
    ) -> None:
        # Past __setattr__, which sets the options of the resource.
        vars(self).update(_options=options, _path=path, _on_deletion_policy=on_deletion_policy)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_options"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        members = vars(self)
        if name in ("deletion_policy", "update_replace_policy") and value is not None:
            value = policy_of(value, name, members["_path"])
        setattr(members["_options"], name, value)
        if name == "deletion_policy" and value is not None:
            members["_on_deletion_policy"](value)


def policy_of(value: object, name: str, path: str) -> cdk.CfnDeletionPolicy:
    """The deletion policy that a value of the CDK or of a template stands for.

    Raises:
        ValueError: it is none of those that have a meaning for a registration.
    """
    policy = _POLICIES.get(value, value) if isinstance(value, str) else value
    if not isinstance(policy, cdk.CfnDeletionPolicy) or policy not in _POLICIES.values():
        raise ValueError(
            f"{name} of {path} is {shown(value)}, but a registration can only have"
            f" {', '.join(_POLICIES)}. Call apply_removal_policy of the ConnectorRegistration with"
            " RemovalPolicy.RETAIN or RemovalPolicy.DESTROY"
        )
    return policy


def check_property(value: object, deletion_policy: cdk.CfnDeletionPolicy, path: str) -> None:
    """Raise ValueError for a property ``RemovalPolicy`` that contradicts the deletion policy."""
    allowed = {
        cdk.CfnDeletionPolicy.DELETE: ("Retain", "Destroy"),
        cdk.CfnDeletionPolicy.RETAIN: ("Retain",),
        cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE: ("Destroy",),
    }[deletion_policy]
    if value not in allowed:
        [name] = (name for name, policy in _POLICIES.items() if policy is deletion_policy)
        raise ValueError(
            f"the property RemovalPolicy of {path} is {shown(value)}, but must be"
            f" {' or '.join(allowed)} beside DeletionPolicy: {name}. Call apply_removal_policy of"
            " the ConnectorRegistration instead, which sets both"
        )
