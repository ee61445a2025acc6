"""What AppFlow refuses in a connector's response, and what Amazon's SDKs advise against."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from appflow_connector_configuration.faults import Advice, Fault, advice_on, faults_in

LOCAL_CLOUD = Path(__file__).parents[1] / "local_cloud"
DATA = json.loads((LOCAL_CLOUD / "connector_responses.json").read_text("utf-8"))

NULL = "Member must not be null"
JAVA = "ConnectorConfigurationResponseValidator of the SDK in Java"
BOTH = f"connector_configuration_validator of the SDK in Python, {JAVA}"
MODEL = "AppFlow service model 2020-08-23 in botocore"


def response(**members: Any) -> dict[str, Any]:
    """The response of a connector, with members changed as given."""
    return {**DATA["base"], **members}


def oauth2(**members: Any) -> dict[str, Any]:
    """The response of a connector with OAuth 2.0."""
    authentication = {"isOAuth2Supported": True, "oAuth2Defaults": members}
    return response(authenticationConfig=authentication)


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["name"].replace(" ", "-"))
def test_valid_response_has_no_faults(case: dict[str, Any]) -> None:
    """A response that the local cloud accepts has no faults."""
    assert faults_in(response(**case["response"])) == []


@pytest.mark.parametrize("content", [None, "text", [], 1])
def test_response_has_to_be_an_object(content: Any) -> None:
    """A response that is not a JSON object has one fault."""
    rule = "Member must be of type structure"

    assert faults_in(content) == [Fault("", content, rule, "the response is not a JSON object")]


def test_success_has_to_be_stated() -> None:
    """A response without ``isSuccess`` has one fault."""
    assert faults_in({}) == [Fault("isSuccess", None, NULL, "isSuccess is missing")]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"isSuccess": False, "errorDetails": {"errorMessage": "No"}}, "No"),
        ({"isSuccess": False, "errorDetails": {"errorMessage": 7}}, "7"),
        ({"isSuccess": None}, "no errorMessage in the errorDetails, null"),
        ({"isSuccess": "true"}, "no errorMessage in the errorDetails, null"),
        (
            {"isSuccess": False, "errorDetails": ["boom"]},
            'no errorMessage in the errorDetails, ["boom"]',
        ),
    ],
)
def test_failure_has_its_message(members: dict[str, Any], message: str) -> None:
    """A response that reports no success has one fault, in the words of the connector."""
    value = members["isSuccess"]

    assert faults_in(response(**members)) == [
        Fault("isSuccess", value, "Member must be true", message)
    ]


@pytest.mark.parametrize(
    "name", ["connectorOwner", "connectorName", "connectorVersion", "connectorModes"]
)
def test_listed_member_is_necessary(name: str) -> None:
    """What lists of connectors show may neither be missing nor empty."""
    empty: Any = [] if name == "connectorModes" else ""

    missing = [Fault(name, None, NULL, f"{name} is missing")]
    assert faults_in(response(**{name: None})) == missing
    assert faults_in(response(**{name: empty})) == [
        Fault(name, empty, "Member must not be empty", f"{name} is empty")
    ]


def test_faults_are_found_at_once() -> None:
    """All faults of a response are found, each with its path, its value and its rule."""
    found = faults_in(
        response(connectorOwner="", connectorVersion=7, supportedApiVersions=["v1", 2])
    )

    kind = "Member must be of type string"
    start = "failed to satisfy constraint:"
    path = "supportedApiVersions.2.member"
    assert sorted(found) == [
        Fault("connectorOwner", "", "Member must not be empty", "connectorOwner is empty"),
        Fault("connectorVersion", 7, kind, f"Value '7' at 'connectorVersion' {start} {kind}"),
        Fault(path, 2, kind, f"Value '2' at '{path}' {start} {kind}"),
    ]


def test_long_text_is_a_fault() -> None:
    """A text above the length of the model is a fault."""
    (found,) = faults_in(response(connectorName="x" * 257))

    rule = "Member must have length less than or equal to 256"
    assert (found.path, found.rule) == ("connectorName", rule)


def test_known_mode_is_necessary() -> None:
    """A response without a mode that AppFlow knows has a fault."""
    assert faults_in(response(connectorModes=["LAKE"])) == [
        Fault(
            "connectorModes",
            ["LAKE"],
            "Member must contain one of SOURCE, DESTINATION",
            "connectorModes is ['LAKE'], without any of SOURCE, DESTINATION",
        )
    ]


ADVICE = [
    *(
        (
            response(**{name: value}),
            Advice(
                name,
                value,
                "Should not begin with aws, amazon or appflow, which are reserved",
                BOTH,
            ),
        )
        for name, value in (
            ("connectorName", "AWS CRM"),
            ("connectorOwner", "amazonia"),
            ("connectorName", "AppFlow"),
        )
    ),
    (
        response(authenticationConfig={"isOAuth2Supported": True}),
        Advice(
            "authenticationConfig.oAuth2Defaults",
            None,
            "Should be set, since isOAuth2Supported is true",
            BOTH,
        ),
    ),
    (
        response(authenticationConfig={"oAuth2Defaults": {"oAuthScopes": ["read"]}}),
        Advice(
            "authenticationConfig.oAuth2Defaults",
            {"oauthScopes": ["read"]},
            "Should be set only with isOAuth2Supported, which is not true",
            BOTH,
        ),
    ),
    (
        response(authenticationConfig={"isCustomAuthSupported": True, "customAuthConfig": []}),
        Advice(
            "authenticationConfig.customAuthConfigs",
            [],
            "Should be set, since isCustomAuthSupported is true",
            BOTH,
        ),
    ),
    (
        response(authenticationConfig={"customAuthConfig": [{"authenticationType": "HMAC"}]}),
        Advice(
            "authenticationConfig.customAuthConfigs",
            [{"customAuthenticationType": "HMAC"}],
            "Should be set only with isCustomAuthSupported, which is not true",
            BOTH,
        ),
    ),
    (
        response(connectorModes=["DESTINATION"]),
        Advice(
            "supportedWriteOperations",
            None,
            "Should have a value, since the connector can be a destination",
            JAVA,
        ),
    ),
    (
        response(supportedApiVersions=[]),
        Advice("supportedApiVersions", [], "Should have a value", JAVA),
    ),
    (
        response(operatorsSupported=None),
        Advice("supportedOperators", None, "Should have a value", JAVA),
    ),
    (
        response(supportedTriggerTypes=None),
        Advice("supportedTriggerTypes", None, "Should have a value", JAVA),
    ),
    (
        oauth2(tokenURL=["https://a/b", "http://a/b"]),
        Advice(
            "authenticationConfig.oAuth2Defaults.tokenUrls.2.member",
            "http://a/b",
            "Should begin with https://",
            BOTH,
        ),
    ),
    (
        oauth2(authURL=["http://a/b"]),
        Advice(
            "authenticationConfig.oAuth2Defaults.authCodeUrls.1.member",
            "http://a/b",
            "Should begin with https://",
            BOTH,
        ),
    ),
    (
        response(logoURL="ftp://a/b"),
        Advice("logoURL", "ftp://a/b", "Should begin with https://", JAVA),
    ),
    (
        response(connectorVersion="1 beta"),
        Advice("connectorVersion", "1 beta", r"Should match \S+", MODEL),
    ),
    (
        response(supportedDataTransferTypes=["STREAM"]),
        Advice(
            "supportedDataTransferTypes.1.member",
            "STREAM",
            "Should be one of ['RECORD', 'FILE']",
            MODEL,
        ),
    ),
]


@pytest.mark.parametrize(("content", "expected"), ADVICE)
def test_advice_names_member_and_source(content: Any, expected: Advice) -> None:
    """What an SDK or the model advises against has path, value, rule and source, and no fault."""
    assert advice_on(content) == [expected]
    assert faults_in(content) == []


def test_good_response_needs_no_advice() -> None:
    """A response as the SDKs expect it leads to no advice."""
    assert advice_on(response()) == []
    assert advice_on(oauth2(tokenURL=["https://a/b"], oAuthScopes=["read"])) == []


@pytest.mark.parametrize(
    "content", [None, {}, response(connectorName=1), response(authenticationConfig=True)]
)
def test_refused_response_has_no_advice(content: Any) -> None:
    """A response with faults leads to no advice."""
    assert advice_on(content) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the SDK cannot be imported")
@pytest.mark.parametrize(
    ("members", "is_valid"),
    [
        ({}, True),
        ({"connectorName": "AWS CRM"}, False),
        ({"connectorOwner": "Appflow team"}, False),
        ({"isCustomAuthSupported": True}, False),
        ({"customAuthConfig": [{"authenticationType": "HMAC"}]}, False),
        ({"isOAuth2Supported": True}, False),
        ({"oAuth2Defaults": {"oAuthScopes": ["read"]}}, False),
    ],
)
def test_advice_is_that_of_the_sdk(members: dict[str, Any], is_valid: bool) -> None:
    """Amazon's validator in Python objects to what the advice names."""
    validator = importlib.import_module(
        "custom_connector_tests.validation.connector_configuration_validator"
    )
    authentication = {
        "isBasicAuthSupported": True,
        "isApiKeyAuthSupported": False,
        "isOAuth2Supported": False,
        "isCustomAuthSupported": False,
        "oAuth2Defaults": None,
        "customAuthConfig": None,
    }
    names = {name: value for name, value in members.items() if name not in authentication}
    authentication |= {name: members[name] for name in members.keys() - names}
    content = response(authenticationConfig=authentication, **names)

    if is_valid:
        validator.validate_connector_configuration_response(content)
    else:
        with pytest.raises(validator.ValidationException):
            validator.validate_connector_configuration_response(content)
    assert (advice_on(content) == []) == is_valid
