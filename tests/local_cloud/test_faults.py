"""What calls to AppFlow meet on the way, when the local cloud was started for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from appflow_local_cloud.faults import Faults
from appflow_local_cloud.running import LocalCloud
from tests.local_cloud.support import user_client
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
    assert faults.met()[-1]["action"] == "error:ThrottlingException"


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


def test_a_rule_is_for_one_label_and_one_operation(
    account: Account, appflow: Any, faults: Faults
) -> None:
    failure = {"error": {"code": "InternalServerException"}}
    faults.use(
        {"body": "connectorLabel == 'another'", **failure},
        {"operation": "RegisterConnector", **failure},
    )

    appflow.update_connector_registration(connectorLabel=LABEL)


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
