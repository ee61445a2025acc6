"""The end-to-end tests with the target ``aws``, for which the local cloud stands in."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.cdk_cli import quick_cli
from tests.end_to_end.cleanup import LeftOverError, clean_up
from tests.end_to_end.support import ROOT, bootstrap, registered_labels
from tests.support import Account

FOLDER = "tests/end_to_end"
PYTEST = [sys.executable, "-u", "-m", "pytest", "-s", "-p", "no:cacheprovider"]
PREFIX = "e2e-1a2b3c4d-"


@pytest.fixture
def environment(account: Account) -> Mapping[str, str]:
    """The environment of a test run whose target is the account."""
    return {**account.cloud.environment(account.id), **quick_cli(), "E2E_TARGET": "aws"}


def run(environment: Mapping[str, str], *selection: str) -> subprocess.CompletedProcess[str]:
    """Run the end-to-end tests, or those that the selection names."""
    return subprocess.run(
        [*PYTEST, FOLDER, *selection], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def statuses_of_stacks(account: Account) -> dict[str, str]:
    """The statuses of the account's stacks, except the CDK's bootstrap, by name."""
    stacks = account.client("cloudformation").describe_stacks()["Stacks"]
    return {
        stack["StackName"]: stack["StackStatus"]
        for stack in stacks
        if stack["StackName"] != "CDKToolkit"
    }


def make_stack(account: Account, name: str, *, value: Any = "any", **output: Any) -> None:
    """Create a stack with one parameter that has this value, and outputs that refer to it."""
    cloudformation = account.client("cloudformation")
    resource = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    outputs = {key: {"Value": {"Ref": "One"}, **members} for key, members in output.items()}
    template = json.dumps({"Resources": {"One": resource}, "Outputs": outputs})
    cloudformation.create_stack(StackName=name, TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )


def resource_names(account: Account) -> list[str]:
    """The names of all resources in the account, except those of the CDK's bootstrap."""
    functions = account.client("lambda").list_functions()["Functions"]
    roles = account.client("iam").list_roles()["Roles"]
    log_groups = account.client("logs").describe_log_groups()["logGroups"]
    return [
        *statuses_of_stacks(account),
        *[function["FunctionName"] for function in functions],
        *[role["RoleName"] for role in roles if not role["RoleName"].startswith("cdk-hnb659fds-")],
        *[group["logGroupName"] for group in log_groups],
        *registered_labels(account),
    ]


def test_account_without_bootstrap_is_refused(environment: Mapping[str, str]) -> None:
    """An account that is not bootstrapped is refused, with the command that does it."""
    result = run(environment)

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the account must be bootstrapped in us-east-1 (npx cdk bootstrap)." in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"E2E_TARGET": "gcp"}, "TARGET is 'gcp'; it can be local or aws."),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-north-1"}, "The Region is 'eu-"),
    ],
)
def test_invalid_target_is_refused(
    environment: Mapping[str, str], change: Mapping[str, str], message: str
) -> None:
    """An unknown target and a Region without AppFlow are refused."""
    result = run({**environment, **change})

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr


def test_unconfirmed_account_is_not_changed(
    account: Account, environment: Mapping[str, str]
) -> None:
    """Nothing is created before the account is confirmed by its number."""
    bootstrap(account)

    unconfirmed = run(environment)
    wrong = run({**environment, "E2E_CONFIRM": "999999999999"})

    for result in (unconfirmed, wrong):
        assert result.returncode == pytest.ExitCode.USAGE_ERROR
        assert f"AWS account {account.id}, Region us-east-1" in result.stderr
        assert "less than 0.01 USD" in result.stderr
        assert f"make e2e TARGET=aws CONFIRM={account.id}" in result.stderr
    assert resource_names(account) == []


@pytest.mark.parametrize(
    ("selection", "passed"),
    [
        (["-k", "imported_function"], 1),
        pytest.param([], 5, marks=pytest.mark.nightly),
    ],
)
def test_confirmed_run_leaves_nothing(
    account: Account,
    environment: Mapping[str, str],
    selection: list[str],
    passed: int,
) -> None:
    """A confirmed run describes its resources and cost, and removes everything."""
    bootstrap(account)

    result = run({**environment, "E2E_CONFIRM": account.id}, *selection)

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    description, _, tests = result.stdout.partition("test session starts")
    assert f"AWS account {account.id}, Region us-east-1" in description
    assert "less than 0.01 USD" in description
    assert re.search(rf"\b{passed} passed, \d+ deselected", tests)
    assert resource_names(account) == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda stacks: stacks, id="with-the-first-stack", marks=pytest.mark.nightly),
        # The stack that is created last imports from the other one.
        pytest.param(
            lambda stacks: sorted(stacks.values()) == ["CREATE_COMPLETE"] * 2, id="with-both-stacks"
        ),
    ],
)
def test_interrupted_run_leaves_nothing(
    account: Account,
    environment: Mapping[str, str],
    moment: Callable[[Mapping[str, str]], bool],
) -> None:
    """A run that is interrupted during a deployment removes everything."""
    bootstrap(account)
    with subprocess.Popen(
        [*PYTEST, f"{FOLDER}/test_consumer_app.py"],
        cwd=ROOT,
        env={**environment, "E2E_CONFIRM": account.id},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while not moment(statuses_of_stacks(account)):
            assert process.poll() is None
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        shown, _ = process.communicate()

    assert "KeyboardInterrupt" in shown
    assert "LeftOverError" not in shown
    assert resource_names(account) == []


def test_importing_stack_is_removed_first(account: Account) -> None:
    """A stack is removed before the stack that it imports from."""
    account.make_function(f"{PREFIX}by-hand", "def handler(*_): pass")
    make_stack(account, f"{PREFIX}exporter", Exported={"Export": {"Name": "shared"}})
    make_stack(account, f"{PREFIX}importer", Imported={}, value={"Fn::ImportValue": "shared"})

    clean_up(account, PREFIX)

    assert resource_names(account) == []


def test_resource_that_cannot_be_removed_is_named(account: Account) -> None:
    """A resource that cannot be removed is named, and all others are removed."""
    iam = account.client("iam")
    account.make_function(f"{PREFIX}mine", "def handler(*_): pass")
    account.client("logs").create_log_group(logGroupName=f"/aws/lambda/{PREFIX}mine")
    policy = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    role = f"{PREFIX}mine-role"
    iam.put_role_policy(RoleName=role, PolicyName="extra", PolicyDocument=json.dumps(policy))

    with pytest.raises(LeftOverError) as error:
        clean_up(account, PREFIX)

    assert resource_names(account) == [role]
    assert f"  - role {role}: " in str(error.value)
    assert "DeleteConflict" in str(error.value)
    assert f"python -m tests.end_to_end.cleanup {PREFIX}" in str(error.value)


def test_only_prefixed_resources_are_removed(account: Account) -> None:
    """Only resources with a valid prefix of the tests are removed."""
    account.make_function("mine", "def handler(*_): pass")

    with pytest.raises(ValueError, match="'' is not a prefix of the end-to-end tests"):
        clean_up(account, "")
    clean_up(account, PREFIX)

    assert "mine" in resource_names(account)
