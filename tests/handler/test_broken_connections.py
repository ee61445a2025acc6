"""Every event meets connections to AppFlow that really break, and takes effect once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from connector_registration import sdk

from appflow_local_cloud.faults import Faults
from appflow_local_cloud.process import LocalCloud
from tests.handler.conftest import CloudFormation, ReusedAccount
from tests.handler.test_faults import EVENTS, case, effects, held
from tests.support import Account, new_account_id

# The proxy's words for a connection that is closed before AppFlow has seen the call, one that is
# closed after it has carried the call out, and one that stays silent.
BREAKS: Mapping[str, Mapping[str, Any]] = {
    "closed before": {"reset": True},
    "closed after": {"response": {"abort_bytes": 0}},
    "silent": {"timeout_ms": 60_000},
}


@pytest.fixture(scope="module")
def reused_account(faulty_cloud: LocalCloud) -> ReusedAccount:
    return ReusedAccount(faulty_cloud, new_account_id())


@pytest.fixture
def faults(
    account: Account, faulty_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faults]:
    """The way of the handler to AppFlow, and of nobody else."""
    faults = faulty_cloud.faults
    assert faults is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPFLOW", faults.endpoint_url)
    # For a second and not for forty.
    monkeypatch.setitem(sdk.PATIENCE, "appflow", sdk.PATIENCE["appflow"]._replace(read=1))
    sdk.client.cache_clear()
    yield faults
    faults.use()
    sdk.client.cache_clear()


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("fault", BREAKS)
def test_an_event_outlasts_a_broken_connection(
    kind: str,
    fault: str,
    account: Account,
    cloudformation: CloudFormation,
    faults: Faults,
    old: str,
    new: str,
) -> None:
    situation = case(kind, "acme-crm", old, new)
    for registered, arn in situation.before.items():
        account.register(registered, arn)
    faults.use({"operation": situation.operation, "times": 1, **BREAKS[fault]})
    calls, met = len(account.calls()), len(faults.fired())

    answer = cloudformation.send(situation.request_type, {}, **situation.event)

    assert len(faults.fired()) == met + 1
    assert answer["Status"] == "SUCCESS"
    assert held(account, situation) == situation.after
    assert len(effects(account.calls()[calls:])) == 1
