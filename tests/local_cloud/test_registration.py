"""Connectors: registering, updating, describing and unregistering them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.support import LABEL, described, provisioned_by, refusal
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id


def configuration(**members: Any) -> dict[str, Any]:
    """The response of a connector with the required members, changed as given."""
    required = {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "1.0",
        "connectorModes": ["SOURCE"],
        "authenticationConfig": {},
        "supportedApiVersions": ["v1"],
    }
    return {**required, **members}


def connector_that_returns(response: Any) -> str:
    """The source of a function with a fixed response."""
    return f"def handler(event, context):\n    return {response!r}\n"


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


@pytest.mark.rule("model", "SDK")
@pytest.mark.parametrize(
    ("response", "message"),
    [
        (None, "No valid response"),
        ("a text", "No valid response"),
        ({}, "No valid response"),
        ({"isSuccess": False, "errorDetails": {"errorMessage": "No"}}, "connector: No"),
        ({"isSuccess": False, "errorDetails": "boom"}, 'in the errorDetails, "boom"'),
        ({"isSuccess": False}, "in the errorDetails, null"),
        ({"isSuccess": True}, "KeyError: 'connectorModes'"),
        (configuration(connectorModes=1), "is not iterable"),
        (configuration(connectorModes="SOURCE"), "at 'connectorModes' .* must be of type list"),
        (configuration(connectorModes=["NONSENSE"]), "'NONSENSE', not one of SOURCE, DESTINATION"),
        (configuration(connectorModes=[None]), "Value null at 'connectorModes.1.member'"),
        (configuration(connectorOwner=None), "connectorOwner is missing"),
        (configuration(connectorName=None), "connectorName is missing"),
        (configuration(connectorVersion=None), "connectorVersion is missing"),
        (configuration(connectorVersion=7), "at 'connectorVersion' .* must be of type string"),
        (configuration(connectorVersion="1 0"), "at 'connectorVersion' .* regular expression"),
        (configuration(supportedApiVersions=3), "at 'supportedApiVersions' .* of type list"),
        (
            configuration(authenticationConfig={"isOAuth2Supported": "no"}),
            "must be of type boolean",
        ),
        (
            configuration(operatorsSupported=["ROOT"]),
            "at 'supportedOperators.1.member' .* enum",
        ),
    ],
)
def test_invalid_configuration_is_refused(account: Account, response: Any, message: str) -> None:
    """A function whose response is not a valid configuration: `ConnectorServerException`, 400."""
    odd = account.make_function("odd", connector_that_returns(response))

    with pytest.raises(ClientError, match=f"ConnectorServerException.*{message}"):
        account.register(LABEL, odd)

    assert account.connectors() == []


@pytest.mark.rule("choice")
def test_minimal_configuration_is_accepted(account: Account) -> None:
    """Owner, name, version, modes, authentication and API versions make a valid configuration."""
    terse = account.make_function("terse", connector_that_returns(configuration()))

    account.register(LABEL, terse)

    assert account.registered(LABEL) is not None


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


# All members that the response of a connector can have, and what DescribeConnector makes of them.
RESPONSE: Mapping[str, Any] = {
    "isSuccess": True,
    "connectorOwner": "Acme",
    "connectorName": "Acme CRM",
    "connectorVersion": "1.0",
    "connectorModes": ["SOURCE", "DESTINATION"],
    "authenticationConfig": {
        "isOAuth2Supported": True,
        "isCustomAuthSupported": True,
        "oAuth2Defaults": {
            "oAuthScopes": ["api"],
            "tokenURL": ["https://crm.example/token"],
            "authURL": ["https://crm.example/auth"],
            "oAuth2GrantTypesSupported": ["AUTHORIZATION_CODE"],
            "oAuth2CustomProperties": [
                {
                    "key": "tenant",
                    "required": True,
                    "sensitiveField": False,
                    "type": "TOKEN_URL",
                }
            ],
        },
        "customAuthConfig": [
            {
                "authenticationType": "hmac",
                "authParameters": [{"key": "secret", "required": True, "sensitiveField": True}],
            }
        ],
    },
    "supportedApiVersions": ["v1", "v2"],
    "operatorsSupported": ["PROJECTION", "EQUAL_TO"],
    "supportedWriteOperations": ["INSERT", "UPSERT"],
    "triggerFrequenciesSupported": ["DAILY", "ONCE"],
    "supportedTriggerTypes": ["SCHEDULED", "ONDEMAND", "EVENT"],
    "logoURL": "https://crm.example/logo.png",
}
DESCRIBED: Mapping[str, Any] = {
    "connectorModes": ["SOURCE", "DESTINATION"],
    "canUseAsSource": True,
    "canUseAsDestination": True,
    "authenticationConfig": {
        "isBasicAuthSupported": False,
        "isApiKeyAuthSupported": False,
        "isOAuth2Supported": True,
        "isCustomAuthSupported": True,
        "oAuth2Defaults": {
            "oauthScopes": ["api"],
            "tokenUrls": ["https://crm.example/token"],
            "authCodeUrls": ["https://crm.example/auth"],
            "oauth2GrantTypesSupported": ["AUTHORIZATION_CODE"],
            "oauth2CustomProperties": [
                {
                    "key": "tenant",
                    "isRequired": True,
                    "isSensitiveField": False,
                    "type": "TOKEN_URL",
                }
            ],
        },
        "customAuthConfigs": [
            {
                "customAuthenticationType": "hmac",
                "authParameters": [{"key": "secret", "isRequired": True, "isSensitiveField": True}],
            }
        ],
    },
    "supportedApiVersions": ["v1", "v2"],
    "supportedOperators": ["PROJECTION", "EQUAL_TO"],
    "supportedWriteOperations": ["INSERT", "UPSERT"],
    "supportedSchedulingFrequencies": ["DAILY", "ONCE"],
    "supportedTriggerTypes": ["Scheduled", "OnDemand", "Event"],
    "logoURL": "https://crm.example/logo.png",
}


@pytest.mark.rule("model", "SDK")
def test_configuration_gets_appflow_names(account: Account, appflow: Any) -> None:
    """DescribeConnector returns every member of the configuration under AppFlow's own name."""
    account.register(LABEL, account.make_function("crm", connector_that_returns({**RESPONSE})))

    stored = described(appflow)

    assert {name: stored[name] for name in DESCRIBED} == DESCRIBED


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
