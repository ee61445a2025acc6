"""Connector profiles, which keep their connector registered."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.support import LABEL, refusal
from tests.support import Account


@pytest.mark.rule("API")
def test_credentials_are_never_shown(account: Account, appflow: Any, arn: str) -> None:
    """Neither DescribeConnectorProfiles nor the journal shows the credentials of a profile."""
    account.register(LABEL, arn)
    account.make_profile("sales", LABEL)

    [profile] = appflow.describe_connector_profiles(connectorLabel=LABEL)["connectorProfileDetails"]

    del profile["createdAt"], profile["lastUpdatedAt"]
    assert profile == {
        "connectorProfileArn": f"arn:aws:appflow:us-east-1:{account.id}:connectorprofile/sales",
        "connectorProfileName": "sales",
        "connectorType": "CustomConnector",
        "connectorLabel": LABEL,
        "connectionMode": "Public",
    }
    assert "connectorProfileConfig" not in account.calls()[-2]["parameters"]


@pytest.mark.rule("Terraform")
def test_profile_needs_registered_connector(account: Account) -> None:
    """A profile for a label that is not registered is refused: `ValidationException`."""
    with pytest.raises(ClientError, match="Connector:acme-crm is not registered") as error:
        account.make_profile("sales", LABEL)

    assert error.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.rule("model")
def test_profile_name_is_unique(account: Account, arn: str) -> None:
    """A profile with the name of another one is refused: `ConflictException`."""
    account.register(LABEL, arn)
    account.make_profile("sales", LABEL)

    with pytest.raises(ClientError, match="ConflictException"):
        account.make_profile("sales", LABEL)


@pytest.mark.rule("API")
def test_connector_in_use_stays_registered(account: Account, appflow: Any, arn: str) -> None:
    """Unregistering a connector with a profile needs `forceDelete`: `ConflictException`, 409."""
    account.register(LABEL, arn)
    account.make_profile("sales", LABEL)

    code, status, message = refusal(appflow.unregister_connector, connectorLabel=LABEL)

    assert (code, status) == ("ConflictException", 409)
    assert message == "Connector acme-crm is in use by connector profiles: sales."
    appflow.unregister_connector(connectorLabel=LABEL, forceDelete=True)
    assert account.registered(LABEL) is None


@pytest.mark.rule("API")
def test_deleted_profile_releases_connector(account: Account, appflow: Any, arn: str) -> None:
    """A connector whose profiles are deleted can be unregistered."""
    account.register(LABEL, arn)
    account.make_profile("sales", LABEL)

    appflow.delete_connector_profile(connectorProfileName="sales")
    appflow.unregister_connector(connectorLabel=LABEL)

    assert account.registered(LABEL) is None
    code, status, _ = refusal(appflow.delete_connector_profile, connectorProfileName="sales")
    assert (code, status) == ("ResourceNotFoundException", 404)


@pytest.mark.rule("API")
def test_profiles_are_filtered(account: Account, appflow: Any, arn: str) -> None:
    """DescribeConnectorProfiles filters by name, label and type, and returns pages."""
    account.register(LABEL, arn)
    account.register("other", arn)
    for name, label in {"a": LABEL, "b": "other", "c": LABEL}.items():
        account.make_profile(name, label)

    def found(**filters: Any) -> list[str]:
        profiles = appflow.describe_connector_profiles(**filters)["connectorProfileDetails"]
        return [profile["connectorProfileName"] for profile in profiles]

    assert found(connectorLabel=LABEL) == ["a", "c"]
    assert found(connectorProfileNames=["b", "c", "d"]) == ["b", "c"]
    assert found(connectorType="Salesforce") == []
    assert found(maxResults=2) == ["a", "b"]


@pytest.mark.rule("choice")
def test_other_profile_types_are_not_served(appflow: Any) -> None:
    """Profiles of Amazon's own connectors are not served: `ValidationException`."""
    code, _, message = refusal(
        appflow.create_connector_profile,
        connectorProfileName="sales",
        connectorType="Salesforce",
        connectionMode="Public",
        connectorProfileConfig={
            "connectorProfileProperties": {},
            "connectorProfileCredentials": {},
        },
    )

    assert code == "ValidationException"
    assert message == (
        "The local cloud serves connector profiles of type CustomConnector only, not Salesforce."
    )
