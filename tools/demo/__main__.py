"""Watch ``cdk deploy`` register a connector and move its registration: ``make demo``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console

from appflow_local_cloud.process import StartError, local_cloud

from .deployment import Deployment
from .screen import Screen
from .steps import Demo, UnexpectedStateError

_FOLDER = Path("build", "demo")


def main() -> int:
    """Run the demo and return its exit code."""
    console = Console(highlight=False)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    log_path = _FOLDER / "demo.log"
    console.print("Starting the local cloud on this machine. No AWS account is used.")
    console.print(f"The full output of all tools is in {log_path}")
    started = time.monotonic()
    with log_path.open("w") as log:
        try:
            with local_cloud(log) as cloud:
                deployment = Deployment(cloud, log, _FOLDER / "cdk.out")
                Demo(deployment, Screen(console), _FOLDER).run()
        except (StartError, UnexpectedStateError) as error:
            console.print(f"[bold red]The demo failed: {error}[/]. See {log_path}")
            return 1
        except KeyboardInterrupt:
            console.print("Interrupted. The local cloud has been stopped.")
            return 130
    console.print(f"\nAll steps ended as expected, in {time.monotonic() - started:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
