"""The provider's minimum timeout leaves the handler the time that the handler reserves."""

from __future__ import annotations

from cdk_appflow_connector import ConnectorRegistrationProvider
from cdk_appflow_connector._validation import HANDLER_RESERVE_SECONDS, MIN_TIMEOUT_SECONDS
from connector_registration import errors, time_budget


def test_reserve_is_the_handler_s() -> None:
    """The seconds that the constructs count with are those that the handler reserves."""
    assert HANDLER_RESERVE_SECONDS == time_budget.RESERVED_SECONDS


def test_minimum_timeout_leaves_time_for_iam() -> None:
    """Within the minimum timeout, the handler can retry until IAM has propagated a permission."""
    usable = MIN_TIMEOUT_SECONDS - time_budget.RESERVED_SECONDS

    assert usable > errors.RETRY_SECONDS["AccessDeniedException"]


def test_documented_reserve_is_the_handler_s() -> None:
    """The documentation of the provider's timeout names the handler's reserve."""
    documentation = str(ConnectorRegistrationProvider.__doc__)

    assert f"the last {time_budget.RESERVED_SECONDS:g} seconds" in " ".join(documentation.split())
