"""The command ``refresh``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from .appflow import check_label
from .arguments import PROGRAM
from .aws import Session, Unknown, translated_sdk_errors
from .drift import Finding, State
from .output import progress
from .refresh_output import print_json, print_result, print_summary
from .refreshing import Refreshes, Result, exit_code, failed
from .status import findings_of


def run(options: argparse.Namespace) -> int:
    """Refresh connectors, print what changed in AppFlow, and return the exit code.

    Raises:
        CommandError: a label is none, the stack does not exist, or a call to AWS failed before a
            connector was refreshed.
    """
    for label in options.labels:
        check_label(label)
    with translated_sdk_errors():
        session = Session(region=options.region, profile=options.profile)
        results = []
        for result in _results(session, options.labels, options.stack):
            results.append(result)
            if not options.json:
                print_result(result)
    if options.json:
        print_json(results, account=session.account, region=session.region)
    else:
        print_summary(results, scope=str(session))
    return exit_code(results)


def _results(session: Session, labels: Sequence[str], stack: str | None) -> Iterator[Result]:
    refreshes = Refreshes(session)
    # A stack can register a label once only; a user can name one twice.
    targets: list[str | Finding] = [*dict.fromkeys(labels)]
    if stack is not None:
        with progress(f"Reading stack {stack}"):
            targets = [*findings_of(session, stack, invoke=False)]
    for target in targets:
        if isinstance(target, Finding) and (problem := _problem(target)):
            yield failed(target.name, problem)._replace(label=target.label)
            continue
        label = str(target.label if isinstance(target, Finding) else target)
        with progress(f"Refreshing {label}"):
            result = refreshes.refresh(label)
        yield result


def _problem(finding: Finding) -> Unknown | None:
    """Why a refresh cannot make the registration that of the template, or None if it can."""
    if finding.state is State.MODIFIED:
        moved = [found for found in finding.differences if found.path == "LambdaArn"]
        if not moved:
            return None
        [(_, expected, actual)] = moved
        reason = (
            f"the label is registered with {actual}, and a refresh does not move it to"
            f" {expected} of the template"
        )
        return Unknown(reason, finding.next_step)
    if finding.state is State.UNKNOWN and finding.label:
        next_step = (
            f"{finding.next_step.removesuffix('.')}. To refresh the function that is registered,"
            f" whichever it is, run {PROGRAM} refresh {finding.label}"
        )
        return Unknown(finding.reason, next_step)
    return None if finding.state is State.IN_SYNC else Unknown(finding.reason, finding.next_step)
