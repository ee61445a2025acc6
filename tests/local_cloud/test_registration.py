"""Connectors: registering, updating, describing and unregistering them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.support import LABEL, described, provisioned_by, refusal
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id


@pytest.mark.rule("SDK")
def test_register_stores_configuration(account: Account, appflow: Any, arn: str) -> None:
    """RegisterConnector invokes the function for its configuration and stores it."""
    account.register(LABEL, arn, description="Acme CRM")

    stored = {**described(appflow)}
    del stored["registeredAt"]

    assert stored == {
        "connectorLabel": LABEL,
        "connectorType": "CustomConnector",
        "connectorDescription": "Acme CRM",
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "1.0",
        "connectorArn": f"arn:aws:appflow:us-east-1:{account.id}:connector/{LABEL}",
        "connectorModes": ["SOURCE"],
        "canUseAsSource": True,
        "canUseAsDestination": False,
        "authenticationConfig": {
            "isBasicAuthSupported": True,
            "isApiKeyAuthSupported": False,
            "isOAuth2Supported": False,
            "isCustomAuthSupported": False,
        },
        "connectorRuntimeSettings": [
            {
                "key": "url",
                "dataType": "String",
                "isRequired": True,
                "label": "URL",
                "description": "Where it is",
                "scope": "CONNECTOR_PROFILE",
            }
        ],
        "supportedApiVersions": ["v1"],
        "supportedOperators": ["PROJECTION"],
        "supportedSchedulingFrequencies": ["DAILY"],
        "supportedTriggerTypes": ["Scheduled", "OnDemand"],
        "connectorProvisioningType": "LAMBDA",
        **provisioned_by(arn),
        "registeredBy": f"arn:aws:iam::{account.id}:root",
    }


@pytest.mark.rule("SDK")
def test_label_is_unique_per_account_and_region(account: Account) -> None:
    """A label can be registered once in each account and Region."""
    neighbour = Account(account.cloud, new_account_id())
    environments = [
        (account, "us-east-1"),
        (account, "eu-west-1"),
        (neighbour, "us-east-1"),
    ]
    expected = []
    for number, (owner, region) in enumerate(environments):
        there = replace(owner, region=region)
        there.register(LABEL, there.make_function(f"crm-{number}", connector(str(number))))
        expected.append(f"arn:aws:lambda:{region}:{owner.id}:function:crm-{number}")

    registered = [
        replace(owner, region=region).registered_arn(LABEL) for owner, region in environments
    ]

    assert registered == expected


@pytest.mark.rule("model")
def test_failing_function_is_refused(account: Account) -> None:
    """A function that fails: `ConnectorServerException`, 400, and the label is not registered."""
    broken = account.make_function("broken", BROKEN_CONNECTOR)

    with pytest.raises(ClientError, match=r"ConnectorServerException.*connector is broken"):
        account.register(LABEL, broken)

    assert account.registered(LABEL) is None


@pytest.mark.rule("model")
def test_function_timeout_is_refused(account: Account) -> None:
    """A function that does not respond within its timeout: `ConnectorServerException`."""
    slow = account.make_function("slow", "import time\ndef handler(*_): time.sleep(60)\n")
    account.client("lambda").update_function_configuration(FunctionName="slow", Timeout=1)

    with pytest.raises(ClientError, match=r"ConnectorServerException.*timed out"):
        account.register(LABEL, slow)


@pytest.mark.rule("choice")
def test_missing_function_is_refused(account: Account) -> None:
    """A function that does not exist: `AccessDeniedException`, 403, as without a permission."""
    missing = f"arn:aws:lambda:us-east-1:{account.id}:function:nowhere"

    with pytest.raises(ClientError, match="AccessDeniedException"):
        account.register(LABEL, missing)


@pytest.mark.rule("API")
def test_update_moves_label_to_other_function(account: Account, appflow: Any, arn: str) -> None:
    """UpdateConnectorRegistration with another function changes the registered ARN."""
    other = account.make_function("other", connector("2.0"))
    account.register(LABEL, arn, description="Acme CRM")

    appflow.update_connector_registration(connectorLabel=LABEL, **provisioned_by(other))

    stored = described(appflow)
    assert account.registered_arn(LABEL) == other
    assert stored["connectorVersion"] == "2.0"
    assert stored["connectorDescription"] == "Acme CRM"


@pytest.mark.rule("API")
def test_update_refreshes_registered_function(account: Account, appflow: Any, arn: str) -> None:
    """UpdateConnectorRegistration without a function invokes the registered function again."""
    account.register(LABEL, arn)
    account.change_code("crm", connector("1.1"))

    before = described(appflow)
    appflow.update_connector_registration(connectorLabel=LABEL)

    after = described(appflow)
    assert (before["connectorVersion"], after["connectorVersion"]) == ("1.0", "1.1")
    assert account.registered_arn(LABEL) == arn


@pytest.mark.rule("API")
def test_failed_update_changes_nothing(account: Account, appflow: Any, arn: str) -> None:
    """An update whose function fails leaves the registration as it is."""
    broken = account.make_function("broken", BROKEN_CONNECTOR)
    account.register(LABEL, arn)
    before = described(appflow)

    code, status, _ = refusal(
        appflow.update_connector_registration,
        connectorLabel=LABEL,
        **provisioned_by(broken),
    )

    assert (code, status) == ("ConnectorServerException", 400)
    assert described(appflow) == before


@pytest.mark.rule("model")
def test_update_of_unknown_label_is_refused(appflow: Any, arn: str) -> None:
    """Updating a label that is not registered: `ResourceNotFoundException`, 404."""
    code, status, _ = refusal(
        appflow.update_connector_registration, connectorLabel=LABEL, **provisioned_by(arn)
    )

    assert (code, status) == ("ResourceNotFoundException", 404)


@pytest.mark.rule("API")
def test_unregister_removes_connector(account: Account, appflow: Any, arn: str) -> None:
    """UnregisterConnector removes the registration."""
    account.register(LABEL, arn)

    appflow.unregister_connector(connectorLabel=LABEL)

    assert account.registered(LABEL) is None


@pytest.mark.rule("model")
def test_unregister_of_unknown_label_is_refused(appflow: Any) -> None:
    """Unregistering a label that is not registered: `ResourceNotFoundException`, 404."""
    code, status, _ = refusal(appflow.unregister_connector, connectorLabel=LABEL)

    assert (code, status) == ("ResourceNotFoundException", 404)


@pytest.mark.rule("model")
def test_describe_of_unknown_label_is_refused(appflow: Any) -> None:
    """Describing a label that is not registered: `ResourceNotFoundException`, 404."""
    code, status, message = refusal(
        appflow.describe_connector, connectorType="CustomConnector", connectorLabel=LABEL
    )

    assert (code, status) == ("ResourceNotFoundException", 404)
    assert message == "Connector acme-crm is not registered."


@pytest.mark.rule("choice")
def test_amazon_connectors_are_not_served(appflow: Any) -> None:
    """Describing one of Amazon's own connectors: `ResourceNotFoundException`, 404."""
    code, status, message = refusal(appflow.describe_connector, connectorType="S3")

    assert (code, status) == ("ResourceNotFoundException", 404)
    assert message == "The local cloud has no connector of type S3."
