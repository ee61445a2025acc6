"""The growth of a stack with its connectors: resources, template, policies, seconds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.synth.policies import policies

from .report import Table, progress

NUMBERS = (1, 10, 100, 200)
NUMBERS_WITH_ASSET = (1, 100)
NAMES = {
    "native": "AWS::AppFlow::Connector + permission",
    "sdk-calls": "AwsCustomResource + permission",
    "provider": "Provider + CustomResource + permission",
    "provider-with-logs": "the same, with log groups",
    "unchecked": "ConnectorRegistration, without its checks",
    "ours": "ConnectorRegistration",
}
# The kinds whose resources are shown. Those of the others differ little from these.
KINDS = ("native", "sdk-calls", "provider", "ours")
# The other way to a custom resource with a handler. The ratios are to it.
_PEER = "provider"

# "CloudFormation quotas" in the CloudFormation User Guide, "IAM and AWS STS quotas" in IAM's.
RESOURCES, TEMPLATE_BYTES = 500, 1_000_000
INLINE_CHARACTERS, MANAGED_CHARACTERS, MANAGED_POLICIES = 10_240, 6_144, 10


def measure(folder: Path, *, rounds: int = 11) -> dict[str, Any]:
    """Synthesise each kind of app with each number of connectors, one round after the other."""
    apps = [
        *(App(kind, number) for number in NUMBERS for kind in NAMES),
        *(App(kind, number, True) for number in NUMBERS_WITH_ASSET for kind in NAMES),
    ]
    runs: dict[App, list[Any]] = {app: [] for app in apps}
    for app in progress("app", apps * rounds):
        runs[app].append(app.synthesise(folder))
    medians = {
        app.name: _median(found, runs[replace(app, kind=_PEER)]) for app, found in runs.items()
    }
    return {"rounds": rounds, "apps": medians}


@dataclass(frozen=True)
class App:
    """An app with connectors of a kind, and perhaps with an asset besides."""

    kind: str
    number: int
    has_asset: bool = False

    @property
    def name(self) -> str:
        """The name of the app in the results."""
        return f"{self.kind} {self.number}{' with asset' if self.has_asset else ''}"

    def synthesise(self, folder: Path) -> Mapping[str, Any] | str:
        """The figures of the app, or the CDK's error."""
        out = folder / "growth" / self.name.replace(" ", "-")
        process = subprocess.run(
            [
                *(sys.executable, "-m", "tools.benchmarks.growth_app"),
                *(self.kind, str(self.number), str(out)),
                *(["--with-asset"] if self.has_asset else []),
            ],
            # The start of its engine takes longer than all else, and the same time for each app.
            env=os.environ | {"CDK_VALIDATION": "false"},
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
    """What each app consists of, and how long its synthesis takes."""
    apps = results["apps"]
    return {
        "growth": Table(
            [
                *("connectors", "as", "resources"),
                *("template", "inline policies", "managed policies"),
            ],
            [
                [str(number), NAMES[kind], *_cells(apps[App(kind, number).name])]
                for number in NUMBERS
                for kind in KINDS
            ],
        ),
        "synthesis": Table(
            [
                "synthesis",
                *map(_connectors, NUMBERS),
                *(f"{_connectors(number)} with another asset" for number in NUMBERS_WITH_ASSET),
            ],
            [
                [
                    name,
                    *(_time(apps[App(kind, number).name]) for number in NUMBERS),
                    *(_time(apps[App(kind, number, True).name]) for number in NUMBERS_WITH_ASSET),
                ]
                for kind, name in NAMES.items()
            ],
        ),
    }


def _cells(app: Any) -> list[str]:
    if isinstance(app, str):
        return [f"refused: {app.partition(': ')[2].partition(':')[0]}", *[""] * 3]
    managed = app["managed"]
    largest = f", the largest {_limited(max(managed), MANAGED_CHARACTERS)}" if managed else ""
    return [
        _limited(app["resources"], RESOURCES),
        f"{app['bytes'] / 1000:.0f} kB",
        _limited(app["inline"], INLINE_CHARACTERS),
        f"{_limited(len(managed), MANAGED_POLICIES)}{largest}",
    ]


def _time(app: Any) -> str:
    if isinstance(app, str):
        return "refused"
    return f"{app['ratio']:.2f} = {1000 * app['seconds']:.0f} ms"


def _connectors(number: int) -> str:
    return f"{number} connector{'s' if number > 1 else ''}"


def _limited(value: int, limit: int) -> str:
    return f"{value:,}" if value <= limit else f"**{value:,}, but {limit:,} are allowed**"
