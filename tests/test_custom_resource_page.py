"""The reference of the custom resource says what the published JSON Schema and the handler say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cdk_appflow_connector_cli.yaml_template import parse
from connector_registration.appflow_calls import Connector
from connector_registration.lifecycle import _attributes
from connector_registration.request import Registration

from tests.custom_resource import (
    EXAMPLES,
    NAMES,
    OF_CLOUDFORMATION,
    PAGE,
    PROPERTIES,
    SCHEMAS,
    sent_by_cloudformation,
    validator,
)

ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
BLOCKS = re.findall(r"^```(json|yaml)\n(.*?)^```$", PAGE, re.M | re.S)

# Another value of each property that the handler reads than in the properties that are compared.
OTHER_VALUES: Mapping[str, Any] = {
    "ConnectorLabel": "acme-erp",
    "LambdaArn": f"{ARN}:2",
    "Description": "Acme",
    "RemovalPolicy": "Destroy",
    "ForceDelete": True,
    "Adoption": "Required",
    "Triggers": {"Commit": 7},
    "FunctionHash": "1",
    "AliasRouting": "Weighted",
    "OnBreakingChange": "Fail",
    "AcknowledgedChanges": ["CHANGE"],
}


def section(title: str) -> str:
    """The text of a section of the page."""
    [text] = re.findall(rf"^### {title}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    return str(text)


def facts(name: str) -> list[str]:
    """The items of the list at the end of a property's section, each in one line."""
    items = re.findall(r"^- (.*(?:\n  .*)*)", section(f"`{name}`"), re.M)
    return [" ".join(item.split()) for item in items]


def facts_of_schema(name: str) -> Iterator[str]:
    """What the schema says about a property, in the words of the page."""
    schema = PROPERTIES[name]
    first = schema.get("anyOf", [{}])[0]
    required = name in SCHEMAS["custom-resource.schema.json"]["required"]
    yield f"Required: {'Yes' if required else 'No'}"
    yield f"Type: {type_of(first)}"
    if "enum" in first:
        yield f"Allowed values: {', '.join(f'`{value}`' for value in first['enum'])}"
    if "minimum" in first:
        yield f"Allowed values: {first['minimum']} to {first['maximum']}"
    if "pattern" in first:
        yield f"Pattern: `{first['pattern']}`"
    if "maxLength" in first:
        least = f"{first['minLength']} to" if "minLength" in first else "at most"
        yield f"Length: {least} {first['maxLength']}"
    if "default" in schema:
        default = schema["default"]
        yield f"Default: `{default if isinstance(default, str) else json.dumps(default)}`"


def type_of(schema: Mapping[str, Any]) -> str:
    """The type of a property, in CloudFormation's terms."""
    if "enum" in schema:
        return "String"
    match schema.get("type"):
        case None:
            return "Json"
        case "array":
            return "List of String"
        case name:
            return str(name).capitalize()


@pytest.mark.parametrize("name", PROPERTIES)
def test_property_is_that_of_the_schema(name: str) -> None:
    """The page has the type, the limits and the default of each property of the schema."""
    *listed, update = facts(name)

    assert listed == list(facts_of_schema(name))
    assert update.startswith("Update requires: ")


def test_page_has_no_other_property() -> None:
    """The page has a section for each property of the schema, in the same order."""
    assert re.findall(r"^### `(.*)`", PAGE, re.M) == list(PROPERTIES)


@pytest.mark.parametrize("name", sorted(set(PROPERTIES) - OF_CLOUDFORMATION))
def test_update_has_the_effect_of_the_page(name: str) -> None:
    """A changed property refreshes or replaces the registration if the page says so."""
    properties = {"ConnectorLabel": "acme-crm", "LambdaArn": ARN}
    before = Registration.parse(properties)
    after = Registration.parse(sent_by_cloudformation({**properties, name: OTHER_VALUES[name]}))

    effect = "No interruption. A change alone does not refresh the registration."
    if not after.same_in_appflow(before):
        effect = "No interruption. A change refreshes the registration."
    if after.connector_label != before.connector_label:
        effect = "Replacement."
    assert after != before
    assert facts(name)[-1].startswith(f"Update requires: {effect}")


def test_syntax_has_every_property() -> None:
    """The syntax in YAML and in JSON has every property with its type."""
    [as_yaml, as_json] = [body for _, body in BLOCKS if "AcknowledgedChanges" in body]

    assert parse(as_yaml) == json.loads(as_json)
    assert json.loads(as_json)["Properties"] == {
        name: ["String"] if kind == "List of String" else kind
        for name in PROPERTIES
        for kind in [type_of(PROPERTIES[name].get("anyOf", [{}])[0])]
    }


def test_attributes_are_those_of_the_handler() -> None:
    """The page lists the attributes that the handler returns."""
    attributes = _attributes(Connector("a", "b", "c", "d", "e", {}))

    assert re.findall(r"^\| `(\w+)` \|", section("Fn::GetAtt"), re.M) == list(attributes)


@pytest.mark.parametrize("title", EXAMPLES)
def test_example_is_valid(title: str) -> None:
    """Each example is a template that the published schema of templates accepts."""
    template = parse(f"Resources:\n{EXAMPLES[title]}")

    assert validator("template.schema.json").is_valid(template)
    # The schema does check the registration.
    template["Resources"]["Registration"]["Properties"]["ConnectorLabel"] = "acme crm"
    assert not validator("template.schema.json").is_valid(template)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid(name: str) -> None:
    """Each published schema is one of the draft that it names, and the page links to it."""
    validator(name).check_schema(SCHEMAS[name])

    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert f"]({name})" in PAGE
