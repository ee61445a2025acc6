"""The log lines of decisions: what the handler does about a registration, and what has changed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from .appflow_calls import Connector
from .request import Registration

logger = logging.getLogger(__name__)

_MAX_SHOWN_LENGTH = 200


def log_decision(
    decision: str, registration: Registration, *, level: int = logging.INFO, **members: object
) -> None:
    """Log a decision about a registration."""
    logger.log(
        level,
        {
            "decision": decision,
            "label": registration.connector_label,
            "lambda_arn": registration.lambda_arn,
            **members,
        },
    )


def changes(before: Connector, after: Connector) -> Mapping[str, str]:
    """Return what AppFlow shows otherwise than before, by its names."""
    old, new = before.configuration, after.configuration
    return {
        name: f"{_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in after.differences(before)
    }


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_SHOWN_LENGTH else text[:_MAX_SHOWN_LENGTH] + "..."
