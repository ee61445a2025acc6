"""``cdk-appflow-connector``, and ``python -m cdk_appflow_connector_cli``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from .arguments import PROGRAM, parser

_EXIT_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, from ``sys.argv`` by default, and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        from .aws import StatusError
        from .status import status
    except ModuleNotFoundError as missing:
        return _fail(f"{missing}. Install the dependencies: pip install '{PROGRAM}[cli]'")
    try:
        return status(
            stack=options.stack,
            region=options.region,
            profile=options.profile,
            as_json=options.json,
        )
    except StatusError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted")
    except Exception:  # noqa: BLE001 - Python would exit with 1, which stands for drift
        traceback.print_exc()
        return _EXIT_ERROR


def _fail(message: str) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return _EXIT_ERROR


if __name__ == "__main__":
    sys.exit(main())
