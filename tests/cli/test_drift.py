"""The comparison of a template's registration with the connector in AppFlow."""

from __future__ import annotations

from pathlib import Path

import pytest
from cdk_appflow_connector_cli.appflow import Connector
from cdk_appflow_connector_cli.aws import Unknown
from cdk_appflow_connector_cli.cloudformation import Registration
from cdk_appflow_connector_cli.drift import PROPERTIES, Finding, State, compare, exit_code
from cdk_appflow_connector_cli.status_output import print_table

ROOT = Path(__file__).parents[2]

ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
REGISTRATION = Registration(
    label="acme-crm",
    stack="Crm",
    root_stack="Crm",
    logical_id="Registration",
    lambda_arn=ARN,
    description=None,
    unstable_status=None,
)
CONNECTOR = Connector("acme-crm", ARN, description="", version="1.0", configuration={})
UNKNOWN_ARN = Unknown("LambdaArn cannot be resolved: it depends on Fn::If")


def finding_of(registration: Registration, connector: Connector | None) -> Finding:
    """The only finding for one registration and the connector under its label."""
    [finding] = compare([registration], {"acme-crm": connector}, {})
    return finding


def test_equal_values_are_in_sync() -> None:
    """A connector with the template's values is IN_SYNC."""
    assert finding_of(REGISTRATION, CONNECTOR).state is State.IN_SYNC


@pytest.mark.parametrize(
    ("template", "registered", "state"),
    [
        ("Acme", "Acme", State.IN_SYNC),
        ("Acme", "Mine", State.MODIFIED),
        ("Acme", "", State.MODIFIED),
        ("", "Mine", State.MODIFIED),
        (None, "Mine", State.IN_SYNC),
    ],
)
def test_description_is_compared_if_set(
    template: str | None, registered: str, state: State
) -> None:
    """A description that differs is MODIFIED, unless the template sets none."""
    registration = REGISTRATION._replace(description=template)

    finding = finding_of(registration, CONNECTOR._replace(description=registered))

    assert finding.state is state


def test_modified_names_each_difference() -> None:
    """A MODIFIED finding has both values of each property that differs, and two next steps."""
    connector = CONNECTOR._replace(lambda_arn=f"{ARN}:live", description="Mine")

    finding = finding_of(REGISTRATION._replace(description="Acme"), connector)

    assert finding.reason == (
        "the registration differs from the template of stack Crm in its Lambda ARN and description"
    )
    assert finding.differences == [
        ("LambdaArn", ARN, f"{ARN}:live"),
        ("Description", "Acme", "Mine"),
    ]
    assert finding.next_step == (
        "To restore the template's values, deploy stack Crm with a changed value in `triggers` of"
        " its ConnectorRegistration (property `Triggers` in a template). To keep the registered"
        " values, set them in the app or template, and deploy it."
    )


def test_modified_is_shown_in_the_docs() -> None:
    """A page of the documentation shows the output for a MODIFIED connector word for word."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    texts = [" ".join(page.read_text().split()) for page in pages]

    finding = finding_of(REGISTRATION, CONNECTOR._replace(lambda_arn=f"{ARN}-experiment"))

    [(path, expected, actual)] = finding.differences
    name = PROPERTIES[path]
    shown = (
        f"{finding.label} is {finding.state.value}: {finding.reason}."
        f" template {name} {expected} registered {name} {actual} {finding.next_step}"
    )
    assert [text for text in texts if shown in text] != []


def test_stale_is_shown_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    """A page of the documentation shows the output for a STALE connector word for word."""
    pages = [*(ROOT / "docs").rglob("*.md")]
    texts = [" ".join(page.read_text().split()) for page in pages]
    shown = {"connectorVersion": "1.0", "supportedApiVersions": ["v1"]}
    returned = {"connectorVersion": "1.1", "supportedApiVersions": ["v2"]}
    connector = CONNECTOR._replace(configuration=shown)

    print_table(compare([REGISTRATION], {"acme-crm": connector}, {"acme-crm": returned}), scope="x")

    output = " ".join(capsys.readouterr().out.split())
    block = output[output.index("acme-crm is STALE") : output.index(" In x:")]
    assert [text for text in texts if block in text] != []


def test_missing_connector_is_deleted() -> None:
    """A label without a connector is DELETED, and the next step registers it again."""
    finding = finding_of(REGISTRATION, None)

    assert finding.state is State.DELETED
    assert finding.reason == "no connector is registered under this label"
    assert finding.next_step == (
        "To register it again, deploy stack Crm with a changed value in `triggers` of its"
        " ConnectorRegistration (property `Triggers` in a template). If the connector is no longer"
        " needed, remove its registration from the app or template."
    )


def test_next_step_deploys_the_root_stack() -> None:
    """The next step for a registration in a nested stack names the root stack."""
    registration = REGISTRATION._replace(stack="Crm-Nested-1X", root_stack="Crm")

    assert ", deploy stack Crm with" in finding_of(registration, None).next_step


def test_shared_label_names_all_its_stacks() -> None:
    """The next step for a label in two stacks names both stacks."""
    other = REGISTRATION._replace(stack="Sales", root_stack="Sales", lambda_arn=f"{ARN}:live")

    findings = compare([REGISTRATION, other], {"acme-crm": CONNECTOR}, {})

    assert [finding.state for finding in findings] == [State.IN_SYNC, State.MODIFIED]
    assert findings[1].next_step == (
        "2 stacks manage this label and overwrite each other's registration: Crm, Sales. Keep its"
        " registration in one of them only."
    )


@pytest.mark.parametrize(
    ("status", "next_step"),
    [
        ("UPDATE_IN_PROGRESS", "Run this command again when the operation has ended."),
        (
            "UPDATE_ROLLBACK_FAILED",
            "Deploy the stack, or finish its rollback or deletion. Then run this command again.",
        ),
    ],
)
@pytest.mark.parametrize("connector", [CONNECTOR, None])
def test_unstable_stack_is_unknown(
    connector: Connector | None, status: str, next_step: str
) -> None:
    """A registration of a stack that is not stable is UNKNOWN, whatever is registered."""
    registration = REGISTRATION._replace(lambda_arn=Unknown(""), unstable_status=status)

    finding = finding_of(registration, connector)

    assert finding.state is State.UNKNOWN
    assert finding.reason == f"stack Crm is {status}"
    assert finding.next_step == next_step


def test_unresolvable_value_is_unknown() -> None:
    """A registration whose ARN cannot be resolved is UNKNOWN, with the reason."""
    finding = finding_of(REGISTRATION._replace(lambda_arn=UNKNOWN_ARN), CONNECTOR)

    assert finding.state is State.UNKNOWN
    assert finding.reason == "LambdaArn cannot be resolved: it depends on Fn::If"
    assert finding.next_step == "Compare the registered values with the template manually."


def test_difference_outweighs_unknown_value() -> None:
    """A registration with a known difference is MODIFIED although its ARN is unknown."""
    registration = REGISTRATION._replace(lambda_arn=UNKNOWN_ARN, description="Acme")

    assert finding_of(registration, CONNECTOR).state is State.MODIFIED


def test_unlisted_connector_is_unmanaged() -> None:
    """A connector without a ConnectorRegistration is UNMANAGED and needs no next step."""
    [finding] = compare([], {"by-hand": CONNECTOR._replace(label="by-hand")}, {})

    assert finding.state is State.UNMANAGED
    assert finding.reason == "no stack has a registration with this label"
    assert finding.next_step == ""


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], 0),
        ([State.IN_SYNC, State.UNMANAGED], 0),
        ([State.IN_SYNC, State.MODIFIED], 1),
        ([State.UNKNOWN, State.DELETED], 1),
        ([State.UNKNOWN, State.STALE], 1),
        ([State.IN_SYNC, State.UNKNOWN], 2),
    ],
)
def test_exit_code_puts_drift_first(states: list[State], expected: int) -> None:
    """The exit code is 1 for drift, else 2 for an UNKNOWN state, else 0."""
    findings = [Finding("acme-crm", state, REGISTRATION, CONNECTOR) for state in states]

    assert exit_code(findings) == expected
