"""cfn-lint, with the settings of the checkout."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_cfn_lint(*templates: Path, options: Sequence[str] = ()) -> tuple[str, int]:
    """What cfn-lint prints about templates, and its exit code."""
    program = Path(sys.executable).with_name("cfn-lint")
    result = subprocess.run(
        [str(program), *options, "--", *map(str, templates)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return result.stdout + result.stderr, result.returncode
