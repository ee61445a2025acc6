"""Behaviour that AWS does not document, and the settings that change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.support import LABEL, described, refusal, registration, user_client
from tests.support import BROKEN_CONNECTOR, Account, connector


@pytest.mark.rule("choice", setting="tokenScope: operation")
def test_token_counts_for_all_operations(account: Account, appflow: Any, arn: str) -> None:
    """A client token that was used for one operation is used for all operations."""
    account.register(LABEL, arn, clientToken="once")
    update = {"connectorLabel": LABEL, "clientToken": "once"}

    code, _, _ = refusal(appflow.update_connector_registration, **update)
    account.local_cloud.configure_appflow(account.id, tokenScope="operation")
    appflow.update_connector_registration(**update)

    assert code == "ConflictException"


@pytest.mark.rule("choice", setting="tokenMisuse: ValidationException")
def test_misused_token_is_conflict(account: Account, appflow: Any, arn: str) -> None:
    """A client token that was used with other parameters: `ConflictException`, 409."""
    account.register(LABEL, arn, clientToken="once")
    other = registration("another", arn, clientToken="once")

    conflict = refusal(appflow.register_connector, **other)
    account.local_cloud.configure_appflow(account.id, tokenMisuse="ValidationException")
    invalid = refusal(appflow.register_connector, **other)

    message = "The client token was used with other parameters."
    assert conflict == ("ConflictException", 409, message)
    assert invalid[:2] == ("ValidationException", 400)


@pytest.mark.rule("choice", setting="failedTokens: remembered")
@pytest.mark.parametrize(
    ("failed_tokens", "succeeds"), [("forgotten", True), ("remembered", False)]
)
def test_failed_call_can_be_repeated(
    account: Account, appflow: Any, failed_tokens: str, succeeds: bool
) -> None:
    """A call that failed is carried out again if it is repeated with the same client token."""
    account.local_cloud.configure_appflow(account.id, failedTokens=failed_tokens)
    members = registration(LABEL, account.make_function("crm", BROKEN_CONNECTOR))
    members["clientToken"] = "once"
    assert refusal(appflow.register_connector, **members)[0] == "ConnectorServerException"
    account.change_code("crm", connector())

    if succeeds:
        appflow.register_connector(**members)
    else:
        assert refusal(appflow.register_connector, **members)[0] == "ConnectorServerException"

    assert (account.registered(LABEL) is not None) == succeeds
    [last] = [call for call in account.calls() if call["operation"] == "RegisterConnector"][1:]
    assert last["remembered"] is not succeeds


@pytest.mark.rule("choice", setting="omittedDescription: cleared")
def test_omitted_description_is_kept(account: Account, appflow: Any, arn: str) -> None:
    """An update without a description keeps the registered description."""
    account.register(LABEL, arn, description="Acme CRM")

    appflow.update_connector_registration(connectorLabel=LABEL)
    kept = described(appflow)
    account.local_cloud.configure_appflow(account.id, omittedDescription="cleared")
    appflow.update_connector_registration(connectorLabel=LABEL)
    cleared = described(appflow)

    assert kept["connectorDescription"] == "Acme CRM"
    assert "connectorDescription" not in cleared


@pytest.mark.rule("choice", setting="registeredAt: renewed")
def test_update_keeps_registration_time(account: Account, appflow: Any, arn: str) -> None:
    """An update does not change `registeredAt`."""
    account.register(LABEL, arn)
    times = []

    for settings in ({}, {}, {"registeredAt": "renewed"}):
        account.local_cloud.configure_appflow(account.id, clockAheadSeconds=3600, **settings)
        times.append(described(appflow)["registeredAt"])
        appflow.update_connector_registration(connectorLabel=LABEL)
    renewed = described(appflow)["registeredAt"]

    assert times[0] == times[1] == times[2]
    assert renewed - times[0] >= timedelta(hours=1)


@pytest.mark.rule("choice", setting="takenLabel: ValidationException")
def test_taken_label_is_conflict(account: Account, appflow: Any, arn: str) -> None:
    """Registering a label that is already registered: `ConflictException`, 409."""
    account.register(LABEL, arn)
    members = registration(LABEL, arn)

    conflict = refusal(appflow.register_connector, **members)
    account.local_cloud.configure_appflow(account.id, takenLabel="ValidationException")
    invalid = refusal(appflow.register_connector, **members)

    message = "Connector acme-crm is already registered."
    assert conflict == ("ConflictException", 409, message)
    assert invalid == ("ValidationException", 400, message)


@pytest.mark.rule(
    "choice", setting="missingFunction: ResourceNotFoundException or ConnectorServerException"
)
@pytest.mark.parametrize(
    ("missing_function", "status"),
    [("ResourceNotFoundException", 404), ("ConnectorServerException", 400)],
)
def test_missing_function_is_access_denied(
    account: Account, appflow: Any, arn: str, missing_function: str, status: int
) -> None:
    """A function that does not exist: `AccessDeniedException`, 403, as without a permission."""
    register = appflow.register_connector
    closed = account.make_function("closed", connector(), granted=False)
    missing = registration(LABEL, f"{arn}:99")

    by_default = refusal(register, **missing)
    account.local_cloud.configure_appflow(account.id, missingFunction=missing_function)
    as_set = refusal(register, **missing)
    without_permission = refusal(register, **registration(LABEL, closed))

    assert by_default[:2] == ("AccessDeniedException", 403)
    assert as_set == (missing_function, status, f"Function {arn}:99 does not exist.")
    assert without_permission[:2] == ("AccessDeniedException", 403)


@pytest.mark.rule("choice", setting="qualifiedFunctions: refused")
def test_version_and_alias_are_accepted(account: Account, arn: str) -> None:
    """AppFlow accepts the ARN of a version or an alias."""
    version = account.client("lambda").publish_version(FunctionName="crm")["FunctionArn"]
    account.grant_appflow(version)
    account.register("accepted", version)
    account.local_cloud.configure_appflow(account.id, qualifiedFunctions="refused")

    with pytest.raises(ClientError, match=r"ValidationException.*ARN of a version or an alias"):
        account.register("refused", version)
    account.register("unqualified", arn)


@pytest.mark.rule("choice", setting="callerPermission: ignored")
def test_caller_needs_permission_to_invoke(account: Account, arn: str) -> None:
    """The caller needs lambda:InvokeFunction on the connector's function."""
    clerk = user_client(account, ["appflow:*"])
    members = registration(LABEL, arn)

    code, _, message = refusal(clerk.register_connector, **members)
    account.local_cloud.configure_appflow(account.id, callerPermission="ignored")
    clerk.register_connector(**members)

    assert code == "AccessDeniedException"
    assert f"perform: lambda:InvokeFunction on resource: {arn}" in message
    assert account.registered_arn(LABEL) == arn
