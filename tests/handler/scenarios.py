"""Every kind of event, with what is registered before it and after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.handler.events import destroyed
from tests.support import Account

KINDS = ["create", "adopt", "update", "rollback", "replacement", "delete"]

CHANGING = ("RegisterConnector", "UpdateConnectorRegistration", "UnregisterConnector")
"""The operations that change a registration."""


@dataclass(frozen=True)
class Scenario:
    """An event, and the registrations around it.

    Attributes:
        request_type: the event's.
        operation: the one that has to succeed for the event to take effect.
        before: the registered ARN by label, before the event.
        after: the same once it has succeeded.
        event: the members of the event that are not the same for all.
    """

    request_type: str
    operation: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    event: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The label that the event is about."""
        label: str = self.event["ResourceProperties"]["ConnectorLabel"]
        return label

    def set_up(self, account: Account) -> None:
        """Register what is registered before the event."""
        for label, lambda_arn in self.before.items():
            account.register(label, lambda_arn)

    def registered(self, account: Account) -> dict[str, str]:
        """The ARNs that the labels of the scenario are registered with."""
        found = {label: account.registered_arn(label) for label in {*self.before, *self.after}}
        return {label: arn for label, arn in found.items() if arn is not None}


def scenario(kind: str, label: str, old: str, new: str) -> Scenario:
    """The scenario of a kind of event, for a label and two functions."""
    register, update = "RegisterConnector", "UpdateConnectorRegistration"
    other = f"{label}-other"
    with_old = destroyed(old, ConnectorLabel=label)
    with_new = destroyed(new, ConnectorLabel=label)
    existing: dict[str, Any] = {"PhysicalResourceId": label}
    match kind:
        case "create":
            event = {"ResourceProperties": with_old}
            return Scenario("Create", register, {}, {label: old}, event)
        case "adopt":
            event = {"ResourceProperties": with_old}
            return Scenario("Create", register, {label: new}, {label: old}, event)
        case "update":
            event = {"ResourceProperties": with_new, "OldResourceProperties": with_old, **existing}
            return Scenario("Update", update, {label: old}, {label: new}, event)
        case "rollback":
            # The update has half succeeded: the new function is registered.
            event = {"ResourceProperties": with_old, "OldResourceProperties": with_new, **existing}
            return Scenario("Update", update, {label: new}, {label: old}, event)
        case "replacement":
            relabelled = destroyed(old, ConnectorLabel=other)
            event = {
                "ResourceProperties": relabelled,
                "OldResourceProperties": with_old,
                **existing,
            }
            after = {label: old, other: old}
            return Scenario("Update", register, {label: old}, after, event)
        case _:
            event = {"ResourceProperties": with_old, **existing}
            return Scenario("Delete", "UnregisterConnector", {label: old}, {}, event)


def effects(calls: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The calls that have changed a registration; a repeated client token changes none."""
    return [
        call
        for call in calls
        if call["operation"] in CHANGING and call["outcome"] == "OK" and not call["remembered"]
    ]
