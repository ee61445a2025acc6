"""Error messages, help and layout of ``cdk-appflow-connector``."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cdk_appflow_connector_cli import arguments

from tests.cli.support import SCRIPT, run, run_script, run_status
from tests.support import Account, connector

ROOT = Path(__file__).parents[2]
LONG_ALIAS = "an-alias-whose-name-is-wider-than-any-cell-of-a-terminal"


def error_of(account: Account, *arguments: str, **variables: str | None) -> str:
    """The error message of a run that fails and prints nothing else."""
    result = run_status(account, *arguments, **variables)
    assert result.returncode == 2
    assert result.stdout == ""
    return result.stderr.removeprefix("cdk-appflow-connector: ")


def test_wrong_usage_exits_with_2(account: Account) -> None:
    """An unknown argument exits with 2, which does not stand for drift."""
    assert "unrecognized arguments: --stak" in run_status(account, "--stak").stderr
    assert run_status(account, "--stak").returncode == 2


def test_missing_region_is_named(account: Account) -> None:
    """Without a Region the error names both ways to set one."""
    assert error_of(account, AWS_DEFAULT_REGION=None) == (
        "no Region is set. Pass --region, or set AWS_DEFAULT_REGION\n"
    )


def test_missing_credentials_are_named(account: Account, tmp_path: Path) -> None:
    """Without credentials the error says how to provide them."""
    no_credentials = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}

    assert error_of(
        account, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, **no_credentials
    ) == ("no AWS credentials were found. Pass --profile, or sign in as for the CDK CLI\n")


def test_unknown_profile_lists_the_others(account: Account, tmp_path: Path) -> None:
    """The error for an unknown profile lists the available profiles."""
    (tmp_path / "config").write_text("[profile sales]\n[profile service]\n")

    assert error_of(account, "--profile", "crm", AWS_CONFIG_FILE=str(tmp_path / "config")) == (
        "The config profile (crm) could not be found. Available profiles: sales, service\n"
    )


def test_profile_sets_region_and_credentials(account: Account, tmp_path: Path) -> None:
    """A profile provides the Region and the credentials."""
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


def test_invalid_credentials_are_named(account: Account) -> None:
    """Invalid credentials give an error with the code and the next step."""
    message = error_of(account, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")

    assert message.startswith("GetCallerIdentity failed with InvalidClientTokenId: ")
    assert message.endswith("Sign in again, or choose other credentials with --profile\n")


def test_unreachable_endpoint_is_named(account: Account) -> None:
    """An endpoint that refuses connections gives an error with the next step."""
    assert error_of(account, AWS_ENDPOINT_URL="http://127.0.0.1:1") == (
        'Could not connect to the endpoint URL: "http://127.0.0.1:1/". Check the network, and that'
        " AppFlow is available in the Region\n"
    )


def test_unexpected_error_exits_with_2(account: Account) -> None:
    """An unexpected exception prints its traceback and exits with 2."""
    assert "ValueError: Invalid endpoint" in error_of(account, AWS_ENDPOINT_URL="nowhere")


def test_missing_extra_is_named() -> None:
    """Without the extra ``cli`` the error gives the command that installs it."""
    # With -S Python does not find installed packages.
    result = subprocess.run(
        [sys.executable, "-S", "-m", "cdk_appflow_connector_cli", "status"],
        cwd=ROOT / "cli",
        capture_output=True,
        text=True,
    )

    assert result.stderr == (
        "cdk-appflow-connector: No module named 'boto3'. Install the dependencies:"
        " pip install 'cdk-appflow-connector[cli]'\n"
    )
    assert result.returncode == 2


def test_help_of_status_lists_what_matters(account: Account) -> None:
    """The help of ``status`` lists the exit codes and the permissions, which change nothing."""
    text = run_status(account, "--help").stdout

    assert "  1  drift: at least one connector is MODIFIED, DELETED or STALE\n" in text
    actions = re.findall(r"^  \w+:(\w+)", text, re.M)
    assert len(actions) == 8
    assert all(re.match("List|Describe|GetTemplate$|InvokeFunction$", one) for one in actions)


@pytest.mark.parametrize("command", arguments.PERMISSIONS)
def test_help_fits_a_terminal(account: Account, command: str) -> None:
    """No line of a command's help is wider than a terminal."""
    text = run(account, command, "--help", COLUMNS="80").stdout

    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.fixture
def arn(account: Account) -> str:
    """The ARN of an alias with a long name, registered under the label ``by-hand``."""
    account.make_function("crm", connector(), granted=False)
    aliases = account.client("lambda")
    version = aliases.publish_version(FunctionName="crm")["Version"]
    alias = aliases.create_alias(FunctionName="crm", Name=LONG_ALIAS, FunctionVersion=version)
    arn: str = alias["AliasArn"]
    account.grant_appflow(arn)
    account.register("by-hand", arn, description="Tried out")
    return arn


def test_file_has_whole_arns_and_no_colours(account: Account, arn: str) -> None:
    """Output to a file has each ARN on one line, and no colours."""
    # Some pipelines set FORCE_COLOR for coloured logs.
    for variables in ({}, {"COLUMNS": "40"}, {"FORCE_COLOR": "1"}):
        assert f" {arn} " in run_status(account, **variables).stdout
    text = run_status(account).stdout
    assert "\x1b" not in text
    assert text.splitlines()[-2:] == [
        "UNMANAGED: no stack has a registration with this label. Adding one adopts the connector.",
        f"In account {account.id}, Region us-east-1: 1 UNMANAGED",
    ]


def test_ascii_file_has_ascii_table(account: Account, arn: str) -> None:
    """Output to an ASCII file is a table of ASCII characters."""
    text = run_script(account, "status", PYTHONIOENCODING="ascii").stdout

    assert text.isascii()
    assert arn in text


@pytest.mark.parametrize("columns", [60, 80])
def test_narrow_terminal_folds_the_arn(account: Account, arn: str, columns: int) -> None:
    """On a narrow terminal the table folds the ARN and leaves nothing out."""
    lines = re.sub(r"\x1b\[\d*m", "", on_terminal(account, columns)).splitlines()

    assert max(map(len, lines)) == columns
    cells = [line.split("│")[3].strip() for line in lines if line.startswith("│")]
    assert "".join(cells) == f"{arn}version 1.0Tried out"


def test_terminal_has_colours_unless_no_color(account: Account, arn: str) -> None:
    """A terminal shows colours, unless NO_COLOR is set."""
    colour = "\x1b[2mUNMANAGED"

    assert colour in on_terminal(account, 80, TERM="xterm")
    assert "\x1b[3" not in on_terminal(account, 80, TERM="xterm", NO_COLOR="1")


def on_terminal(account: Account, columns: int, **variables: str) -> str:
    """The output of the script on a terminal with a number of columns."""
    controller, terminal = pty.openpty()
    environment = {**account.cloud.environment(account.id), **variables, "COLUMNS": str(columns)}
    try:
        subprocess.run(
            [str(SCRIPT), "status"], env=environment, stdout=terminal, stderr=subprocess.PIPE
        )
        return os.read(controller, 65536).decode()
    finally:
        os.close(controller)
        os.close(terminal)
