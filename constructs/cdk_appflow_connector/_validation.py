"""Checks at synthesis, against the rules AppFlow applies at deployment.

Source of the rules: botocore's service model of AppFlow, version 2020-08-23. Values that are tokens
are unknown at synthesis; the handler checks them again.
"""

from __future__ import annotations

import hashlib
import re

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import Construct, IConstruct

_LABEL = re.compile(r"[a-zA-Z0-9][\w!@#.-]{1,255}", re.ASCII)
_DESCRIPTION = re.compile(r"[\s\w/!@#+=.-]{0,1024}", re.ASCII)

_LAMBDA_ARN = re.compile(
    r"arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[\w-]+(:[\w$-]+)?", re.ASCII
)

# Source: the endpoints of AppFlow in botocore; AppFlow is in no other partition than aws.
_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)

_LABELS_ID = "AppFlowConnectorLabels"

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


def check_removal_policy(removal_policy: cdk.RemovalPolicy, *, force_unregister: bool) -> None:
    """Raise ValueError for a policy that has no meaning for a registration."""
    if removal_policy not in _REMOVAL_POLICIES:
        raise ValueError(
            f"removal_policy is RemovalPolicy.{removal_policy.name}, but a registration can only be"
            " kept (RemovalPolicy.RETAIN) or unregistered (RemovalPolicy.DESTROY). Choose one"
        )
    if force_unregister and removal_policy is not cdk.RemovalPolicy.DESTROY:
        raise ValueError(
            "force_unregister is True, but with RemovalPolicy.RETAIN nothing is ever unregistered."
            " Set removal_policy=RemovalPolicy.DESTROY as well, or leave force_unregister out"
        )


def check_function(function: lambda_.IFunction, stack: cdk.Stack) -> None:
    """Raise ValueError for a function that AppFlow cannot use as a connector of the stack."""
    arn = function.function_arn
    if not cdk.Token.is_unresolved(arn) and not _LAMBDA_ARN.fullmatch(arn):
        raise ValueError(
            f"the ARN of connector_function is {arn}, but AppFlow takes"
            " arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>] only. Give the"
            " function's own ARN"
        )
    for kind, theirs, ours in (
        ("account", function.env.account, stack.account),
        ("Region", function.env.region, stack.region),
    ):
        unknown = cdk.Token.is_unresolved(theirs) or cdk.Token.is_unresolved(ours)
        if not unknown and theirs != ours:
            raise ValueError(
                f"connector_function is of {kind} {theirs}, but its registration is of {kind}"
                f" {ours}, and AppFlow invokes functions of its own account and Region only. Deploy"
                " the function there too"
            )


def claim_label(scope: Construct, construct_id: str, label: str) -> None:
    """Raise ValueError for a label that a registration for the same place has in this app.

    Where the account or the Region of the stack is unknown, only stacks of one stage are compared,
    and two of them get a warning: they may well be meant for two places.
    """
    if cdk.Token.is_unresolved(label):
        return
    stack = cdk.Stack.of(scope)
    place = f"{stack.account}/{stack.region}"
    known = not cdk.Token.is_unresolved(place)
    owner = f"{scope.node.path}/{construct_id}"
    # Kept in the construct tree, under what the stacks to compare have in common.
    tree = scope.node.root if known else cdk.Stage.of(scope)
    assert isinstance(tree, Construct)
    labels = tree.node.try_find_child(_LABELS_ID) or Construct(tree, _LABELS_ID)
    assert isinstance(labels, Construct)
    key = hashlib.sha256(f"{place if known else ''} {label}".encode()).hexdigest()
    first = labels.node.try_find_child(key)
    if first is None:
        Construct(labels, key).node.add_metadata("owner", [owner, stack.node.addr])
        return
    their_owner, their_stack = first.node.metadata[0].data
    message = (
        f"connector_label is {label!r}, but {their_owner} has this label already, and a label is"
        " unique in an account and Region: {consequence}. Give one of them another label"
    )
    if known or their_stack == stack.node.addr:
        raise ValueError(message.format(consequence="the two would take it from each other"))
    cdk.Annotations.of(stack).add_warning_v2(
        f"cdk-appflow-connector:duplicateLabel:{label}",
        message.format(consequence="should both stacks go to one place, they would fight over it"),
    )


def warn_about_region(scope: IConstruct) -> None:
    """Warn of a Region that has no AppFlow."""
    region = cdk.Stack.of(scope).region
    if cdk.Token.is_unresolved(region) or region in _REGIONS:
        return
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-appflow-connector:noAppFlow",
        f"the stack is for Region {region}, where AppFlow was not offered when this library was"
        " released, so the deployment may fail. Deploy to one of " + ", ".join(sorted(_REGIONS)),
    )


def warn_about_version(scope: IConstruct, function: lambda_.IFunction) -> None:
    """Warn of a version that CloudFormation deletes as soon as there is a newer one."""
    resource = function.node.default_child
    if not isinstance(resource, lambda_.CfnVersion):
        return
    if resource.cfn_options.deletion_policy is cdk.CfnDeletionPolicy.RETAIN:
        return
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-appflow-connector:versionIsDeleted",
        "connector_function is a version that CloudFormation deletes after the update to the next"
        " one, while flows may still run on it. Keep old versions, with"
        " current_version_options=VersionOptions(removal_policy=RemovalPolicy.RETAIN) on the"
        " function, or pass an Alias",
    )
