"""Signatures, error responses, unknown operations and throttling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local_cloud.support import LABEL, WITHOUT_RETRIES, refusal, user_client
from tests.support import Account, new_account_id


@pytest.mark.rule("model")
def test_error_code_is_in_header(appflow: Any) -> None:
    """The code of an error is in the header `x-amzn-errortype`."""
    with pytest.raises(ClientError) as error:
        appflow.unregister_connector(connectorLabel=LABEL)

    headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert headers["content-type"] == "application/json"


@pytest.mark.rule("SigV4")
def test_unsigned_request_is_refused(account: Account) -> None:
    """A request without a signature: `MissingAuthenticationTokenException`, 403."""
    unsigned = account.client("appflow", config=Config(signature_version=UNSIGNED))

    code, status, message = refusal(unsigned.list_connectors)

    assert (code, status) == ("MissingAuthenticationTokenException", 403)
    assert message == "Missing Authentication Token"


@pytest.mark.rule("SigV4")
def test_wrong_signature_is_refused(account: Account) -> None:
    """A request with a wrong signature: `InvalidSignatureException`, 403."""
    clerk = user_client(account, ["appflow:*"])
    clerk._request_signer._credentials.secret_key = "guessed"

    code, status, _ = refusal(clerk.list_connectors)

    assert (code, status) == ("InvalidSignatureException", 403)


@pytest.mark.rule("model")
def test_too_many_calls_are_throttled(account: Account) -> None:
    """Calls above the rate: `ThrottlingException`, 429; the rate is unlimited by default."""
    appflow = account.client("appflow", config=WITHOUT_RETRIES)
    account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)
    appflow.list_connectors()

    code, status, message = refusal(appflow.list_connectors)

    assert (code, status, message) == ("ThrottlingException", 429, "Rate exceeded")
    assert account.calls()[-1]["outcome"] == "ThrottlingException"


@pytest.mark.rule("model")
def test_calls_count_per_account_and_region(account: Account) -> None:
    """Calls are counted separately in each account and Region."""
    account.local_cloud.configure_appflow(account.id, callsPerSecond=0.001)
    neighbour = Account(account.cloud, new_account_id())
    for _ in range(5):
        neighbour.client("appflow").list_connectors()

    for owner in (account, replace(account, region="eu-west-1")):
        owner.client("appflow").list_connectors()

    assert [call["outcome"] for call in neighbour.calls()] == ["OK"] * 5
    assert [call["outcome"] for call in account.calls()] == ["OK"] * 2
