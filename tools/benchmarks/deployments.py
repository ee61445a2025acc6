"""Calls to AppFlow for each connector of one stack, created, changed and rolled back.

AppFlow throttles meanwhile. The local cloud handles one custom resource after the other, while
CloudFormation handles several at a time.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from appflow_local_cloud.process import local_cloud
from tests.end_to_end.support import run_cdk
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id

from .report import Table

APP = f"{sys.executable} -m tests.end_to_end.many_connectors_app"
CALLS_PER_SECOND = 10


def measure(folder: Path, *, connectors: int = 200) -> dict[str, Any]:
    """Deploy the stack, and count the calls in AppFlow's journal.

    Raises:
        RuntimeError: a deployment or a call had another outcome than the expected one.
    """
    with (folder / "deployments.log").open("w") as log, local_cloud(log) as cloud:
        account = Account(cloud, new_account_id())
        account.make_function("made-elsewhere", connector("1"), granted=False)
        account.make_function("broken", BROKEN_CONNECTOR, granted=False)

        def cdk(*arguments: str, release: str, **broken: str) -> None:
            variables = {"CONNECTORS": str(connectors), "STACKS": "1", "RELEASE": release}
            output = folder / "deployments"
            result = run_cdk(account, APP, output, *arguments, **variables, **broken)
            refused = "connector acme-broken: ConnectorServerException" in result.stderr
            if (result.returncode != 0, refused) != (bool(broken), bool(broken)):
                raise RuntimeError(result.stdout + result.stderr)

        cdk("bootstrap", f"aws://{account.id}/us-east-1", release="1")
        cloud.configure_appflow(account.id, callsPerSecond=CALLS_PER_SECOND)
        steps: dict[str, dict[str, str]] = {
            "created": {"release": "1"},
            "changed": {"release": "2"},
            "rolled back": {"release": "3", "BROKEN": "yes"},
        }
        results = {}
        for step, variables in steps.items():
            before, began = len(account.calls()), time.perf_counter()
            cdk("deploy", "--require-approval", "never", **variables)
            seconds = time.perf_counter() - began
            calls = _without_the_failure(account.calls(after=before))
            results[step] = {**_figures(calls, connectors), "seconds": seconds}
    return {"connectors": connectors, "calls_per_second": CALLS_PER_SECOND, "steps": results}


def _figures(calls: Sequence[Mapping[str, Any]], connectors: int) -> dict[str, Any]:
    handled = [call for call in calls if call["outcome"] != "ThrottlingException"]
    outcomes = Counter(call["outcome"] for call in handled)
    if set(outcomes) != {"OK"}:
        raise RuntimeError(f"not every call succeeded: {outcomes}")
    times = [datetime.fromisoformat(call["at"]) for call in calls]
    return {
        "calls_per_connector": len(handled) / connectors,
        "throttled": len(calls) - len(handled),
        "seconds_of_calls": (max(times) - min(times)).total_seconds(),
        # The token bucket is full at first.
        "least_seconds": (len(handled) - CALLS_PER_SECOND) / CALLS_PER_SECOND,
    }


def _without_the_failure(calls: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The calls of the rollback, or all calls if no connector was refused."""
    labels = [call["parameters"]["connectorLabel"] for call in calls]
    if "acme-broken" not in labels:
        return calls
    pairs = list(zip(calls, labels, strict=True))[labels.index("acme-broken") :]
    return [call for call, label in pairs if label != "acme-broken"]


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """One row for each deployment."""
    head = [f"{results['connectors']} connectors", "calls per connector", "throttled calls"]
    return {
        "deployments": Table(
            [*head, "first call to last", "least possible", "ratio"],
            [
                [
                    step,
                    f"{one['calls_per_connector']:.2f}",
                    f"{one['throttled']:,}",
                    f"{one['seconds_of_calls']:.1f} s",
                    f"{one['least_seconds']:.1f} s",
                    f"{one['seconds_of_calls'] / one['least_seconds']:.2f}",
                ]
                for step, one in results["steps"].items()
            ],
        )
    }
