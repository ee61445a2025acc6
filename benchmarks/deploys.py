"""Many connectors of one stack, created, changed and rolled back while AppFlow throttles.

The local cloud works on one custom resource after another. CloudFormation works on many at once, so
the handler's part of an update is also run for all of them at the same time, on one thread each.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.config import Config
from connector_registration.appflow import AppFlow
from connector_registration.request import Registration

from appflow_local_cloud.process import local_cloud
from tests.end_to_end.support import run_cdk
from tests.support import BROKEN_CONNECTOR, Account, connector, new_account_id

from .report import Table

APP = f"{sys.executable} -m tests.end_to_end.many_connectors_app"
CALLS_PER_SECOND = 10
# As long as an invocation of the handler has for its calls.
SECONDS_LEFT = 150


def measure(folder: Path, *, connectors: int = 200) -> dict[str, Any]:
    """Deploy, and ask AppFlow's journal what it took.

    Raises:
        RuntimeError: a deployment ended otherwise than it should.
    """
    with (folder / "deploys.log").open("w") as log, local_cloud(log) as cloud:
        account = Account(cloud, new_account_id())
        arn = account.make_function("made-elsewhere", connector("1"), granted=False)
        account.make_function("broken", BROKEN_CONNECTOR, granted=False)
        deploy = _Deployments(account, folder / "deploys", connectors)
        deploy("bootstrap", f"aws://{account.id}/us-east-1", release="1")
        cloud.configure_appflow(account.id, callsPerSecond=CALLS_PER_SECOND)
        steps = {
            "created": lambda: deploy("deploy", release="1"),
            "code changed": lambda: deploy("deploy", release="2"),
            "rolled back": lambda: deploy("deploy", release="3", fails=True),
            "changed, all at the same time": lambda: _all_at_once(account, arn, connectors),
        }
        results = {step: _watched(account, work, connectors) for step, work in steps.items()}
    return {"connectors": connectors, "calls_per_second": CALLS_PER_SECOND, "steps": results}


class _Deployments:
    """The CDK CLI on one app."""

    def __init__(self, account: Account, output: Path, connectors: int) -> None:
        self._account = account
        self._output = output
        self._connectors = connectors

    def __call__(self, *arguments: str, release: str, fails: bool = False) -> None:
        if arguments == ("deploy",):
            arguments = ("deploy", "--require-approval", "never")
        variables = {"CONNECTORS": str(self._connectors), "STACKS": "1", "RELEASE": release}
        broken = {"BROKEN": "yes"} if fails else {}
        result = run_cdk(self._account, APP, self._output, *arguments, **variables, **broken)
        refused = "connector acme-broken: ConnectorServerException" in result.stderr
        if (result.returncode != 0, refused) != (fails, fails):
            raise RuntimeError(result.stdout + result.stderr)


def _all_at_once(account: Account, arn: str, connectors: int) -> None:
    """The calls of an update and its read-back, for every connector on a thread of its own."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=connectors
    )
    client = account.client("appflow", config=config)
    end = time.monotonic() + SECONDS_LEFT

    def update(label: str) -> None:
        appflow = AppFlow(
            client, request_id=str(uuid4()), seconds_left=lambda: end - time.monotonic()
        )
        registration = Registration(label, arn, None, None, False)
        appflow.update(registration, description=None)
        appflow.read_back(registration)

    with ThreadPoolExecutor(connectors) as threads:
        list(threads.map(update, [f"acme-{number:03d}" for number in range(connectors)]))


def _watched(account: Account, work: Callable[[], None], connectors: int) -> dict[str, Any]:
    before = len(account.calls())
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    calls = _after_the_failure(account.calls(after=before))
    answered = [call for call in calls if call["outcome"] != "ThrottlingException"]
    outcomes = Counter(call["outcome"] for call in answered)
    if set(outcomes) != {"OK"}:
        raise RuntimeError(f"not every call succeeded: {outcomes}")
    return {
        "calls_per_connector": len(answered) / connectors,
        "throttled": len(calls) - len(answered),
        "seconds": seconds,
        "seconds_of_calls": _span(calls),
        # The bucket is full at first.
        "floor": (len(answered) - CALLS_PER_SECOND) / CALLS_PER_SECOND,
    }


def _after_the_failure(calls: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The rollback's calls, if the connector that is there to fail was among those called."""
    failed = [n for n, call in enumerate(calls) if _label(call) == "acme-broken"]
    return (
        [call for call in calls[failed[0] :] if _label(call) != "acme-broken"] if failed else calls
    )


def _label(call: Mapping[str, Any]) -> str:
    label: str = call["parameters"]["connectorLabel"]
    return label


def _span(calls: Sequence[Mapping[str, Any]]) -> float:
    times = [datetime.fromisoformat(call["at"]) for call in calls]
    return (max(times) - min(times)).total_seconds()


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """One row for each deployment."""
    return {
        "deploys": Table(
            [
                *(f"{results['connectors']} connectors", "calls a connector", "throttled tries"),
                *("from the first call to the last", "the throttle's own floor", "ratio"),
            ],
            [
                [
                    step,
                    f"{one['calls_per_connector']:.2f}",
                    f"{one['throttled']:,}",
                    f"{one['seconds_of_calls']:.1f} s",
                    f"{one['floor']:.1f} s",
                    f"{one['seconds_of_calls'] / one['floor']:.2f}",
                ]
                for step, one in results["steps"].items()
            ],
        )
    }
