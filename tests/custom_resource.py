"""The custom resource's published JSON Schemas, and its properties as CloudFormation sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
NAMES = ("custom-resource.schema.json", "template.schema.json")
SCHEMAS: Mapping[str, Any] = {name: json.loads((REFERENCE / name).read_text()) for name in NAMES}
PROPERTIES: Mapping[str, Any] = SCHEMAS[NAMES[0]]["properties"]

PAGE = (REFERENCE / "custom-resource.md").read_text()
"""The page of the reference."""


def _examples() -> Iterator[tuple[str, str]]:
    for section in PAGE.partition("\n## Examples\n")[2].split("\n### ")[1:]:
        title, _, text = section.partition("\n")
        [body] = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
        yield title, body


EXAMPLES = dict(_examples())
"""Resources of the examples of the page, in YAML, by the titles of the examples."""

OF_CLOUDFORMATION = frozenset({"ServiceToken", "ServiceTimeout"})
"""The properties that CloudFormation reads, and the handler does not."""


def validator(name: str = NAMES[0]) -> Any:
    """A validator of one of the published schemas, by default that of the properties."""
    registry: Registry[Any] = Registry().with_resources(
        (other, DRAFT202012.create_resource(schema)) for other, schema in SCHEMAS.items()
    )
    return Draft202012Validator(SCHEMAS[name], registry=registry)


def sent_by_cloudformation(value: Any) -> Any:
    """Turn primitive values into text at every depth, as CloudFormation does."""
    if isinstance(value, Mapping):
        return {key: sent_by_cloudformation(member) for key, member in value.items()}
    if isinstance(value, list):
        return [sent_by_cloudformation(member) for member in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
