"""What calls to AppFlow meet on the way, when the local cloud was started for that."""

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
from tests.local_cloud.support import refusal, user_client
from tests.support import Account, connector, new_account_id

LABEL = "acme-crm"


@pytest.fixture(scope="module")
def account(faulty_cloud: LocalCloud) -> Account:
    account = Account(faulty_cloud, new_account_id())
    account.register(LABEL, account.make_function("crm", connector()))
    return account


@pytest.fixture
def faults(faulty_cloud: LocalCloud) -> Iterator[Faults]:
    assert faulty_cloud.faults is not None
    yield faulty_cloud.faults
    faulty_cloud.faults.use()


def through_the_proxy(faults: Faults) -> dict[str, Any]:
    config = Config(retries={"total_max_attempts": 1})
    return {"endpoint_url": f"http://127.0.0.1:{faults.port}", "config": config}


@pytest.fixture
def appflow(account: Account, faults: Faults) -> Any:
    """A client that meets the faults, as the functions of the local cloud do."""
    return account.cloud.client("appflow", account.id, **through_the_proxy(faults))


def updates(account: Account) -> int:
    return account.operations().count("UpdateConnectorRegistration")


def test_an_error_comes_as_often_as_the_rule_says(
    account: Account, appflow: Any, faults: Faults
) -> None:
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
def test_every_error_of_the_model_comes_as_the_model_has_it(
    appflow: Any, faults: Faults, code: str, status: int
) -> None:
    faults.use({"error": {"code": code, "message": "Not today"}})

    refused = refusal(appflow.update_connector_registration, connectorLabel=LABEL)

    assert refused == (code, status, "Not today")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_bare_status_comes_as_from_the_front_door(
    appflow: Any, faults: Faults, status: int
) -> None:
    faults.use({"error": {"code": "FrontDoor", "status": status}})

    assert refusal(appflow.list_connectors)[1] == status


def test_an_answer_can_take_longer_than_anybody_waits(
    account: Account, appflow: Any, faults: Faults
) -> None:
    faults.use({"timeout_ms": 30_000})
    impatient = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    settings = {**through_the_proxy(faults), "config": impatient}
    before = updates(account)

    with pytest.raises(ReadTimeoutError):
        account.client("appflow", **settings).update_connector_registration(connectorLabel=LABEL)

    assert updates(account) == before


def test_an_answer_can_be_late(account: Account, appflow: Any, faults: Faults) -> None:
    appflow.list_connectors()  # The first call of a client takes longer than the others.
    faults.use({"latency": 2_000})
    before, started = len(account.calls()), time.monotonic()

    appflow.list_connectors()

    assert time.monotonic() - started >= 2
    assert len(account.calls()) == before + 1


def outcomes(account: Account, seed: int) -> list[bool]:
    """Which of twenty calls come through a proxy that fails half of them."""
    faults = Faults(free_port())
    with proxy(port=faults.port, upstream_port=account.local_cloud.port, seed=seed):
        while not faults.is_ready():
            time.sleep(0.05)
        faults.use({"error": {"code": "ThrottlingException"}, "probability": 0.5})
        appflow = account.client("appflow", **through_the_proxy(faults))
        return [came_through(appflow) for _ in range(20)]


def came_through(appflow: Any) -> bool:
    try:
        appflow.list_connectors()
    except appflow.exceptions.ClientError:
        return False
    return True


def test_the_same_seed_throws_the_same_dice(cloud: LocalCloud) -> None:
    account = Account(cloud, new_account_id())

    first, again, other = (outcomes(account, seed) for seed in (1, 1, 2))

    assert again == first
    assert other != first
    assert 0 < sum(first) < 20


@pytest.mark.parametrize(
    ("rule", "reached"), [({"reset": True}, 0), ({"response": {"abort_bytes": 0}}, 1)]
)
def test_a_connection_is_lost_before_or_after_the_call_was_carried_out(
    account: Account, appflow: Any, faults: Faults, rule: dict[str, Any], reached: int
) -> None:
    faults.use({**rule, "times": 1})
    before = updates(account)

    with pytest.raises(ConnectionClosedError):
        appflow.update_connector_registration(connectorLabel=LABEL)

    assert updates(account) == before + reached


def test_a_rule_is_for_one_label_and_one_operation(appflow: Any, faults: Faults) -> None:
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
    # AppFlow itself says so.
    with pytest.raises(appflow.exceptions.ResourceNotFoundException):
        appflow.update_connector_registration(connectorLabel="another")


def test_more_faults_than_a_hundred_can_be_read_back(
    account: Account, appflow: Any, faults: Faults
) -> None:
    faults.use({"error": {"code": "ThrottlingException"}})
    before, calls = len(faults.fired()), len(account.calls())

    for _ in range(101):
        assert not came_through(appflow)

    met = faults.fired()[before:]
    assert [(fault["operation"], fault["action"]) for fault in met] == [
        ("ListConnectors", "error:ThrottlingException")
    ] * 101
    # What the proxy answers by itself is nowhere else.
    assert len(account.calls()) == calls


def test_a_signature_survives_the_proxy(account: Account, faults: Faults) -> None:
    clerk = user_client(account, ["appflow:*"], **through_the_proxy(faults))

    clerk.list_connectors()
    clerk._request_signer._credentials.secret_key = "guessed"
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        clerk.list_connectors()


def test_a_rule_that_is_none_is_refused(faults: Faults) -> None:
    with pytest.raises(
        ValueError, match=r"(?s)^microburst refuses .*often.* Its README has the rules$"
    ):
        faults.use({"probability": "often", "reset": True})
