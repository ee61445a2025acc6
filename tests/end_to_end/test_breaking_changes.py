"""``cdk deploy`` of a connector that loses an API version, with the permissions of the handler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.support import bootstrap, run_cdk
from tests.handler.flows import make_flow, versions
from tests.local_cloud.support import LABEL
from tests.support import Account

APP = "tests.end_to_end.breaking_app"
DEPLOY = ["deploy", "--require-approval", "never"]
REFUSED = (
    "connector acme-crm: the new code breaks 1 flow, and on_breaking_change is FAIL:"
    " API_VERSION_REMOVED:v1 (flow orders). Keep what they use, or change them first, or add the"
    " ids to acknowledged_changes."
)


class Deployed:
    """The app in an account."""

    def __init__(self, account: Account, output: Path) -> None:
        self.account = account
        self._output = output

    def deploy(self, names: str, *, acknowledged: str = "", former: str = "") -> str:
        """Deploy some API versions; return the error, empty after a success."""
        variables = {"VERSIONS": names, "ACKNOWLEDGED": acknowledged, "FORMER": former}
        result = run_cdk(self.account, APP, self._output, *DEPLOY, **variables)
        # The CLI does not always read the reason before the stack is rolled back.
        return "\n".join([result.stderr, *self._reasons()]) if result.returncode else ""

    def _reasons(self) -> Iterator[str]:
        found = self.account.client("cloudformation").describe_stack_events(StackName="Breaking")
        for event in found["StackEvents"]:
            yield event.get("ResourceStatusReason", "")

    @property
    def versions(self) -> list[str]:
        """The API versions that AppFlow shows."""
        registered = self.account.registered(LABEL)
        assert registered is not None
        found: list[str] = registered["supportedApiVersions"]
        return found


@pytest.fixture
def deployed(account: Account, tmp_path: Path) -> Deployed:
    """The app, which is not deployed yet."""
    bootstrap(account)
    return Deployed(account, tmp_path)


def test_breaking_change_is_refused_or_acknowledged(deployed: Deployed) -> None:
    """What a flow uses is removed only if that is acknowledged, and what nothing uses at once."""
    assert deployed.deploy("v1,v2,v3") == ""
    make_flow(deployed.account)

    assert deployed.deploy("v1,v2") == ""
    assert deployed.versions == ["v1", "v2"]

    assert REFUSED in deployed.deploy("v2")
    assert deployed.versions == ["v1", "v2"]

    assert deployed.deploy("v2", acknowledged="API_VERSION_REMOVED:v1") == ""
    assert deployed.versions == ["v2"]


def test_breaking_adoption_is_taken_back(deployed: Deployed) -> None:
    """A label that a refused creation has adopted gets its former function back."""
    former = deployed.account.make_function("by-hand", versions("v1", "v2"))
    deployed.account.register(LABEL, former)
    make_flow(deployed.account)

    error = deployed.deploy("v2", former=former)

    assert f"{REFUSED} AppFlow has the function from before the adoption again, {former}." in error
    assert deployed.account.registered_arn(LABEL) == former
