"""Permissions of the caller and of AppFlow."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from appflow_local_cloud.appflow.endpoint import _RESOURCES
from tests.local_cloud.support import LABEL, refusal, registration, user_client
from tests.support import Account, connector


@pytest.mark.rule("SDK", "Lambda")
def test_appflow_needs_permission_for_qualifier(account: Account, arn: str) -> None:
    """AppFlow needs a permission for the version or alias itself; the function's does not count."""
    version = account.client("lambda").publish_version(FunctionName="crm")["FunctionArn"]

    with pytest.raises(ClientError, match=re.escape(version)):
        account.register(LABEL, version)
    account.grant_appflow(version)
    account.register(LABEL, version)

    assert account.registered_arn(LABEL) == version


@pytest.mark.rule("SDK")
def test_permission_for_other_account_is_ignored(account: Account) -> None:
    """A permission for AppFlow in another account does not count."""
    arn = account.make_function("crm", connector(), granted=False)
    account.grant_appflow(arn, SourceAccount="999999999999")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        account.register(LABEL, arn)


@pytest.mark.rule("SDK")
def test_permission_by_source_arn_counts(account: Account) -> None:
    """A permission can name AppFlow's ARN instead of the account."""
    arn = account.make_function("crm", connector(), granted=False)
    account.grant_appflow(arn, SourceArn=f"arn:aws:appflow:us-east-1:{account.id}:*")

    account.register(LABEL, arn)


@pytest.mark.rule("IAM")
@pytest.mark.parametrize(
    ("allowed", "missing"),
    [
        (["appflow:RegisterConnector"], "lambda:InvokeFunction"),
        (["lambda:InvokeFunction"], "appflow:RegisterConnector"),
    ],
)
def test_caller_needs_action_and_invocation(
    account: Account, arn: str, allowed: list[str], missing: str
) -> None:
    """The caller needs the AppFlow action, and lambda:InvokeFunction for the function."""
    clerk = user_client(account, allowed)

    code, status, message = refusal(clerk.register_connector, **registration(LABEL, arn))

    assert (code, status) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: {missing}" in message


@pytest.mark.rule("IAM")
def test_list_can_be_limited_to_connectors(account: Account, arn: str) -> None:
    """A policy can limit ListConnectors to connectors."""
    account.register(LABEL, arn)
    resource = "arn:aws:appflow:*:*:connector/*"
    clerk = user_client(account, ["appflow:ListConnectors"], resource=resource)

    assert len(clerk.list_connectors()["connectors"]) == 1


@pytest.mark.rule("IAM")
def test_new_permission_is_refused_until_effective(account: Account, arn: str) -> None:
    """A permission that is not effective yet is refused like a missing one."""
    clerk = user_client(account, ["appflow:RegisterConnector", "lambda:InvokeFunction"])
    members = registration(LABEL, arn)
    refusals = []

    for seconds in (0, 3600):
        account.local_cloud.configure_appflow(
            account.id, permissionDelaySeconds=60, clockAheadSeconds=seconds
        )
        refusals.append(refusal(clerk.register_connector, **members))
    account.local_cloud.configure_appflow(
        account.id, permissionDelaySeconds=60, clockAheadSeconds=7200
    )
    clerk.register_connector(**members)

    assert [refused[:2] for refused in refusals] == [("AccessDeniedException", 403)] * 2
    # The permission for the action first; those for the function are found by the second call.
    [first, second] = [message for _, _, message in refusals]
    assert "is not authorized to perform: appflow:RegisterConnector" in first
    assert "is not authorized to perform: lambda:InvokeFunction" in second


@pytest.mark.rule("IAM")
def test_permission_granted_again_is_a_new_one(account: Account, arn: str) -> None:
    """A permission that was removed and granted again has to become effective again."""
    functions = account.client("lambda")
    account.register(LABEL, arn)
    account.local_cloud.configure_appflow(account.id, permissionDelaySeconds=3600)
    update = account.client("appflow").update_connector_registration
    refused = f"Amazon AppFlow is not authorized to invoke {arn}"
    functions.remove_permission(FunctionName="crm", StatementId="AppFlow")
    assert refused in refusal(update, connectorLabel=LABEL)[2]

    account.grant_appflow(arn)

    assert refused in refusal(update, connectorLabel=LABEL)[2]
    account.local_cloud.configure_appflow(
        account.id, permissionDelaySeconds=3600, clockAheadSeconds=7200
    )
    update(connectorLabel=LABEL)


@pytest.mark.rule("IAM")
def test_root_needs_no_permission(account: Account) -> None:
    """The root of an account needs no permission, so that none has to become effective."""
    account.local_cloud.configure_appflow(account.id, permissionDelaySeconds=60)

    assert account.connectors() == []


@pytest.mark.rule("IAM")
def test_policies_can_name_resources() -> None:
    """A policy can limit an action to the kinds of resources that AWS publishes for it."""
    data = resources.files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json")
    published = json.loads(data.read_text())["appflow"]["Actions"]
    operations = [
        name
        for name in Session().get_service_model("appflow").operation_names
        # The ARN in the request is the resource.
        if name not in ("TagResource", "UntagResource", "ListTagsForResource")
    ]

    checked = {name: [kind for kind, _ in [_RESOURCES[name]]] for name in _RESOURCES}

    assert {name: checked.get(name) for name in operations} == {
        name: published[name.lower()].get("Resources") for name in operations
    }
