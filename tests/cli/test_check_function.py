"""``check`` of a deployed function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.check_support import document, run_check
from tests.cli.front import error_for, front
from tests.support import BROKEN_CONNECTOR, Account, connector


def error_of(account: Account, *arguments: str, **variables: Any) -> str:
    """The error message of a check that could not be made."""
    result = run_check(*arguments, account=account, **variables)
    assert result.returncode == 2
    assert result.stdout == ""
    return result.stderr.removeprefix("cdk-appflow-connector: ")


@pytest.mark.parametrize("form", ["crm", "crm:live", "{arn}", "{arn}:live"])
def test_function_is_invoked(account: Account, form: str) -> None:
    """A function is invoked by name or ARN, with a qualifier or without."""
    arn = account.make_function("crm", connector("1.0"), granted=False)
    functions = account.client("lambda")
    version = functions.publish_version(FunctionName="crm")["Version"]
    functions.create_alias(FunctionName="crm", Name="live", FunctionVersion=version)
    account.change_code("crm", connector("2.0"))
    name = form.format(arn=arn)

    result = run_check("--function", name, "--json", account=account)

    found = document(result)
    assert found["source"] == {"handler": None, "python": None, "function": name}
    assert found["configuration"]["connectorVersion"] == ("1.0" if "live" in form else "2.0")
    assert (found["exitReason"], result.returncode) == ("PASSED", 0)


def test_region_of_an_arn_counts(account: Account) -> None:
    """A function of another Region is invoked there, if its ARN is given."""
    elsewhere = Account(account.cloud, account.id, "eu-west-1")
    arn = elsewhere.make_function("crm", connector("3.0"), granted=False)

    found = document(run_check("--function", arn, "--json", account=account))

    assert found["configuration"]["connectorVersion"] == "3.0"


def test_failed_function_is_refused(account: Account) -> None:
    """A function that raises is refused with its message, and its log group is named."""
    account.make_function("crm", BROKEN_CONNECTOR)

    result = run_check("--function", "crm", "--json", account=account)

    [refusal] = document(result)["refused"]
    # MiniStack gives all errors one type.
    assert refusal["message"].endswith("Error: the connector is broken")
    assert result.returncode == 1
    assert result.stderr.startswith("The log of the function is in /aws/lambda/crm")


def test_missing_function_is_named(account: Account) -> None:
    """A function that does not exist is an error with the account, the Region and the forms."""
    assert error_of(account, "--function", "crm") == (
        f"There is no function crm in account {account.id}, Region us-east-1. Pass NAME,"
        " NAME:QUALIFIER for a version or an alias, or an ARN; --region sets another Region\n"
    )


def test_slow_function_is_invoked_once(account: Account, tmp_path: Path) -> None:
    """A function that does not respond in time is an error, and is not invoked again."""
    file = tmp_path / "invocations"
    source = f"""
import os

def handler(event, context):
    with open({str(file)!r}, "a") as invocations:
        invocations.write(event["type"])
    os.read(os.pipe()[0], 1)
"""
    account.make_function("crm", source)

    assert error_of(account, "--function", "crm", "--timeout", "2") == (
        "crm did not respond within 2 seconds. Pass a longer --timeout, or see /aws/lambda/crm for"
        " where it waits\n"
    )
    assert file.read_text() == "DescribeConnectorConfigurationRequest"


def test_denied_invocation_names_permission(account: Account) -> None:
    """A denied invocation is an error that names the permission."""
    account.make_function("crm", connector())
    denied = {"Invoke": error_for("", "AccessDeniedException", 403)}

    with front(account.cloud.environment(account.id), denied) as variables:
        text = error_of(account, "--function", "crm", **variables)

    assert "The call needs the permission lambda:InvokeFunction" in text


@pytest.mark.parametrize("arguments", [[], ["crm:handler", "--function", "crm"]])
def test_one_connector_is_required(arguments: list[str]) -> None:
    """Neither a handler nor a function, or both, is wrong usage."""
    result = run_check(*arguments)

    assert "HANDLER" in result.stderr
    assert result.returncode == 2
