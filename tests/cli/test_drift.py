"""How what AppFlow holds is told from what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from cdk_appflow_connector_cli.appflow import Connector
from cdk_appflow_connector_cli.cloudformation import CannotTell, Registration
from cdk_appflow_connector_cli.drift import Finding, State, compare, exit_code

ARN = "arn:aws:lambda:us-east-1:111122223333:function:crm"
REGISTRATION = Registration(
    label="acme-crm",
    stack="Crm",
    root_stack="Crm",
    logical_id="Registration",
    lambda_arn=ARN,
    description=None,
    unsettled=None,
)
CONNECTOR = Connector(label="acme-crm", lambda_arn=ARN, description="", version="1.0")
UNKNOWN_ARN = CannotTell("LambdaArn is not known: it depends on Fn::If")


def found(registration: Registration, connector: Connector | None) -> Finding:
    [finding] = compare([registration], {"acme-crm": connector})
    return finding


def test_the_same_is_in_sync() -> None:
    assert found(REGISTRATION, CONNECTOR).state is State.IN_SYNC


@pytest.mark.parametrize(
    ("asked_for", "held", "state"),
    [
        ("Acme", "Acme", State.IN_SYNC),
        ("Acme", "Mine", State.MODIFIED),
        ("Acme", "", State.MODIFIED),
        ("", "Mine", State.MODIFIED),
        (None, "Mine", State.IN_SYNC),
    ],
)
def test_a_description_counts_if_the_template_sets_one(
    asked_for: str | None, held: str, state: State
) -> None:
    registration = REGISTRATION._replace(description=asked_for)

    assert found(registration, CONNECTOR._replace(description=held)).state is state


def test_both_differences_are_named() -> None:
    connector = CONNECTOR._replace(lambda_arn=f"{ARN}:live", description="Mine")

    finding = found(REGISTRATION._replace(description="Acme"), connector)

    assert (
        finding.reason == "AppFlow holds another Lambda ARN and description than stack Crm asks for"
    )
    assert finding.differences == [
        ("Lambda ARN", ARN, f"{ARN}:live"),
        ("description", "Acme", "Mine"),
    ]
    assert finding.next_step == (
        "Deploy stack Crm with a changed value in `triggers` of this connector's"
        " ConnectorRegistration, and AppFlow is told again what the stack asks for. Or, if what"
        " AppFlow holds is right, put that into the app and deploy it."
    )


def test_the_readme_shows_what_is_said() -> None:
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())

    finding = found(REGISTRATION, CONNECTOR._replace(lambda_arn=f"{ARN}-experiment"))

    [(name, asked_for, held)] = finding.differences
    assert f"{finding.label} is {finding.state.value}: {finding.reason}." in readme
    assert f"{name} asked for {asked_for} {name} held {held} {finding.next_step}" in readme


def test_a_connector_that_is_gone_is_registered_again_by_a_deployment() -> None:
    finding = found(REGISTRATION, None)

    assert finding.state is State.DELETED
    assert finding.next_step == (
        "Deploy stack Crm with a changed value in `triggers` of this connector's"
        " ConnectorRegistration, and it is registered again. Or take its ConnectorRegistration out"
        " of the app."
    )


def test_of_a_nested_stack_the_outermost_one_is_deployed() -> None:
    registration = REGISTRATION._replace(stack="Crm-Nested-1X", root_stack="Crm")

    assert found(registration, None).next_step.startswith("Deploy stack Crm with")


def test_two_stacks_that_ask_for_one_label_are_told_of_each_other() -> None:
    other = REGISTRATION._replace(stack="Sales", root_stack="Sales", lambda_arn=f"{ARN}:live")

    findings = compare([REGISTRATION, other], {"acme-crm": CONNECTOR})

    assert [finding.state for finding in findings] == [State.IN_SYNC, State.MODIFIED]
    assert findings[1].next_step == (
        "2 stacks ask for this label and take it from each other: Crm, Sales. Leave its"
        " ConnectorRegistration in one of them."
    )


@pytest.mark.parametrize(
    ("status", "next_step"),
    [
        ("UPDATE_IN_PROGRESS", "Look again when the operation has ended."),
        (
            "UPDATE_ROLLBACK_FAILED",
            "Deploy the stack, or finish its rollback or deletion, and look again.",
        ),
    ],
)
def test_a_stack_that_is_not_complete_leaves_it_open(status: str, next_step: str) -> None:
    registration = REGISTRATION._replace(lambda_arn=CannotTell(""), unsettled=status)

    for connector in (CONNECTOR, None):
        finding = found(registration, connector)
        assert finding.state is State.UNKNOWN
        assert finding.reason == f"stack Crm is {status}"
        assert finding.next_step == next_step


def test_what_cannot_be_known_is_not_called_in_sync() -> None:
    finding = found(REGISTRATION._replace(lambda_arn=UNKNOWN_ARN), CONNECTOR)

    assert finding.state is State.UNKNOWN
    assert finding.reason == "LambdaArn is not known: it depends on Fn::If"
    assert finding.next_step == "Compare by hand what the app means with what AppFlow holds."


def test_a_known_difference_counts_beside_what_cannot_be_known() -> None:
    registration = REGISTRATION._replace(lambda_arn=UNKNOWN_ARN, description="Acme")

    assert found(registration, CONNECTOR).state is State.MODIFIED


def test_a_connector_that_no_stack_asks_for_is_unmanaged() -> None:
    [finding] = compare([], {"by-hand": CONNECTOR._replace(label="by-hand")})

    assert finding.state is State.UNMANAGED
    assert finding.reason == "no ConnectorRegistration asks for it"
    assert finding.next_step == ""


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], 0),
        ([State.IN_SYNC, State.UNMANAGED], 0),
        ([State.IN_SYNC, State.MODIFIED], 1),
        ([State.UNKNOWN, State.DELETED], 1),
        ([State.IN_SYNC, State.UNKNOWN], 2),
    ],
)
def test_the_exit_code_tells_drift_first(states: list[State], expected: int) -> None:
    findings = [Finding("acme-crm", state, REGISTRATION, CONNECTOR) for state in states]

    assert exit_code(findings) == expected
