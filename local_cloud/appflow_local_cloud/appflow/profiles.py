"""The operations on connector profiles.

Source: the AppFlow API Reference. According to the README of Amazon's SDK for custom connectors,
AppFlow lets the connector check credentials and settings when a profile is created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .connection import Connection
from .credentials import Secrets, credentials_in
from .errors import AppFlowError, ConflictException, ValidationException
from .model import missing
from .registry import Connector, Profile
from .runtime_settings import check_required
from .state import Context
from .tokens import Request

_PROPERTIES = "connectorProfileConfig.connectorProfileProperties.CustomConnector.profileProperties"


def create_profile(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """CreateConnectorProfile."""
    if parameters["connectorType"] != "CustomConnector":
        raise ValidationException(
            "The local cloud serves connector profiles of type CustomConnector only, not"
            f" {parameters['connectorType']}."
        )
    if "connectorLabel" not in parameters:
        raise missing("connectorLabel")
    name, label = parameters["connectorProfileName"], parameters["connectorLabel"]
    connector = context.state.registry.check_new_profile(name, label)
    kind, content = _credentials(connector, parameters)
    secrets = Secrets(context.client("secretsmanager"))
    profile = Profile(
        name=name,
        arn=context.arn("connectorprofile", name),
        connector_label=label,
        connection_mode=parameters["connectionMode"],
        properties=_properties(connector, parameters),
        credentials_arn=secrets.create(label, context.caller.account, content, context.now),
        authentication_type=kind,
        created_at=context.now,
        updated_at=context.now,
    )
    try:
        _let_connector_check(Connection(connector, profile, context.functions))
        context.state.registry.add_profile(profile)
    except AppFlowError:
        secrets.delete(profile.credentials_arn)
        raise
    return {"connectorProfileArn": profile.arn}


def update_profile(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """UpdateConnectorProfile."""
    registry = context.state.registry
    former = registry.profile(parameters["connectorProfileName"])
    connector = registry.get(former.connector_label)
    kind, content = _credentials(connector, parameters)
    profile = replace(
        former,
        connection_mode=parameters["connectionMode"],
        properties=_properties(connector, parameters),
        authentication_type=kind,
        updated_at=context.now,
    )
    secrets = Secrets(context.client("secretsmanager"))
    former_content = secrets.replace(profile.credentials_arn, content)
    try:
        _let_connector_check(Connection(connector, profile, context.functions))
        registry.change_profile(profile)
    except AppFlowError:
        secrets.replace(profile.credentials_arn, former_content)
        raise
    context.state.entities.forget(lambda question: question.profile == profile.name)
    return {"connectorProfileArn": profile.arn}


def describe_profiles(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """DescribeConnectorProfiles."""
    label, names = parameters.get("connectorLabel"), parameters.get("connectorProfileNames")
    details = {
        profile.name: _described(profile)
        for profile in context.state.registry.profiles()
        if label in (None, profile.connector_label)
        and (names is None or profile.name in names)
        and parameters.get("connectorType", "CustomConnector") == "CustomConnector"
    }
    request = Request("DescribeConnectorProfiles", parameters)
    return context.state.paginator.page("connectorProfileDetails", details, request)


def delete_profile(context: Context, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """DeleteConnectorProfile."""
    name = parameters["connectorProfileName"]
    users = [flow.name for flow in context.state.flows.all() if flow.uses_profile(name)]
    if users and not parameters.get("forceDelete", False):
        raise ConflictException(
            f"Connector profile {name} is in use by flows: {', '.join(users)}. Delete the flows"
            " first, or set forceDelete."
        )
    profile = context.state.registry.remove_profile(name)
    Secrets(context.client("secretsmanager")).delete(profile.credentials_arn)
    context.state.entities.forget(lambda question: question.profile == name)
    return {}


def _credentials(connector: Connector, parameters: Mapping[str, Any]) -> tuple[str, str]:
    config = parameters["connectorProfileConfig"]
    return credentials_in(config, connector.configuration["authenticationConfig"])


def _properties(connector: Connector, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = parameters["connectorProfileConfig"]["connectorProfileProperties"]
    found: Mapping[str, Any] = properties.get("CustomConnector") or {}
    settings = found.get("profileProperties") or {}
    check_required(connector, ("CONNECTOR_PROFILE",), settings, _PROPERTIES)
    return found


def _let_connector_check(connection: Connection) -> None:
    connection.validate_credentials()
    connection.validate_settings("CONNECTOR_PROFILE", connection.profile.settings)


def _described(profile: Profile) -> dict[str, Any]:
    return {
        "connectorProfileArn": profile.arn,
        "connectorProfileName": profile.name,
        "connectorType": "CustomConnector",
        "connectorLabel": profile.connector_label,
        "connectionMode": profile.connection_mode,
        "credentialsArn": profile.credentials_arn,
        "connectorProfileProperties": {"CustomConnector": profile.properties},
        "createdAt": profile.created_at.timestamp(),
        "lastUpdatedAt": profile.updated_at.timestamp(),
    }
