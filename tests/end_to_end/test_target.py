"""The end-to-end tests against an account: the local cloud stands in, reached as AWS is."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.cleanup import LeftOverError, clean_up
from tests.end_to_end.support import ROOT, bootstrap
from tests.support import Account

FOLDER = "tests/end_to_end"
PYTEST = [sys.executable, "-u", "-m", "pytest", "-s", "-p", "no:cacheprovider"]
PREFIX = "e2e-1a2b3c4d-"


@pytest.fixture
def environment(account: Account) -> Mapping[str, str]:
    return {**account.cloud.environment(account.id), "E2E_TARGET": "aws"}


def run(environment: Mapping[str, str], *selection: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTEST, FOLDER, *selection], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def statuses_of_stacks(account: Account) -> dict[str, str]:
    """The stacks of the account and their statuses, but for the CDK's bootstrap."""
    stacks = account.client("cloudformation").describe_stacks()["Stacks"]
    return {
        stack["StackName"]: stack["StackStatus"]
        for stack in stacks
        if stack["StackName"] != "CDKToolkit"
    }


def make_stack(account: Account, name: str, *, value: Any = "any", **output: Any) -> None:
    """Make a stack of one parameter with this value, which the only output shows."""
    cloudformation = account.client("cloudformation")
    resource = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    outputs = {key: {"Value": {"Ref": "One"}, **members} for key, members in output.items()}
    template = json.dumps({"Resources": {"One": resource}, "Outputs": outputs})
    cloudformation.create_stack(StackName=name, TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )


def names_of_everything(account: Account) -> list[str]:
    """What is in the account, but for the CDK's bootstrap."""
    roles = account.client("iam").list_roles()["Roles"]
    return [
        *statuses_of_stacks(account),
        *[one["FunctionName"] for one in account.client("lambda").list_functions()["Functions"]],
        *[one["RoleName"] for one in roles if not one["RoleName"].startswith("cdk-hnb659fds-")],
        *[one["logGroupName"] for one in account.client("logs").describe_log_groups()["logGroups"]],
        *[one["connectorLabel"] for one in account.connectors()],
    ]


def test_an_account_that_is_not_bootstrapped_is_refused(environment: Mapping[str, str]) -> None:
    result = run(environment)

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the account has to be bootstrapped in us-east-1 (npx cdk bootstrap)." in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"E2E_TARGET": "gcp"}, "TARGET is 'gcp'; it can be local or aws."),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-north-1"}, "The Region is 'eu-"),
    ],
)
def test_a_wrong_target_is_refused(
    environment: Mapping[str, str], change: Mapping[str, str], message: str
) -> None:
    result = run({**environment, **change})

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr


def test_nothing_is_made_until_the_account_is_confirmed(
    account: Account, environment: Mapping[str, str], tmp_path: Path
) -> None:
    bootstrap(account, tmp_path)

    unconfirmed = run(environment)
    wrong = run({**environment, "E2E_CONFIRM": "999999999999"})

    for result in (unconfirmed, wrong):
        assert result.returncode == pytest.ExitCode.USAGE_ERROR
        assert f"AWS account {account.id}, Region us-east-1" in result.stderr
        assert "less than 0.01 USD" in result.stderr
        assert f"make e2e TARGET=aws CONFIRM={account.id}" in result.stderr
    assert names_of_everything(account) == []


@pytest.mark.parametrize(
    ("selection", "passed"),
    [
        (["-k", "imported_function"], 1),
        pytest.param([], 5, marks=pytest.mark.nightly),
    ],
)
def test_a_confirmed_run_says_what_it_makes_and_leaves_nothing(
    account: Account,
    environment: Mapping[str, str],
    tmp_path: Path,
    selection: list[str],
    passed: int,
) -> None:
    bootstrap(account, tmp_path)

    result = run({**environment, "E2E_CONFIRM": account.id}, *selection)

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    announcement, _, tests = result.stdout.partition("test session starts")
    assert f"AWS account {account.id}, Region us-east-1" in announcement
    assert "less than 0.01 USD" in announcement
    assert re.search(rf"\b{passed} passed, \d+ deselected", tests)
    assert names_of_everything(account) == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda stacks: stacks, id="with-the-first-stack", marks=pytest.mark.nightly),
        # The one that was made last imports from the other one.
        pytest.param(
            lambda stacks: sorted(stacks.values()) == ["CREATE_COMPLETE"] * 2, id="with-both-stacks"
        ),
    ],
)
def test_an_interrupted_run_leaves_nothing(
    account: Account,
    environment: Mapping[str, str],
    tmp_path: Path,
    moment: Callable[[Mapping[str, str]], bool],
) -> None:
    bootstrap(account, tmp_path)
    with subprocess.Popen(
        [*PYTEST, f"{FOLDER}/test_strangers_app.py"],
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
    assert names_of_everything(account) == []


def test_stacks_are_removed_before_those_that_they_import_from(account: Account) -> None:
    account.make_function(f"{PREFIX}by-hand", "def handler(*_): pass")
    make_stack(account, f"{PREFIX}exporter", Exported={"Export": {"Name": "shared"}})
    make_stack(account, f"{PREFIX}importer", Imported={}, value={"Fn::ImportValue": "shared"})

    clean_up(account, PREFIX)

    assert names_of_everything(account) == []


def test_what_cannot_be_removed_is_named_and_keeps_nothing_else(account: Account) -> None:
    iam = account.client("iam")
    account.make_function(f"{PREFIX}mine", "def handler(*_): pass")
    account.client("logs").create_log_group(logGroupName=f"/aws/lambda/{PREFIX}mine")
    policy = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    role = f"{PREFIX}mine-role"
    iam.put_role_policy(RoleName=role, PolicyName="held", PolicyDocument=json.dumps(policy))

    with pytest.raises(LeftOverError) as error:
        clean_up(account, PREFIX)

    assert names_of_everything(account) == [role]
    assert f"  - role {role}: " in str(error.value)
    assert "DeleteConflict" in str(error.value)
    assert f"python -m tests.end_to_end.cleanup {PREFIX}" in str(error.value)


def test_only_what_the_tests_have_named_is_removed(account: Account) -> None:
    account.make_function("mine", "def handler(*_): pass")

    with pytest.raises(ValueError, match="'' is not a prefix of the end-to-end tests"):
        clean_up(account, "")
    clean_up(account, PREFIX)

    assert "mine" in names_of_everything(account)
