"""``cdk deploy`` of many connectors, on a good day and on AppFlow's worst."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from appflow_local_cloud.process import LocalCloud
from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account, connector, new_account_id

APP = f"{sys.executable} -m tests.end_to_end.many_connectors_app"

FAULTS: list[dict[str, Any]] = [
    {"error": {"code": "InternalServerException", "status": 503}, "probability": 0.05},
    {"reset": True, "probability": 0.05},
    {"response": {"abort_bytes": 0}, "probability": 0.15},
]
# How the proxy names what they did.
ACTIONS = {"error:InternalServerException", "reset", "response:abort"}


class Deployment:
    """An app with so many connectors in so many stacks, in an account that is bootstrapped."""

    def __init__(
        self,
        account: Account,
        prefix: str,
        output: Path,
        *,
        connectors: int,
        stacks: int,
        functions: int = 1,
    ) -> None:
        self.account = account
        self._prefix = prefix
        numbers = ["", *(f"-{number}" for number in range(1, functions))]
        self._functions = [f"{prefix}made-elsewhere{number}" for number in numbers]
        for function in self._functions:
            account.make_function(function, connector("0"), granted=False)
        self._output = output
        self._size = {
            "CONNECTORS": str(connectors),
            "STACKS": str(stacks),
            "FUNCTIONS": str(functions),
        }

    def deploy(self, release: int) -> None:
        """Change the functions that the connectors share, and announce it."""
        for function in self._functions:
            self.account.change_code(function, connector(str(release)))
        stacks = self._size["STACKS"]
        at_once = ["--all", "--concurrency", stacks, "--require-approval", "never"]
        variables = {**self._size, "RELEASE": str(release), "PREFIX": self._prefix}
        result = run_cdk(self.account, APP, self._output, "deploy", *at_once, **variables)
        assert result.returncode == 0, result.stdout + result.stderr

    def versions(self) -> Counter[str]:
        """How many of the app's connectors AppFlow holds, by their version."""
        return Counter(
            one["connectorVersion"]
            for one in self.account.connectors()
            if one["connectorLabel"].startswith(self._prefix)
        )

    def calls(self, operation: str, *, after: int) -> list[Mapping[str, Any]]:
        return [one for one in self.account.calls(after=after) if one["operation"] == operation]


OPERATIONS = ((1, "RegisterConnector"), (2, "UpdateConnectorRegistration"))


@pytest.mark.anywhere
def test_connectors_of_two_stacks_follow_one_function(
    target: Account, prefix: str, tmp_path: Path
) -> None:
    deployment = Deployment(target, prefix, tmp_path, connectors=6, stacks=2)
    for release, _ in OPERATIONS:
        deployment.deploy(release)

        assert deployment.versions() == {str(release): 6}


def test_every_event_takes_effect_once_whatever_happens_to_the_calls(
    faulty_cloud: LocalCloud, prefix: str, tmp_path: Path
) -> None:
    faults = faulty_cloud.faults
    assert faults is not None
    account = Account(faulty_cloud, new_account_id())
    bootstrap(account, tmp_path)
    deployment = Deployment(account, prefix, tmp_path, connectors=50, stacks=5)
    for release, operation in OPERATIONS:
        before, met = len(account.calls()), len(faults.fired())
        # Each of them once for certain: no throw of the dice shall leave one out.
        faults.use(*({**fault, "probability": 1, "times": 1} for fault in FAULTS), *FAULTS)
        # Fewer calls than five stacks make at the same time, on slow machines too.
        faulty_cloud.configure_appflow(account.id, callsPerSecond=3, permissionDelaySeconds=2)

        deployment.deploy(release)

        faults.use()
        faulty_cloud.configure_appflow(account.id)
        assert deployment.versions() == {str(release): 50}
        changes = deployment.calls(operation, after=before)
        tokens = {call["parameters"]["clientToken"] for call in changes}
        effects = [
            call["parameters"]["clientToken"]
            for call in changes
            if call["outcome"] == "OK" and not call["remembered"]
        ]
        assert len(tokens) == 50
        assert sorted(effects) == sorted(tokens)
        # The lost answers were asked for again, under the same tokens.
        assert any(call["remembered"] for call in changes)
        # It was such a day.
        assert {call["outcome"] for call in changes} == {
            "OK",
            "ThrottlingException",
            "AccessDeniedException",
        }
        assert {fault["action"] for fault in faults.fired()[met:]} == ACTIONS


@pytest.mark.nightly
def test_two_hundred_connectors_fit_into_one_stack(
    account: Account, prefix: str, tmp_path: Path
) -> None:
    bootstrap(account, tmp_path)
    deployment = Deployment(account, prefix, tmp_path, connectors=200, stacks=1, functions=10)
    for release, operation in OPERATIONS:
        before = len(deployment.account.calls())

        deployment.deploy(release)

        assert deployment.versions() == {str(release): 200}
        outcomes = [call["outcome"] for call in deployment.calls(operation, after=before)]
        assert outcomes == ["OK"] * 200
