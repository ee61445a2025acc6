"""What differs between two configurations, and what counts as the same."""

from __future__ import annotations

from typing import Any

import pytest

from appflow_connector_configuration.differences import Difference, differences, is_same
from appflow_connector_configuration.model import configuration_shape
from appflow_connector_configuration.response import configuration_in, derived_members
from tests.shared.support import CONFIGURATION, configuration

SETTINGS = "connectorRuntimeSettings"
DEFAULTS = "authenticationConfig.oAuth2Defaults"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"logoURL": "https://a"}, Difference("logoURL", None, "https://a")),
        (
            {"supportedApiVersions": ["v2", "v3"]},
            Difference("supportedApiVersions", ["v1", "v2"], ["v2", "v3"]),
        ),
        (
            {"connectorModes": ["SOURCE"]},
            Difference("connectorModes", ["SOURCE", "DESTINATION"], ["SOURCE"]),
        ),
        (
            {"authenticationConfig__isApiKeyAuthSupported": False},
            Difference("authenticationConfig.isApiKeyAuthSupported", True, False),
        ),
        (
            {"authenticationConfig__oAuth2Defaults__tokenUrls": ["https://b"]},
            Difference(
                f"{DEFAULTS}.tokenUrls",
                ["https://crm.example/token", "https://{{SITE}}.crm.example/token"],
                ["https://b"],
            ),
        ),
        (
            {"authenticationConfig__customAuthConfigs__HMAC__authParameters__nonce": None},
            Difference(
                "authenticationConfig.customAuthConfigs.HMAC.authParameters.nonce",
                {"key": "nonce"},
                None,
            ),
        ),
        (
            {f"{SETTINGS}__instanceUrl__isRequired": True},
            Difference(f"{SETTINGS}.instanceUrl.isRequired", None, True),
        ),
        (
            {f"{SETTINGS}__site": {"key": "site", "label": "Site"}},
            Difference(f"{SETTINGS}.site", None, {"key": "site", "label": "Site"}),
        ),
        (
            {"supportedDataTransferApis__rest__Type": "ASYNC"},
            Difference("supportedDataTransferApis.rest.Type", "SYNC", "ASYNC"),
        ),
    ],
)
def test_difference_has_path_and_values(members: dict[str, Any], expected: Difference) -> None:
    """A difference has a path with the keys of structures, and the values on both sides."""
    assert differences(CONFIGURATION, configuration(**members)) == [expected]
    assert not is_same(CONFIGURATION, configuration(**members))


@pytest.mark.parametrize("empty", [None, [], {}, "", False, [None], {"tokenUrls": []}])
@pytest.mark.parametrize(
    "path", ["logoURL", "supportedOperators", "authenticationConfig__oAuth2Defaults"]
)
def test_empty_value_counts_as_absent(path: str, empty: Any) -> None:
    """Null, false and empty values are the same as a member that is left out."""
    absent = configuration(**{path: None})
    present = configuration()
    parent = present["authenticationConfig"] if "__" in path else present
    parent[path.rpartition("__")[2]] = empty

    assert differences(absent, present) == []
    assert differences(present, absent) == []


@pytest.mark.parametrize(
    "path",
    [
        "supportedApiVersions",
        "connectorModes",
        SETTINGS,
        "supportedDataTransferApis",
        "authenticationConfig__customAuthConfigs",
        "authenticationConfig__oAuth2Defaults__tokenUrls",
        "authenticationConfig__oAuth2Defaults__oauth2CustomProperties",
    ],
)
def test_order_of_lists_does_not_count(path: str) -> None:
    """Lists with the same content in another order, or with repetitions of values, are the same."""
    found: Any = CONFIGURATION
    for name in path.split("__"):
        found = found[name]

    assert is_same(CONFIGURATION, configuration(**{path: found[::-1]}))
    if isinstance(found[0], str):
        assert is_same(CONFIGURATION, configuration(**{path: [*found, found[0]]}))


@pytest.mark.parametrize(
    "member",
    [
        {"connectorLabel": "other"},
        {"connectorArn": "arn:aws:appflow:eu-west-1:1:connector/other"},
        {"registeredBy": "someone"},
        {"connectorDescription": "A description"},
        {"isPrivateLinkEnabled": True},
        {"connectorType": "CustomConnector"},
        {"madeUp": [1]},
    ],
    ids=lambda member: next(iter(member)),
)
def test_registration_does_not_count(member: dict[str, Any]) -> None:
    """What a connector does not decide is no difference."""
    assert is_same(CONFIGURATION, {**CONFIGURATION, **member})


def test_derived_members_do_not_count() -> None:
    """A connector's response is the same as what AppFlow shows of it, with derived members."""
    response = {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "CRM",
        "connectorVersion": "1",
        "connectorModes": ["SOURCE"],
        "authenticationConfig": {"isBasicAuthSupported": True},
        "supportedTriggerTypes": ["SCHEDULED"],
    }

    said = configuration_in(response, configuration_shape())
    shown = {**said, **derived_members(said), "supportedOperators": [], "connectorLabel": "crm"}

    assert is_same(said, shown)
    assert shown["canUseAsSource"]


def test_modes_follow_from_derived_members() -> None:
    """Without modes, the derived members of AppFlow say what the connector can be."""
    shown = configuration(connectorModes=None, canUseAsDestination=False)

    assert is_same(shown, configuration(connectorModes=["SOURCE"]))
    assert not is_same(shown, CONFIGURATION)


@pytest.mark.parametrize("first", ["CONNECTOR_PROFILE", None])
def test_settings_of_one_key_differ_by_scope(first: str | None) -> None:
    """Settings with a key that is not unique are named with their scopes."""
    settings: list[dict[str, Any]] = [
        {"key": "limit", "scope": first},
        {"key": "limit", "scope": "SOURCE"},
    ]
    changed = [settings[0], {**settings[1], "isRequired": True}]

    found = differences(
        configuration(connectorRuntimeSettings=settings),
        configuration(connectorRuntimeSettings=changed),
    )

    assert found == [Difference(f"{SETTINGS}.limit@SOURCE.isRequired", None, True)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([{"label": "a"}, {"label": "b"}], [{"label": "b"}, {"label": "c"}]),
        ([{"key": 1}], [{"key": 2}]),
        (["a"], [{"key": "a"}]),
        ("text", ["text"]),
        ({"a": 1}, [1]),
        (1, "1"),
        (True, {"a": True}),
    ],
)
def test_wrong_types_differ(before: Any, after: Any) -> None:
    """Values of wrong types are compared as they are."""
    found = differences(
        configuration(connectorRuntimeSettings=before),
        configuration(connectorRuntimeSettings=after),
    )

    assert found == [Difference(SETTINGS, before, after)]
    assert is_same({SETTINGS: before}, {SETTINGS: before})


@pytest.mark.parametrize(
    ("absent", "value"),
    [
        ([{}], {"a": True}),
        ([["", None]], {"a": {"b": 1}}),
        ({"a": None}, [{"key": "a"}]),
        (False, [{"key": "a"}]),
        ([], {"a": True}),
    ],
)
def test_absent_value_may_have_another_type(absent: Any, value: Any) -> None:
    """A value that counts as absent differs from one of another type at the path of its members."""
    sides = [{SETTINGS: absent}, {SETTINGS: value}]

    assert [one.path for one in differences(*sides)] == [
        f"{SETTINGS}.a{'.b' * ('b' in str(value))}"
    ]
    assert len(differences(*reversed(sides))) == 1


def test_structures_without_key_have_no_order() -> None:
    """Structures without a key are the same in another order, with empty members or without."""
    before = [{"label": "a", "isRequired": False}, {"label": "b"}]

    assert is_same({SETTINGS: before}, {SETTINGS: [{"label": "b"}, {"label": "a"}]})


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, (False, False)),
        ({"connectorModes": None}, (False, False)),
        ({"connectorModes": "SOURCE"}, (False, False)),
        ({"connectorModes": [1, "DESTINATION"]}, (False, True)),
        ({"connectorModes": ["SOURCE"], "authenticationConfig": None}, (True, False)),
        ({"connectorModes": ["SOURCE"], "authenticationConfig": ["Basic"]}, (True, False)),
    ],
)
def test_derived_members_need_no_valid_response(
    members: dict[str, Any], expected: tuple[bool, bool]
) -> None:
    """Members that are missing or of a wrong type count as not supported."""
    derived = derived_members(members)

    assert (derived["canUseAsSource"], derived["canUseAsDestination"]) == expected
    assert set(derived["authenticationConfig"].values()) == {False}
