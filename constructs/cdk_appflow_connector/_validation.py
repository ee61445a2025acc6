"""Checks at synthesis, against the rules AppFlow applies at deployment.

Source of the rules: botocore's service model of AppFlow, version 2020-08-23. Values that are tokens
are unknown at synthesis; the handler checks them again.
"""

from __future__ import annotations

import re

import aws_cdk as cdk

_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]{1,255}", re.ASCII)
_DESCRIPTION = re.compile(r"[\s\w/!@#+=.-]{0,1024}", re.ASCII)

_REMOVAL_POLICIES = (cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY)


def check_connector_label(label: str) -> None:
    """Raise ValueError for a label that AppFlow refuses."""
    if not cdk.Token.is_unresolved(label) and not _LABEL.fullmatch(label):
        raise ValueError(
            f"connector_label is {label!r}, but AppFlow takes 2 to 256 characters: a letter or"
            " digit first, then letters, digits and _ ! @ # . - only. Rename the connector, for"
            " instance to 'acme-crm'"
        )


def check_description(description: str | None) -> None:
    """Raise ValueError for a description that AppFlow refuses."""
    if description is None or cdk.Token.is_unresolved(description):
        return
    refused = sorted({letter for letter in description if not _DESCRIPTION.fullmatch(letter)})
    if refused:
        raise ValueError(
            f"description is {description!r}, but AppFlow takes letters, digits, spaces and"
            f" / ! @ # + = . - _ only. Remove {' '.join(map(repr, refused))}"
        )
    if not _DESCRIPTION.fullmatch(description):
        raise ValueError(
            f"description has {len(description)} characters, but AppFlow takes 1024 at most."
            " Shorten it"
        )


def check_removal_policy(removal_policy: cdk.RemovalPolicy) -> None:
    """Raise ValueError for a policy that has no meaning for a registration."""
    if removal_policy not in _REMOVAL_POLICIES:
        raise ValueError(
            f"removal_policy is RemovalPolicy.{removal_policy.name}, but a registration can only be"
            " kept (RemovalPolicy.RETAIN) or unregistered (RemovalPolicy.DESTROY). Choose one"
        )
