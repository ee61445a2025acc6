"""The end-to-end tests against an account: the local cloud stands in, reached as AWS is."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.end_to_end.cleanup import clean_up
from tests.support import Account

ROOT = Path(__file__).parents[2]
TESTS = [sys.executable, "-u", "-m", "pytest", "-s", "-p", "no:cacheprovider", "tests/end_to_end"]


@pytest.fixture
def environment(account: Account) -> Mapping[str, str]:
    return {**account.cloud.environment(account.id), "E2E_TARGET": "aws"}


def run(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(TESTS, cwd=ROOT, env=environment, capture_output=True, text=True)


def bootstrap(account: Account, environment: Mapping[str, str], output: Path) -> None:
    command = ["cdk", "bootstrap", f"aws://{account.id}/us-east-1", "--output", str(output)]
    subprocess.run(command, cwd=output, env=environment, check=True, capture_output=True)


def names_of_everything(account: Account) -> list[str]:
    """What is in the account, but for the CDK's bootstrap."""
    stacks = account.client("cloudformation").describe_stacks()["Stacks"]
    roles = account.client("iam").list_roles()["Roles"]
    return [
        *[one["StackName"] for one in stacks if one["StackName"] != "CDKToolkit"],
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
    bootstrap(account, environment, tmp_path)

    unconfirmed = run(environment)
    wrong = run({**environment, "E2E_CONFIRM": "999999999999"})

    for result in (unconfirmed, wrong):
        assert result.returncode == pytest.ExitCode.USAGE_ERROR
        assert f"AWS account {account.id}, Region us-east-1" in result.stderr
        assert "less than 0.01 USD" in result.stderr
        assert f"make e2e TARGET=aws CONFIRM={account.id}" in result.stderr
    assert names_of_everything(account) == []


def test_an_interrupted_run_leaves_nothing(
    account: Account, environment: Mapping[str, str], tmp_path: Path
) -> None:
    bootstrap(account, environment, tmp_path)
    cloudformation = account.client("cloudformation")
    with subprocess.Popen(
        TESTS,
        cwd=ROOT,
        env={**environment, "E2E_CONFIRM": account.id},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while len(cloudformation.describe_stacks()["Stacks"]) < 2:
            assert process.poll() is None
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        shown, _ = process.communicate()

    assert "KeyboardInterrupt" in shown
    assert names_of_everything(account) == []


def test_only_what_the_tests_have_named_is_removed(account: Account) -> None:
    account.make_function("mine", "def handler(*_): pass")

    with pytest.raises(ValueError, match="'' is not a prefix of the end-to-end tests"):
        clean_up(account, "")
    clean_up(account, "e2e-1a2b3c4d-")

    assert "mine" in names_of_everything(account)
