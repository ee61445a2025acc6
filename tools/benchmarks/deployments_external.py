"""Calls for each connector whose function changes outside of deployments, all within a second.

Each connector has a separate function. The events of the changes are held back until all functions
have changed: first Lambda's events of their new states, and then CloudTrail's events of the calls,
which report the same changes once more.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

from appflow_local_cloud.process import LocalCloud
from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import LastingAccount, connector, new_account_id

from .deployments_calls import CALLS_PER_SECOND, Recorder, Step

# A stack has room for 500 resources. A connector needs three: its custom resource, the permission
# for AppFlow, and the rule.
_CONNECTORS_OF_A_STACK = 150

_HANDLER = "connector_registration.function.handler"
_HELD_BACK = 3600
_POLL_SECONDS = 0.5


def external_steps(cloud: LocalCloud, folder: Path, app: str, connectors: int) -> dict[str, Step]:
    """Deploy an app, change its functions, and record what follows the two kinds of events.

    Raises:
        RuntimeError: the deployment failed, or a connector was not refreshed by one call.
    """
    account = LastingAccount(cloud, new_account_id())
    try:
        bootstrap(account)
        functions = _functions(account, connectors)
        _deploy(account, folder, app, connectors)
        before = _handled_events(account)
        cloud.configure_lambda(
            account.id, stateEventDelaySeconds=_HELD_BACK, callEventDelaySeconds=_HELD_BACK
        )
        for name in functions:
            account.change_code(name, connector("2"))
        cloud.configure_appflow(account.id, callsPerSecond=CALLS_PER_SECOND)
        recorder = Recorder(account, functions.values())
        cloud.configure_lambda(account.id, callEventDelaySeconds=_HELD_BACK)
        _wait_until_handled(account, before + connectors)
        changed = recorder.step()
        _check(account, changed, connectors)
        recorder.begin()
        cloud.configure_lambda(account.id)
        _wait_until_handled(account, before + 2 * connectors)
        return {"changed outside": changed, "reported again": recorder.step()}
    finally:
        account.close()


def _functions(account: LastingAccount, connectors: int) -> dict[str, str]:
    """The ARNs of new functions by their names, as the app expects them."""
    names = ["made-elsewhere", *(f"made-elsewhere-{number}" for number in range(1, connectors))]
    return {name: account.make_function(name, connector("1"), granted=False) for name in names}


def _deploy(account: LastingAccount, folder: Path, app: str, connectors: int) -> None:
    result = run_cdk(
        account,
        app,
        folder,
        *("deploy", "--all", "--require-approval", "never"),
        CONNECTORS=str(connectors),
        FUNCTIONS=str(connectors),
        STACKS=str(math.ceil(connectors / _CONNECTORS_OF_A_STACK)),
        RELEASE="1",
        EXTERNAL="yes",
    )
    if result.returncode != 0:
        raise RuntimeError(result.stdout + result.stderr)


def _wait_until_handled(account: LastingAccount, events: int) -> None:
    while _handled_events(account) < events:
        time.sleep(_POLL_SECONDS)


def _handled_events(account: LastingAccount) -> int:
    """How many invocations of the handlers have ended."""
    pages = account.client("lambda").get_paginator("list_functions").paginate()
    groups = [
        function["LoggingConfig"]["LogGroup"]
        for page in pages
        for function in page["Functions"]
        if function["Handler"] == _HANDLER
    ]
    logs = account.client("logs").get_paginator("filter_log_events")
    return sum(
        event["message"].startswith("END ")
        for group in groups
        for page in logs.paginate(logGroupName=group)
        for event in page["events"]
    )


def _check(account: LastingAccount, step: Step, connectors: int) -> None:
    """Check that each connector was refreshed, by one call that had an effect."""
    versions = [one["connectorVersion"] for one in account.connectors()]
    effects = [
        call["parameters"]["connectorLabel"]
        for call in step.appflow
        if call["operation"] == "UpdateConnectorRegistration"
        and call["outcome"] == "OK"
        and not call["remembered"]
    ]
    if versions != ["2"] * connectors or sorted(effects) != sorted(set(effects)):
        raise RuntimeError(f"not each connector was refreshed by one call: {versions}, {effects}")
