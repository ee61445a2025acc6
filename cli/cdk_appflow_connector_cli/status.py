"""The command ``status``."""

from __future__ import annotations

from .appflow import AppFlow, Connector
from .aws import SDK_ERRORS, Session, Unknown, in_parallel, translated_sdk_errors
from .cloudformation import CloudFormation
from .drift import Finding, compare, exit_code
from .output import print_json, print_table, progress


def status(*, stack: str | None, region: str | None, profile: str | None, as_json: bool) -> int:
    """Print how the registrations of a stack, or of all stacks, compare; return the exit code.

    Raises:
        StatusError: a call to AWS failed, or the stack does not exist.
    """
    with translated_sdk_errors():
        session = Session(region=region, profile=profile)
        with progress(f"Reading {stack or 'all stacks'}"):
            findings = _findings(session, stack)
    if as_json:
        print_json(findings, account=session.account, region=session.region)
    else:
        print_table(findings, scope=f"stack {stack} in {session}" if stack else str(session))
    return exit_code(findings)


def _findings(session: Session, stack: str | None) -> list[Finding]:
    cloudformation = CloudFormation(session)
    appflow = AppFlow(session.client("appflow"))
    if stack is None:
        registrations = cloudformation.registrations_of_all_stacks()
        listed = appflow.list_labels()
    else:
        registrations = cloudformation.registrations_of_stack(stack)
        listed = []
    labels = sorted({*listed, *(found.label for found in registrations if found.label)})

    def describe(label: str) -> Connector | Unknown | None:
        try:
            return appflow.describe(label)
        except SDK_ERRORS as error:
            return session.unknown(error)

    connectors = dict(zip(labels, in_parallel(describe, labels), strict=True))
    session.check_permissions()
    return compare(registrations, connectors)
