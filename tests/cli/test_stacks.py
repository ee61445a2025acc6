"""``cdk-appflow-connector status`` on stacks in every state.

A stub function responds to the custom resources, so that a test can bring a stack into any state.
The tests register the connectors themselves.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator

import pytest
from cdk_appflow_connector_cli import appflow
from werkzeug import Request, Response

from tests.cli.front import front, replaced
from tests.cli.support import (
    connectors,
    make_stack,
    registration,
    run,
    run_status,
    states,
    user_variables,
    wait_for,
)
from tests.http_server import PromptServer
from tests.support import Account


def scope(account: Account) -> str:
    """How the output names the account and its Region."""
    return f"account {account.id}, Region us-east-1"


def test_empty_account_has_no_drift(account: Account) -> None:
    """An account without stacks and connectors has no drift."""
    result = run_status(account)

    assert result.stdout == f"No AppFlow connectors in {scope(account)}.\n"
    assert result.returncode == 0


def test_stack_without_connectors_has_no_drift(account: Account) -> None:
    """A stack without connector registrations has no drift."""
    make_stack(account, "Other", {"Type": "AWS::CloudFormation::WaitConditionHandle"})

    result = run_status(account, "--stack", "Other")

    assert result.stdout == f"No AppFlow connectors in stack Other in {scope(account)}.\n"
    assert result.returncode == 0


def test_missing_stack_is_named(account: Account) -> None:
    """A stack that does not exist gives an error and exit code 2."""
    result = run_status(account, "--stack", "Crm", "--json")

    assert result.stdout == ""
    assert result.stderr == (
        f"cdk-appflow-connector: there is no stack Crm in {scope(account)}. Check --stack, --region"
        " and --profile\n"
    )
    assert result.returncode == 2


def test_connector_of_deleted_stack_is_unmanaged(account: Account, crm: str) -> None:
    """A connector whose stack is deleted is UNMANAGED."""
    make_stack(account, "Crm", registration(account, "acme-crm", LambdaArn=crm))
    account.register("acme-crm", crm)
    assert states(run_status(account, "--json")) == {"acme-crm": "IN_SYNC"}

    cloudformation = account.client("cloudformation")
    stack_id = cloudformation.describe_stacks(StackName="Crm")["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName="Crm")
    wait_for(account, "stack_delete_complete", "Crm")

    result = run_status(account, "--json")
    assert states(result) == {"acme-crm": "UNMANAGED"}
    assert result.returncode == 0
    for name in ("Crm", stack_id):
        assert f"there is no stack {name} in" in run_status(account, "--stack", name).stderr


def test_new_stack_in_review_has_no_connectors(account: Account, crm: str) -> None:
    """A stack that has only a change set has no connectors."""
    resource = registration(account, "acme-crm", LambdaArn=crm)
    account.client("cloudformation").create_change_set(
        StackName="Crm",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Registration": resource}}),
    )

    assert states(run_status(account, "--json")) == {}
    result = run_status(account, "--stack", "Crm")
    assert result.stderr == (
        "cdk-appflow-connector: stack Crm is REVIEW_IN_PROGRESS and has no connectors."
        " Execute its change set. Then run this command again\n"
    )
    assert result.returncode == 2


NEXT_STEPS = {
    "CREATE_IN_PROGRESS": "Run this command again when the operation has ended",
    "ROLLBACK_IN_PROGRESS": "Run this command again when the operation has ended",
    "ROLLBACK_COMPLETE": "It cannot be updated. Delete and deploy it. Then run this command again",
    **dict.fromkeys(
        ("CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"),
        "Deploy the stack, or finish its rollback or deletion. Then run this command again",
    ),
}


@pytest.mark.parametrize("command", ["status", "refresh"])
@pytest.mark.parametrize("status", NEXT_STEPS)
def test_unstable_stack_has_next_step(account: Account, status: str, command: str) -> None:
    """The next step for a stack without connectors suits its status, which may be a final one."""
    make_stack(account, "Crm", {"Type": "AWS::CloudFormation::WaitConditionHandle"})
    described = {"DescribeStacks": replaced("CREATE_COMPLETE", status)}

    with front(account.cloud.environment(account.id), described) as variables:
        result = run(account, command, "--stack", "Crm", **variables)

    assert result.stderr == (
        f"cdk-appflow-connector: stack Crm is {status} and has no connectors."
        f" {NEXT_STEPS[status]}\n"
    )
    assert result.returncode == 2


@pytest.fixture
def gate() -> Iterator[tuple[str, threading.Event]]:
    """A URL that responds when the event is set."""
    opened = threading.Event()

    def wait(_: Request) -> Response:
        opened.wait(60)
        return Response()

    with PromptServer(threaded=True) as server:
        server.expect_request("/gate").respond_with_handler(wait)
        yield server.url_for("/gate"), opened
        opened.set()


def test_stack_in_progress_is_unknown(
    account: Account, crm: str, gate: tuple[str, threading.Event]
) -> None:
    """A registration is UNKNOWN while its stack is updated."""
    url, opened = gate
    account.register("acme-crm", crm)
    make_stack(account, "Crm", registration(account, "acme-crm", LambdaArn=crm))
    resource = registration(account, "acme-crm", LambdaArn=crm, WaitFor=url)
    account.client("cloudformation").update_stack(
        StackName="Crm", TemplateBody=json.dumps({"Resources": {"Registration0": resource}})
    )

    result = run_status(account, "--stack", "Crm")

    opened.set()
    assert "acme-crm is UNKNOWN: stack Crm is UPDATE_IN_PROGRESS.\n" in result.stdout
    assert "Run this command again when the operation has ended." in result.stdout
    assert result.returncode == 2
    wait_for(account, "stack_update_complete", "Crm")
    assert states(run_status(account, "--json")) == {"acme-crm": "IN_SYNC"}


def test_failed_stack_is_unknown(account: Account, crm: str) -> None:
    """The registrations of a stack that failed without a rollback are UNKNOWN."""
    account.register("acme-crm", crm)
    fine = registration(account, "acme-crm", LambdaArn=crm)
    failing = registration(account, "acme-erp", LambdaArn=crm, Status="FAILED")
    with pytest.raises(Exception, match="CREATE_FAILED"):
        make_stack(account, "Crm", fine, failing)

    result = run_status(account, "--stack", "Crm", "--json")

    assert set(states(result).values()) == {"UNKNOWN"}
    assert connectors(result)[0]["reason"] == "stack Crm is CREATE_FAILED"
    assert result.returncode == 2


def test_rolled_back_values_are_compared(account: Account, crm: str) -> None:
    """After a rollback the values from before the update are compared."""
    account.register("acme-crm", crm)
    make_stack(account, "Crm", registration(account, "acme-crm", LambdaArn=crm))
    changed = {
        "Registration0": registration(account, "acme-crm", LambdaArn=f"{crm}-2"),
        "Failing": registration(account, "acme-erp", Status="FAILED"),
    }
    account.client("cloudformation").update_stack(
        StackName="Crm", TemplateBody=json.dumps({"Resources": changed}), DisableRollback=False
    )
    wait_for(account, "stack_rollback_complete", "Crm")

    assert states(run_status(account, "--json")) == {"acme-crm": "IN_SYNC"}


def test_unresolved_arn_is_unknown(account: Account, crm: str) -> None:
    """An ARN that only CloudFormation can evaluate is UNKNOWN and null in the JSON."""
    account.register("acme-crm", crm)
    resource = registration(account, "acme-crm", LambdaArn={"Fn::Select": ["0", [crm]]})
    make_stack(account, "Crm", resource)

    result = run_status(account, "--json")

    [found] = connectors(result)
    assert found["state"] == "UNKNOWN"
    assert found["expected"] == {"lambdaArn": None, "description": None}
    assert found["actual"]["lambdaArn"] == crm
    assert found["reason"] == "LambdaArn cannot be resolved: it depends on Fn::Select"
    assert result.returncode == 2


def test_all_pages_of_connectors_are_read(
    account: Account, crm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels of all pages of ListConnectors are found."""
    labels = ["acme-crm", "acme-erp", "acme-hr"]
    for label in labels:
        account.register(label, crm)
    monkeypatch.setattr(appflow, "MAX_PAGE_SIZE", 1)

    assert appflow.AppFlow(account.client("appflow")).list_labels() == labels


class TestPermissions:
    """The permissions that ``--help`` lists are sufficient and necessary."""

    @pytest.fixture
    def listed(self, account: Account) -> list[str]:
        found = re.findall(r"^  (\w+:\w+)", run_status(account, "--help").stdout, re.M)
        assert len(found) == 8
        return found

    @pytest.fixture(autouse=True)
    def importing_stack(self, account: Account, crm: str) -> None:
        exported = {"Arn": {"Value": crm, "Export": {"Name": "crm-arn"}}}
        handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
        make_stack(account, "Functions", handle, Outputs=exported)
        resource = registration(account, "acme-crm", LambdaArn={"Fn::ImportValue": "crm-arn"})
        make_stack(account, "Crm", resource)
        account.register("acme-crm", crm)

    @staticmethod
    def run_as_user(
        account: Account, name: str, actions: Iterable[str], *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command as an IAM user with these permissions only."""
        return run_status(account, *arguments, **user_variables(account, name, actions))

    def test_are_sufficient(self, account: Account, listed: list[str]) -> None:
        """A user with the listed permissions can run the command."""
        result = self.run_as_user(account, "reader", listed, "--json")

        [found] = connectors(result)
        assert (found["state"], found["note"]) == ("IN_SYNC", None)

    def test_are_fewer_with_stack(self, account: Account, listed: list[str]) -> None:
        """With ``--stack`` the two permissions marked so are not needed."""
        fewer = set(listed) - {"cloudformation:ListStacks", "appflow:ListConnectors"}

        result = self.run_as_user(account, "reader", fewer, "--stack", "Crm", "--json")

        assert states(result) == {"acme-crm": "IN_SYNC"}

    def test_missing_permission_is_named(self, account: Account, listed: list[str]) -> None:
        """Each permission but one is needed, and the error names it if it is missing."""
        for number, action in enumerate(set(listed) - {"lambda:InvokeFunction"}):
            rest = [other for other in listed if other != action]

            result = self.run_as_user(account, f"user{number}", rest)

            operation = action.partition(":")[2]
            assert result.stderr.startswith(
                f"cdk-appflow-connector: {operation} failed with AccessDenied"
            )
            assert result.stderr.endswith(
                f"The call needs the permission {action}; --help lists all permissions\n"
            )
            assert result.stdout == ""
            assert result.returncode == 2
