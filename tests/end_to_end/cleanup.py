"""Remove what the end-to-end tests have made in an account: ``python -m tests.end_to_end.cleanup``.

The tests do it themselves; this is for a run that was killed. The argument is the prefix that it
printed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.exceptions import WaiterError

from tests.end_to_end.target import RealAccount, RealCloud, is_prefix
from tests.support import Account


def clean_up(account: Account, prefix: str) -> None:
    """Remove everything whose name begins with a prefix: stacks first, as they own the most.

    Raises:
        ValueError: the prefix is not one that a run of the tests has made up.
    """
    if not is_prefix(prefix):
        raise ValueError(f"{prefix!r} is not a prefix of the end-to-end tests: e2e-1a2b3c4d-")
    for remove in (_stacks, _connectors, _functions, _roles, _log_groups):
        remove(account, prefix)


def _stacks(account: Account, prefix: str) -> None:
    cloudformation = account.client("cloudformation")
    for stack in _all(cloudformation, "describe_stacks", "Stacks"):
        name = stack["StackName"]
        if name.startswith(prefix):
            _let_it_end(cloudformation, name, stack["StackStatus"])
            cloudformation.delete_stack(StackName=name)
            waiter = cloudformation.get_waiter("stack_delete_complete")
            waiter.wait(StackName=name, WaiterConfig={"Delay": 2})


def _let_it_end(cloudformation: Any, name: str, status: str) -> None:
    """Wait for what an interrupted deployment has begun: no stack can be deleted meanwhile."""
    begun = {"CREATE_IN_PROGRESS": "create", "ROLLBACK_IN_PROGRESS": "create"}
    if status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS"):
        begun[status] = "update"
    if status not in begun:
        return
    waiter = cloudformation.get_waiter(f"stack_{begun[status]}_complete")
    # It may as well fail.
    with contextlib.suppress(WaiterError):
        waiter.wait(StackName=name, WaiterConfig={"Delay": 2})


def _connectors(account: Account, prefix: str) -> None:
    appflow = account.client("appflow")
    for connector in account.connectors():
        label = connector["connectorLabel"]
        if label.startswith(prefix):
            appflow.unregister_connector(connectorLabel=label, forceDelete=True)


def _functions(account: Account, prefix: str) -> None:
    functions = account.client("lambda")
    for function in _all(functions, "list_functions", "Functions"):
        if function["FunctionName"].startswith(prefix):
            functions.delete_function(FunctionName=function["FunctionName"])


def _roles(account: Account, prefix: str) -> None:
    iam = account.client("iam")
    for role in _all(iam, "list_roles", "Roles"):
        if role["RoleName"].startswith(prefix):
            iam.delete_role(RoleName=role["RoleName"])


def _log_groups(account: Account, prefix: str) -> None:
    logs = account.client("logs")
    for start in (prefix, f"/aws/lambda/{prefix}"):
        for group in _all(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=start):
            logs.delete_log_group(logGroupName=group["logGroupName"])


def _all(client: Any, operation: str, member: str, **request: Any) -> Iterator[Any]:
    pages = list(client.get_paginator(operation).paginate(**request))
    return (one for page in pages for one in page[member])


if __name__ == "__main__":
    _region = botocore.session.Session().get_config_variable("region")
    _account = RealCloud(_region).client("sts", "").get_caller_identity()["Account"]
    clean_up(RealAccount(RealCloud(_region), _account, _region), *sys.argv[1:])
