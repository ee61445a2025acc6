"""The command ``check``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from appflow_connector_configuration.faults import advice_on, faults_in
from appflow_connector_configuration.findings import Finding, Severity, Usage, findings
from appflow_connector_configuration.model import configuration_shape
from appflow_connector_configuration.response import REQUEST, configuration_in, derived_members

from .appflow import check_label
from .aws import Session, translated_sdk_errors
from .check_connector import Connector, ConnectorFailure, Refusal, failed
from .check_context import Context, HidingConnector, read_context
from .check_entities import entity_findings, used_entities
from .check_function import DeployedConnector
from .check_local import default_python, handler_in, local_connector
from .check_metadata import metadata_of
from .check_output import print_json, print_text
from .check_registered import Registered, registered_under
from .check_result import Result, exit_code, reason_of
from .output import progress

_SEVERITIES = list(Severity)


def run(options: argparse.Namespace) -> int:
    """Print what AppFlow would make of a connector; return the exit code.

    Raises:
        CommandError: the connector could not be run, or a call to AWS failed.
    """
    context = _context_of(options)
    with translated_sdk_errors(), _checked(options) as (connector, source, registered):
        result = _check(connector, source, registered, context)
    reason = reason_of(result, fail_on_warning=options.fail_on == "warning")
    (print_json if options.json else print_text)(result, reason)
    return exit_code(reason)


def _context_of(options: argparse.Namespace) -> Context | None:
    """The context for entities, or None if they are not asked for."""
    if options.entities is None:
        return None
    return read_context(options.entities) if options.entities else Context()


@contextmanager
def _checked(
    options: argparse.Namespace,
) -> Iterator[tuple[Connector, Mapping[str, str | None], Registered | None]]:
    """The connector, its names, and what is registered to compare it with."""
    # A name or a label of a wrong form is an error before any call.
    handler = None if options.handler is None else handler_in(options.handler)
    registered = None
    if options.against is not None:
        check_label(options.against)
        session = Session(region=options.region, profile=options.profile)
        with progress(f"Reading {options.against} and what uses it"):
            registered = registered_under(options.against, session)
    source = {"handler": options.handler, "python": None, "function": options.function}
    if handler is None:
        session = Session(region=options.region, profile=options.profile)
        function = DeployedConnector(session, options.function, seconds=options.timeout)
        yield function, source, registered
        return
    python = options.python or default_python()
    with local_connector(
        handler, python=python, seconds=options.timeout, variables=_variables(options)
    ) as connector:
        yield connector, {**source, "python": python}, registered


def _variables(options: argparse.Namespace) -> Mapping[str, str]:
    """The environment variables with which a local connector reaches the same account."""
    variables: dict[str, str] = {}
    if options.region:
        variables |= {"AWS_REGION": options.region, "AWS_DEFAULT_REGION": options.region}
    if options.profile:
        variables["AWS_PROFILE"] = options.profile
    return variables


def _check(
    connector: Connector,
    source: Mapping[str, str | None],
    registered: Registered | None,
    context: Context | None,
) -> Result:
    kind = REQUEST["type"]
    against = None if registered is None else registered.label
    result = Result(source=source, against=against)
    try:
        with progress("Invoking the connector"):
            response = connector.response_to(REQUEST)
    except ConnectorFailure as failure:
        return result._replace(refused=(failed(kind, None, failure),))
    if faults := faults_in(response):
        refused = [Refusal(kind, None, *fault) for fault in faults]
        return result._replace(refused=tuple(refused))
    shown = configuration_in(response, configuration_shape())
    configuration = {**shown, **derived_members(shown)}
    result = result._replace(configuration=configuration, advice=tuple(advice_on(response)))
    if registered is not None:
        result = _compared(result, configuration, registered)
    if context is not None:
        usage = registered.usage if registered and registered.usage else Usage()
        with progress("Asking for entities"):
            result = _with_entities(result, configuration, connector, context, usage)
    return result


def _compared(result: Result, configuration: Mapping[str, Any], registered: Registered) -> Result:
    found = findings(registered.configuration, configuration, registered.usage)
    return result._replace(
        before=registered.configuration, findings=tuple(found), unchecked=registered.notes
    )


def _with_entities(
    result: Result,
    configuration: Mapping[str, Any],
    connector: Connector,
    context: Context,
    usage: Usage,
) -> Result:
    metadata = metadata_of(
        HidingConnector(connector, context), context, configuration, used_entities(usage)
    )
    result = result._replace(
        entities=metadata.entities, refused=metadata.refused, notes=metadata.notes
    )
    if result.findings is None:
        return result
    fields = {
        entity.name: {field["identifier"] for field in entity.fields}
        for entity in metadata.entities
        if entity.fields is not None
    }
    found = entity_findings(fields, metadata.missing, usage)
    return result._replace(findings=tuple(_sorted([*result.findings, *found])))


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity))
