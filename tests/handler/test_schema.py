"""The handler accepts the properties that the published JSON Schema accepts, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from connector_registration.request import InvalidPropertyError, Registration
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.custom_resource import (
    OF_CLOUDFORMATION,
    PROPERTIES,
    SCHEMAS,
    sent_by_cloudformation,
    validator,
)
from tests.handler.events import FUNCTION_ARN, LABEL, SERVICE_TOKEN

REQUIRED = {"ServiceToken": SERVICE_TOKEN, "ConnectorLabel": LABEL, "LambdaArn": FUNCTION_ARN}
READ_BY_HANDLER = sorted(set(PROPERTIES) - OF_CLOUDFORMATION)

WORDS = [
    *("", "a", "a1", "-a", "acme crm", "acme\n", "añ", "a" * 256, "a" * 257, "a" * 1025),
    *(FUNCTION_ARN, f"{FUNCTION_ARN}:$LATEST", f"{FUNCTION_ARN}\n", FUNCTION_ARN.ljust(513, "m")),
    *("arn:aws-cn:lambda:us-east-1:111122223333:function:crm", "one, two", "A b\t1/!@#+=.-_"),
    *("true", "True", "TRUE", "yes", "1", "false", "0", " true", "true\n", "None"),
    *("Retain", "Destroy", "destroy", "Allowed", "Required", "Forbidden", "Ignore", "Fail"),
    *("Single", "Weighted", "Snapshot", "API_VERSION_REMOVED:v51.0"),
]
"""Values at the edges of what the properties allow."""

SENT = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=4),
    lambda value: st.lists(value, max_size=2) | st.dictionaries(st.sampled_from("AB"), value),
    max_leaves=4,
)
"""Values as CloudFormation sends them: text, lists and maps."""


DEPLOY_TIME_VALUE = {"$ref": "#/$defs/DeployTimeValue"}


def conforms(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value conforms to a part of the schema of the properties."""
    document = {"$defs": SCHEMAS["custom-resource.schema.json"]["$defs"], "allOf": [schema]}
    return bool(Draft202012Validator(document).is_valid(value))


def written(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """The values that a schema accepts, without those that only the deployment knows."""
    if "anyOf" in schema:
        return st.one_of(*(written(one) for one in schema["anyOf"] if one != DEPLOY_TIME_VALUE))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            pattern = schema.get("pattern")
            text = st.from_regex(pattern) if pattern else st.text()
            return text.filter(lambda found: conforms(found, schema))
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(written(schema["items"]), max_size=2)
    return SENT | st.integers() | st.booleans()


WRITTEN = st.fixed_dictionaries(
    {name: written(PROPERTIES[name]) for name in REQUIRED},
    optional={name: written(schema) for name, schema in PROPERTIES.items() if name not in REQUIRED},
)


def is_accepted(properties: Mapping[str, Any]) -> bool:
    """Whether the handler accepts properties."""
    try:
        Registration.parse(properties)
    except InvalidPropertyError:
        return False
    return True


@given(WRITTEN)
def test_what_the_schema_accepts_is_accepted(properties: Mapping[str, Any]) -> None:
    """What a template may contain by the schema is what the handler accepts."""
    assert validator().is_valid(properties)
    assert is_accepted(sent_by_cloudformation(properties))


@given(properties=WRITTEN, name=st.sampled_from(READ_BY_HANDLER), value=SENT)
@example(properties=REQUIRED, name="ConnectorLabel", value=None)
@example(properties=REQUIRED, name="LambdaArn", value=None)
def test_schema_and_handler_agree(properties: Any, name: str, value: Any) -> None:
    """With any value of a property, or without it, the schema and the handler agree."""
    sent = {**sent_by_cloudformation(properties), name: value}
    if value is None:
        del sent[name]

    assert validator().is_valid(sent) == is_accepted(sent)


@pytest.mark.parametrize("name", READ_BY_HANDLER)
def test_every_word_is_judged_alike(name: str) -> None:
    """The schema and the handler agree about each value at the edge of what a property allows."""
    accepted = {word for word in WORDS if is_accepted({**REQUIRED, name: word})}
    valid = {word for word in WORDS if validator().is_valid({**REQUIRED, name: word})}

    assert accepted == valid


class Recorded(dict[str, Any]):
    """Properties that remember which of them are read."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


def test_every_property_is_in_the_schema() -> None:
    """The schema has what the handler reads and the two properties of CloudFormation."""
    properties = Recorded(REQUIRED)

    Registration.parse(properties)

    assert properties.names | OF_CLOUDFORMATION == set(PROPERTIES)


@pytest.mark.parametrize(
    "name", [name for name in READ_BY_HANDLER if "default" in PROPERTIES[name]]
)
def test_default_is_that_of_the_handler(name: str) -> None:
    """A property that is left out has the default of the schema."""
    default = sent_by_cloudformation(PROPERTIES[name]["default"])

    assert Registration.parse({**REQUIRED, name: default}) == Registration.parse(REQUIRED)


@pytest.mark.parametrize("name", [*REQUIRED])
def test_required_property_is_missed(name: str) -> None:
    """The schema requires what the handler and CloudFormation require."""
    properties = {other: value for other, value in REQUIRED.items() if other != name}

    assert not validator().is_valid(properties)


@pytest.mark.parametrize(
    "value",
    [{"Ref": "A"}, {"Fn::GetAtt": ["A", "Arn"]}, {"Fn::If": ["A", "b", "c"]}, "{{resolve:ssm:a}}"],
)
def test_deploy_time_value_is_allowed(value: Any) -> None:
    """An intrinsic function or a dynamic reference is allowed as the value of every property."""
    assert validator().is_valid(dict.fromkeys(PROPERTIES, value))


@pytest.mark.parametrize("value", [{"A": "b"}, {"Ref": "A", "Fn::GetAtt": "A.Arn"}, {}])
def test_other_map_is_no_function(value: Any) -> None:
    """A map that is no intrinsic function is refused where text is needed."""
    assert not validator().is_valid({**REQUIRED, "ConnectorLabel": value})


def test_misspelt_property_is_refused() -> None:
    """The schema refuses a property that the handler would ignore."""
    misspelt = {**REQUIRED, "RemovalPolici": "Destroy"}

    assert is_accepted(misspelt)
    assert not validator().is_valid(misspelt)


@pytest.mark.parametrize("value", [None, [None], {"A": None}, {"A": [{"B": None}]}])
@pytest.mark.parametrize("name", PROPERTIES)
def test_null_is_refused(name: str, value: Any) -> None:
    """The schema refuses null, at any depth, as CloudFormation does: a name without a value."""
    assert not validator().is_valid({**REQUIRED, name: value})


@pytest.mark.parametrize("seconds", [1, 3600, "1", "600", "3600"])
def test_service_timeout_is_allowed(seconds: Any) -> None:
    """CloudFormation's limits of the time-out are allowed as number and text."""
    assert validator().is_valid({**REQUIRED, "ServiceTimeout": seconds})


@pytest.mark.parametrize("seconds", [0, 3601, "0", "3601", "10m", 1.5, True, "600\n"])
def test_service_timeout_is_refused(seconds: Any) -> None:
    """A time-out outside of CloudFormation's limits is refused."""
    assert not validator().is_valid({**REQUIRED, "ServiceTimeout": seconds})
