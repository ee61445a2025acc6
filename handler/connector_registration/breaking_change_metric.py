"""Reports what a refresh outside of a deployment has broken.

Nothing rolls such a change back. So the handler writes its findings into the log, and a metric
that an alarm can watch. CloudWatch takes the metric from the log. Source: "Specification: Embedded
metric format" in the Amazon CloudWatch User Guide.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from . import sdk
from .appflow_calls import AppFlowCalls
from .decision_log import log_decision
from .errors import BreakingChangeError

NAMESPACE = "CdkAppFlowConnector"
METRIC = "BreakingChanges"
DIMENSION = "ConnectorLabel"


def report_breaking_changes(
    appflow: AppFlowCalls, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Report what breaks connector profiles and flows, if the template asks for the check.

    If what uses the connector cannot be read, the metric is 1.

    Args:
        appflow: reads what uses the connector.
        before: the configuration that DescribeConnector showed before the refresh.
        after: the same after it.
    """
    registration = appflow.registration
    if not registration.fails_on_breaking_change:
        return
    # It imports the shared package.
    from . import breaking_changes

    try:
        # It logs what it finds.
        count = len(breaking_changes.in_use(appflow, before, after))
    except BreakingChangeError as error:
        log_decision(f"breaking changes: {error}", registration, level=logging.ERROR)
        count = 1
    if count:
        _write_metric(registration.connector_label, count)


def _write_metric(label: str, count: int) -> None:
    definition = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": METRIC, "Unit": "Count"}],
    }
    line = {
        "_aws": {"Timestamp": round(sdk.now() * 1000), "CloudWatchMetrics": [definition]},
        DIMENSION: label,
        METRIC: count,
    }
    # A log handler would put it into another object.
    sys.stdout.write(json.dumps(line) + "\n")
