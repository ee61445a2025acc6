"""The command ``status``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from .appflow import AppFlow, Connector
from .aws import SDK_ERRORS, Session, Unknown, in_parallel, translated_sdk_errors
from .cloudformation import CloudFormation, Registration
from .drift import Finding, compare, exit_code, is_comparable
from .functions import Functions, Returned
from .output import progress
from .status_output import print_json, print_table


def run(options: argparse.Namespace) -> int:
    """Print how the registrations of a stack, or of all stacks, compare; return the exit code.

    Raises:
        CommandError: a call to AWS failed, or the stack does not exist.
    """
    stack: str | None = options.stack
    with translated_sdk_errors():
        session = Session(region=options.region, profile=options.profile)
        with progress(f"Reading {stack or 'all stacks'}"):
            findings = findings_of(session, stack, invoke=options.invoke)
    if options.json:
        print_json(findings, account=session.account, region=session.region)
    else:
        print_table(findings, scope=f"stack {stack} in {session}" if stack else str(session))
    return exit_code(findings)


def findings_of(session: Session, stack: str | None, *, invoke: bool) -> list[Finding]:
    """How the registrations of a stack, or of all stacks, compare.

    Args:
        session: a session in the account and Region.
        stack: the name of the stack, or its ARN; None for all stacks and all custom connectors.
        invoke: whether the connectors are asked for their configurations.

    Raises:
        CommandError: the stack does not exist, or has no connectors.
        ClientError: a permission is missing for all stacks or connectors.
    """
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
    returned = _returned(session, registrations, connectors) if invoke else {}
    return compare(registrations, connectors, returned)


def _returned(
    session: Session,
    registrations: Sequence[Registration],
    connectors: Mapping[str, Connector | Unknown | None],
) -> dict[str, Returned]:
    """What the functions of the registered connectors return that a stack manages, by label."""
    managed = {found.label for found in registrations if is_comparable(found)}
    arns = {
        label: connector.lambda_arn
        for label, connector in connectors.items()
        if label in managed and isinstance(connector, Connector) and connector.lambda_arn
    }
    # Several labels can have one function.
    functions = sorted(set(arns.values()))
    configurations = in_parallel(Functions(session).configuration, functions)
    by_function = dict(zip(functions, configurations, strict=True))
    return {label: by_function[arn] for label, arn in arns.items()}
