"""``cdk deploy`` of a connector whose function Lambda has not finished creating or updating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account

APP = "tests.end_to_end.changing_app"
DEPLOY = ["deploy", "--require-approval", "never"]
LABEL = "acme-changing"


def test_appflow_follows_functions_that_are_not_ready(account: Account, tmp_path: Path) -> None:
    """AppFlow shows the deployed version, although each function takes seconds to be ready."""
    cloud = account.local_cloud

    def deployed_version(version: str, *, pending: float = 0, in_progress: float = 0) -> str:
        cloud.configure_lambda(account.id, pendingSeconds=pending, inProgressSeconds=in_progress)
        result = run_cdk(account, APP, tmp_path, *DEPLOY, VERSION=version)
        assert result.returncode == 0, result.stdout + result.stderr
        registered = account.registered(LABEL)
        assert registered is not None
        shown: str = registered["connectorVersion"]
        return shown

    bootstrap(account)

    assert deployed_version("1.0", pending=3) == "1.0"
    assert deployed_version("2.0", in_progress=3) == "2.0"
    assert account.operations() == ["RegisterConnector", "UpdateConnectorRegistration"]


def test_handler_may_read_state_and_alias(account: Account, tmp_path: Path) -> None:
    """The role of the handler permits the reads of the state of an alias, and of no other."""
    bootstrap(account)
    result = run_cdk(account, APP, tmp_path, *DEPLOY, VERSION="1.0", ALIAS="yes")
    assert result.returncode == 0, result.stdout + result.stderr
    alias = account.registered_arn(LABEL)
    assert alias is not None
    function, _, name = alias.rpartition(":")
    handler = client_of_the_handler(account)

    state = handler.get_function_configuration(FunctionName=alias)
    weights = handler.get_alias(FunctionName=function, Name=name)

    assert state["State"] == "Active"
    assert weights["FunctionVersion"] == "1"
    with pytest.raises(handler.exceptions.ClientError, match="not authorized"):
        handler.get_function_configuration(FunctionName=function)


def client_of_the_handler(account: Account) -> Any:
    """A Lambda client with the role of the handler."""
    roles = account.client("iam").list_roles()["Roles"]
    [role] = [role for role in roles if "RegistrationProviderRole" in role["RoleName"]]
    credentials = account.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="handler")[
        "Credentials"
    ]
    return account.client(
        "lambda",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
