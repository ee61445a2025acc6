"""Warnings at synthesis, for what may be right but often fails at deployment.

The id of a warning is part of the public interface: an app passes it to ``acknowledge_warning``.
"""

from __future__ import annotations

import aws_cdk as cdk

from constructs import Construct, IConstruct

from ._connector_function import ConnectorFunction, Kind
from ._environment import Environment, StackRecord, root_stack
from ._validation import LAMBDA_ARN

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

# The deletion policies that keep a version. The CDK's RETAIN_ON_UPDATE_OR_DELETE is the second.
_RETAINING = (cdk.CfnDeletionPolicy.RETAIN, cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE)


def warn_region_without_appflow(scope: IConstruct, environment: Environment) -> None:
    """Warn about a Region in which AppFlow is not offered."""
    if environment.region is None or environment.region in _REGIONS:
        return
    _warn(
        scope,
        "regionWithoutAppFlow",
        f"the stack is deployed to Region {environment.region}, where AppFlow was not offered when"
        " this version of the library was released, so the deployment may fail. Deploy to one of "
        + ", ".join(sorted(_REGIONS)),
    )


def warn_possible_duplicate_label(scope: IConstruct, label: str, other_path: str) -> None:
    """Warn about a label that another stack may use in the same account and Region."""
    _warn(
        scope,
        "possibleDuplicateLabel",
        f"connector_label is {label!r}, but {other_path} has this label already. AppFlow allows a"
        " label once in an account and Region, so if both stacks are deployed to the same account"
        " and Region, each would overwrite the registration of the other. Give one of them another"
        " label",
    )


def warn_token_label_with_destroy(scope: IConstruct) -> None:
    """Warn about a label whose registration the handler could not remove after a change of it."""
    _warn(
        scope,
        "tokenLabelWithDestroy",
        "removal_policy is RemovalPolicy.DESTROY, but connector_label is a token, whose value is"
        " only known at deploy time. If the value changes, CloudFormation updates the permission to"
        " unregister before it deletes the old registration, so the handler is not allowed to"
        " unregister the old label, which stays registered. Use a literal label, or keep the"
        " registration with RemovalPolicy.RETAIN",
    )


def warn_missing_invoke_permission(
    scope: IConstruct, function: ConnectorFunction, environment: Environment
) -> None:
    """Warn about a permission that the function's owner has to add, and show the command."""
    account, region = environment.account or "<account>", environment.region or "<Region>"
    arn = function.arn
    if LAMBDA_ARN.fullmatch(arn):
        # AppFlow only invokes functions in its own account and Region.
        _, _, _, region, account, *_ = arn.split(":")
    else:
        arn = f"<ARN of {function.construct.node.path}>"
    _warn(
        scope,
        "missingInvokePermission",
        "skip_permissions is True, so the deployment fails unless the owner of connector_function"
        " has allowed AppFlow to invoke exactly this function, version or alias. The owner can use"
        f" aws lambda add-permission --function-name '{arn}' --statement-id AppFlow"
        " --action lambda:InvokeFunction --principal appflow.amazonaws.com"
        f" --source-account '{account}' --source-arn 'arn:aws:appflow:{region}:{account}:*'",
    )


def warn_unseen_code_changes(scope: IConstruct, function: ConnectorFunction) -> None:
    """Warn about a function from elsewhere, whose new code nothing in this app shows."""
    if function.resource is not None or function.kind is Kind.VERSION:
        return
    _warn(
        scope,
        "unseenCodeChanges",
        f"connector_function is {function.construct.node.path}, which does not refer to a resource"
        " of this app, so new code under the same ARN does not refresh the registration, and"
        " AppFlow keeps the old configuration. Set refresh_on_external_change=True, pass"
        " triggers={'Release': ...} with a value that changes with each release of the function, or"
        " import a version",
    )


def warn_unstable_version(
    scope: IConstruct, function: ConnectorFunction, stack: StackRecord
) -> None:
    """Warn about a version that is exported to another stack, or deleted after the next one."""
    resource = function.resource
    if function.kind is not Kind.VERSION or not isinstance(resource, cdk.CfnResource):
        return
    if root_stack(cdk.Stack.of(resource)).node.path != stack.root_path:
        _warn(
            scope,
            "versionFromAnotherStack",
            "connector_function is a version from another stack, which exports its ARN under a name"
            " that changes with the function's code. CloudFormation does not remove an export that"
            " is in use, so the deployment of the next version fails unless the CDK's cross-stack"
            " references are weak. Pass an Alias",
        )
    elif resource.cfn_options.deletion_policy not in _RETAINING:
        _warn(
            scope,
            "versionNotRetained",
            "connector_function is a version that CloudFormation deletes after the update to the"
            " next one, while flows may still run on it. Retain old versions with"
            " current_version_options=VersionOptions(removal_policy=RemovalPolicy.RETAIN) on the"
            " function, or pass an Alias",
        )


def warn_managed_policy_quota(role: Construct, count: int, quota: int) -> None:
    """Warn about more managed policies on a role than IAM's default quota."""
    _warn(
        role,
        "managedPolicyQuota",
        f"role {role.node.path} has {count} managed policies with those for its connectors, but IAM"
        f" attaches {quota} to a role unless the account's quota is raised. Request an increase of"
        " the quota 'Managed policies per role', or move some of the connectors to another stack,"
        " or to another provider with a role of its own",
    )


def warn_event_rule_quota(stack: cdk.Stack, quota: int) -> None:
    """Warn about more rules on an event bus than EventBridge's default quota."""
    _warn(
        stack,
        "eventRuleQuota",
        f"this stack and those of the same account and Region have {quota + 1} rules for"
        f" refresh_on_external_change, but EventBridge accepts {quota} rules on an event bus unless"
        " the account's quota is raised. Request an increase of the quota 'Number of rules', or"
        " set refresh_on_external_change=False for functions that only deployments change",
    )


def warn_metric_without_values(scope: IConstruct) -> None:
    """Warn about the metric of a registration that never reports one."""
    _warn(
        scope,
        "metricWithoutValues",
        "metric_breaking_changes() of this registration never has a value, so an alarm on it never"
        " goes off: the handler reports breaking changes with refresh_on_external_change=True and"
        " on_breaking_change=OnBreakingChange.FAIL only. Set both, or do not use the metric",
    )


def _warn(scope: IConstruct, name: str, message: str) -> None:
    cdk.Annotations.of(scope).add_warning_v2(f"cdk-appflow-connector:{name}", message)
