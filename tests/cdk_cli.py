"""The CDK CLI on the local cloud, where it need not be patient."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def quick_cli() -> Mapping[str, str]:
    """Variables with which the CDK CLI looks at stacks more often, and does its work only.

    It is compiled once for all its starts, and neither reads notices nor sends telemetry. They are
    for the local cloud: AWS throttles programs that ask too often.
    """
    polls = f'--require "{Path(__file__).with_name("short_polls.cjs")}"'
    return {
        "NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} {polls}".strip(),
        "NODE_COMPILE_CACHE": str(ROOT / "build" / "node-compile-cache"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_NOTICES": "false",
    }
