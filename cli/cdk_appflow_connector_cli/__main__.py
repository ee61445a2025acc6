"""``cdk-appflow-connector``, and ``python -m cdk_appflow_connector_cli``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from .arguments import PROGRAM, parser

_COULD_NOT_TELL = 2


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line, from ``sys.argv`` by default, and return the exit code."""
    arguments = parser().parse_args(words)
    try:
        from .aws import StatusError
        from .status import status
    except ModuleNotFoundError as missing:
        return _fail(f"{missing}. Install what the script needs: pip install '{PROGRAM}[cli]'")
    try:
        return status(
            stack=arguments.stack,
            region=arguments.region,
            profile=arguments.profile,
            as_json=arguments.json,
        )
    except StatusError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted")
    except Exception:  # noqa: BLE001 - Python's own exit code for it is 1, which stands for drift
        traceback.print_exc()
        return _COULD_NOT_TELL


def _fail(message: str) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return _COULD_NOT_TELL


if __name__ == "__main__":
    sys.exit(main())
