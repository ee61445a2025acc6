"""The growth of a stack with its connectors: resources, template, policies, seconds."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.synth.policies import policies

from .report import Table, progress

NUMBERS = (1, 10, 100, 200)
NAMES = {
    "native": "AWS::AppFlow::Connector + permission",
    "sdk-calls": "AwsCustomResource + permission",
    "provider": "Provider + CustomResource + permission",
    "ours": "ConnectorRegistration",
}
# The other way to a custom resource with a handler. The ratios are to it.
_PEER = "provider"

# "CloudFormation quotas" in the CloudFormation User Guide, "IAM and AWS STS quotas" in IAM's.
RESOURCES, TEMPLATE_BYTES = 500, 1_000_000
INLINE_CHARACTERS, MANAGED_CHARACTERS, MANAGED_POLICIES = 10_240, 6_144, 10


def measure(folder: Path, *, rounds: int = 7) -> dict[str, Any]:
    """Synthesise each kind of app with each number of connectors, one round after the other."""
    runs: dict[str, list[Any]] = {}
    turns = [(kind, number) for _ in range(rounds) for number in NUMBERS for kind in NAMES]
    for kind, number in progress("app", turns):
        runs.setdefault(f"{kind} {number}", []).append(_synthesise(kind, number, folder))
    medians = {
        f"{kind} {number}": _median(runs[f"{kind} {number}"], runs[f"{_PEER} {number}"])
        for number in NUMBERS
        for kind in NAMES
    }
    return {"rounds": rounds, "apps": medians}


def _synthesise(kind: str, number: int, folder: Path) -> Mapping[str, Any] | str:
    """The figures of an app, or the CDK's error."""
    out = folder / "growth" / f"{kind}-{number}"
    process = subprocess.run(
        [sys.executable, "-m", "tools.benchmarks.growth_app", kind, str(number), str(out)],
        capture_output=True,
        text=True,
    )
    if process.returncode != 0:
        return process.stderr.strip().splitlines()[-1]
    template = (out / "Growth.template.json").read_text()
    resources = json.loads(template)["Resources"]
    return {
        "seconds": float(process.stdout),
        "resources": len(resources),
        "bytes": len(template),
        "inline": sum(policies(resources, "Policy")),
        "managed": policies(resources, "ManagedPolicy"),
    }


def _median(runs: list[Any], peer: list[Any]) -> Any:
    """The median of the times, and of their ratios to the peer's of the same round."""
    if isinstance(runs[0], str):
        return runs[0]
    ratios = [run["seconds"] / other["seconds"] for run, other in zip(runs, peer, strict=True)]
    seconds = statistics.median(run["seconds"] for run in runs)
    return {**runs[0], "seconds": seconds, "ratio": statistics.median(ratios)}


def tables(results: Mapping[str, Any]) -> dict[str, Table]:
    """One row for each number of connectors and kind of app."""
    return {
        "growth": Table(
            [
                *("connectors", "as", "resources", "template", "inline policies"),
                *("managed policies", "synthesis"),
            ],
            [
                [str(number), name, *_cells(results["apps"], kind, number)]
                for number in NUMBERS
                for kind, name in NAMES.items()
            ],
        )
    }


def _cells(apps: Mapping[str, Any], kind: str, number: int) -> list[str]:
    app = apps[f"{kind} {number}"]
    if isinstance(app, str):
        return [f"refused: {app.partition(': ')[2].partition(':')[0]}", *[""] * 4]
    managed = app["managed"]
    largest = f", the largest {_limited(max(managed), MANAGED_CHARACTERS)}" if managed else ""
    return [
        _limited(app["resources"], RESOURCES),
        f"{app['bytes'] / 1000:.0f} kB",
        _limited(app["inline"], INLINE_CHARACTERS),
        f"{_limited(len(managed), MANAGED_POLICIES)}{largest}",
        f"{app['seconds']:.1f} s ({app['ratio']:.2f})",
    ]


def _limited(value: int, limit: int) -> str:
    return f"{value:,}" if value <= limit else f"**{value:,}, but {limit:,} are allowed**"
