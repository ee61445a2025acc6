"""The stacks that ``cdk-appflow-connector status`` meets in an account.

Their custom resources are answered by a function that does nothing else, so that a test can bring a
stack into any state; what AppFlow holds is registered by hand.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cdk_appflow_connector_cli import appflow
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.cli.support import connectors, run_status, states
from tests.support import Account, connector

ANSWERER = """
import json, urllib.request

def handler(event, context):
    properties = event["ResourceProperties"]
    if "WaitFor" in properties:
        urllib.request.urlopen(properties["WaitFor"]).read()
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {
        "Status": properties.get("Status", "SUCCESS"),
        "Reason": "as the template says",
        "PhysicalResourceId": properties["ConnectorLabel"],
    }
    data = json.dumps(answer).encode()
    request = urllib.request.Request(
        event["ResponseURL"], data, {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request).read()
"""


@pytest.fixture
def crm(account: Account) -> str:
    """The ARN of a connector's function, in an account that can answer custom resources."""
    account.make_function("answerer", ANSWERER)
    return account.make_function("crm", connector())


def registration(account: Account, label: str, **properties: Any) -> dict[str, Any]:
    """A registration's resource in a template."""
    answerer = f"arn:aws:lambda:us-east-1:{account.id}:function:answerer"
    return {
        "Type": "Custom::AppFlowConnectorRegistration",
        "Properties": {"ServiceToken": answerer, "ConnectorLabel": label, **properties},
    }


def make_stack(account: Account, name: str, *resources: Any, **sections: Any) -> None:
    """Make a stack that stays as it is when a resource fails."""
    named = {f"Registration{number}": resource for number, resource in enumerate(resources)}
    account.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": named, **sections}),
        DisableRollback=True,
    )
    wait_for(account, "stack_create_complete", name)


def wait_for(account: Account, state: str, name: str) -> None:
    waiter = account.client("cloudformation").get_waiter(state)
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def place(account: Account) -> str:
    return f"account {account.id}, Region us-east-1"


def test_an_account_with_nothing_in_it_has_no_drift(account: Account) -> None:
    result = run_status(account)

    assert result.stdout == f"No AppFlow connectors in {place(account)}.\n"
    assert result.returncode == 0


def test_a_stack_without_connectors_has_no_drift(account: Account) -> None:
    make_stack(account, "Other", {"Type": "AWS::CloudFormation::WaitConditionHandle"})

    result = run_status(account, "--stack", "Other")

    assert result.stdout == f"No AppFlow connectors in stack Other in {place(account)}.\n"
    assert result.returncode == 0


def test_a_stack_that_does_not_exist_cannot_be_compared(account: Account) -> None:
    result = run_status(account, "--stack", "Crm", "--json")

    assert result.stdout == ""
    assert result.stderr == (
        f"cdk-appflow-connector: there is no stack Crm in {place(account)}. Check --stack, --region"
        " and --profile\n"
    )
    assert result.returncode == 2


def test_what_a_deleted_stack_leaves_behind_is_unmanaged(account: Account, crm: str) -> None:
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


def test_a_change_set_of_a_new_stack_is_no_deployment(account: Account, crm: str) -> None:
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
        "cdk-appflow-connector: stack Crm is REVIEW_IN_PROGRESS and has no connectors so far. Look"
        " again when it is complete\n"
    )
    assert result.returncode == 2


@pytest.fixture
def gate() -> Iterator[tuple[str, threading.Event]]:
    """A URL that does not answer before the event is set."""
    opened = threading.Event()

    def wait(_: Request) -> Response:
        opened.wait(60)
        return Response()

    with HTTPServer(threaded=True) as server:
        server.expect_request("/gate").respond_with_handler(wait)
        yield server.url_for("/gate"), opened
        opened.set()


def test_a_stack_in_progress_leaves_it_open(
    account: Account, crm: str, gate: tuple[str, threading.Event]
) -> None:
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
    assert "Look again when the operation has ended." in result.stdout
    assert result.returncode == 2
    wait_for(account, "stack_update_complete", "Crm")
    assert states(run_status(account, "--json")) == {"acme-crm": "IN_SYNC"}


def test_a_stack_that_failed_half_way_leaves_it_open(account: Account, crm: str) -> None:
    account.register("acme-crm", crm)
    fine = registration(account, "acme-crm", LambdaArn=crm)
    failing = registration(account, "acme-erp", LambdaArn=crm, Status="FAILED")
    with pytest.raises(Exception, match="CREATE_FAILED"):
        make_stack(account, "Crm", fine, failing)

    result = run_status(account, "--stack", "Crm", "--json")

    assert set(states(result).values()) == {"UNKNOWN"}
    assert connectors(result)[0]["reason"] == "stack Crm is CREATE_FAILED"
    assert result.returncode == 2


def test_after_a_rollback_the_values_of_before_count(account: Account, crm: str) -> None:
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


def test_what_a_condition_decides_is_not_known(account: Account, crm: str) -> None:
    account.register("acme-crm", crm)
    either = {"Fn::If": ["Two", f"{crm}-2", crm]}
    resource = registration(account, "acme-crm", LambdaArn=either)
    make_stack(account, "Crm", resource, Conditions={"Two": {"Fn::Equals": ["1", "2"]}})

    result = run_status(account, "--json")

    [found] = connectors(result)
    assert found["state"] == "UNKNOWN"
    assert found["expected"] == {"lambdaArn": None, "description": None}
    assert found["actual"]["lambdaArn"] == crm
    assert found["reason"] == "LambdaArn is not known: it depends on Fn::If"
    assert result.returncode == 2


def test_a_template_in_yaml_is_not_known(account: Account, crm: str) -> None:
    account.register("acme-crm", crm)
    properties = registration(account, "acme-crm", LambdaArn=crm)["Properties"]
    account.client("cloudformation").create_stack(
        StackName="Crm",
        TemplateBody="\n".join(
            [
                "Resources:",
                "  Registration:",
                "    Type: Custom::AppFlowConnectorRegistration",
                "    Properties:",
                *(f"      {name}: {value}" for name, value in properties.items()),
            ]
        ),
    )
    wait_for(account, "stack_create_complete", "Crm")

    result = run_status(account, "--json")

    [found] = connectors(result)
    assert found["state"] == "UNKNOWN"
    assert found["reason"] == "the stack's template is YAML, and this command reads JSON"


def test_all_pages_of_connectors_are_read(
    account: Account, crm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ["acme-crm", "acme-erp", "acme-hr"]
    for label in labels:
        account.register(label, crm)
    monkeypatch.setattr(appflow, "LARGEST_PAGE", 1)

    assert appflow.AppFlow(account.client("appflow")).labels() == labels


class TestPermissions:
    """The ones that ``--help`` lists are enough, and none of them is too much."""

    @pytest.fixture
    def listed(self, account: Account) -> list[str]:
        found = re.findall(
            r"^  ((?:cloudformation|appflow):\w+)", run_status(account, "--help").stdout, re.M
        )
        assert len(found) == 7
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
        account: Account, name: str, actions: list[str], *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script as an IAM user who may do these things only."""
        iam = account.client("iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return run_status(
            account,
            *arguments,
            AWS_ACCESS_KEY_ID=key["AccessKeyId"],
            AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
        )

    def test_are_enough(self, account: Account, listed: list[str]) -> None:
        result = self.run_as_user(account, "reader", listed, "--json")

        assert states(result) == {"acme-crm": "IN_SYNC"}

    def test_of_one_stack_are_enough_for_it(self, account: Account, listed: list[str]) -> None:
        less = set(listed) - {"cloudformation:ListStacks", "appflow:ListConnectors"}

        result = self.run_as_user(account, "reader", sorted(less), "--stack", "Crm", "--json")

        assert states(result) == {"acme-crm": "IN_SYNC"}

    def test_are_named_when_they_are_missing(self, account: Account, listed: list[str]) -> None:
        for number, action in enumerate(listed):
            rest = [other for other in listed if other != action]

            result = self.run_as_user(account, f"user{number}", rest)

            operation = action.partition(":")[2]
            assert result.stderr.startswith(
                f"cdk-appflow-connector: {operation} was refused with AccessDenied"
            )
            assert result.stderr.endswith(
                f"This needs the permission {action}; status --help lists all of them\n"
            )
            assert result.stdout == ""
            assert result.returncode == 2
