"""Checks at synthesis, against the rules AppFlow applies at deployment.

Source of the rules: botocore's service model of AppFlow, version 2020-08-23. Values that are tokens
are unknown at synthesis; the handler checks them again.
"""

from __future__ import annotations

import re

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import IConstruct

from ._place import Place, top_level

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

# What of a version's deletion policies keeps it. CDK's RETAIN_ON_UPDATE_OR_DELETE is the second.
_KEPT = (cdk.CfnDeletionPolicy.RETAIN, cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE)

_REMOVAL_POLICIES = (cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.DESTROY)


def is_label(label: str) -> bool:
    """Whether AppFlow accepts a label; False for a token, of which nothing is known."""
    return _LABEL.fullmatch(label) is not None


def check_connector_label(label: str) -> None:
    """Raise ValueError for a label that AppFlow refuses."""
    if not is_label(label) and not cdk.Token.is_unresolved(label):
        raise ValueError(
            f"connector_label is {label!r}, but AppFlow takes 2 to 256 characters: a letter or"
            " digit first, then letters, digits and _ ! @ # . - only. Rename the connector, for"
            " instance to 'acme-crm'"
        )


def check_description(description: str | None) -> None:
    """Raise ValueError for a description that AppFlow refuses."""
    if description is None or _DESCRIPTION.fullmatch(description):
        return
    if cdk.Token.is_unresolved(description):
        return
    refused = sorted({letter for letter in description if not _DESCRIPTION.fullmatch(letter)})
    if refused:
        raise ValueError(
            f"description is {description!r}, but AppFlow takes letters, digits, spaces and"
            f" / ! @ # + = . - _ only. Remove {' '.join(map(repr, refused))}"
        )
    raise ValueError(
        f"description has {len(description)} characters, but AppFlow takes 1024 at most. Shorten it"
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


def check_function(function: lambda_.IFunction, arn: str, place: Place) -> None:
    """Raise ValueError for a function that AppFlow cannot use as a connector of a place.

    Source for ``$LATEST``: Lambda's answer to AddPermission, "We currently do not support adding
    policies for $LATEST."
    """
    if arn.endswith(":$LATEST"):
        raise ValueError(
            f"connector_function is {function.node.path}, whose ARN ends with :$LATEST, but Lambda"
            " takes no permission for AppFlow on $LATEST. Pass the function itself, whose code is"
            " the same"
        )
    if not _LAMBDA_ARN.fullmatch(arn) and not cdk.Token.is_unresolved(arn):
        raise ValueError(
            f"the ARN of connector_function is {arn}, but AppFlow takes"
            " arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>] only. Give the"
            " function's own ARN"
        )
    if place == (None, None):
        return
    theirs = Place.of(function.env.account, function.env.region)
    for kind, their, our in (
        ("account", theirs.account, place.account),
        ("Region", theirs.region, place.region),
    ):
        if None not in (their, our) and their != our:
            raise ValueError(
                f"connector_function is of {kind} {their}, but its registration is of {kind}"
                f" {our}, and AppFlow invokes functions of its own account and Region only. Deploy"
                " the function there too"
            )


def warn_about_region(scope: IConstruct, place: Place) -> None:
    """Warn of a Region that has no AppFlow."""
    if place.region is None or place.region in _REGIONS:
        return
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-appflow-connector:noAppFlow",
        f"the stack is for Region {place.region}, where AppFlow was not offered when this library"
        " was released, so the deployment may fail. Deploy to one of "
        + ", ".join(sorted(_REGIONS)),
    )


def warn_about_unregistering(scope: IConstruct, label: str) -> None:
    """Warn of a label whose registration the handler may not remove once the label has changed."""
    if is_label(label):
        return
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-appflow-connector:unregisterToken",
        "removal_policy is RemovalPolicy.DESTROY, but connector_label is known at deployment only."
        " Should its value change, CloudFormation changes the permission to unregister before it"
        " has the old label unregistered, which then fails and leaves it registered. Give the label"
        " literally, or keep its registration with RemovalPolicy.RETAIN",
    )


def warn_about_invoking(
    scope: IConstruct, function: lambda_.IFunction, arn: str, place: Place
) -> None:
    """Say what AppFlow's permission is, for a function whose owner has to add it."""
    account, region = place.account or "<account>", place.region or "<Region>"
    if _LAMBDA_ARN.fullmatch(arn):
        # AppFlow invokes functions of its own account and Region only.
        _, _, _, region, account, *_ = arn.split(":")
    else:
        arn = f"<ARN of {function.node.path}>"
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-appflow-connector:grantInvoke",
        "grant_invoke is False, so the deployment fails unless the owner of connector_function has"
        " allowed AppFlow to invoke exactly this function, version or alias, with aws lambda"
        f" add-permission --function-name '{arn}' --statement-id AppFlow"
        " --action lambda:InvokeFunction --principal appflow.amazonaws.com"
        f" --source-account '{account}' --source-arn 'arn:aws:appflow:{region}:{account}:*'",
    )


def warn_about_version(scope: IConstruct, resource: IConstruct | None, stack: cdk.Stack) -> None:
    """Warn of a version that the next one makes trouble for: it is exported, or it is deleted."""
    if not isinstance(resource, lambda_.CfnVersion):
        return
    if top_level(cdk.Stack.of(resource)) is not top_level(stack):
        cdk.Annotations.of(scope).add_warning_v2(
            "cdk-appflow-connector:versionOfAnotherStack",
            "connector_function is a version of another stack, which exports its ARN under a name"
            " that changes with the function's code. CloudFormation removes no export that is in"
            " use, so the deployment of the next version fails, unless the CDK's cross-stack"
            " references are weak. Pass an Alias",
        )
    elif resource.cfn_options.deletion_policy not in _KEPT:
        _warn_about_deleted_version(scope)


def _warn_about_deleted_version(scope: IConstruct) -> None:
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-appflow-connector:versionIsDeleted",
        "connector_function is a version that CloudFormation deletes after the update to the next"
        " one, while flows may still run on it. Keep old versions, with"
        " current_version_options=VersionOptions(removal_policy=RemovalPolicy.RETAIN) on the"
        " function, or pass an Alias",
    )
