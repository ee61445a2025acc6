"""Every kind of event over connections to AppFlow that really break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from connector_registration import sdk

from appflow_local_cloud.faults import Faults
from appflow_local_cloud.process import LocalCloud
from tests.handler.accounts import ReusedAccount
from tests.handler.cloudformation import CloudFormation
from tests.handler.events import LABEL
from tests.handler.scenarios import KINDS, effects, scenario
from tests.support import Account, connector, new_account_id

pytestmark = pytest.mark.slow

# The proxy's rules for a connection that stays silent until the handler has given the call up, one
# that is closed before AppFlow has seen the call, and one that is closed after AppFlow has carried
# the call out. The proxy cannot stop while it is silent, so that comes first.
BREAKS: Mapping[str, Mapping[str, Any]] = {
    "silent": {"timeout_ms": 3_000},
    "closed before": {"reset": True},
    "closed after": {"response": {"abort_bytes": 0}},
}


@pytest.fixture(scope="module")
def reused_account(faulty_cloud: LocalCloud) -> Iterator[ReusedAccount]:
    """An account of the local cloud with the proxy."""
    account = ReusedAccount(faulty_cloud, new_account_id())
    # The first calls take longer than the handler waits here.
    account.register(LABEL, account.make_function("old", connector("1.0")))
    yield account
    account.close()


@pytest.fixture
def faults(
    account: Account, faulty_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faults]:
    """The faults of the handler's connections to AppFlow, and of no other connections."""
    faults = faulty_cloud.faults
    assert faults is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPFLOW", faults.endpoint_url)
    # Not the forty seconds of a deployed handler.
    monkeypatch.setitem(sdk.TIMEOUTS, "appflow", sdk.TIMEOUTS["appflow"]._replace(read=1))
    sdk.client.cache_clear()
    yield faults
    faults.use()
    sdk.client.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", BREAKS)
def test_event_survives_a_broken_connection(
    kind: str,
    fault: str,
    account: Account,
    cloudformation: CloudFormation,
    faults: Faults,
    old: str,
    new: str,
) -> None:
    """An event whose first call meets a broken connection succeeds, with one effect."""
    event = scenario(kind, LABEL, old, new)
    event.set_up(account)
    faults.use({"operation": event.operation, "times": 1, **BREAKS[fault]})
    calls, met = len(account.calls()), len(faults.fired())

    response = cloudformation.send(event.request_type, {}, **event.event)

    assert len(faults.fired()) == met + 1
    assert response["Status"] == "SUCCESS"
    assert event.registered(account) == event.after
    assert len(effects(account.calls(after=calls))) == 1
