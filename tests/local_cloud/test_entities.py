"""Entities of a connector's application, and how long AppFlow caches them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_cloud.flow_support import Sales, profile
from tests.local_cloud.support import refusal

ONE_HOUR, TEN_MINUTES = 3600, 600

# Each response has another name, so that a cached one differs from a new one. The file counts
# across invocations, since a process of a function may end.
COUNTING = """
calls = []
def entities(event):
    calls.append(1)
    return {"isSuccess": True, "cacheControl": CONTROL, "entities": [
        {"entityIdentifier": f"order{len(calls)}", "hasNestedEntities": False}]}

def entity(event):
    calls.append(1)
    return {"isSuccess": True, "cacheControl": CONTROL, "entityDefinition": {"fields": [
        {"fieldName": f"field{len(calls)}", "dataType": "String"}]}}
"""

PAGES = """
def entities(event):
    first = int((event.get("nextToken") or "page 0").split()[1])
    following = first + event["maxResult"]
    found = ["a", "b", "c"][first:following]
    return {
        "isSuccess": True,
        "entities": [{"entityIdentifier": one, "hasNestedEntities": False} for one in found],
        "nextToken": f"page {following}" if following < 3 else None,
    }
"""

FIELD = """
def entity(event):
    return {"isSuccess": True, "entityDefinition": {"entity": None, "fields": [{
        "fieldName": "amount", "dataType": "Double", "dataTypeLabel": "money", "label": "Amount",
        "description": "What it costs", "isPrimaryKey": False, "defaultValue": "0",
        "isDeprecated": True, "filterOperators": ["EQUAL_TO"], "customProperties": {"unit": "EUR"},
        "constraints": {
            "allowedValueRange": {"minRange": 0, "maxRange": 9.5},
            "allowedLengthRange": {"minRange": 1, "maxRange": 3},
            "allowedValues": ["0", "1"],
            "allowedValuesRegexPattern": "[0-9]+",
            "allowedDateFormat": None,
        },
        "readProperties": {"isRetrievable": True, "isNullable": True, "isQueryable": False,
                           "isTimestampFieldForIncrementalQueries": None},
        "writeProperties": {"isCreatable": True, "isUpdatable": False, "isNullable": True,
                            "isUpsertable": None, "isDefaultedOnCreate": False,
                            "supportedWriteOperations": ["INSERT"]},
    }, {"fieldName": "note", "dataType": "String"}]}}
"""


def asked(**members: Any) -> dict[str, Any]:
    """The members of a request about entities."""
    return {"connectorProfileName": "sales", "apiVersion": "v1", **members}


def names(sales: Sales, **members: Any) -> list[str]:
    """The names of the entities in a list."""
    found = sales.appflow.list_connector_entities(**asked(**members))["connectorEntityMap"]
    return [entity["name"] for group in found.values() for entity in group]


def fields(sales: Sales, name: str = "order") -> list[str]:
    """The names of the fields of an entity."""
    found = sales.appflow.describe_connector_entity(**asked(connectorEntityName=name))
    return [field["identifier"] for field in found["connectorEntityFields"]]


@pytest.mark.rule("SDK", "choice")
def test_entities_are_listed(sales: Sales) -> None:
    """ListConnectorEntities shows the connector's entities, in one group."""
    found = sales.appflow.list_connector_entities(**asked())

    assert found["connectorEntityMap"] == {
        "Entities": [{"name": "order", "label": "Order", "hasNestedEntities": False}]
    }
    assert "nextToken" not in found


@pytest.mark.rule("SDK")
def test_path_and_context_are_sent(sales: Sales) -> None:
    """A list carries the path of the parent entity and the context of the profile."""
    sales.use(
        "def entities(event):\n"
        "    context = event['connectorContext']\n"
        "    name = f\"{event['entitiesPath']}-{context['apiVersion']}\"\n"
        "    return {'isSuccess': True, 'entities': [\n"
        "        {'entityIdentifier': name, 'hasNestedEntities': True}]}\n"
    )

    assert names(sales, entitiesPath="shop/orders", apiVersion="v2") == ["shop/orders-v2"]


@pytest.mark.rule("SDK")
def test_entities_have_pages(sales: Sales) -> None:
    """A list has pages of `maxResults`, whatever form the connector's tokens have."""
    sales.use(PAGES)

    first = sales.appflow.list_connector_entities(**asked(maxResults=2))
    token = first["nextToken"]

    assert names(sales, maxResults=2) == ["a", "b"]
    assert names(sales, maxResults=2, nextToken=token) == ["c"]
    code, _, message = refusal(
        sales.appflow.list_connector_entities, **asked(maxResults=1, nextToken=token)
    )
    assert code == "ValidationException"
    assert message.startswith(f"The nextToken {token} is not from a page of this list. Send the")


@pytest.mark.rule("SDK", "model")
def test_fields_are_described(sales: Sales) -> None:
    """DescribeConnectorEntity shows fields in AppFlow's terms, without nulls."""
    sales.use(FIELD)

    found = sales.appflow.describe_connector_entity(**asked(connectorEntityName="order"))

    assert found["connectorEntityFields"] == [
        {
            "identifier": "amount",
            "label": "Amount",
            "description": "What it costs",
            "isPrimaryKey": False,
            "defaultValue": "0",
            "isDeprecated": True,
            "supportedFieldTypeDetails": {
                "v1": {
                    "fieldType": "Double",
                    "filterOperators": ["EQUAL_TO"],
                    "supportedValues": ["0", "1"],
                    "valueRegexPattern": "[0-9]+",
                    "fieldValueRange": {"minimum": 0, "maximum": 9.5},
                    "fieldLengthRange": {"minimum": 1, "maximum": 3},
                }
            },
            "sourceProperties": {"isRetrievable": True, "isQueryable": False},
            "destinationProperties": {
                "isCreatable": True,
                "isNullable": True,
                "isUpdatable": False,
                "isDefaultedOnCreate": False,
                "supportedWriteOperations": ["INSERT"],
            },
            "customProperties": {"unit": "EUR"},
        },
        {
            "identifier": "note",
            "supportedFieldTypeDetails": {"v1": {"fieldType": "String", "filterOperators": []}},
        },
    ]


@pytest.mark.rule("SDK")
@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("None", ONE_HOUR),
        ("'soon'", ONE_HOUR),
        ("{'timeToLive': 2, 'timeToLiveUnit': None}", ONE_HOUR),
        ("{'timeToLive': 1, 'timeToLiveUnit': 'SECONDS'}", TEN_MINUTES),
        ("{'timeToLive': 20, 'timeToLiveUnit': 'MINUTES'}", 1200),
        ("{'timeToLive': 2, 'timeToLiveUnit': 'DAYS'}", 172800),
        ("{'timeToLive': 10 ** 30, 'timeToLiveUnit': 'DAYS'}", 36500 * 86400),
    ],
)
def test_response_is_cached(sales: Sales, control: str, seconds: int) -> None:
    """A response is cached for the time in it, at least 10 minutes, by default an hour."""
    sales.use(f"CONTROL = {control}\n{COUNTING}")

    def pass_time(passed: int) -> None:
        sales.account.local_cloud.configure_appflow(sales.account.id, clockAheadSeconds=passed)

    assert (names(sales), fields(sales)) == (["order1"], ["field2"])
    pass_time(seconds - 60)
    assert (names(sales), fields(sales)) == (["order1"], ["field2"])
    pass_time(seconds + 60)
    assert (names(sales), fields(sales)) == (["order3"], ["field4"])


@pytest.mark.rule("API")
def test_cache_is_reset(sales: Sales) -> None:
    """ResetConnectorMetadataCache forgets lists, or with an entity's name that entity only."""
    sales.use(f"CONTROL = None\n{COUNTING}")
    assert (names(sales), fields(sales), fields(sales, "item")) == (
        ["order1"],
        ["field2"],
        ["field3"],
    )

    sales.appflow.reset_connector_metadata_cache(**asked())
    assert (names(sales), fields(sales)) == (["order4"], ["field2"])
    sales.appflow.reset_connector_metadata_cache(**asked(connectorEntityName="order"))
    assert (names(sales), fields(sales), fields(sales, "item")) == (
        ["order4"],
        ["field5"],
        ["field3"],
    )


@pytest.mark.rule("API")
def test_cache_of_path_is_reset(sales: Sales) -> None:
    """ResetConnectorMetadataCache with a path forgets the list of that path only."""
    sales.use(f"CONTROL = None\n{COUNTING}")
    assert (names(sales), names(sales, entitiesPath="shop")) == (["order1"], ["order2"])

    sales.appflow.reset_connector_metadata_cache(**asked(entitiesPath="shop"))

    assert (names(sales), names(sales, entitiesPath="shop")) == (["order1"], ["order3"])


@pytest.mark.rule("choice")
def test_update_of_profile_resets_cache(sales: Sales) -> None:
    """Other credentials may show other entities, so an update of the profile resets its cache."""
    sales.use(f"CONTROL = None\n{COUNTING}")
    assert names(sales) == ["order1"]
    members = profile()

    sales.appflow.update_connector_profile(
        **{name: members[name] for name in ("connectorProfileName", "connectorProfileConfig")},
        connectionMode="Public",
    )

    assert names(sales) == ["order2"]


@pytest.mark.rule("choice")
def test_profiles_have_their_own_cache(sales: Sales) -> None:
    """Responses are cached for each profile and API version."""
    sales.use(f"CONTROL = None\n{COUNTING}")
    sales.appflow.create_connector_profile(**profile("second"))

    assert names(sales) == ["order1"]
    assert names(sales, connectorProfileName="second") == ["order2"]
    assert names(sales, apiVersion="v2") == ["order3"]
    assert names(sales) == ["order1"]


COMMUNICATION = "Error while communicating to connector: "
INVALID: dict[str, tuple[str, str]] = {
    "no list": ("'order'", "(Value 'order' at 'entities' failed to satisfy constraint"),
    "no object": (
        "['order']",
        "(Value 'order' at 'entities.1.member' failed to satisfy constraint",
    ),
    "no name": (
        "[{'label': 'Order'}]",
        "(Value null at 'entities.1.member.name' failed to satisfy constraint: Member must not be",
    ),
    "a number": (
        "[{'entityIdentifier': 3}]",
        "(Value '3' at 'entities.1.member.name' failed to satisfy constraint: Member must be of",
    ),
}


@pytest.mark.rule("SDK", "model")
@pytest.mark.parametrize(("entities", "words"), INVALID.values(), ids=INVALID)
def test_invalid_list_is_refused(sales: Sales, entities: str, words: str) -> None:
    """A list that is not in the SDKs' form: `ConnectorServerException` with path and rule."""
    sales.use(f"def entities(event):\n    return {{'isSuccess': True, 'entities': {entities}}}")

    code, status, message = refusal(sales.appflow.list_connector_entities, **asked())

    assert (code, status) == ("ConnectorServerException", 400)
    assert message.startswith(f"{COMMUNICATION}invalid ListEntities response {words}")


@pytest.mark.rule("SDK", "model")
@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (
            "None",
            "(Value null at 'entityDefinition.fields' failed to satisfy constraint: Member must not"
            " be null).",
        ),
        (
            "{'fields': {'id': 'String'}}",
            "(Value '{'id': 'String'}' at 'entityDefinition.fields' failed to satisfy constraint:"
            " Member must be of type list).",
        ),
        (
            "{'fields': [{'fieldName': 'id'}]}",
            "(Value null at 'entityDefinition.fields.1.member.supportedFieldTypeDetails.v1"
            ".fieldType' failed to",
        ),
        (
            "{'fields': [{'fieldName': 'i' * 129, 'dataType': 'String'}]}",
            f"(Value '{'i' * 129}' at 'entityDefinition.fields.1.member.identifier' failed to"
            " satisfy constraint: Member must have length less than or equal to 128).",
        ),
    ],
    ids=["null", "map", "no type", "long name"],
)
def test_invalid_definition_is_refused(sales: Sales, definition: str, words: str) -> None:
    """A definition that is not in the SDKs' form: `ConnectorServerException`, path and rule."""
    sales.use(
        f"def entity(event):\n    return {{'isSuccess': True, 'entityDefinition': {definition}}}"
    )

    code, _, message = refusal(
        sales.appflow.describe_connector_entity, **asked(connectorEntityName="order")
    )

    assert code == "ConnectorServerException"
    assert message.startswith(f"{COMMUNICATION}invalid DescribeEntity response {words}")


@pytest.mark.rule("model")
def test_refused_credentials_have_their_error(sales: Sales) -> None:
    """Credentials that the application refuses: `ConnectorAuthenticationException`, 401."""
    sales.use("def entities(event):\n    return failed('InvalidCredentials', 'expired')")

    assert refusal(sales.appflow.list_connector_entities, **asked()) == (
        "ConnectorAuthenticationException",
        401,
        f"{COMMUNICATION}InvalidCredentials: expired",
    )


@pytest.mark.rule("API", "choice")
@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"apiVersion": "v1"}, "Value null at 'connectorProfileName' failed"),
        ({"connectorProfileName": "sales"}, "Value null at 'apiVersion' failed"),
        (asked(apiVersion="v9"), "Value 'v9' at 'apiVersion' failed to satisfy constraint: The"),
        (
            {"connectorType": "Salesforce"},
            "The local cloud serves entities of type CustomConnector only, not Salesforce.",
        ),
    ],
)
@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("list_connector_entities", {}),
        ("describe_connector_entity", {"connectorEntityName": "order"}),
        ("reset_connector_metadata_cache", {}),
    ],
)
def test_profile_and_version_are_required(
    sales: Sales, operation: str, more: dict[str, str], members: dict[str, str], words: str
) -> None:
    """Operations on entities require a profile and one of the connector's API versions."""
    code, _, message = refusal(getattr(sales.appflow, operation), **members, **more)

    assert code == "ValidationException"
    assert words in message
