"""The local AppFlow refuses what AppFlow refuses; driven through boto3 and the AWS CLI."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.running import LocalCloud
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id

LABEL = "acme-crm"


@pytest.fixture
def arn(account: Account) -> str:
    return account.make_function("crm", connector("1.0"))


@pytest.fixture
def appflow(account: Account) -> Any:
    return account.client("appflow")


def refusal(call: Any, **parameters: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message of a call that has to fail."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    response = error.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status, response["Error"]["Message"]


def provisioned_by(arn: str) -> dict[str, Any]:
    return {"connectorProvisioningConfig": {"lambda": {"lambdaArn": arn}}}


class TestRegister:
    def test_keeps_what_the_connector_says_of_itself(self, account: Account, arn: str) -> None:
        account.register(LABEL, arn, description="Acme CRM")

        held = account.registered(LABEL)

        assert held is not None
        assert {name: value for name, value in held.items() if name != "registeredAt"} == {
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

    @pytest.mark.parametrize(
        ("label", "constraint"),
        [
            ("x", r"regular expression pattern: [a-zA-Z0-9][\w!@#.-]+"),
            ("acme crm", r"regular expression pattern: [a-zA-Z0-9][\w!@#.-]+"),
            ("a" * 257, "have length less than or equal to 256"),
        ],
    )
    def test_refuses_a_label_against_the_rules(
        self, appflow: Any, arn: str, label: str, constraint: str
    ) -> None:
        code, status, message = refusal(
            appflow.register_connector,
            connectorLabel=label,
            connectorProvisioningType="LAMBDA",
            **provisioned_by(arn),
        )

        assert (code, status) == ("ValidationException", 400)
        assert message == (
            f"1 validation error detected: Value '{label}' at 'connectorLabel' failed to satisfy"
            f" constraint: Member must satisfy {constraint}".replace("satisfy have", "have")
        )

    @pytest.mark.parametrize(
        "missing", ["connectorLabel", "connectorProvisioningType", "connectorProvisioningConfig"]
    )
    def test_refuses_to_do_without(self, appflow: Any, arn: str, missing: str) -> None:
        members = {
            "connectorLabel": LABEL,
            "connectorProvisioningType": "LAMBDA",
            **provisioned_by(arn),
        }
        del members[missing]

        code, _, message = refusal(appflow.register_connector, **members)

        assert code == "ValidationException"
        assert missing in message

    def test_refuses_a_label_that_is_taken(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn)

        code, status, _ = refusal(
            appflow.register_connector,
            connectorLabel=LABEL,
            connectorProvisioningType="LAMBDA",
            **provisioned_by(arn),
        )

        assert (code, status) == ("ConflictException", 409)

    def test_refuses_a_connector_that_fails(self, account: Account) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)

        with pytest.raises(ClientError, match=r"ConnectorServerException.*connector is broken"):
            account.register(LABEL, broken)

        assert account.registered(LABEL) is None

    @pytest.mark.parametrize(
        "answer",
        [
            "None",
            "'a text'",
            "{}",
            "{'isSuccess': False, 'errorDetails': {'errorMessage': 'No'}}",
            "{'isSuccess': True}",
            "{'isSuccess': True, 'connectorOwner': 'Acme', 'connectorModes': 1}",
        ],
    )
    def test_refuses_a_connector_that_answers_something_else(
        self, account: Account, answer: str
    ) -> None:
        source = f"def handler(event, context):\n    return {answer}\n"
        odd = account.make_function("odd", source)

        with pytest.raises(ClientError, match="ConnectorServerException"):
            account.register(LABEL, odd)

    def test_needs_a_function(self, account: Account) -> None:
        nowhere = f"arn:aws:lambda:us-east-1:{account.id}:function:nowhere"

        with pytest.raises(ClientError, match="AccessDeniedException"):
            account.register(LABEL, nowhere)


class TestPermission:
    def test_of_the_function_is_not_one_of_its_versions(self, account: Account, arn: str) -> None:
        version = account.client("lambda").publish_version(FunctionName="crm")["FunctionArn"]

        with pytest.raises(ClientError, match=re.escape(version)):
            account.register(LABEL, version)
        account.grant_appflow(version)
        account.register(LABEL, version)

        assert account.registered_arn(LABEL) == version

    def test_for_another_account_s_appflow_does_not_count(self, account: Account) -> None:
        arn = account.make_function("crm", connector(), granted=False)
        account.grant_appflow(arn, SourceAccount="999999999999")

        with pytest.raises(ClientError, match="AccessDeniedException"):
            account.register(LABEL, arn)

    def test_by_source_arn_counts(self, account: Account) -> None:
        arn = account.make_function("crm", connector(), granted=False)
        account.grant_appflow(arn, SourceArn=f"arn:aws:appflow:us-east-1:{account.id}:*")

        account.register(LABEL, arn)

    @pytest.mark.parametrize(
        ("allowed", "refused"),
        [
            (["appflow:RegisterConnector"], "lambda:InvokeFunction"),
            (["lambda:InvokeFunction"], "appflow:RegisterConnector"),
        ],
    )
    def test_of_the_caller_is_checked(
        self, account: Account, arn: str, allowed: list[str], refused: str
    ) -> None:
        clerk = user_client(account, allowed)

        code, status, message = refusal(
            clerk.register_connector,
            connectorLabel=LABEL,
            connectorProvisioningType="LAMBDA",
            **provisioned_by(arn),
        )

        assert (code, status) == ("AccessDeniedException", 403)
        assert f"is not authorized to perform: {refused}" in message


def user_client(account: Account, actions: list[str], **settings: Any) -> Any:
    """An AppFlow client of an IAM user who may do a few things only."""
    iam = account.client("iam")
    iam.create_user(UserName="clerk")
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="clerk", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="clerk")["AccessKey"]
    secret = {"aws_secret_access_key": key["SecretAccessKey"]}
    return account.cloud.client("appflow", key["AccessKeyId"], **secret, **settings)


class TestUpdate:
    def test_moves_to_another_function(self, account: Account, appflow: Any, arn: str) -> None:
        other = account.make_function("other", connector("2.0"))
        account.register(LABEL, arn, description="Acme CRM")

        appflow.update_connector_registration(connectorLabel=LABEL, **provisioned_by(other))

        held = account.registered(LABEL)
        assert held is not None
        assert account.registered_arn(LABEL) == other
        assert held["connectorVersion"] == "2.0"
        assert held["connectorDescription"] == "Acme CRM"

    def test_without_a_function_asks_the_same_one_again(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        account.change_code("crm", connector("1.1"))

        unasked = account.registered(LABEL)
        appflow.update_connector_registration(connectorLabel=LABEL)

        asked = account.registered(LABEL)
        assert unasked is not None
        assert asked is not None
        assert (unasked["connectorVersion"], asked["connectorVersion"]) == ("1.0", "1.1")
        assert account.registered_arn(LABEL) == arn

    def test_keeps_everything_if_the_new_connector_fails(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)
        account.register(LABEL, arn)
        before = account.registered(LABEL)

        code, status, _ = refusal(
            appflow.update_connector_registration,
            connectorLabel=LABEL,
            **provisioned_by(broken),
        )

        assert (code, status) == ("ConnectorServerException", 400)
        assert account.registered(LABEL) == before

    def test_of_an_unknown_label_is_refused(self, appflow: Any, arn: str) -> None:
        code, status, _ = refusal(
            appflow.update_connector_registration, connectorLabel=LABEL, **provisioned_by(arn)
        )

        assert (code, status) == ("ResourceNotFoundException", 404)


class TestTokens:
    def test_repeat_an_answer_without_a_second_effect(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        members = {
            "connectorLabel": LABEL,
            "connectorProvisioningType": "LAMBDA",
            "clientToken": "once",
            **provisioned_by(arn),
        }
        first = appflow.register_connector(**members)
        appflow.unregister_connector(connectorLabel=LABEL)

        second = appflow.register_connector(**members)

        assert second["connectorArn"] == first["connectorArn"]
        assert account.registered(LABEL) is None

    def test_refuse_other_parameters(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn, clientToken="once")

        code, _, _ = refusal(
            appflow.register_connector,
            connectorLabel="another",
            connectorProvisioningType="LAMBDA",
            clientToken="once",
            **provisioned_by(arn),
        )

        assert code == "ConflictException"


class TestUnregister:
    def test_forgets_the_connector(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn)

        appflow.unregister_connector(connectorLabel=LABEL)

        assert account.registered(LABEL) is None

    def test_of_an_unknown_label_is_refused(self, appflow: Any) -> None:
        code, status, _ = refusal(appflow.unregister_connector, connectorLabel=LABEL)

        assert (code, status) == ("ResourceNotFoundException", 404)


class TestProfiles:
    def test_are_described_without_their_credentials(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        account.make_profile("sales", LABEL)

        [profile] = appflow.describe_connector_profiles(connectorLabel=LABEL)[
            "connectorProfileDetails"
        ]

        del profile["createdAt"], profile["lastUpdatedAt"]
        assert profile == {
            "connectorProfileArn": (
                f"arn:aws:appflow:us-east-1:{account.id}:connectorprofile/sales"
            ),
            "connectorProfileName": "sales",
            "connectorType": "CustomConnector",
            "connectorLabel": LABEL,
            "connectionMode": "Public",
        }
        assert "connectorProfileConfig" not in account.calls()[-2]["parameters"]

    def test_need_a_registered_connector(self, account: Account) -> None:
        with pytest.raises(ClientError, match="Connector:acme-crm is not registered") as error:
            account.make_profile("sales", LABEL)

        assert error.value.response["Error"]["Code"] == "ValidationException"

    def test_have_names_of_their_own(self, account: Account, arn: str) -> None:
        account.register(LABEL, arn)
        account.make_profile("sales", LABEL)

        with pytest.raises(ClientError, match="ConflictException"):
            account.make_profile("sales", LABEL)

    def test_keep_their_connector_registered(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        account.make_profile("sales", LABEL)

        code, status, message = refusal(appflow.unregister_connector, connectorLabel=LABEL)

        assert (code, status) == ("ConflictException", 409)
        assert message == "Connector acme-crm is in use by connector profiles: sales."
        appflow.unregister_connector(connectorLabel=LABEL, forceDelete=True)
        assert account.registered(LABEL) is None

    def test_that_are_deleted_keep_nothing(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn)
        account.make_profile("sales", LABEL)

        appflow.delete_connector_profile(connectorProfileName="sales")
        appflow.unregister_connector(connectorLabel=LABEL)

        assert account.registered(LABEL) is None
        code, status, _ = refusal(appflow.delete_connector_profile, connectorProfileName="sales")
        assert (code, status) == ("ResourceNotFoundException", 404)

    def test_are_found_by_name_by_label_and_in_pages(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        account.register("other", arn)
        for name, label in {"a": LABEL, "b": "other", "c": LABEL}.items():
            account.make_profile(name, label)

        def found(**wanted: Any) -> list[str]:
            profiles = appflow.describe_connector_profiles(**wanted)["connectorProfileDetails"]
            return [profile["connectorProfileName"] for profile in profiles]

        assert found(connectorLabel=LABEL) == ["a", "c"]
        assert found(connectorProfileNames=["b", "c", "d"]) == ["b", "c"]
        assert found(connectorType="Salesforce") == []
        assert found(maxResults=2) == ["a", "b"]

    def test_of_other_types_are_not_served(self, appflow: Any) -> None:
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
            "The local cloud has connector profiles of type CustomConnector only, not Salesforce."
        )


class TestLists:
    @pytest.mark.parametrize("operation", ["list_connectors", "describe_connectors"])
    def test_come_in_pages(self, account: Account, appflow: Any, arn: str, operation: str) -> None:
        labels = [f"acme-{number}" for number in range(5)]
        for label in labels:
            account.register(label, arn)
        pages: list[list[str]] = []
        token: dict[str, str] = {}
        for _ in range(3):
            page = getattr(appflow, operation)(maxResults=2, **token)
            pages.append([connector["connectorLabel"] for connector in page["connectors"]])
            token = {"nextToken": page["nextToken"]} if "nextToken" in page else {}

        assert pages == [labels[0:2], labels[2:4], labels[4:5]]
        assert token == {}

    def test_hold_the_connectors_of_one_account_only(
        self, cloud: LocalCloud, account: Account, arn: str
    ) -> None:
        account.register(LABEL, arn)
        stranger = Account(cloud, new_account_id())

        assert stranger.client("appflow").list_connectors()["connectors"] == []

    def test_refuse_a_token_that_was_never_given(self, appflow: Any) -> None:
        code, _, _ = refusal(appflow.list_connectors, nextToken="ÿ!")

        assert code == "ValidationException"


def test_the_aws_cli_shows_the_registration(account: Account, arn: str) -> None:
    account.register(LABEL, arn)
    command = "aws appflow describe-connector --connector-type CustomConnector --connector-label"

    result = subprocess.run(
        [*command.split(), LABEL, "--output", "json"],
        env=account.cloud.environment(account.id),
        capture_output=True,
        text=True,
        check=True,
    )

    shown = json.loads(result.stdout)["connectorConfiguration"]
    assert shown["connectorProvisioningConfig"] == {"lambda": {"lambdaArn": arn}}


def test_a_request_with_a_wrong_signature_is_refused(account: Account) -> None:
    clerk = user_client(account, ["appflow:*"])
    clerk._request_signer._credentials.secret_key = "guessed"

    code, status, _ = refusal(clerk.list_connectors)

    assert (code, status) == ("InvalidSignatureException", 403)
