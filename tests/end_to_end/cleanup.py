"""Remove the resources of the end-to-end tests: ``python -m tests.end_to_end.cleanup PREFIX``.

The tests remove their resources themselves. Use this for a run that was killed or that could not
remove everything. The argument is the prefix that the run printed.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from tests.end_to_end.target import RealAccount, RealCloud, is_prefix
from tests.support import Account

# The name of a resource, and the call that removes it.
Removal = tuple[str, Callable[[], object]]

# One hour: CloudFormation's default timeout for the response of a custom resource.
_STACK_WAIT = {"Delay": 2, "MaxAttempts": 1800}


class LeftOverError(Exception):
    """Some resources could not be removed; the message names them and the next step."""


def clean_up(account: Account, prefix: str) -> None:
    """Remove all resources whose names begin with a prefix, stacks first.

    A resource that cannot be removed does not stop the removal of the others.

    Raises:
        ValueError: the text is no prefix of the end-to-end tests.
        LeftOverError: some resources are left.
    """
    if not is_prefix(prefix):
        raise ValueError(f"{prefix!r} is not a prefix of the end-to-end tests: e2e-1a2b3c4d-")
    left: list[str] = []
    for removals in (_stacks, _connectors, _functions, _roles, _log_groups):
        with _noted(left, f"the list of {removals.__name__.strip('_').replace('_', ' ')}"):
            for name, remove in removals(account, prefix):
                with _noted(left, name):
                    remove()
    if left:
        raise LeftOverError(
            f"These resources are left in account {account.id}, Region {account.region}:\n"
            + "".join(f"  - {line}\n" for line in left)
            + "Resolve the reasons, then remove the rest with:"
            f" python -m tests.end_to_end.cleanup {prefix}"
        )


@contextlib.contextmanager
def _noted(left: list[str], name: str) -> Iterator[None]:
    """Record a resource as left, with the reason, if a call about it fails."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        left.append(f"{name}: {error}")


def _stacks(account: Account, prefix: str) -> Iterator[Removal]:
    cloudformation = account.client("cloudformation")
    stacks = [
        stack
        for stack in _all(cloudformation, "describe_stacks", "Stacks")
        if stack["StackName"].startswith(prefix)
    ]
    # A stack whose exports another stack imports cannot be deleted; it is always the older one.
    for stack in sorted(stacks, key=lambda stack: stack["CreationTime"], reverse=True):
        remove = functools.partial(_delete_stack, cloudformation, stack)
        yield f"stack {stack['StackName']}", remove


def _delete_stack(cloudformation: Any, stack: Any) -> None:
    name = stack["StackName"]
    _wait_for_operation(cloudformation, name, stack["StackStatus"])
    cloudformation.delete_stack(StackName=name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=name, WaiterConfig=_STACK_WAIT)


def _wait_for_operation(cloudformation: Any, name: str, status: str) -> None:
    """Wait for the operation of an interrupted deployment, during which no stack can be deleted."""
    operations = {"CREATE_IN_PROGRESS": "create", "ROLLBACK_IN_PROGRESS": "create"}
    if status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS"):
        operations[status] = "update"
    if status not in operations:
        return
    waiter = cloudformation.get_waiter(f"stack_{operations[status]}_complete")
    # The operation may fail; the stack can be deleted then, too.
    with contextlib.suppress(WaiterError):
        waiter.wait(StackName=name, WaiterConfig=_STACK_WAIT)


def _connectors(account: Account, prefix: str) -> Iterator[Removal]:
    unregister = account.client("appflow").unregister_connector
    for connector in account.connectors():
        label = connector["connectorLabel"]
        if label.startswith(prefix):
            remove = functools.partial(unregister, connectorLabel=label, forceDelete=True)
            yield f"connector {label}", remove


def _functions(account: Account, prefix: str) -> Iterator[Removal]:
    functions = account.client("lambda")
    for function in _all(functions, "list_functions", "Functions"):
        name = function["FunctionName"]
        if name.startswith(prefix):
            delete = functools.partial(functions.delete_function, FunctionName=name)
            yield f"function {name}", delete


def _roles(account: Account, prefix: str) -> Iterator[Removal]:
    iam = account.client("iam")
    for role in _all(iam, "list_roles", "Roles"):
        name = role["RoleName"]
        if name.startswith(prefix):
            yield f"role {name}", functools.partial(iam.delete_role, RoleName=name)


def _log_groups(account: Account, prefix: str) -> Iterator[Removal]:
    logs = account.client("logs")
    for name_prefix in (prefix, f"/aws/lambda/{prefix}"):
        for group in _all(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name_prefix):
            name = group["logGroupName"]
            delete = functools.partial(logs.delete_log_group, logGroupName=name)
            yield f"log group {name}", delete


def _all(client: Any, operation: str, member: str, **request: Any) -> Iterator[Any]:
    pages = list(client.get_paginator(operation).paginate(**request))
    return (item for page in pages for item in page[member])


if __name__ == "__main__":
    _region = botocore.session.Session().get_config_variable("region")
    _account = RealCloud(_region).client("sts", "").get_caller_identity()["Account"]
    clean_up(RealAccount(RealCloud(_region), _account, _region), *sys.argv[1:])
