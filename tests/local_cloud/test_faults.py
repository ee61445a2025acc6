"""Faults that calls to AppFlow meet, on a local cloud that was started with a proxy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from appflow_local_cloud.environment import free_port
from appflow_local_cloud.faults import Faults, proxy
from appflow_local_cloud.process import LocalCloud
from tests.local_cloud.support import LABEL, WITHOUT_RETRIES, refusal, user_client
from tests.support import Account, connector, new_account_id


@pytest.fixture(scope="module")
def account(faulty_cloud: LocalCloud) -> Account:
    """An account with a registered connector."""
    account = Account(faulty_cloud, new_account_id())
    account.register(LABEL, account.make_function("crm", connector()))
    return account


@pytest.fixture
def faults(faulty_cloud: LocalCloud) -> Iterator[Faults]:
    """The proxy's rules, of which none are left after the test."""
    assert faulty_cloud.faults is not None
    yield faulty_cloud.faults
    faulty_cloud.faults.use()


def through_proxy(faults: Faults) -> dict[str, Any]:
    """The settings of a client that calls AppFlow through a proxy, once for each operation."""
    return {"endpoint_url": faults.endpoint_url, "config": WITHOUT_RETRIES}


@pytest.fixture
def appflow(account: Account, faults: Faults) -> Any:
    """A client that meets the faults, like the functions of the local cloud."""
    return account.client("appflow", **through_proxy(faults))


def updates(account: Account) -> int:
    """How many updates AppFlow has received in an account."""
    return account.operations().count("UpdateConnectorRegistration")


def is_served(appflow: Any) -> bool:
    """Whether a call meets no fault."""
    try:
        appflow.list_connectors()
    except appflow.exceptions.ClientError:
        return False
    return True


def test_fault_occurs_as_often_as_its_rule_says(
    account: Account, appflow: Any, faults: Faults
) -> None:
    """A fault with ``times`` meets that many calls, which AppFlow does not receive."""
    faults.use({"error": {"code": "ThrottlingException"}, "times": 1})
    before = updates(account)

    with pytest.raises(ClientError) as error:
        appflow.update_connector_registration(connectorLabel=LABEL)
    appflow.update_connector_registration(connectorLabel=LABEL)

    assert error.value.response["Error"]["Code"] == "ThrottlingException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert updates(account) == before + 1
    assert faults.fired()[-1]["action"] == "error:ThrottlingException"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ConflictException", 409),
        ("ConnectorAuthenticationException", 401),
        ("ConnectorServerException", 400),
        ("InternalServerException", 500),
        ("ResourceNotFoundException", 404),
        ("ServiceQuotaExceededException", 402),
        ("ThrottlingException", 429),
        ("ValidationException", 400),
    ],
)
def test_fault_can_be_any_modeled_error(
    appflow: Any, faults: Faults, code: str, status: int
) -> None:
    """A fault can be any error of AppFlow's service model, with the model's HTTP status."""
    faults.use({"error": {"code": code, "message": "Not today"}})

    refused = refusal(appflow.update_connector_registration, connectorLabel=LABEL)

    assert refused == (code, status, "Not today")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_fault_can_be_bare_status(appflow: Any, faults: Faults, status: int) -> None:
    """A fault can be an HTTP status without an error of the model, as from a load balancer."""
    faults.use({"error": {"code": "FrontDoor", "status": status}})

    assert refusal(appflow.list_connectors)[1] == status


def test_fault_can_outlast_client_timeout(account: Account, faults: Faults) -> None:
    """A fault can hold a call until the client's timeout; AppFlow does not receive the call."""
    faults.use({"timeout_ms": 2_000})
    impatient = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    appflow = account.client("appflow", endpoint_url=faults.endpoint_url, config=impatient)
    before = updates(account)

    with pytest.raises(ReadTimeoutError):
        appflow.update_connector_registration(connectorLabel=LABEL)

    assert updates(account) == before


def test_fault_can_delay_response(account: Account, appflow: Any, faults: Faults) -> None:
    """A fault can delay the response to a call that AppFlow carries out."""
    appflow.list_connectors()  # The first call of a client takes longer than later ones.
    faults.use({"latency": 1_000})
    before, started = len(account.calls()), time.monotonic()

    appflow.list_connectors()

    assert time.monotonic() - started >= 1
    assert len(account.calls()) == before + 1


def served_calls(account: Account, seed: int) -> list[bool]:
    """Which of twenty calls are served through a new proxy that fails half of all calls."""
    faults = Faults(free_port())
    with proxy(port=faults.port, upstream_port=account.local_cloud.port, seed=seed):
        while not faults.is_ready():
            time.sleep(0.05)
        faults.use({"error": {"code": "ThrottlingException"}, "probability": 0.5})
        appflow = account.client("appflow", **through_proxy(faults))
        return [is_served(appflow) for _ in range(20)]


def test_seed_determines_faults(cloud: LocalCloud) -> None:
    """The same seed and the same calls meet the same faults."""
    account = Account(cloud, new_account_id())

    first, again, other = (served_calls(account, seed) for seed in (1, 1, 2))

    assert again == first
    assert other != first
    assert 0 < sum(first) < 20


@pytest.mark.parametrize(
    ("rule", "received"), [({"reset": True}, 0), ({"response": {"abort_bytes": 0}}, 1)]
)
def test_fault_can_close_connection(
    account: Account, appflow: Any, faults: Faults, rule: dict[str, Any], received: int
) -> None:
    """A fault can close the connection before AppFlow receives a call, or after it served it."""
    faults.use({**rule, "times": 1})
    before = updates(account)

    with pytest.raises(ConnectionClosedError):
        appflow.update_connector_registration(connectorLabel=LABEL)

    assert updates(account) == before + received


def test_rule_selects_label_and_operation(appflow: Any, faults: Faults) -> None:
    """A rule can select the calls of one operation for one label."""
    faults.use(
        {
            "operation": "UpdateConnectorRegistration",
            "body": f"connectorLabel == '{LABEL}'",
            "error": {"code": "InternalServerException"},
        }
    )

    with pytest.raises(appflow.exceptions.InternalServerException):
        appflow.update_connector_registration(connectorLabel=LABEL)
    appflow.describe_connector(connectorType="CustomConnector", connectorLabel=LABEL)
    # AppFlow's own error.
    with pytest.raises(appflow.exceptions.ResourceNotFoundException):
        appflow.update_connector_registration(connectorLabel="another")


def test_fired_returns_more_than_100_faults(account: Account, appflow: Any, faults: Faults) -> None:
    """All faults can be read back, also more than microburst returns by default."""
    faults.use({"error": {"code": "ThrottlingException"}})
    before, calls = len(faults.fired()), len(account.calls())

    assert not any(is_served(appflow) for _ in range(101))

    fired = faults.fired()[before:]
    assert [(fault["operation"], fault["action"]) for fault in fired] == [
        ("ListConnectors", "error:ThrottlingException")
    ] * 101
    # The journal does not have the calls to which the proxy responds.
    assert len(account.calls()) == calls


def test_signature_is_checked_behind_proxy(account: Account, faults: Faults) -> None:
    """A signature is valid behind the proxy, and a wrong one is refused."""
    clerk = user_client(account, ["appflow:*"], **through_proxy(faults))

    clerk.list_connectors()
    clerk._request_signer._credentials.secret_key = "guessed"
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        clerk.list_connectors()


def test_invalid_rule_is_refused(faults: Faults) -> None:
    """A rule that microburst refuses is reported with microburst's reason."""
    with pytest.raises(
        ValueError, match=r"(?s)^microburst refuses .*often.* Its README documents the rules$"
    ):
        faults.use({"probability": "often", "reset": True})
