"""Connector profiles, which keep their connector registered."""

from __future__ import annotations

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError
from cdk_appflow_connector import ConnectorRegistration

from tests.local_cloud.flow_support import Sales, profile
from tests.local_cloud.flow_support import message as flow_message
from tests.local_cloud.support import LABEL, refusal
from tests.support import Account


@pytest.mark.rule("API")
def test_credentials_are_never_shown(account: Account, appflow: Any, arn: str) -> None:
    """Neither DescribeConnectorProfiles nor the journal shows the credentials of a profile."""
    account.register(LABEL, arn)
    account.make_profile("sales", LABEL)

    [shown] = appflow.describe_connector_profiles(connectorLabel=LABEL)["connectorProfileDetails"]

    del shown["createdAt"], shown["lastUpdatedAt"]
    secret = shown.pop("credentialsArn")
    prefix = f"arn:aws:secretsmanager:us-east-1:{account.id}:secret:appflow!{account.id}-acme-crm-"
    assert secret.startswith(prefix)
    assert shown == {
        "connectorProfileArn": f"arn:aws:appflow:us-east-1:{account.id}:connectorprofile/sales",
        "connectorProfileName": "sales",
        "connectorType": "CustomConnector",
        "connectorLabel": LABEL,
        "connectionMode": "Public",
        "connectorProfileProperties": {
            "CustomConnector": {"profileProperties": {"url": "https://acme.example"}}
        },
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


def secrets_of(account: Account) -> dict[str, Any]:
    """The contents of all secrets of an account, by their names."""
    client = account.client("secretsmanager")
    names = [secret["Name"] for secret in client.list_secrets()["SecretList"]]
    return {
        name: json.loads(client.get_secret_value(SecretId=name)["SecretString"]) for name in names
    }


CREDENTIALS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"authenticationType": "BASIC", "basic": {"username": "u", "password": "p"}},
        "BasicAuth",
        {"userName": "u", "password": "p"},
    ),
    (
        {"authenticationType": "APIKEY", "apiKey": {"apiKey": "k", "apiSecretKey": "s"}},
        "ApiKey",
        {"apiKey": "k", "secretKey": "s"},
    ),
    (
        {
            "authenticationType": "OAUTH2",
            "oauth2": {"accessToken": "a", "refreshToken": "r", "clientId": "c"},
        },
        "OAuth2",
        {"accessToken": "a", "refreshToken": "r", "clientId": "c"},
    ),
    (
        {
            "authenticationType": "CUSTOM",
            "custom": {"customAuthenticationType": "hmac", "credentialsMap": {"key": "k"}},
        },
        "CustomAuth",
        {"authenticationType": "hmac", "customCredentials": {"key": "k"}},
    ),
]

SHOW_CREDENTIALS = """
def validate(event):
    return failed("AccessDenied", json.dumps(event))
"""


@pytest.mark.rule("SDK")
@pytest.mark.parametrize(
    ("credentials", "kind", "content"), CREDENTIALS, ids=[kind for _, kind, _ in CREDENTIALS]
)
def test_credentials_are_sent_as_secret(
    sales: Sales, credentials: dict[str, Any], kind: str, content: dict[str, Any]
) -> None:
    """The secret has the members that the SDKs read, and the connector receives its ARN."""
    sales.appflow.create_connector_profile(**profile("second", credentials))

    assert content in secrets_of(sales.account).values()
    sales.use(SHOW_CREDENTIALS)
    code, status, message = refusal(
        sales.appflow.create_connector_profile,
        **profile("third", credentials, profileProperties={"url": "there"}),
    )
    assert (code, status) == ("ConnectorAuthenticationException", 401)
    start = "Error while communicating to connector: AccessDenied: "
    assert message.startswith(start)
    request = json.loads(message.removeprefix(start))
    secret = request["credentials"].pop("secretArn")
    assert f":secret:appflow!{sales.account.id}-acme-crm-" in secret
    assert request == {
        "type": "ValidateCredentialsRequest",
        "credentials": {"authenticationType": kind},
        "connectorRuntimeSettings": {"url": "there"},
    }


@pytest.mark.rule("SDK")
def test_settings_are_sent_for_validation(sales: Sales) -> None:
    """The settings of a profile are sent with ValidateConnectorRuntimeSettings."""
    sales.use(
        "def validate_settings(event):\n    return failed('InvalidArgument', json.dumps(event))"
    )

    code, status, message = refusal(
        sales.appflow.create_connector_profile,
        **profile("second", profileProperties={"url": "there"}),
    )

    assert (code, status) == ("ValidationException", 400)
    start = "The connector refuses the runtime settings: InvalidArgument: "
    assert message.startswith(start)
    assert json.loads(message.removeprefix(start)) == {
        "type": "ValidateConnectorRuntimeSettingsRequest",
        "scope": "CONNECTOR_PROFILE",
        "connectorRuntimeSettings": {"url": "there"},
    }


@pytest.mark.rule("model", "choice")
@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("validate", "ConnectorAuthenticationException"),
        ("validate_settings", "ValidationException"),
    ],
)
@pytest.mark.parametrize(
    "body", ["raise ValueError('out of order')", "return failed('ServerError', 'out of order')"]
)
def test_refused_profile_leaves_nothing(sales: Sales, function: str, code: str, body: str) -> None:
    """A profile that the connector refuses, or cannot check, is not created, nor its secret."""
    former = secrets_of(sales.account)
    sales.use(f"def {function}(event):\n    {body}")

    found, _, message = refusal(sales.appflow.create_connector_profile, **profile("second"))

    assert found == code
    assert "out of order" in message
    details = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]
    assert [one["connectorProfileName"] for one in details] == ["sales"]
    assert secrets_of(sales.account) == former


@pytest.mark.rule("API")
def test_profile_is_updated(sales: Sales) -> None:
    """UpdateConnectorProfile replaces properties and credentials, in the same secret."""
    [before] = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]
    members = profile(credentials=CREDENTIALS[1][0], profileProperties={"url": "there"})

    sales.appflow.update_connector_profile(
        **{name: members[name] for name in ("connectorProfileName", "connectorProfileConfig")},
        connectionMode="Private",
    )

    [after] = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]
    assert after["connectorProfileProperties"]["CustomConnector"] == {
        "profileProperties": {"url": "there"}
    }
    assert after["connectionMode"] == "Private"
    assert after["credentialsArn"] == before["credentialsArn"]
    assert after["createdAt"] == before["createdAt"] < after["lastUpdatedAt"]
    assert list(secrets_of(sales.account).values()) == [CREDENTIALS[1][2]]


@pytest.mark.rule("choice")
def test_refused_update_restores_secret(sales: Sales) -> None:
    """An update of a profile that the connector refuses leaves profile and secret as they are."""
    before = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]
    sales.use("def validate(event):\n    return failed('InvalidCredentials', 'no')")
    members = profile(credentials=CREDENTIALS[1][0])

    code, status, message = refusal(
        sales.appflow.update_connector_profile,
        **{name: members[name] for name in ("connectorProfileName", "connectorProfileConfig")},
        connectionMode="Private",
    )

    assert (code, status) == ("ConnectorAuthenticationException", 401)
    assert message == "Error while communicating to connector: InvalidCredentials: no"
    assert sales.appflow.describe_connector_profiles()["connectorProfileDetails"] == before
    assert list(secrets_of(sales.account).values()) == [{"userName": "u", "password": "p"}]


@pytest.mark.rule("model")
def test_unknown_profile_is_not_updated(sales: Sales) -> None:
    """Updating a profile that does not exist: `ResourceNotFoundException`, 404."""
    members = profile("other")

    refused = refusal(
        sales.appflow.update_connector_profile,
        **{name: members[name] for name in ("connectorProfileName", "connectorProfileConfig")},
        connectionMode="Public",
    )

    assert refused == ("ResourceNotFoundException", 404, "Connector profile other does not exist.")


@pytest.mark.rule("choice")
def test_deleted_profile_has_no_secret(sales: Sales) -> None:
    """DeleteConnectorProfile deletes the secret at once."""
    sales.appflow.delete_connector_profile(connectorProfileName="sales")

    assert secrets_of(sales.account) == {}


def delete_secret(sales: Sales, **recovery: Any) -> None:
    """Delete the secret of the profile behind AppFlow's back."""
    [profile] = sales.appflow.describe_connector_profiles()["connectorProfileDetails"]
    sales.account.client("secretsmanager").delete_secret(
        SecretId=profile["credentialsArn"], **recovery
    )


RECOVERY = pytest.mark.parametrize(
    "recovery",
    [{"ForceDeleteWithoutRecovery": True}, {"RecoveryWindowInDays": 7}],
    ids=["deleted", "scheduled"],
)


@pytest.mark.rule("choice")
@RECOVERY
def test_profile_without_secret_is_deleted(sales: Sales, recovery: dict[str, Any]) -> None:
    """A profile whose secret was deleted can be deleted."""
    delete_secret(sales, **recovery)

    sales.appflow.delete_connector_profile(connectorProfileName="sales")

    assert sales.appflow.describe_connector_profiles()["connectorProfileDetails"] == []


@pytest.mark.rule("choice")
@RECOVERY
def test_profile_without_secret_is_not_updated(sales: Sales, recovery: dict[str, Any]) -> None:
    """An update of a profile whose secret was deleted: `ValidationException`."""
    delete_secret(sales, **recovery)

    code, status, words = refusal(
        sales.appflow.update_connector_profile,
        connectorProfileName="sales",
        connectionMode="Public",
        connectorProfileConfig=profile()["connectorProfileConfig"],
    )

    assert (code, status) == ("ValidationException", 400)
    assert "The credentials in secret arn:aws:secretsmanager:" in words
    assert words.endswith("Delete the connector profile and create it again.")


PATH = "connectorProfileConfig.connectorProfileCredentials.CustomConnector"
NULL = "failed to satisfy constraint: Member must not be null"


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        (None, f"Value null at '{PATH}' {NULL}"),
        ({"authenticationType": "APIKEY"}, f"Value null at '{PATH}.apiKey' {NULL}"),
        (
            {"authenticationType": "OAUTH2", "oauth2": {"clientId": "c"}},
            f"The local cloud requests no OAuth 2.0 tokens: {PATH}.oauth2.accessToken must be set"
            " to a token.",
        ),
    ],
    ids=["none", "other type", "no token"],
)
def test_credentials_are_required(sales: Sales, credentials: Any, message: str) -> None:
    """A profile has credentials of its authentication type; no tokens are requested."""
    members = profile("second", credentials)
    if credentials is None:
        del members["connectorProfileConfig"]["connectorProfileCredentials"]

    code, _, found = refusal(sales.appflow.create_connector_profile, **members)

    assert code == "ValidationException"
    assert found.endswith(message)


@pytest.mark.rule("API", "choice")
def test_profile_obeys_configuration(account: Account, appflow: Any, arn: str) -> None:
    """A profile has a supported authentication type, and all required settings of its scope."""
    account.register(LABEL, arn)

    code, _, message = refusal(
        appflow.create_connector_profile, **profile(credentials=CREDENTIALS[1][0])
    )
    assert code == "ValidationException"
    assert message.endswith(
        f"Value 'APIKEY' at '{PATH}.authenticationType' failed to satisfy constraint: The connector"
        " supports BASIC"
    )
    code, _, message = refusal(appflow.create_connector_profile, **profile())
    assert code == "ValidationException"
    path = "connectorProfileConfig.connectorProfileProperties.CustomConnector.profileProperties"
    assert message.endswith(f"Value null at '{path}.url' {NULL}")


READ_SECRET = """
import boto3
def query(event):
    arn = event["connectorContext"]["credentials"]["secretArn"]
    try:
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    except Exception as error:
        return failed("AccessDenied", str(error))
    return {"isSuccess": True, "records": [secret]}
"""


@pytest.mark.rule("SDK")
def test_connector_reads_its_credentials(sales: Sales) -> None:
    """A function reads the secret of its profile with the policy of `grant_read_credentials`."""
    account = sales.account
    sales.use(READ_SECRET)
    sales.account.local_cloud.configure_appflow(account.id, connectorTimeoutSeconds=30)
    sales.appflow.create_flow(**sales.reading())
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in flow_message(
        sales.start()
    )

    app = cdk.App()
    stack = cdk.Stack(app, "Stack", env=cdk.Environment(account=account.id, region=account.region))
    role = iam.Role.from_role_arn(stack, "Role", f"arn:aws:iam::{account.id}:role/crm-role")
    connector = ConnectorRegistration.from_connector_label(stack, "Connector", LABEL)
    connector.grant_read_credentials(role)
    [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    document = json.dumps(policy["Properties"]["PolicyDocument"])
    account.client("iam").put_role_policy(
        RoleName="crm-role",
        PolicyName="credentials",
        # The only value that CloudFormation would insert.
        PolicyDocument=re.sub(r'{"Fn::Join": \["", (\[.*?\])\]}', joined, document),
    )
    record = sales.start()

    assert record["executionStatus"] == "Successful", record
    assert sales.rows() == [{"userName": "u", "password": "p"}]


def joined(match: re.Match[str]) -> str:
    """The text of an expression that joins parts, of which one is the partition."""
    parts = json.loads(match[1])
    return json.dumps("".join(part if isinstance(part, str) else "aws" for part in parts))
