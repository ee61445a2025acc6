"""``check --entities``: the entities of a connector, and the fields that flows use of them."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from cdk_appflow_connector_cli.check_entities import entity_findings, used_entities

from appflow_connector_configuration.findings import Finding, Severity, Usage
from tests.cli.check_support import document, response, run_check
from tests.local_cloud.flow_support import Sales, connector, task
from tests.local_cloud.support import LABEL
from tests.support import Account
from tools.demo.salesforce import ENTRY_POINT, stage_connector

ROOT = Path(__file__).parents[2]
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm\\token"

FILE = {
    "runtimeSettings": {
        "connectorProfile": {"instanceUrl": "https://acme.example", "apiVersion": "v7"},
        "source": {"region": "north"},
    },
    "credentials": {"secretArn": SECRET, "authenticationType": "OAuth2"},
    "testEntityIdentifier": "order",
}


def write_entities(folder: Path, body: str) -> None:
    """Write a connector whose response to a request about entities is a body of a function."""
    source = f"""
import json

NAMES = ["order", "customer"]

def failed(code, message):
    return {{"isSuccess": False, "errorDetails": {{"errorCode": code, "errorMessage": message}}}}

def entity(name, **members):
    members = {{"label": name.title(), "hasNestedEntities": False, **members}}
    return {{"entityIdentifier": name, **members}}

def listed(*names, **members):
    return {{"isSuccess": True, "entities": [entity(name) for name in names], **members}}

def described(name, *fields):
    found = [{{"fieldName": one, "dataType": "String"}} for one in fields]
    definition = {{"entity": entity(name), "fields": found}}
    return {{"isSuccess": True, "entityDefinition": definition}}

def handler(event, context):
    if event["type"] == "DescribeConnectorConfigurationRequest":
        return {response(supportedApiVersions=["v1", "v2"])!r}
    name = event.get("entityIdentifier")
    {body}
"""
    (folder / "crm.py").write_text(source)


def checked(folder: Path, *arguments: str, **options: Any) -> dict[str, Any]:
    """The output of ``--json`` of a check with entities."""
    return document(
        run_check("crm:handler", "--entities", *arguments, "--json", folder=folder, **options)
    )


def fields_of(found: dict[str, Any]) -> dict[str, list[str] | None]:
    """The names of the fields of each entity, by the name of the entity."""
    return {
        one["name"]: one["fields"] and [field["identifier"] for field in one["fields"]]
        for one in found["entities"]
    }


def test_entities_are_listed_and_described(tmp_path: Path) -> None:
    """All entities are listed with their labels and described with their fields."""
    write_entities(tmp_path, "return described(name, 'id', 'sum') if name else listed(*NAMES)")

    found = checked(tmp_path)

    assert fields_of(found) == {"order": ["id", "sum"], "customer": ["id", "sum"]}
    assert found["entities"][0]["label"] == "Order"
    assert found["exitReason"] == "PASSED"


def test_all_pages_of_entities_are_read(tmp_path: Path) -> None:
    """Entities on later pages are listed, each page by the token of the one before."""
    body = """
    if name: return described(name, "id")
    page = int(event.get("nextToken") or 0)
    return listed(f"entity-{page}", nextToken=str(page + 1) if page < 2 else None)
"""
    write_entities(tmp_path, body)

    assert list(fields_of(checked(tmp_path))) == ["entity-0", "entity-1", "entity-2"]


def test_endless_list_is_read_in_part(tmp_path: Path) -> None:
    """Of a list without an end fifty pages are read, and a note says so."""
    body = """
    if name: return described(name, "id")
    page = int(event.get("nextToken") or 0)
    return listed(f"entity-{page}", nextToken=str(page + 1))
"""
    write_entities(tmp_path, body)

    found = checked(tmp_path)

    assert len(found["entities"]) == 50
    assert found["notes"][0] == "only 50 pages of the list of entities are read"


def test_missing_entity_of_file_is_refused(tmp_path: Path) -> None:
    """An entity that the file names and the connector does not have is refused."""
    body = "return failed('ResourceNotFoundError', 'no order') if name else listed()"
    write_entities(tmp_path, body)
    (tmp_path / "TestConfig.json").write_text(json.dumps(FILE))

    [refusal] = checked(tmp_path, "TestConfig.json")["refused"]

    assert refusal["entity"] == "order"
    assert refusal["message"] == "ResourceNotFoundError: no order"


def test_repeated_token_is_refused(tmp_path: Path) -> None:
    """A connector whose last page names the same page again is refused."""
    write_entities(tmp_path, "return listed('order', nextToken='again')")

    [refusal] = checked(tmp_path)["refused"]

    assert refusal["path"] == "nextToken"
    assert refusal["rule"] == "Must not be the token of an earlier page"


def test_many_entities_are_described_in_part(tmp_path: Path) -> None:
    """Of many entities 25 are described, and a note says how many are not."""
    body = "return described(name, 'id') if name else listed(*(f'e{n}' for n in range(60)))"
    write_entities(tmp_path, body)

    found = checked(tmp_path)

    assert len([fields for fields in fields_of(found).values() if fields]) == 25
    assert found["notes"] == ["35 more entities are listed and not described"]


def test_group_of_entities_is_not_described(tmp_path: Path) -> None:
    """An entity with nested entities is listed and not described."""
    body = "return {'isSuccess': True, 'entities': [entity('all', hasNestedEntities=True)]}"
    write_entities(tmp_path, body)

    found = checked(tmp_path)

    assert fields_of(found) == {"all": None}
    assert found["exitReason"] == "PASSED"


@pytest.mark.parametrize(
    ("body", "entity", "path", "message"),
    [
        ("return failed('AccessDenied', 'no')", None, "isSuccess", "AccessDenied: no"),
        ("return {'isSuccess': False}", None, "isSuccess", "no errorMessage in the errorDetails"),
        ("raise OSError('down')", None, "", "OSError: down"),
        ("return None", None, "", "Must be an object with isSuccess"),
        ("return {'isSuccess': True, 'entities': 1}", None, "entities", "type list"),
        ("return {'isSuccess': True, 'entities': [{}]}", None, "entities.1.member.name", "null"),
        (
            "return {'isSuccess': True} if name else listed('order')",
            "order",
            "entityDefinition.fields",
            "Member must not be null",
        ),
        (
            "return listed('order', nextToken=7)",
            None,
            "nextToken",
            "Member must be of type string",
        ),
        (
            "return {'isSuccess': True, 'entityDefinition': {'fields': [{'fieldName': 'id',"
            " 'dataType': 'String', 'constraints': {'allowedValues': 'a'}}]}} if name"
            " else listed('order')",
            "order",
            "entityDefinition.fields.1.member.supportedFieldTypeDetails.v1.supportedValues",
            "Member must be of type list",
        ),
        (
            "return described(name, 7) if name else listed('order')",
            "order",
            "entityDefinition.fields.1.member.identifier",
            "Member must be of type string",
        ),
    ],
)
def test_invalid_response_is_refused(
    tmp_path: Path, body: str, entity: str | None, path: str, message: str
) -> None:
    """A failure, or a response that AppFlow cannot show, is refused with its path and rule."""
    write_entities(tmp_path, body)

    found = checked(tmp_path)

    [refusal] = found["refused"]
    assert (refusal["entity"], refusal["path"]) == (entity, path)
    assert message in refusal["message"]
    assert found["exitReason"] == "REFUSED"


def test_context_is_empty_without_file(tmp_path: Path) -> None:
    """Without a file a request has the first API version, and no settings and credentials."""
    write_entities(tmp_path, "return failed('ClientError', json.dumps(event['connectorContext']))")

    [refusal] = checked(tmp_path)["refused"]

    context = json.loads(refusal["message"].removeprefix("ClientError: "))
    assert context == {"apiVersion": "v1", "connectorRuntimeSettings": {}}


def test_context_is_that_of_test_config(tmp_path: Path) -> None:
    """The settings, the version, the credentials and the entity of a TestConfig.json are used."""
    body = f"""
    context = event["connectorContext"]
    assert context == {{
        "apiVersion": "v7",
        "connectorRuntimeSettings":
            {{"instanceUrl": "https://acme.example", "apiVersion": "v7", "region": "north"}},
        "credentials": {FILE["credentials"]!r},
    }}
    return described(name, "id") if name else listed("customer")
"""
    write_entities(tmp_path, body)
    (tmp_path / "TestConfig.json").write_text(json.dumps(FILE))

    found = checked(tmp_path, "TestConfig.json")

    assert found["refused"] == []
    assert fields_of(found) == {"customer": ["id"], "order": ["id"]}


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError(event)",
        "return failed('ClientError', json.dumps(event))",
        "print(event); print(json.dumps(event)); import os; os._exit(1)",
        "print(event['connectorContext']['credentials']['secretArn']); raise OSError",
        "return listed('order', nextToken=event['connectorContext']['credentials'])",
        "secret = event['connectorContext']['credentials']['secretArn']\n"
        "    return described(name, secret, 7) if name else listed(secret)",
    ],
)
@pytest.mark.parametrize("form", ["--json", "--fail-on=error"])
def test_credentials_are_not_printed(tmp_path: Path, body: str, form: str) -> None:
    """The credentials of the file are in no output, also if the connector prints them."""
    write_entities(tmp_path, body)
    (tmp_path / "TestConfig.json").write_text(json.dumps(FILE))

    result = run_check("crm:handler", "--entities", "TestConfig.json", form, folder=tmp_path)

    assert result.returncode != 0
    assert "***" in result.stdout + result.stderr
    assert "secretsmanager" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "TestConfig.json cannot be read: No such file or directory. It must have"),
        ("{secret", "TestConfig.json is not JSON. It must have"),
        ("[" * 100_000, "TestConfig.json is not JSON. It must have"),
        ("null", "runtimeSettings of TestConfig.json is not an object."),
        ("[]", "runtimeSettings of TestConfig.json is not an object."),
        ('{"runtimeSettings": "secret"}', "runtimeSettings of TestConfig.json is not an object."),
        (
            '{"runtimeSettings": {"source": {"limit": 7}}}',
            "runtimeSettings.source.limit of TestConfig.json is not a text.",
        ),
        (
            '{"credentials": {"secretArn": ["secret"]}}',
            "credentials.secretArn of TestConfig.json is not a text.",
        ),
        (
            '{"testEntityIdentifier": 7}',
            "testEntityIdentifier of TestConfig.json is not a text.",
        ),
    ],
)
def test_wrong_file_is_named(tmp_path: Path, content: str | None, expected: str) -> None:
    """A file that is missing or has another form is an error without its values."""
    if content is not None:
        (tmp_path / "TestConfig.json").write_text(content)

    result = run_check("crm:handler", "--entities", "TestConfig.json", folder=tmp_path)

    assert expected in result.stderr
    assert "secret\n" not in result.stderr
    assert (result.stdout, result.returncode) == ("", 2)


NULLS = {"runtimeSettings": None, "credentials": None, "testEntityIdentifier": None}


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"\xef\xbb\xbf{}",
        json.dumps(NULLS).encode(),
        b'{"runtimeSettings": {"source": null}, "other": [1]}',
    ],
)
def test_members_of_file_may_be_missing(tmp_path: Path, content: bytes) -> None:
    """A file may lack every member, have null for it, and begin with a byte order mark."""
    write_entities(tmp_path, "return failed('ClientError', json.dumps(event['connectorContext']))")
    (tmp_path / "TestConfig.json").write_bytes(content)

    [refusal] = checked(tmp_path, "TestConfig.json")["refused"]

    context = json.loads(refusal["message"].removeprefix("ClientError: "))
    assert context == {"apiVersion": "v1", "connectorRuntimeSettings": {}}


def test_file_of_amazons_sdk_is_read(tmp_path: Path) -> None:
    """The TestConfig.json of Amazon's SDK is read as it is, for Amazon's example connector."""
    code = stage_connector(tmp_path / "code")
    config = "custom_connector_tests/configuration/TestConfig.json"
    file = Path(str(distribution("custom-connector-sdk").locate_file(config)))

    result = run_check(ENTRY_POINT, "--entities", str(file), "--json", folder=code)

    # The connector reads the credentials from Secrets Manager before it calls Salesforce.
    assert {one["request"] for one in document(result)["refused"]} == {
        "ListEntitiesRequest",
        "DescribeEntityRequest",
    }
    assert result.returncode == 1


def test_examples_entity_is_printed() -> None:
    """The text names the entities and their fields, with types and keys."""
    result = run_check(f"{ROOT}/examples/connector/crm.py:handler", "--entities")

    assert "  account (Account)\n" in result.stdout
    assert "    id (String, primary key), name (String), employees (Integer)" in result.stdout


@pytest.fixture
def sales(account: Account) -> Sales:
    """An account with a registered connector of orders, and a profile of it."""
    sales = Sales(account)
    sales.prepare()
    return sales


def breaking(found: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """The id, the severity and the flows of each finding about entities."""
    return [
        (one["id"], one["severity"], one["flows"])
        for one in found["findings"]
        if one["id"].startswith(("ENTITY_", "FIELD_"))
    ]


def test_removed_field_breaks_its_flows(sales: Sales, tmp_path: Path) -> None:
    """A field that a flow reads and the entity no longer has is an error."""
    flow = sales.reading(task("Map", ["amount"], "NO_OP", destinationField="sum"))
    sales.appflow.create_flow(**flow)
    (tmp_path / "crm.py").write_text(connector("del FIELDS['amount']"))

    found = checked(tmp_path, "--against", LABEL, account=sales.account)

    assert breaking(found) == [("FIELD_REMOVED:order.amount", "ERROR", ["orders"])]
    assert found["exitReason"] == "BREAKING"


def test_removed_entity_breaks_its_flows(sales: Sales, tmp_path: Path) -> None:
    """An entity that a flow writes to and that no longer exists is an error."""
    sales.appflow.create_flow(**sales.writing())
    gone = "def entity(event): return failed('ResourceNotFoundError', 'There is no order')"
    (tmp_path / "crm.py").write_text(
        connector(f"{gone}\ndef entities(event): return {{'isSuccess': True}}")
    )

    found = checked(tmp_path, "--against", LABEL, account=sales.account)

    assert breaking(found) == [("ENTITY_REMOVED:order", "ERROR", ["orders"])]
    assert found["refused"] == []


def test_unchanged_entity_has_no_findings(sales: Sales, tmp_path: Path) -> None:
    """Fields that are unused, and those that are still there, are no findings."""
    flow = sales.reading(task("Map", ["amount"], "NO_OP", destinationField="sum"))
    sales.appflow.create_flow(**flow)
    (tmp_path / "crm.py").write_text(connector("del FIELDS['paid']"))

    found = checked(tmp_path, "--against", LABEL, account=sales.account)

    assert breaking(found) == []
    assert found["exitReason"] == "PASSED"


PROFILES = [{"connectorProfileName": "sales"}]
FIELDS = {"order": {"id", "sum"}}


def flow(**members: Any) -> dict[str, Any]:
    """A flow from the entity ``order`` of the connector, as DescribeFlow returns it."""
    return {
        "flowName": "orders",
        "flowStatus": "Active",
        "sourceFlowConfig": {
            "connectorProfileName": "sales",
            "sourceConnectorProperties": {"CustomConnector": {"entityName": "order"}},
        },
        "destinationFlowConfigList": [{"destinationConnectorProperties": {"S3": {}}}],
        "tasks": [],
        **members,
    }


def incremental(field: str) -> dict[str, Any]:
    """A flow that reads what is new by a field."""
    source = flow()["sourceFlowConfig"]
    return flow(
        sourceFlowConfig={**source, "incrementalPullConfig": {"datetimeTypeFieldName": field}}
    )


def writing(*tasks: Any, **properties: Any) -> dict[str, Any]:
    """A flow to the entity ``order`` of the connector."""
    properties = {"entityName": "order", **properties}
    return flow(
        sourceFlowConfig={"sourceConnectorProperties": {"S3": {}}},
        destinationFlowConfigList=[
            {
                "connectorProfileName": "sales",
                "destinationConnectorProperties": {"CustomConnector": properties},
            }
        ],
        tasks=list(tasks),
    )


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (flow(tasks=[task("Filter", ["id", "city"], "PROJECTION")]), ["city"]),
        (flow(tasks=[task("Map", ["city"], destinationField="town")]), ["city"]),
        (flow(tasks=[task("Map", ["id"], destinationField="city")]), []),
        (flow(tasks=[task("Map_all", [])]), []),
        # A field that one task makes is no field of the source.
        (
            flow(
                tasks=[
                    task("Merge", ["id", "sum"], destinationField="both"),
                    task("Map", ["both"], destinationField="both"),
                ]
            ),
            [],
        ),
        (flow(tasks=[task("Mask", ["city"], destinationField="city")]), ["city"]),
        (incremental("changed"), ["changed"]),
        (incremental("sum"), []),
        (writing(task("Map", ["town"], destinationField="city")), ["city"]),
        (writing(task("Map", ["city"], destinationField="id")), []),
        (writing(idFieldNames=["key", "id"]), ["key"]),
        (flow(flowStatus="Deleted", tasks=[task("Map", ["city"], destinationField="c")]), []),
        (flow(flowStatus="Draft", tasks=[task("Map", ["city"], destinationField="c")]), ["city"]),
    ],
)
def test_fields_of_flows_are_found(found: dict[str, Any], lost: list[str]) -> None:
    """The fields of tasks, of incremental transfers and of keys count, at the connector's end."""
    usage = Usage(PROFILES, [found])

    expected = [
        Finding(
            f"FIELD_REMOVED:order.{name}",
            Severity.ERROR,
            f"Entity order has no field {name}",
            flows=("orders",),
        )
        for name in lost
    ]
    assert entity_findings(FIELDS, [], usage) == expected


@pytest.mark.parametrize("member", ["sourceFlowConfig", "destinationFlowConfigList", "tasks"])
def test_flow_may_lack_members(member: str) -> None:
    """Every member of DescribeFlow is optional, and a flow without one uses nothing by it."""
    found = flow(tasks=[task("Map", ["city"], destinationField="c")])
    del found[member]

    lost = entity_findings(FIELDS, [], Usage(PROFILES, [found]))

    assert len(lost) == (1 if member == "destinationFlowConfigList" else 0)


def test_flows_of_a_field_are_named_once() -> None:
    """A field that several flows use is one finding with the names of all."""
    tasks = [task("Map", ["city"], destinationField="c"), task("Filter", ["city"], "PROJECTION")]
    usage = Usage(PROFILES, [flow(flowName=name, tasks=tasks) for name in ("b", "a")])

    [found] = entity_findings(FIELDS, [], usage)

    assert found.flows == ("a", "b")


def test_ids_have_no_blanks() -> None:
    """An entity or a field with a blank in its name has an id without."""
    tasks = [task("Map", ["home town"], destinationField="c")]

    [found] = entity_findings(FIELDS, [], Usage(PROFILES, [flow(tasks=tasks)]))

    assert found.id == "FIELD_REMOVED:order.home%20town"


def test_unknown_entity_is_no_finding() -> None:
    """The fields of an entity that could not be described are not findings."""
    usage = Usage(PROFILES, [flow(tasks=[task("Map", ["city"], destinationField="c")])])

    assert entity_findings({}, [], usage) == []
    assert used_entities(usage) == ["order"]
