"""The local AppFlow refuses what AppFlow refuses; driven through boto3."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from appflow_local_cloud.process import LocalCloud
from tests.local_cloud.support import provisioned_by, refusal, registration, user_client
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id

LABEL = "acme-crm"


def answer(**members: Any) -> dict[str, Any]:
    """What a connector answers, good but for the members given."""
    good = {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "1.0",
        "connectorModes": ["SOURCE"],
        "authenticationConfig": {},
        "supportedApiVersions": ["v1"],
    }
    return {**good, **members}


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

    def test_takes_a_label_once_in_each_account_and_region(self, account: Account) -> None:
        neighbour = Account(account.cloud, new_account_id())
        places = [
            (account, "us-east-1"),
            (account, "eu-west-1"),
            (neighbour, "us-east-1"),
        ]
        expected = []
        for number, (owner, region) in enumerate(places):
            there = replace(owner, region=region)
            there.register(LABEL, there.make_function(f"crm-{number}", connector(str(number))))
            expected.append(f"arn:aws:lambda:{region}:{owner.id}:function:crm-{number}")

        held = [replace(owner, region=region).registered_arn(LABEL) for owner, region in places]

        assert held == expected

    def test_refuses_a_label_that_is_taken(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn)

        code, status, _ = refusal(
            appflow.register_connector,
            **registration(LABEL, arn),
        )

        assert (code, status) == ("ConflictException", 409)

    def test_refuses_a_connector_that_fails(self, account: Account) -> None:
        broken = account.make_function("broken", BROKEN_CONNECTOR)

        with pytest.raises(ClientError, match=r"ConnectorServerException.*connector is broken"):
            account.register(LABEL, broken)

        assert account.registered(LABEL) is None

    @pytest.mark.parametrize(
        ("answer", "refused"),
        [
            (None, "No valid response"),
            ("a text", "No valid response"),
            ({}, "No valid response"),
            ({"isSuccess": False, "errorDetails": {"errorMessage": "No"}}, "connector: No"),
            ({"isSuccess": False, "errorDetails": "boom"}, 'in the errorDetails, "boom"'),
            ({"isSuccess": False}, "in the errorDetails, null"),
            ({"isSuccess": True}, "KeyError: 'connectorModes'"),
            (answer(connectorModes=1), "is not iterable"),
            (answer(connectorModes="SOURCE"), "at 'connectorModes' .* must be of type list"),
            (answer(connectorModes=["NONSENSE"]), "'NONSENSE', not one of SOURCE, DESTINATION"),
            (answer(connectorModes=[None]), "Value null at 'connectorModes.1.member'"),
            (answer(connectorOwner=None), "connectorOwner is missing"),
            (answer(connectorName=None), "connectorName is missing"),
            (answer(connectorVersion=None), "connectorVersion is missing"),
            (answer(connectorVersion=7), "at 'connectorVersion' .* must be of type string"),
            (answer(connectorVersion="1 0"), "at 'connectorVersion' .* regular expression"),
            (answer(supportedApiVersions=3), "at 'supportedApiVersions' .* of type list"),
            (answer(authenticationConfig={"isOAuth2Supported": "no"}), "must be of type boolean"),
            (answer(operatorsSupported=["ROOT"]), "at 'supportedOperators.1.member' .* enum"),
        ],
    )
    def test_refuses_a_connector_that_answers_something_else(
        self, account: Account, answer: Any, refused: str
    ) -> None:
        source = f"def handler(event, context):\n    return {answer!r}\n"
        odd = account.make_function("odd", source)

        with pytest.raises(ClientError, match=f"ConnectorServerException.*{refused}"):
            account.register(LABEL, odd)

        assert account.connectors() == []

    def test_takes_a_connector_that_says_the_least(self, account: Account) -> None:
        source = f"def handler(event, context):\n    return {answer()!r}\n"

        account.register(LABEL, account.make_function("terse", source))

        assert account.registered(LABEL) is not None

    def test_refuses_a_connector_that_takes_too_long(self, account: Account) -> None:
        slow = account.make_function("slow", "import time\ndef handler(*_): time.sleep(60)\n")
        account.client("lambda").update_function_configuration(FunctionName="slow", Timeout=1)

        with pytest.raises(ClientError, match=r"ConnectorServerException.*timed out"):
            account.register(LABEL, slow)

    def test_needs_a_function(self, account: Account) -> None:
        nowhere = f"arn:aws:lambda:us-east-1:{account.id}:function:nowhere"

        with pytest.raises(ClientError, match="AccessDeniedException"):
            account.register(LABEL, nowhere)


class TestConfiguration:
    """Everything a connector can say of itself comes back under AppFlow's names."""

    ANSWER: Mapping[str, Any] = {
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
                    "authParameters": [
                        {"key": "secret", "isRequired": True, "isSensitiveField": True}
                    ],
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

    def test_comes_back_under_appflow_s_names(self, account: Account) -> None:
        source = f"def handler(event, context):\n    return {dict(self.ANSWER)!r}\n"
        account.register(LABEL, account.make_function("crm", source))

        held = account.registered(LABEL)

        assert held is not None
        assert {name: held[name] for name in self.DESCRIBED} == self.DESCRIBED


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
            **registration(LABEL, arn),
        )

        assert (code, status) == ("AccessDeniedException", 403)
        assert f"is not authorized to perform: {refused}" in message

    def test_to_list_may_name_the_connectors(self, account: Account, arn: str) -> None:
        account.register(LABEL, arn)
        resource = "arn:aws:appflow:*:*:connector/*"
        clerk = user_client(account, ["appflow:ListConnectors"], resource=resource)

        assert len(clerk.list_connectors()["connectors"]) == 1


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
        members = registration(LABEL, arn, clientToken="once")
        first = appflow.register_connector(**members)
        appflow.unregister_connector(connectorLabel=LABEL)

        second = appflow.register_connector(**members)

        assert second["connectorArn"] == first["connectorArn"]
        assert account.registered(LABEL) is None

    def test_of_repeated_calls_are_marked_in_the_journal(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)

        for token in ("once", "once", "again"):
            appflow.update_connector_registration(connectorLabel=LABEL, clientToken=token)

        updates = account.calls()[1:]
        assert [call["parameters"]["clientToken"] for call in updates] == ["once", "once", "again"]
        assert [call["remembered"] for call in updates] == [False, True, False]

    def test_that_come_at_once_take_effect_once(self, account: Account, arn: str) -> None:
        clients = [account.client("appflow") for _ in range(4)]
        members = registration(LABEL, arn, clientToken="once")
        ready = threading.Barrier(len(clients))

        def register(client: Any) -> str:
            ready.wait()
            answered: str = client.register_connector(**members)["connectorArn"]
            return answered

        with ThreadPoolExecutor(len(clients)) as threads:
            answers = list(threads.map(register, clients))

        assert len(set(answers)) == 1
        calls = account.calls()
        assert [call["outcome"] for call in calls] == ["OK"] * len(clients)
        assert sorted(call["remembered"] for call in calls) == [False, True, True, True]

    def test_refuse_other_parameters(self, account: Account, appflow: Any, arn: str) -> None:
        account.register(LABEL, arn, clientToken="once")

        code, _, message = refusal(
            appflow.register_connector, **registration("another", arn, clientToken="once")
        )

        assert (code, message) == (
            "ConflictException",
            "The client token was used with other parameters.",
        )

    def test_of_another_region_or_account_are_other_tokens(
        self, cloud: LocalCloud, account: Account
    ) -> None:
        elsewhere = replace(account, region="eu-west-1")
        neighbour = Account(cloud, new_account_id())

        for owner in (account, elsewhere, neighbour):
            function = owner.make_function(f"crm-{owner.region}", connector())
            owner.register(LABEL, function, clientToken="once")

        calls = [*account.calls(), *neighbour.calls()]
        assert [call["remembered"] for call in calls] == [False] * 3

    def test_left_out_are_made_up_by_the_sdk(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)

        for _ in range(2):
            appflow.update_connector_registration(connectorLabel=LABEL)

        updates = account.calls()[1:]
        assert len({call["parameters"]["clientToken"] for call in updates}) == 2


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

    def test_skip_nothing_and_repeat_nothing_when_something_changes(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        for label in ("b1", "b2", "b3", "b4"):
            account.register(label, arn)
        first = appflow.list_connectors(maxResults=2)

        appflow.unregister_connector(connectorLabel="b2")
        account.register("a1", arn)
        account.register("b5", arn)
        second = appflow.list_connectors(nextToken=first["nextToken"])

        assert [one["connectorLabel"] for one in first["connectors"]] == ["b1", "b2"]
        assert [one["connectorLabel"] for one in second["connectors"]] == ["b3", "b4", "b5"]

    def test_have_twenty_entries_a_page_unless_told(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        for number in range(21):
            account.register(f"acme-{number:02d}", arn)

        first = appflow.list_connectors()
        second = appflow.list_connectors(nextToken=first["nextToken"])

        assert len(first["connectors"]) == 20
        assert len(second["connectors"]) == 1
        assert "nextToken" not in second

    def test_hold_the_connectors_of_one_account_and_region_only(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)
        stranger = Account(account.cloud, new_account_id())
        elsewhere = replace(account, region="eu-west-1")

        assert len(appflow.list_connectors()["connectors"]) == 1
        for other in (stranger, elsewhere):
            assert other.client("appflow").list_connectors()["connectors"] == []

    def test_hold_the_types_that_were_asked_for(
        self, account: Account, appflow: Any, arn: str
    ) -> None:
        account.register(LABEL, arn)

        def labels(types: list[str]) -> list[str]:
            found = appflow.describe_connectors(connectorTypes=types)["connectors"]
            return [one["connectorLabel"] for one in found]

        assert labels(["Salesforce"]) == []
        assert labels(["Salesforce", "CustomConnector"]) == [LABEL]

    def test_refuse_a_token_that_was_never_given(self, appflow: Any) -> None:
        code, status, message = refusal(appflow.list_connectors, nextToken="made-up")

        assert (code, status) == ("ValidationException", 400)
        assert message == (
            "The nextToken made-up was not given for this list: send the one that ListConnectors"
            " answered to the same members, or none for the first page."
        )

    @pytest.mark.parametrize(
        ("operation", "filters"),
        [
            ("list_connectors", {}),
            ("describe_connector_profiles", {}),
            ("describe_connectors", {}),
            ("describe_connectors", {"connectorTypes": ["CustomConnector", "S3"]}),
        ],
    )
    def test_refuse_a_token_that_was_given_for_another_list(
        self, account: Account, appflow: Any, arn: str, operation: str, filters: dict[str, Any]
    ) -> None:
        account.register("acme-1", arn)
        account.register("acme-2", arn)
        of_custom = {"connectorTypes": ["CustomConnector"]}
        token = appflow.describe_connectors(**of_custom, maxResults=1)["nextToken"]

        code, _, message = refusal(getattr(appflow, operation), **filters, nextToken=token)

        assert code == "ValidationException"
        assert message.startswith(f"The nextToken {token} was not given for this list: ")
        [rest] = appflow.describe_connectors(**of_custom, nextToken=token)["connectors"]
        assert rest["connectorLabel"] == "acme-2"


class TestDescribe:
    def test_of_an_unknown_label_is_refused(self, appflow: Any) -> None:
        code, status, message = refusal(
            appflow.describe_connector, connectorType="CustomConnector", connectorLabel=LABEL
        )

        assert (code, status) == ("ResourceNotFoundException", 404)
        assert message == "Connector acme-crm is not registered."

    def test_of_amazon_s_own_connectors_is_not_served(self, appflow: Any) -> None:
        code, status, message = refusal(appflow.describe_connector, connectorType="S3")

        assert (code, status) == ("ResourceNotFoundException", 404)
        assert message == "The local cloud has no connector of type S3."


class TestProtocol:
    def test_an_error_is_named_in_a_header(self, appflow: Any) -> None:
        with pytest.raises(ClientError) as error:
            appflow.unregister_connector(connectorLabel=LABEL)

        headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
        assert headers["content-type"] == "application/json"

    def test_an_operation_that_is_not_served_is_refused(self, appflow: Any) -> None:
        code, _, message = refusal(appflow.list_flows)

        assert code == "ValidationException"
        assert message.startswith("The local cloud does not serve ListFlows; it serves Register")

    def test_a_request_without_a_signature_is_refused(self, account: Account) -> None:
        unsigned = account.client("appflow", config=Config(signature_version=UNSIGNED))

        code, status, message = refusal(unsigned.list_connectors)

        assert (code, status) == ("MissingAuthenticationTokenException", 403)
        assert message == "Missing Authentication Token"

    def test_a_request_with_a_wrong_signature_is_refused(self, account: Account) -> None:
        clerk = user_client(account, ["appflow:*"])
        clerk._request_signer._credentials.secret_key = "guessed"

        code, status, _ = refusal(clerk.list_connectors)

        assert (code, status) == ("InvalidSignatureException", 403)
