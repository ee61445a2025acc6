"""Parsing properties: good ones, bad ones, and those of every release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from connector_registration.request import Adoption, Registration, Request

from tests.handler.cloudformation import CloudFormation
from tests.handler.events import FUNCTION_ARN, LABEL, destroyed, properties
from tests.support import Account, connector

RECORDED = Path(__file__).parent / "recorded"
LABEL_RULE = "2 to 256 characters: a letter or digit first, then letters, digits and _!@#.-"
ARN_RULE = "arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]"
IDS_RULE = "a list of ids such as API_VERSION_REMOVED:v51.0"
DESCRIPTION_RULE = "at most 1024 letters, digits, spaces and /!@#+=.-_ (no comma, colon or quote)"

REQUIRED = {"ConnectorLabel": LABEL, "LambdaArn": FUNCTION_ARN}

# By description: the property, its value, the value as the error shows it, and the rule.
BAD = {
    "a label that is missing": ("ConnectorLabel", None, "missing", LABEL_RULE),
    "a label that is empty": ("ConnectorLabel", "", "''", LABEL_RULE),
    "a label of one character": ("ConnectorLabel", "a", "'a'", LABEL_RULE),
    "a label with a space": ("ConnectorLabel", "acme crm", "'acme crm'", LABEL_RULE),
    "a label with a hyphen first": ("ConnectorLabel", "-acme", "'-acme'", LABEL_RULE),
    "a label with a letter of another script": ("ConnectorLabel", "añ", "'añ'", LABEL_RULE),
    "a label with a line end": ("ConnectorLabel", "acme\n", r"'acme\n'", LABEL_RULE),
    "a label that is too long": ("ConnectorLabel", "a" * 257, f"'{'a' * 59}...", LABEL_RULE),
    "a label as long as is shown": ("ConnectorLabel", " " * 58, f"'{' ' * 58}'", LABEL_RULE),
    "a label longer than is shown": ("ConnectorLabel", " " * 59, f"'{' ' * 59}...", LABEL_RULE),
    "a label that is a list": ("ConnectorLabel", ["acme"], "['acme']", LABEL_RULE),
    "a label that is nested": ("ConnectorLabel", {"Ref": "A"}, "{'Ref': 'A'}", LABEL_RULE),
    "an ARN that is missing": ("LambdaArn", None, "missing", ARN_RULE),
    "an ARN that is a name": ("LambdaArn", "crm", "'crm'", ARN_RULE),
    "an ARN of another service": (
        "LambdaArn",
        "arn:aws:s3:::crm",
        "'arn:aws:s3:::crm'",
        ARN_RULE,
    ),
    "an ARN that is too long": (
        "LambdaArn",
        FUNCTION_ARN + "m" * 512,
        f"'{FUNCTION_ARN}{'m' * 9}...",
        ARN_RULE,
    ),
    "a description with a comma": ("Description", "one, two", "'one, two'", DESCRIPTION_RULE),
    "a description that is too long": (
        "Description",
        "a" * 1025,
        f"'{'a' * 59}...",
        DESCRIPTION_RULE,
    ),
    "a description that is nested": ("Description", {"A": "b"}, "{'A': 'b'}", DESCRIPTION_RULE),
    "an unknown policy": ("RemovalPolicy", "Snapshot", "'Snapshot'", "Retain or Destroy"),
    "a policy in lower case": ("RemovalPolicy", "destroy", "'destroy'", "Retain or Destroy"),
    "a policy that is a list": ("RemovalPolicy", ["Retain"], "['Retain']", "Retain or Destroy"),
    "an unknown adoption": ("Adoption", "Adopt", "'Adopt'", "Allowed, Required or Forbidden"),
    "an empty adoption": ("Adoption", "", "''", "Allowed, Required or Forbidden"),
    "an unknown reaction": ("OnBreakingChange", "Warn", "'Warn'", "Ignore or Fail"),
    "ids that are text": ("AcknowledgedChanges", "A:b", "'A:b'", IDS_RULE),
    "ids that are nested": ("AcknowledgedChanges", [["A:b"]], "[['A:b']]", IDS_RULE),
    "a flag that is a word": ("ForceDelete", "yes", "'yes'", "false or true"),
    "a flag that is a list": ("ForceDelete", ["true"], "['true']", "false or true"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_property_fails_without_a_call(
    case: str, account: Account, cloudformation: CloudFormation
) -> None:
    """A bad property fails the Create without a call, and the resource can be deleted."""
    name, value, shown, rule = BAD[case]
    changed: dict[str, Any] = {"RemovalPolicy": "Destroy", name: value}
    bad = properties(**changed)

    failed = cloudformation.create(bad)
    deleted = cloudformation.delete(bad, failed["PhysicalResourceId"])

    assert failed["Status"] == "FAILED"
    assert failed["Reason"] == (
        f"property {name} is {shown}; allowed: {rule}. Correct it and deploy again."
    )
    assert deleted["Status"] == "SUCCESS"
    assert account.calls() == []
    assert cloudformation.clock.slept == []


def test_bad_update_leaves_the_registration(
    account: Account, cloudformation: CloudFormation
) -> None:
    """A bad property of an Update changes nothing, and the update rolls back."""
    good = destroyed(account.make_function("crm", connector()))
    bad = {**good, "Description": "one, two"}
    cloudformation.create(good)

    failed = cloudformation.update(bad, good, LABEL)
    rolled_back = cloudformation.update(good, bad, LABEL)

    assert failed["Status"] == "FAILED"
    assert failed["PhysicalResourceId"] == LABEL
    assert rolled_back["Status"] == "SUCCESS"
    assert account.registered_arn(LABEL) == good["LambdaArn"]


@pytest.mark.parametrize(
    "changed",
    [
        {"ConnectorLabel": "a1"},
        {"ConnectorLabel": "9" + "_!@#.-" * 42},
        {"ConnectorLabel": "a" * 256},
        {"LambdaArn": f"{FUNCTION_ARN}:$LATEST"},
        {"LambdaArn": f"{FUNCTION_ARN}:live"},
        {"LambdaArn": FUNCTION_ARN.ljust(512, "m")},
        {"Description": ""},
        {"Description": "A b\t1/!@#+=.-_"},
        {"Description": "a" * 1024},
        {"RemovalPolicy": "Destroy"},
        {"Adoption": "Allowed", "ForceDelete": "false"},
        {"AddedByALaterRelease": {"Anything": ["at", {"all": "true"}]}},
    ],
)
def test_good_properties_are_parsed(changed: Mapping[str, Any]) -> None:
    """Every good value of a property is parsed as it stands."""
    given = {**REQUIRED, **changed}

    assert Registration.parse(given) == Registration(
        connector_label=given["ConnectorLabel"],
        lambda_arn=given["LambdaArn"],
        description=given.get("Description"),
        function_hash=None,
        unregister_on_delete=given.get("RemovalPolicy") == "Destroy",
    )


def test_every_choice_is_parsed() -> None:
    """Every choice other than a default is parsed."""
    chosen = Registration.parse(
        {
            **REQUIRED,
            "Triggers": {"Release": "7"},
            "Adoption": "Forbidden",
            "ForceDelete": "true",
            "OnBreakingChange": "Fail",
            "AcknowledgedChanges": ["API_VERSION_REMOVED:v51.0", "CHANGE"],
        }
    )

    assert chosen == Registration(
        connector_label=LABEL,
        lambda_arn=FUNCTION_ARN,
        description=None,
        function_hash=None,
        unregister_on_delete=False,
        triggers={"Release": "7"},
        adoption=Adoption.FORBIDDEN,
        force_delete=True,
        fails_on_breaking_change=True,
        acknowledged_changes=("API_VERSION_REMOVED:v51.0", "CHANGE"),
    )


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("true", True), ("True", True), ("TRUE", True), ("False", False), ("FALSE", False)],
)
def test_every_spelling_of_a_flag_counts(spelling: str, expected: bool) -> None:
    """A flag that a parameter or a quoted scalar passes on counts in any spelling."""
    assert Registration.parse({**REQUIRED, "ForceDelete": spelling}).force_delete is expected


# An event of every shape that a release has sent. None may be removed: CloudFormation sends the
# properties of templates that were deployed years ago.
SHAPES = {
    "0.1-smallest": Registration(LABEL, FUNCTION_ARN, None, None, False),
    "0.1-everything": Registration(
        connector_label=LABEL,
        lambda_arn=FUNCTION_ARN,
        description="Acme CRM connector",
        function_hash={
            "Hash": "0f343b0931126a20f133d67c2b018a3b5d2b2bfb2c3a5c5c6c2ab8a0b4d5f6e7",
            "Layers": ["arn:aws:lambda:us-east-1:111122223333:layer:crm-client:3"],
        },
        unregister_on_delete=True,
        triggers={"Release": "7"},
        adoption=Adoption.FORBIDDEN,
        force_delete=True,
    ),
    "0.1-adopting": Registration(
        LABEL, FUNCTION_ARN, None, None, False, adoption=Adoption.REQUIRED
    ),
}


def recorded(shape: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((RECORDED / f"{shape}.json").read_text())
    return event


def test_every_recording_is_expected() -> None:
    """Every recorded event has an expectation here."""
    assert {path.stem for path in RECORDED.iterdir()} == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_release_is_parsed(shape: str) -> None:
    """The events of every release are parsed into the same request."""
    request = Request.parse(recorded(shape))

    assert request.desired == SHAPES[shape]
    assert request.request_id == "5a3c9b1e-6f0d-4a42-9d0e-3b1f2c4d5e6f"
    assert request.stack_id == "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1a2b3c"
    assert request.logical_resource_id == "AppFlowConnectoracmecrm5C2CC283"
    assert request.physical_resource_id is None
    assert request.previous is None


@pytest.mark.parametrize("shape", SHAPES)
def test_every_release_lives_to_its_delete(
    shape: str, account: Account, cloudformation: CloudFormation
) -> None:
    """The properties of every release work from Create to Delete."""
    arn = account.make_function("crm", connector())
    if SHAPES[shape].adoption is Adoption.REQUIRED:
        account.register(LABEL, arn)
    old = {**recorded(shape)["ResourceProperties"], "LambdaArn": arn}
    new = destroyed(arn)

    created = cloudformation.create(old)
    updated = cloudformation.update(new, old, LABEL)
    rolled_back = cloudformation.update(old, new, LABEL)
    deleted = cloudformation.delete(old, LABEL)

    responses = [created, updated, rolled_back, deleted]
    assert [response["Status"] for response in responses] == ["SUCCESS"] * 4
