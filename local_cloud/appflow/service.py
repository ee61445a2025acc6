"""The operations of AppFlow that concern connectors, and as much of profiles as those need.

Source: the AppFlow API Reference; the shapes are those of botocore's service model.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import ResourceNotFoundException, ValidationException
from .registry import Connector, Profile, Registry

_DEFAULT_PAGE = 20


class Lambdas(Protocol):
    """What AppFlow may do with Lambda functions on behalf of a caller."""

    def configuration(self, lambda_arn: str) -> dict[str, Any]:
        """Invoke a connector, after checking that AppFlow and the caller may.

        Raises:
            AccessDeniedException: one of them may not.
            ConnectorServerException: the connector failed.
        """


@dataclass(frozen=True)
class Caller:
    """Who calls, and where."""

    account: str
    region: str
    arn: str


class AppFlow:
    """The service, for one caller."""

    def __init__(self, registry: Registry, caller: Caller, lambdas: Lambdas) -> None:
        self._registry = registry
        self._caller = caller
        self._lambdas = lambdas

    def call(self, operation: str, parameters: dict[str, Any]) -> Mapping[str, Any]:
        """Carry out an operation; ``parameters`` have been checked against the model.

        Raises:
            AppFlowError: the service refuses.
        """
        operations: dict[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
            "RegisterConnector": self._register,
            "UpdateConnectorRegistration": self._update,
            "DescribeConnector": self._describe,
            "DescribeConnectors": self._describe_all,
            "ListConnectors": self._list,
            "UnregisterConnector": self._unregister,
            "CreateConnectorProfile": self._create_profile,
            "DescribeConnectorProfiles": self._describe_profiles,
            "DeleteConnectorProfile": self._delete_profile,
        }
        if operation not in operations:
            raise ValidationException(
                f"The local cloud does not serve {operation}; it serves {', '.join(operations)}."
            )
        account, region = self._caller.account, self._caller.region
        return self._registry.once(
            account, region, operation, parameters, lambda: operations[operation](parameters)
        )

    def _register(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        # The model marks nothing as required, but nothing can be registered without these.
        for name in ("connectorLabel", "connectorProvisioningType", "connectorProvisioningConfig"):
            if name not in parameters:
                raise ValidationException(f"Value null at '{name}': Member must not be null")
        lambda_arn = _lambda_arn(parameters)
        if lambda_arn is None:
            raise ValidationException("Value null at 'lambdaArn': Member must not be null")
        label = parameters["connectorLabel"]
        connector = Connector(
            label=label,
            arn=self._connector_arn(label),
            lambda_arn=lambda_arn,
            description=parameters.get("description"),
            registered_at=self._registry.now(),
            registered_by=self._caller.arn,
            configuration=self._lambdas.configuration(lambda_arn),
        )
        self._registry.add(self._caller.account, self._caller.region, connector)
        return {"connectorArn": connector.arn}

    def _update(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        held = self._get(parameters["connectorLabel"])
        # Without a configuration the Lambda assigned before is asked again.
        lambda_arn = _lambda_arn(parameters) or held.lambda_arn
        # The connector may take its time; what is not part of this update may change meanwhile.
        configuration = self._lambdas.configuration(lambda_arn)
        description = {k: parameters[k] for k in ("description",) if k in parameters}
        updated = self._registry.change(
            self._caller.account,
            self._caller.region,
            held.label,
            lambda_arn=lambda_arn,
            configuration=configuration,
            **description,
        )
        return {"connectorArn": updated.arn}

    def _describe(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if parameters["connectorType"] != "CustomConnector":
            raise ResourceNotFoundException(
                f"The local cloud has no connector of type {parameters['connectorType']}."
            )
        if "connectorLabel" not in parameters:
            raise ValidationException("Value null at 'connectorLabel': Member must not be null")
        return {"connectorConfiguration": _described(self._get(parameters["connectorLabel"]))}

    def _describe_all(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        page = self._page(parameters)
        # Keyed by type in the API, so custom connectors, all of one type, are in the list only.
        return {"connectorConfigurations": {}, **page}

    def _list(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        return self._page(parameters)

    def _unregister(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        self._registry.remove(
            self._caller.account,
            self._caller.region,
            parameters["connectorLabel"],
            force=parameters.get("forceDelete", False),
        )
        return {}

    def _create_profile(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if parameters["connectorType"] != "CustomConnector":
            raise ValidationException(
                "The local cloud has connector profiles of type CustomConnector only, not"
                f" {parameters['connectorType']}."
            )
        if "connectorLabel" not in parameters:
            raise ValidationException("Value null at 'connectorLabel': Member must not be null")
        name = parameters["connectorProfileName"]
        region, account = self._caller.region, self._caller.account
        profile = Profile(
            name=name,
            arn=f"arn:aws:appflow:{region}:{account}:connectorprofile/{name}",
            connector_label=parameters["connectorLabel"],
            connection_mode=parameters["connectionMode"],
            created_at=self._registry.now(),
        )
        self._registry.add_profile(account, region, profile)
        return {"connectorProfileArn": profile.arn}

    def _describe_profiles(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        label, names = parameters.get("connectorLabel"), parameters.get("connectorProfileNames")
        profiles = [
            profile
            for profile in self._registry.profiles(self._caller.account, self._caller.region)
            if label in (None, profile.connector_label)
            and (names is None or profile.name in names)
            and parameters.get("connectorType", "CustomConnector") == "CustomConnector"
        ]
        details = {profile.name: _described_profile(profile) for profile in profiles}
        return _page("connectorProfileDetails", details, parameters)

    def _delete_profile(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        # The local cloud has no flows, so nothing can be in the way of it.
        name = parameters["connectorProfileName"]
        self._registry.remove_profile(self._caller.account, self._caller.region, name)
        return {}

    def _page(self, parameters: dict[str, Any]) -> dict[str, Any]:
        connectors = self._registry.all(self._caller.account, self._caller.region)
        listed = {connector.label: _listed(connector) for connector in connectors}
        return _page("connectors", listed, parameters)

    def _get(self, label: str) -> Connector:
        return self._registry.get(self._caller.account, self._caller.region, label)

    def _connector_arn(self, label: str) -> str:
        return f"arn:aws:appflow:{self._caller.region}:{self._caller.account}:connector/{label}"


def _lambda_arn(parameters: Mapping[str, Any]) -> str | None:
    provisioning = parameters.get("connectorProvisioningConfig") or {}
    arn: str | None = (provisioning.get("lambda") or {}).get("lambdaArn")
    return arn


def _described(connector: Connector) -> dict[str, Any]:
    return {
        **_listed(connector),
        **connector.configuration,
        "connectorArn": connector.arn,
        "connectorProvisioningConfig": {"lambda": {"lambdaArn": connector.lambda_arn}},
    }


_LISTED = ("connectorOwner", "connectorName", "connectorVersion", "connectorModes")


def _listed(connector: Connector) -> dict[str, Any]:
    listed = {
        "connectorLabel": connector.label,
        "connectorType": "CustomConnector",
        "connectorProvisioningType": "LAMBDA",
        "registeredAt": connector.registered_at.timestamp(),
        "registeredBy": connector.registered_by,
        **{name: connector.configuration[name] for name in _LISTED},
    }
    if connector.description is not None:
        listed["connectorDescription"] = connector.description
    return listed


def _described_profile(profile: Profile) -> dict[str, Any]:
    return {
        "connectorProfileArn": profile.arn,
        "connectorProfileName": profile.name,
        "connectorType": "CustomConnector",
        "connectorLabel": profile.connector_label,
        "connectionMode": profile.connection_mode,
        "createdAt": profile.created_at.timestamp(),
        "lastUpdatedAt": profile.created_at.timestamp(),
    }


def _page(
    member: str, found: Mapping[str, dict[str, Any]], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of what was found, ordered by name; its token stays valid whatever comes and goes."""
    after = _name_in(parameters["nextToken"]) if "nextToken" in parameters else ""
    size = parameters.get("maxResults", _DEFAULT_PAGE)
    rest = [name for name in found if name > after]
    page: dict[str, Any] = {member: [found[name] for name in rest[:size]]}
    if len(rest) > size:
        page["nextToken"] = base64.urlsafe_b64encode(rest[size - 1].encode()).decode()
    return page


def _name_in(next_token: str) -> str:
    try:
        return base64.b64decode(next_token, altchars="-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ValidationException("The nextToken is not one that this service gave.") from error
