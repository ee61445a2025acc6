"""``cdk deploy`` of many connectors, without faults and with AppFlow failing often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from appflow_local_cloud.process import LocalCloud
from tests.end_to_end.support import bootstrap, run_cdk
from tests.support import Account, connector, new_account_id

APP = "tests.end_to_end.many_connectors_app"

# Each fault happens this often for certain, and then at random. AppFlow refuses the first calls, so
# that the first lost responses may be those of refusals.
FAULTS: list[tuple[dict[str, Any], int, float]] = [
    ({"error": {"code": "InternalServerException", "status": 503}}, 1, 0.05),
    ({"reset": True}, 1, 0.05),
    ({"response": {"abort_bytes": 0}}, 12, 0.15),
]
# The proxy's names of these faults.
FIRED = {"error:InternalServerException", "reset", "response:abort"}


class Deployment:
    """An app with a number of connectors in a number of stacks, in a bootstrapped account."""

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
        """Give the shared functions a new version, and deploy a release that refreshes it."""
        for function in self._functions:
            self.account.change_code(function, connector(str(release)))
        stacks = self._size["STACKS"]
        options = ["--all", "--concurrency", stacks, "--require-approval", "never"]
        variables = {**self._size, "RELEASE": str(release), "PREFIX": self._prefix}
        result = run_cdk(self.account, APP, self._output, "deploy", *options, **variables)
        assert result.returncode == 0, result.stdout + result.stderr

    def versions(self) -> Counter[str]:
        """The number of the app's registered connectors by version."""
        return Counter(
            connector["connectorVersion"]
            for connector in self.account.connectors()
            if connector["connectorLabel"].startswith(self._prefix)
        )

    def calls(self, operation: str, *, after: int) -> list[Mapping[str, Any]]:
        """The calls of an operation after the first ``after`` calls in the account."""
        return [call for call in self.account.calls(after=after) if call["operation"] == operation]


OPERATIONS = ((1, "RegisterConnector"), (2, "UpdateConnectorRegistration"))


@pytest.mark.anywhere
def test_two_stacks_share_a_function(target: Account, prefix: str, tmp_path: Path) -> None:
    """The connectors of two stacks follow the version of a shared function."""
    deployment = Deployment(target, prefix, tmp_path, connectors=6, stacks=2)
    for release, _ in OPERATIONS:
        deployment.deploy(release)

        assert deployment.versions() == {str(release): 6}


def test_every_event_takes_effect_once(
    faulty_cloud: LocalCloud, prefix: str, tmp_path: Path
) -> None:
    """Each of 20 events takes effect exactly once although calls fail in every way."""
    faults = faulty_cloud.faults
    assert faults is not None
    account = Account(faulty_cloud, new_account_id())
    bootstrap(account)
    deployment = Deployment(account, prefix, tmp_path, connectors=20, stacks=4)
    for release, operation in OPERATIONS:
        before, met = len(account.calls()), len(faults.fired())
        faults.use(
            *({**fault, "operation": operation, "times": times} for fault, times, _ in FAULTS),
            *({**fault, "probability": probability} for fault, _, probability in FAULTS),
        )
        # Four stacks make more calls than these at the same time, on slow machines too. A new
        # permission denies at least the first call.
        faulty_cloud.configure_appflow(account.id, callsPerSecond=3, permissionDelaySeconds=0.5)

        deployment.deploy(release)

        faults.use()
        faulty_cloud.configure_appflow(account.id)
        assert deployment.versions() == {str(release): 20}
        changes = deployment.calls(operation, after=before)
        tokens = {call["parameters"]["clientToken"] for call in changes}
        effects = [
            call["parameters"]["clientToken"]
            for call in changes
            if call["outcome"] == "OK" and not call["remembered"]
        ]
        assert len(tokens) == 20
        assert sorted(effects) == sorted(tokens)
        # Calls whose responses were lost were repeated with the same tokens.
        assert any(call["remembered"] for call in changes)
        # All of AppFlow's own errors occurred.
        assert {call["outcome"] for call in changes} == {
            "OK",
            "ThrottlingException",
            "AccessDeniedException",
        }
        assert {fault["action"] for fault in faults.fired()[met:]} == FIRED


@pytest.mark.nightly
def test_200_connectors_fit_into_one_stack(account: Account, prefix: str, tmp_path: Path) -> None:
    """200 connectors in one stack are deployed and refreshed with one call each."""
    bootstrap(account)
    deployment = Deployment(account, prefix, tmp_path, connectors=200, stacks=1, functions=10)
    for release, operation in OPERATIONS:
        before = len(deployment.account.calls())

        deployment.deploy(release)

        assert deployment.versions() == {str(release): 200}
        outcomes = [call["outcome"] for call in deployment.calls(operation, after=before)]
        assert outcomes == ["OK"] * 200
