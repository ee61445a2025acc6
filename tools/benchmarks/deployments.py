"""Calls for each connector: created, changed, rolled back, and changed outside of deployments.

AppFlow throttles meanwhile. The local cloud handles one custom resource of a stack after the other,
while CloudFormation handles several at a time. It delivers the events of rules at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appflow_local_cloud.process import LocalCloud, local_cloud
from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import BROKEN_CONNECTOR, LastingAccount, connector, new_account_id

from .deployments_calls import CALLS_PER_SECOND, Recorder, Step
from .deployments_external import external_steps
from .report import Table

APP = "tests.end_to_end.many_connectors_app"

_STEPS: Mapping[str, Mapping[str, str]] = {
    "created": {"RELEASE": "1"},
    "changed": {"RELEASE": "2"},
    "rolled back": {"RELEASE": "3", "BROKEN": "yes"},
}
_BROKEN_LABEL = "acme-broken"


def measure(folder: Path, *, connectors: int = 200) -> dict[str, Any]:
    """Deploy the stacks, change functions, and count the calls to AppFlow and to Lambda.

    Raises:
        RuntimeError: a deployment or a call had another outcome than the expected one.
    """
    with (folder / "deployments.log").open("w") as log, local_cloud(log) as cloud:
        output = folder / "deployments"
        steps = {
            **_deployments(cloud, output, connectors),
            **external_steps(cloud, output / "external", APP, connectors),
        }
    figures = {name: step.figures(connectors) for name, step in steps.items()}
    return {"connectors": connectors, "calls_per_second": CALLS_PER_SECOND, "steps": figures}


def _deployments(cloud: LocalCloud, output: Path, connectors: int) -> dict[str, Step]:
    """Deploy one stack again and again, at last with a connector that fails after all others."""
    account = LastingAccount(cloud, new_account_id())
    try:
        shared = account.make_function("made-elsewhere", connector("1"), granted=False)
        account.make_function("broken", BROKEN_CONNECTOR, granted=False)
        bootstrap(account)
        cloud.configure_appflow(account.id, callsPerSecond=CALLS_PER_SECOND)
        recorder = Recorder(account, [shared])
        steps = {}
        for name, variables in _STEPS.items():
            recorder.begin()
            _deploy(account, output, connectors, variables)
            step = recorder.step()
            is_failure = "BROKEN" in variables
            steps[name] = step.without_the_failure(_BROKEN_LABEL) if is_failure else step
        return steps
    finally:
        account.close()


def _deploy(
    account: LastingAccount, output: Path, connectors: int, variables: Mapping[str, str]
) -> None:
    size = {"CONNECTORS": str(connectors), "STACKS": "1"}
    command = ("deploy", "--require-approval", "never")
    result = run_cdk(account, APP, output, *command, **size, **variables)
    is_broken = "BROKEN" in variables
    refused = f"connector {_BROKEN_LABEL}: ConnectorServerException" in result.stderr
    if (result.returncode != 0, refused) != (is_broken, is_broken):
        raise RuntimeError(result.stdout + result.stderr)


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """One row for each deployment, and for each kind of event of changes outside of them."""
    return {
        "deployments": Table(
            [
                f"{results['connectors']} connectors",
                "AppFlow calls per connector",
                "Lambda calls per connector",
                "throttled",
                "first call to last",
                "least possible",
                "ratio",
            ],
            [
                [
                    step,
                    f"{one['calls_per_connector']:.2f}",
                    f"{one['lambda_calls_per_connector']:.2f}",
                    f"{one['throttled']:,}",
                    f"{one['seconds_of_calls']:.1f} s",
                    f"{one['least_seconds']:.1f} s",
                    f"{one['seconds_of_calls'] / one['least_seconds']:.2f}",
                ]
                for step, one in results["steps"].items()
            ],
        )
    }
