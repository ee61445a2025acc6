"""What the handler makes of properties: good ones, bad ones, and those of other releases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from connector_registration.request import Registration, Request

from tests.handler.conftest import CloudFormation
from tests.support import Account, connector

RECORDED = Path(__file__).parent / "recorded"
ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
LABEL_RULE = "2 to 256 characters: a letter or digit first, then letters, digits and _!@#.-"
ARN_RULE = "arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]"
DESCRIPTION_RULE = "at most 1024 letters, digits, spaces and /!@#+=.-_ (no comma, colon or quote)"

BAD = {
    "a label that is missing": ("ConnectorLabel", None, "None", LABEL_RULE),
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
    "an ARN that is missing": ("LambdaArn", None, "None", ARN_RULE),
    "an ARN that is a name": ("LambdaArn", "crm", "'crm'", ARN_RULE),
    "an ARN of another service": (
        "LambdaArn",
        "arn:aws:s3:::crm",
        "'arn:aws:s3:::crm'",
        ARN_RULE,
    ),
    "an ARN that is too long": (
        "LambdaArn",
        ARN + "m" * 512,
        f"'{ARN}{'m' * 9}...",
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
    "an unknown choice for a free label": ("OnMissing", "Adopt", "'Adopt'", "Register or Fail"),
    "an unknown choice for a taken label": ("OnExisting", "", "''", "Adopt or Fail"),
    "a flag that is a word": ("ForceUnregister", "yes", "'yes'", "false or true"),
}


def properties(lambda_arn: str = ARN, **changed: Any) -> dict[str, Any]:
    """Properties; None leaves one out."""
    given = {"ConnectorLabel": "acme-crm", "LambdaArn": lambda_arn, **changed}
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize("case", BAD)
def test_bad_ones_fail_without_a_call_and_can_be_deleted(
    case: str, account: Account, cloudformation: CloudFormation
) -> None:
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
    assert cloudformation.clock.now == 0


def test_bad_ones_of_an_update_leave_the_registration_and_its_resource_as_they_are(
    account: Account, cloudformation: CloudFormation
) -> None:
    good = properties(account.make_function("crm", connector()), RemovalPolicy="Destroy")
    bad = {**good, "Description": "one, two"}
    cloudformation.create(good)

    failed = cloudformation.update(bad, good, "acme-crm")
    rolled_back = cloudformation.update(good, bad, "acme-crm")

    assert failed["Status"] == "FAILED"
    assert failed["PhysicalResourceId"] == "acme-crm"
    assert rolled_back["Status"] == "SUCCESS"
    assert account.registered_arn("acme-crm") == good["LambdaArn"]


@pytest.mark.parametrize(
    "changed",
    [
        {"ConnectorLabel": "a1"},
        {"ConnectorLabel": "9" + "_!@#.-" * 42},
        {"ConnectorLabel": "a" * 256},
        {"LambdaArn": f"{ARN}:$LATEST"},
        {"LambdaArn": f"{ARN}:live"},
        {"LambdaArn": ARN.ljust(512, "m")},
        {"Description": ""},
        {"Description": "A b\t1/!@#+=.-_"},
        {"Description": "a" * 1024},
        {"RemovalPolicy": "Destroy"},
        {"OnMissing": "Register", "OnExisting": "Adopt", "ForceUnregister": "false"},
        {"AddedByALaterRelease": {"Anything": ["at", {"all": "true"}]}},
    ],
)
def test_good_ones_are_read(changed: Mapping[str, Any]) -> None:
    given = properties(**changed)

    assert Registration.parse(given) == Registration(
        connector_label=given["ConnectorLabel"],
        lambda_arn=given["LambdaArn"],
        description=given.get("Description"),
        lambda_revision=None,
        unregister_on_delete=given.get("RemovalPolicy") == "Destroy",
    )


def test_every_choice_is_read() -> None:
    chosen = Registration.parse(
        properties(
            Triggers={"Release": "7"}, OnMissing="Fail", OnExisting="Fail", ForceUnregister="true"
        )
    )

    assert chosen == Registration(
        connector_label="acme-crm",
        lambda_arn=ARN,
        description=None,
        lambda_revision=None,
        unregister_on_delete=False,
        triggers={"Release": "7"},
        register_missing=False,
        adopt_existing=False,
        force_unregister=True,
    )


# An event of every shape that a release has ever sent. What is here stays: CloudFormation sends the
# properties of templates that were deployed years ago.
SHAPES = {
    "0.1-smallest": Registration("acme-crm", ARN, None, None, False),
    "0.1-everything": Registration(
        connector_label="acme-crm",
        lambda_arn=ARN,
        description="Acme CRM connector",
        lambda_revision={
            "Hash": "0f343b0931126a20f133d67c2b018a3b5d2b2bfb2c3a5c5c6c2ab8a0b4d5f6e7",
            "Layers": ["arn:aws:lambda:us-east-1:111122223333:layer:crm-client:3"],
        },
        unregister_on_delete=True,
        triggers={"Release": "7"},
        adopt_existing=False,
        force_unregister=True,
    ),
    "0.1-adopting": Registration("acme-crm", ARN, None, None, False, register_missing=False),
}


def recorded(shape: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((RECORDED / f"{shape}.json").read_text())
    return event


def test_every_recorded_shape_is_expected() -> None:
    assert {path.stem for path in RECORDED.iterdir()} == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_those_of_every_release_are_read(shape: str) -> None:
    request = Request.parse(recorded(shape))

    assert request.desired == SHAPES[shape]
    assert request.request_id == "5a3c9b1e-6f0d-4a42-9d0e-3b1f2c4d5e6f"
    assert request.stack_id == "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1a2b3c"
    assert request.logical_resource_id == "AppFlowConnectoracmecrm5C2CC283"
    assert request.physical_resource_id is None
    assert request.previous is None


@pytest.mark.parametrize("shape", SHAPES)
def test_those_of_every_release_live_from_create_to_delete(
    shape: str, account: Account, cloudformation: CloudFormation
) -> None:
    arn = account.make_function("crm", connector())
    if not SHAPES[shape].register_missing:
        account.register("acme-crm", arn)
    old = {**recorded(shape)["ResourceProperties"], "LambdaArn": arn}
    new = properties(arn, RemovalPolicy="Destroy")

    created = cloudformation.create(old)
    updated = cloudformation.update(new, old, "acme-crm")
    back = cloudformation.update(old, new, "acme-crm")
    deleted = cloudformation.delete(old, "acme-crm")

    assert [answer["Status"] for answer in (created, updated, back, deleted)] == ["SUCCESS"] * 4
