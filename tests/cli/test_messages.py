"""What ``cdk-appflow-connector`` says before it can compare anything, and how it looks."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import SCRIPT, run_status
from tests.support import Account, connector

ROOT = Path(__file__).parents[2]
ALIAS = "of-a-name-that-is-so-long-that-no-narrow-terminal-has-it"


def refusal(account: Account, *arguments: str, **variables: str | None) -> str:
    """What the script says when it could not tell."""
    result = run_status(account, *arguments, **variables)
    assert result.returncode == 2
    assert result.stdout == ""
    return result.stderr.removeprefix("cdk-appflow-connector: ")


def test_wrong_usage_is_no_drift(account: Account) -> None:
    assert "unrecognized arguments: --stak" in run_status(account, "--stak").stderr
    assert run_status(account, "--stak").returncode == 2


def test_says_that_it_needs_a_region(account: Account) -> None:
    assert refusal(account, AWS_DEFAULT_REGION=None) == (
        "no Region is set. Name one with --region, or set AWS_DEFAULT_REGION\n"
    )


def test_says_that_it_needs_credentials(account: Account, tmp_path: Path) -> None:
    nowhere = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}

    assert refusal(account, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, **nowhere) == (
        "no AWS credentials were found. Name a profile with --profile, or sign in as for the CDK"
        " CLI\n"
    )


def test_says_which_profiles_there_are(account: Account, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile sales]\n[profile service]\n")

    assert refusal(account, "--profile", "crm", AWS_CONFIG_FILE=str(tmp_path / "config")) == (
        "The config profile (crm) could not be found. Choose one of those there are: sales,"
        " service\n"
    )


def test_takes_region_and_credentials_from_a_profile(account: Account, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        f"[profile crm]\nregion = eu-west-1\naws_access_key_id = {account.id}\n"
        "aws_secret_access_key = test\n"
    )
    unset = dict.fromkeys(
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"]
    )
    config = {"AWS_CONFIG_FILE": str(tmp_path / "config")}

    result = run_status(account, "--profile", "crm", **config, **unset)

    assert result.stdout == f"No AppFlow connectors in account {account.id}, Region eu-west-1.\n"


def test_says_that_credentials_are_not_valid(account: Account) -> None:
    said = refusal(account, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")

    assert said.startswith("GetCallerIdentity was refused with InvalidClientTokenId: ")
    assert said.endswith("Sign in again, or choose other credentials with --profile\n")


def test_says_that_nobody_answers(account: Account) -> None:
    assert refusal(account, AWS_ENDPOINT_URL="http://127.0.0.1:1") == (
        'Could not connect to the endpoint URL: "http://127.0.0.1:1/". Check the network, and that'
        " AppFlow is offered in the Region\n"
    )


def test_an_error_of_its_own_does_not_look_like_drift(account: Account) -> None:
    assert "ValueError: Invalid endpoint" in refusal(account, AWS_ENDPOINT_URL="nowhere")


def test_without_its_extra_it_says_what_to_install() -> None:
    # -S leaves out everything that is installed.
    result = subprocess.run(
        [sys.executable, "-S", "-m", "cdk_appflow_connector_cli", "status"],
        cwd=ROOT / "cli",
        capture_output=True,
        text=True,
    )

    assert result.stderr == (
        "cdk-appflow-connector: No module named 'boto3'. Install what the script needs:"
        " pip install 'cdk-appflow-connector[cli]'\n"
    )
    assert result.returncode == 2


def test_the_help_lists_exit_codes_and_read_only_permissions(account: Account) -> None:
    said = run_status(account, "--help").stdout

    assert "  1  at least one connector has drifted: MODIFIED or DELETED\n" in said
    actions = re.findall(r"^  \w+:(\w+)", said, re.M)
    assert len(actions) == 7
    assert all(re.match("List|Describe|GetTemplate$", action) for action in actions)


@pytest.fixture
def arn(account: Account) -> str:
    """The ARN that a connector was registered with by hand: an alias."""
    account.make_function("crm", connector(), granted=False)
    aliases = account.client("lambda")
    version = aliases.publish_version(FunctionName="crm")["Version"]
    alias = aliases.create_alias(FunctionName="crm", Name=ALIAS, FunctionVersion=version)
    arn: str = alias["AliasArn"]
    account.grant_appflow(arn)
    account.register("by-hand", arn, description="Tried out")
    return arn


def test_a_file_gets_whole_arns_and_no_colours(account: Account, arn: str) -> None:
    # What some pipelines set, so that tools colour their logs.
    for variables in ({}, {"COLUMNS": "40"}, {"FORCE_COLOR": "1"}):
        assert f" {arn} " in run_status(account, **variables).stdout
    said = run_status(account).stdout
    assert "\x1b" not in said
    assert said.splitlines()[-2:] == [
        "UNMANAGED: no ConnectorRegistration asks for it. One with its label takes it over.",
        f"In account {account.id}, Region us-east-1: 1 UNMANAGED",
    ]


def test_a_file_in_ascii_gets_a_table_too(account: Account, arn: str) -> None:
    said = run_status(account, PYTHONIOENCODING="ascii").stdout

    assert said.isascii()
    assert arn in said


@pytest.mark.parametrize("columns", [60, 80])
def test_a_narrow_terminal_gets_all_of_an_arn(account: Account, arn: str, columns: int) -> None:
    lines = re.sub(r"\x1b\[\d*m", "", on_terminal(account, columns)).splitlines()

    assert max(map(len, lines)) == columns
    cells = [line.split("│")[3].strip() for line in lines if line.startswith("│")]
    assert "".join(cells) == f"{arn}version 1.0Tried out"


def test_a_terminal_gets_colours_unless_it_wants_none(account: Account, arn: str) -> None:
    colour = "\x1b[2mUNMANAGED"

    assert colour in on_terminal(account, 80, TERM="xterm")
    assert "\x1b[3" not in on_terminal(account, 80, TERM="xterm", NO_COLOR="1")


def on_terminal(account: Account, columns: int, **variables: str) -> str:
    """What the script writes on a terminal that is so wide."""
    ours, theirs = pty.openpty()
    environment = {**account.cloud.environment(account.id), **variables, "COLUMNS": str(columns)}
    try:
        subprocess.run(
            [str(SCRIPT), "status"], env=environment, stdout=theirs, stderr=subprocess.PIPE
        )
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
