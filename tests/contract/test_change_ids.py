"""The ids of breaking changes that the handler reports can be acknowledged in the app."""

from __future__ import annotations

from typing import Any

import pytest
from cdk_appflow_connector._validation import CHANGE_ID

from appflow_connector_configuration.findings import findings

CONFIGURATION: dict[str, Any] = {
    "supportedApiVersions": ["v51.0", "2024-01: final, in part", "100%", "第 2", "a\u200bb"]
}


@pytest.mark.parametrize("finding", findings(CONFIGURATION, {}), ids=lambda finding: finding.id)
def test_id_can_be_acknowledged(finding: Any) -> None:
    """The construct accepts the id of every finding."""
    assert CHANGE_ID.fullmatch(finding.id)
