"""Every rule that AppFlow's service model has for the members of a request.

The rules are written down here once more, so that one that the endpoint skips is noticed, and so is
one that a newer botocore brings or drops.
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

from tests.local_cloud.support import refusal, registration
from tests.support import Account, connector

LABEL = "acme-crm"
ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"

# A request of each operation that breaks no rule.
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

# The kind of a rule, a value that breaks it, and a part of the refusal.
Rule = tuple[str, Any, str]

LEFT_OUT = object()
PATTERN = "Member must satisfy regular expression pattern: "
WRONG_TYPE = "Member must be of type "
REQUIRED: Rule = ("required", LEFT_OUT, "Member must not be null")


def longest(size: int) -> Rule:
    return "max", "a" * (size + 1), f"Member must have length less than or equal to {size}"


LABEL_RULES: list[Rule] = [
    *[
        ("pattern", label, rf"{PATTERN}[a-zA-Z0-9][\w!@#.-]+")
        for label in ("x", "-acme", "acme crm", "acme/crm", "äcme", "acme\n")
    ],
    longest(256),
    ("type", 17, WRONG_TYPE),
]
DESCRIPTION_RULES: list[Rule] = [
    *[
        ("pattern", description, rf"{PATTERN}[\s\w/!@#+=.-]*")
        for description in ("Acme: CRM", "Acme, CRM", "Acme (CRM)", "Acme's")
    ],
    longest(1024),
    ("type", ["Acme"], WRONG_TYPE),
]
TOKEN_RULES: list[Rule] = [
    ("min", "", "Member must have length greater than or equal to 1"),
    ("pattern", "töken", f"{PATTERN}[ -~]+"),
    longest(256),
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
        longest(2048),
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
            # As the documentation's text has it; the model does not.
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
    """The rules about types, or the others, as parameters of a test."""
    return [
        pytest.param(
            operation, path, value, refused, id=f"{operation}-{path}-{kind}-{str(value)[:20]!a}"
        )
        for operation, members in RULES.items()
        for path, rules in members.items()
        for kind, value, refused in rules
        if (kind == "type") == of_types
    ]


# The model marks no member of RegisterConnector as required, but its documentation calls for them.
UNMARKED = [
    ("RegisterConnector", "connectorLabel"),
    ("RegisterConnector", "connectorProvisioningType"),
    ("RegisterConnector", "connectorProvisioningConfig"),
    ("RegisterConnector", "connectorProvisioningConfig.lambda"),
    ("DescribeConnector", "connectorLabel"),
]


def refusal_of(appflow: Any, operation: str, request: Mapping[str, Any]) -> tuple[str, int, str]:
    """Send a request as it is: boto3 checks some of the rules by itself."""

    def replace_body(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps(request).encode()

    appflow.meta.events.register("before-call.appflow", replace_body)
    return refusal(getattr(appflow, xform_name(operation)), **REQUESTS[operation])


def with_member(operation: str, path: str, value: Any) -> dict[str, Any]:
    """A request that is good but for one member."""
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
    """How a refusal names a member."""
    return f"at '{path.replace('[]', '.1.member')}' failed to satisfy constraint: "


@pytest.mark.parametrize(
    ("operation", "path", "value", "refused"),
    cases(of_types=False),
)
def test_a_member_that_breaks_a_rule_is_refused(
    appflow: Any, operation: str, path: str, value: Any, refused: str
) -> None:
    request = with_member(operation, path, value)

    code, status, message = refusal_of(appflow, operation, request)

    assert (code, status) == ("ValidationException", 400)
    # An empty token is too short, and breaks its pattern as well.
    assert re.match(r"(1 validation error|2 validation errors) detected: Value ", message)
    assert refused_at(path) + refused in message


@pytest.mark.parametrize(
    ("operation", "path", "value", "refused"),
    cases(of_types=True),
)
def test_a_member_of_another_type_is_refused(
    appflow: Any, operation: str, path: str, value: Any, refused: str
) -> None:
    request = with_member(operation, path, value)

    code, status, message = refusal_of(appflow, operation, request)

    assert (code, status) == ("ValidationException", 400)
    assert message.startswith(f"1 validation error detected: Value '{value}' at ")
    assert refused_at(path) + refused in message


@pytest.mark.parametrize(
    ("key", "refused"),
    [
        ("", "Member must have length greater than or equal to 1"),
        ("a" * 129, "Member must have length less than or equal to 128"),
        ("with space", rf"{PATTERN}[\w]+"),
    ],
)
def test_the_keys_of_a_map_are_held_to_their_rules(appflow: Any, key: str, refused: str) -> None:
    path = "connectorProfileConfig.connectorProfileProperties.CustomConnector.profileProperties"
    request = with_member("CreateConnectorProfile", path, {key: "value"})

    code, status, message = refusal_of(appflow, "CreateConnectorProfile", request)

    assert (code, status) == ("ValidationException", 400)
    assert f"Value '{key}' {refused_at(f'{path}.key')}{refused}" in message


@pytest.mark.parametrize(("operation", "path"), UNMARKED)
def test_a_member_that_is_needed_all_the_same_is_missed(
    appflow: Any, operation: str, path: str
) -> None:
    request = with_member(operation, path, LEFT_OUT)

    code, status, message = refusal_of(appflow, operation, request)

    assert (code, status) == ("ValidationException", 400)
    assert message == (
        f"1 validation error detected: Value null {refused_at(path)}Member must not be null"
    )


@pytest.mark.parametrize("label", ["ac", "0-!@#.-_", "a" * 256])
@pytest.mark.parametrize("description", ["", "Acme/CRM #1 + 2 = 3.0!\nA-line @ home", "a" * 1024])
def test_members_at_the_edge_of_the_rules_are_taken(
    account: Account, appflow: Any, label: str, description: str
) -> None:
    arn = account.make_function("crm", connector())

    appflow.register_connector(
        **registration(label, arn, description=description, clientToken="~" * 256)
    )

    held = account.registered(label)
    assert held is not None
    assert held["connectorDescription"] == description


def rules_of(shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    """The rules of a shape and of what is in it, as (path, kind)."""
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


@pytest.mark.parametrize("operation", RULES)
def test_the_rules_are_those_of_the_model(operation: str) -> None:
    model = ServiceModel(Loader().load_service_model("appflow", "service-2"), "appflow")

    documented = set(rules_of(model.operation_model(operation).input_shape, ""))

    tried = {(path, kind) for path, rules in RULES[operation].items() for kind, _, _ in rules}
    assert tried == documented
