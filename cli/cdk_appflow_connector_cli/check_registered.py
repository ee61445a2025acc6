"""What is registered under a label, and the connector profiles and flows that use it.

Sources: DescribeConnector, DescribeConnectorProfiles, ListFlows and DescribeFlow in the AppFlow API
Reference. botocore has no paginators for the lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from appflow_connector_configuration.findings import Usage

from .appflow import MAX_PAGE_SIZE, AppFlow
from .arguments import PROGRAM
from .aws import SDK_ERRORS, Session, in_parallel
from .errors import CommandError


class Registered(NamedTuple):
    """A registered connector and what uses it.

    Attributes:
        label: the label.
        configuration: ``connectorConfiguration`` of DescribeConnector.
        usage: what uses the connector as far as it can be read, or None if its profiles cannot.
        notes: what could not be read and why, each with the next step.
    """

    label: str
    configuration: Mapping[str, Any]
    usage: Usage | None
    notes: tuple[str, ...]


def registered_under(label: str, session: Session) -> Registered:
    """Read a registered connector and what uses it.

    Raises:
        CommandError: no connector is registered under the label.
        ClientError: AppFlow refused DescribeConnector.
        BotoCoreError: a call to DescribeConnector failed.
    """
    connector = AppFlow(session.client("appflow")).describe(label)
    if connector is None:
        raise CommandError(
            f"No connector is registered under {label} in {session}. `{PROGRAM} status` lists all"
            " labels. Leave --against out if the connector is not registered yet"
        )
    usage, notes = _usage_of(label, session)
    return Registered(label, connector.configuration, usage, tuple(notes))


def _usage_of(label: str, session: Session) -> tuple[Usage | None, list[str]]:
    client = session.client("appflow")
    try:
        profiles = list(
            _listed(
                client.describe_connector_profiles,
                "connectorProfileDetails",
                connectorType="CustomConnector",
                connectorLabel=label,
            )
        )
    except SDK_ERRORS as error:
        # The ends of flows name the profile that they use, and not the label.
        return None, [_note(f"the connector profiles and flows of {label}", error, session)]
    notes: list[str] = []
    flows = _flows_of(label, session, client, notes)
    return Usage(profiles, flows), notes


def _flows_of(
    label: str, session: Session, client: Any, notes: list[str]
) -> list[Mapping[str, Any]]:
    """The flows with a label as source or destination; adds what cannot be read to the notes."""
    try:
        names = [
            flow["flowName"]
            for flow in _listed(client.list_flows, "flows")
            if label in (flow.get("sourceConnectorLabel"), flow.get("destinationConnectorLabel"))
        ]
    except SDK_ERRORS as error:
        notes.append(_note(f"the flows of {label}", error, session))
        return []

    def described(name: str) -> Mapping[str, Any] | ClientError | BotoCoreError | None:
        try:
            flow: Mapping[str, Any] = client.describe_flow(flowName=name)
        except client.exceptions.ResourceNotFoundException:
            # It was deleted meanwhile.
            return None
        except SDK_ERRORS as error:
            return error
        return flow

    found = in_parallel(described, names)
    errors = {
        name: one for name, one in zip(names, found, strict=True) if isinstance(one, SDK_ERRORS)
    }
    if errors:
        # One of them stands for all; most often a permission is missing.
        what = f"the flow{'s' if len(errors) > 1 else ''} {', '.join(errors)}"
        notes.append(_note(what, next(iter(errors.values())), session))
    return [one for one in found if isinstance(one, Mapping)]


def _listed(operation: Any, member: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
    """The elements of all pages of a list."""
    token: dict[str, str] = {}
    while True:
        page = operation(maxResults=MAX_PAGE_SIZE, **parameters, **token)
        yield from page.get(member, [])
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def _note(what: str, error: Any, session: Session) -> str:
    unknown = session.unknown(error)
    return ". ".join(filter(None, [f"Not known: {what}. {unknown.reason}", unknown.next_step]))
