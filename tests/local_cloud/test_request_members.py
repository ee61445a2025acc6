"""Members of requests: every rule of AppFlow's service model.

The rules are repeated here, so that a test fails if the local AppFlow skips one, or if a newer
botocore adds or removes one.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from tests.local_cloud.support import LABEL, described, refusal, registration
from tests.support import Account, connector

ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"

# A valid request of each operation.
REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "RegisterConnector": registration(LABEL, ARN),
    "UpdateConnectorRegistration": {"connectorLabel": LABEL},
    "DescribeConnector": {"connectorType": "CustomConnector", "connectorLabel": LABEL},
    "DescribeConnectors": {},
    "ListConnectors": {},
    "UnregisterConnector": {"connectorLabel": LABEL},
    "CreateConnectorProfile": {
        "connectorProfileName": "sales",
        "connectorType": "CustomConnector",
        "connectionMode": "Public",
        "connectorProfileConfig": {"connectorProfileProperties": {}},
    },
}

# The kind of a rule, a value that breaks the rule, and a part of the message.
Rule = tuple[str, Any, str]

LEFT_OUT = object()
PATTERN = "Member must satisfy regular expression pattern: "
WRONG_TYPE = "Member must be of type "
REQUIRED: Rule = ("required", LEFT_OUT, "Member must not be null")


def max_length(size: int) -> Rule:
    """The rule for the length of a string."""
    return "max", "a" * (size + 1), f"Member must have length less than or equal to {size}"


LABEL_RULES: list[Rule] = [
    *[
        ("pattern", label, rf"{PATTERN}[a-zA-Z0-9][\w!@#.-]+")
        for label in ("x", "-acme", "acme crm", "acme/crm", "äcme", "acme\n")
    ],
    max_length(256),
    ("type", 17, WRONG_TYPE),
]
DESCRIPTION_RULES: list[Rule] = [
    *[
        ("pattern", description, rf"{PATTERN}[\s\w/!@#+=.-]*")
        for description in ("Acme: CRM", "Acme, CRM", "Acme (CRM)", "Acme's")
    ],
    max_length(1024),
    ("type", ["Acme"], WRONG_TYPE),
]
TOKEN_RULES: list[Rule] = [
    ("min", "", "Member must have length greater than or equal to 1"),
    ("pattern", "töken", f"{PATTERN}[ -~]+"),
    max_length(256),
    ("type", 1, WRONG_TYPE),
]
CONFIGURATION_RULES: Mapping[str, list[Rule]] = {
    "connectorProvisioningConfig": [("type", ARN, WRONG_TYPE)],
    "connectorProvisioningConfig.lambda": [("type", ARN, WRONG_TYPE)],
    "connectorProvisioningConfig.lambda.lambdaArn": [
        REQUIRED,
        *[
            ("pattern", arn, f"{PATTERN}arn:aws:.*:.*:[0-9]+:.*")
            for arn in ("crm", ARN.replace("111122223333", ""), ARN.replace(":aws:", ":aws-cn:"))
        ],
        ("max", ARN + "a" * 512, "Member must have length less than or equal to 512"),
        ("type", 1, WRONG_TYPE),
    ],
}
CONNECTOR_TYPE = "Member must satisfy enum value set: ['Salesforce', "
PAGE_RULES: Mapping[str, list[Rule]] = {
    "maxResults": [
        ("min", 0, "Member must have value greater than or equal to 1"),
        ("max", 101, "Member must have value less than or equal to 100"),
        ("type", "many", WRONG_TYPE),
    ],
    "nextToken": [
        ("pattern", "with space", rf"{PATTERN}\S+"),
        max_length(2048),
        ("type", 1, WRONG_TYPE),
    ],
}
RULES: Mapping[str, Mapping[str, list[Rule]]] = {
    "RegisterConnector": {
        "connectorLabel": LABEL_RULES,
        "description": DESCRIPTION_RULES,
        "connectorProvisioningType": [
            ("enum", "ECS", "Member must satisfy enum value set: ['LAMBDA']"),
            ("type", 1, WRONG_TYPE),
        ],
        **CONFIGURATION_RULES,
        "clientToken": TOKEN_RULES,
    },
    "UpdateConnectorRegistration": {
        "connectorLabel": [REQUIRED, *LABEL_RULES],
        "description": DESCRIPTION_RULES,
        **CONFIGURATION_RULES,
        "clientToken": TOKEN_RULES,
    },
    "DescribeConnector": {
        "connectorType": [
            REQUIRED,
            # The documentation spells it so; the model does not.
            ("enum", "CUSTOMCONNECTOR", CONNECTOR_TYPE),
            ("type", 1, WRONG_TYPE),
        ],
        "connectorLabel": LABEL_RULES,
    },
    "DescribeConnectors": {
        "connectorTypes": [
            (
                "max",
                ["CustomConnector"] * 101,
                "Member must have length less than or equal to 100",
            ),
            ("type", "CustomConnector", WRONG_TYPE),
        ],
        "connectorTypes[]": [
            ("enum", "CUSTOMCONNECTOR", CONNECTOR_TYPE),
            ("type", 1, WRONG_TYPE),
        ],
        **PAGE_RULES,
    },
    "ListConnectors": PAGE_RULES,
    "UnregisterConnector": {
        "connectorLabel": [REQUIRED, *LABEL_RULES],
        "forceDelete": [("type", "yes", WRONG_TYPE)],
    },
}


def cases(*, of_types: bool) -> list[Any]:
    """The rules about types, or all others, as parameters of a test."""
    return [
        pytest.param(
            operation, path, value, message, id=f"{operation}-{path}-{kind}-{str(value)[:20]!a}"
        )
        for operation, members in RULES.items()
        for path, rules in members.items()
        for kind, value, message in rules
        if (kind == "type") == of_types
    ]


# Required by the documentation, but not marked as required in the model.
UNMARKED = [
    ("RegisterConnector", "connectorLabel"),
    ("RegisterConnector", "connectorProvisioningType"),
    ("RegisterConnector", "connectorProvisioningConfig"),
    ("RegisterConnector", "connectorProvisioningConfig.lambda"),
    ("DescribeConnector", "connectorLabel"),
]


def refusal_of(appflow: Any, operation: str, request: Mapping[str, Any]) -> tuple[str, int, str]:
    """The refusal of a request that boto3, which checks some rules itself, would not send."""

    def replace_body(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps(request).encode()

    appflow.meta.events.register("before-call.appflow", replace_body)
    return refusal(getattr(appflow, xform_name(operation)), **REQUESTS[operation])


def with_member(operation: str, path: str, value: Any) -> dict[str, Any]:
    """A valid request of an operation, with one member changed or left out."""
    request = copy.deepcopy({**REQUESTS[operation]})
    if path.endswith("[]"):
        return {**request, path.removesuffix("[]"): [value]}
    *parents, name = path.split(".")
    holder = request
    for parent in parents:
        holder = holder.setdefault(parent, {})
    if value is LEFT_OUT:
        holder.pop(name, None)
    else:
        holder[name] = value
    return request


def refused_at(path: str) -> str:
    """The part of a message that names a member."""
    return f"at '{path.replace('[]', '.1.member')}' failed to satisfy constraint: "


@pytest.mark.rule("model")
@pytest.mark.parametrize(("operation", "path", "value", "message"), cases(of_types=False))
def test_member_that_breaks_rule_is_refused(
    appflow: Any, operation: str, path: str, value: Any, message: str
) -> None:
    """A wrong length, pattern, range or value, or a missing member: `ValidationException`, 400."""
    request = with_member(operation, path, value)

    code, status, found = refusal_of(appflow, operation, request)

    assert (code, status) == ("ValidationException", 400)
    # An empty token is too short, and breaks its pattern too.
    assert re.match(r"(1 validation error|2 validation errors) detected: Value ", found)
    assert refused_at(path) + message in found


@pytest.mark.rule("choice")
@pytest.mark.parametrize(("operation", "path", "value", "message"), cases(of_types=True))
def test_member_of_other_type_is_refused(
    appflow: Any, operation: str, path: str, value: Any, message: str
) -> None:
    """A member of the wrong type: `ValidationException`, 400."""
    request = with_member(operation, path, value)

    code, status, found = refusal_of(appflow, operation, request)

    assert (code, status) == ("ValidationException", 400)
    assert found.startswith(f"1 validation error detected: Value '{value}' at ")
    assert refused_at(path) + message in found


@pytest.mark.rule("model")
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "Member must have length greater than or equal to 1"),
        ("a" * 129, "Member must have length less than or equal to 128"),
        ("with space", rf"{PATTERN}[\w]+"),
    ],
)
def test_map_key_that_breaks_rule_is_refused(appflow: Any, key: str, message: str) -> None:
    """A key of a map with a wrong length or pattern: `ValidationException`, 400."""
    path = "connectorProfileConfig.connectorProfileProperties.CustomConnector.profileProperties"
    request = with_member("CreateConnectorProfile", path, {key: "value"})

    code, status, found = refusal_of(appflow, "CreateConnectorProfile", request)

    assert (code, status) == ("ValidationException", 400)
    assert f"Value '{key}' {refused_at(f'{path}.key')}{message}" in found


@pytest.mark.rule("API")
@pytest.mark.parametrize(("operation", "path"), UNMARKED)
def test_undeclared_required_member_is_required(appflow: Any, operation: str, path: str) -> None:
    """RegisterConnector requires label, type and function, DescribeConnector a label."""
    request = with_member(operation, path, LEFT_OUT)

    code, status, found = refusal_of(appflow, operation, request)

    assert (code, status) == ("ValidationException", 400)
    assert found == (
        f"1 validation error detected: Value null {refused_at(path)}Member must not be null"
    )


@pytest.mark.rule("model")
@pytest.mark.parametrize("label", ["ac", "0-!@#.-_", "a" * 256])
@pytest.mark.parametrize("description", ["", "Acme/CRM #1 + 2 = 3.0!\nA-line @ home", "a" * 1024])
def test_extreme_valid_members_are_accepted(
    account: Account, appflow: Any, label: str, description: str
) -> None:
    """The shortest and longest values, and all allowed characters, are accepted."""
    arn = account.make_function("crm", connector())

    appflow.register_connector(
        **registration(label, arn, description=description, clientToken="~" * 256)
    )

    assert described(appflow, label)["connectorDescription"] == description


S3_BUCKET: Mapping[str, Any] = {"S3": {"bucketName": "orders"}}
FLOW: Mapping[str, Any] = {
    "flowName": "orders",
    "triggerConfig": {"triggerType": "OnDemand"},
    "sourceFlowConfig": {
        "connectorType": "CustomConnector",
        "sourceConnectorProperties": {"CustomConnector": {"entityName": "order"}},
    },
    "destinationFlowConfigList": [
        {"connectorType": "S3", "destinationConnectorProperties": S3_BUCKET}
    ],
    "tasks": [{"taskType": "Map_all", "sourceFields": []}],
}
LISTED = {"connectorProfileName": "sales", "apiVersion": "v1"}
# The operations whose rules are too many to repeat them, with a valid request of each.
DERIVED: Mapping[str, Mapping[str, Any]] = {
    "CreateConnectorProfile": REQUESTS["CreateConnectorProfile"],
    "UpdateConnectorProfile": {
        "connectorProfileName": "sales",
        "connectionMode": "Public",
        "connectorProfileConfig": {"connectorProfileProperties": {}},
    },
    "DeleteConnectorProfile": {"connectorProfileName": "sales"},
    "DescribeConnectorProfiles": {},
    "ListConnectorEntities": LISTED,
    "DescribeConnectorEntity": {**LISTED, "connectorEntityName": "order"},
    "ResetConnectorMetadataCache": LISTED,
    "CreateFlow": FLOW,
    "UpdateFlow": FLOW,
    "DescribeFlow": {"flowName": "orders"},
    "DeleteFlow": {"flowName": "orders"},
    "StartFlow": {"flowName": "orders"},
    "StopFlow": {"flowName": "orders"},
    "ListFlows": {},
    "CancelFlowExecutions": {"flowName": "orders"},
    "DescribeFlowExecutionRecords": {"flowName": "orders"},
}
# The members of Amazon's own connectors are left out: they are not served.
SERVED = {"S3", "CustomConnector"}


def broken_in(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The path, wrong value and whole value, for each rule of a shape and of its members."""
    if path:
        for wrong in wrong_values(shape):
            yield path, wrong, wrong
    if isinstance(shape, StructureShape):
        holder = value if isinstance(value, dict) else {}
        for name in shape.required_members:
            left = {key: one for key, one in holder.items() if key != name}
            yield f"{path}.{name}".lstrip("."), None, left
        for name, member in shape.members.items():
            if name[0].isupper() and name not in SERVED:
                continue
            inner = broken_in(member, holder.get(name), f"{path}.{name}".lstrip("."))
            for where, wrong, whole in inner:
                yield where, wrong, {**holder, name: whole}
    elif isinstance(shape, ListShape):
        first = value[0] if value else None
        for where, wrong, whole in broken_in(shape.member, first, f"{path}.1.member"):
            yield where, wrong, [whole]


def wrong_values(shape: Shape) -> Iterator[Any]:
    """A value that breaks the rule, for each rule of a shape itself."""
    rules = shape.metadata
    yield 1.5 if shape.type_name in ("string", "structure", "list", "map") else "text"
    if shape.type_name == "string":
        if rules.get("enum"):
            yield "Unknown"
        if rules.get("max"):
            yield "a" * (rules["max"] + 1)
        # A pattern allows either white space or the other control characters, or neither.
        if rules.get("pattern"):
            yield "\x00" if r"\s" in rules["pattern"] else "\n"
    elif shape.type_name in ("integer", "long"):
        if "min" in rules:
            yield rules["min"] - 1
        if "max" in rules:
            yield rules["max"] + 1


@pytest.mark.rule("model")
@pytest.mark.parametrize("operation", DERIVED)
def test_every_rule_of_the_model_counts(appflow: Any, operation: str) -> None:
    """Every rule for the members of profiles, entities and flows: `ValidationException`, 400."""
    model = ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")
    shape = model.operation_model(operation).input_shape
    sent: list[Any] = []

    def replace_body(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps(sent[-1]).encode()

    appflow.meta.events.register("before-call.appflow", replace_body)
    unexpected = []
    for path, wrong, request in broken_in(shape, DERIVED[operation], ""):
        sent.append(request)
        found = refusal(getattr(appflow, xform_name(operation)), **DERIVED[operation])
        shown = "Value null" if wrong is None else f"Value '{wrong}'"
        words = f"{shown} at '{path}' failed to satisfy constraint: Member must "
        if found[:2] != ("ValidationException", 400) or words not in found[2]:
            unexpected.append((path, wrong, found))

    assert len(sent) > 1
    assert unexpected == []


def rules_of(shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    """The rules of a shape and of its members, as (path, kind)."""
    if path:
        yield path, "type"
    for kind in ("min", "max", "pattern", "enum"):
        if shape.metadata.get(kind):
            yield path, kind
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            yield f"{path}.{name}".lstrip("."), "required"
        for name, member in shape.members.items():
            yield from rules_of(member, f"{path}.{name}".lstrip("."))
    elif isinstance(shape, ListShape):
        yield from rules_of(shape.member, f"{path}[]")


@pytest.mark.rule("model")
@pytest.mark.parametrize("operation", RULES)
def test_rules_are_those_of_the_model(operation: str) -> None:
    """The tests cover all rules of the model, and no others."""
    model = ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")

    documented = set(rules_of(model.operation_model(operation).input_shape, ""))

    tested = {(path, kind) for path, rules in RULES[operation].items() for kind, _, _ in rules}
    assert tested == documented
