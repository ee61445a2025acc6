"""The command ``status``."""

from __future__ import annotations

from collections.abc import Mapping

from .appflow import AppFlow, Connector
from .aws import Place, in_parallel, readable_errors
from .cloudformation import CloudFormation
from .drift import Finding, compare, exit_code
from .output import print_json, print_table, progress


def status(*, stack: str | None, region: str | None, profile: str | None, as_json: bool) -> int:
    """Print whether AppFlow holds what a stack, or all stacks, ask for; return the exit code.

    Raises:
        StatusError: it could not be found out.
    """
    with readable_errors():
        place = Place(region=region, profile=profile)
        with progress(f"Reading {stack or 'all stacks'}"):
            findings = _findings(place, stack)
    if as_json:
        print_json(findings, account=place.account, region=place.region)
    else:
        print_table(findings, where=f"stack {stack} in {place}" if stack else str(place))
    return exit_code(findings)


def _findings(place: Place, stack: str | None) -> list[Finding]:
    cloudformation = CloudFormation(place)
    appflow = AppFlow(place.client("appflow"))
    if stack is None:
        registrations = cloudformation.registrations_of_all_stacks()
        listed = appflow.labels()
    else:
        registrations = cloudformation.registrations_of_stack(stack)
        listed = []
    labels = sorted({*listed, *(registration.label for registration in registrations)})
    found = in_parallel(appflow.connector, labels)
    connectors: Mapping[str, Connector | None] = dict(zip(labels, found, strict=True))
    return compare(registrations, connectors)
