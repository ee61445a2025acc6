"""The operations of AppFlow that concern connectors, and as much of profiles as those need.

Source: the AppFlow API Reference; the shapes are those of botocore's service model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .connector import LISTED
from .errors import ResourceNotFoundException, ValidationException
from .model import missing
from .pages import Pages
from .registry import Connector, Profile, Registry
from .settings import Settings
from .tokens import Answer, Request, Tokens


class Lambdas(Protocol):
    """What AppFlow may do with Lambda functions on behalf of a caller."""

    def configuration(self, lambda_arn: str) -> dict[str, Any]:
        """Invoke a connector, after checking that AppFlow and the caller may.

        Raises:
            AccessDeniedException: one of them may not.
            ConnectorServerException: the connector failed.
        """
        ...


@dataclass(frozen=True)
class Caller:
    """Who calls, and where."""

    account: str
    region: str
    arn: str


@dataclass(frozen=True)
class Memory:
    """All that AppFlow remembers of one account and Region."""

    registry: Registry = field(default_factory=Registry)
    tokens: Tokens = field(default_factory=Tokens)
    pages: Pages = field(default_factory=Pages)


class AppFlow:
    """The service, for one call."""

    def __init__(
        self, memory: Memory, caller: Caller, lambdas: Lambdas, settings: Settings, now: datetime
    ) -> None:
        self._registry = memory.registry
        self._tokens = memory.tokens
        self._pages = memory.pages
        self._caller = caller
        self._lambdas = lambdas
        self._settings = settings
        self._now = now

    def call(self, operation: str, parameters: dict[str, Any]) -> Answer:
        """Carry out an operation; ``parameters`` have been checked against the model.

        Raises:
            ValidationException: the local cloud does not serve the operation.
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
        return self._tokens.once(
            Request(operation, parameters),
            lambda: operations[operation](parameters),
            self._now,
            self._settings,
        )

    def _register(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        # The model marks nothing as required, but nothing can be registered without these.
        for name in ("connectorLabel", "connectorProvisioningType", "connectorProvisioningConfig"):
            _demand(name, parameters)
        lambda_arn = self._lambda_arn(parameters)
        if lambda_arn is None:
            raise missing("connectorProvisioningConfig.lambda")
        label = parameters["connectorLabel"]
        connector = Connector(
            label=label,
            arn=self._arn("connector", label),
            lambda_arn=lambda_arn,
            description=parameters.get("description"),
            registered_at=self._now,
            registered_by=self._caller.arn,
            configuration=self._lambdas.configuration(lambda_arn),
        )
        self._registry.add(connector, if_taken=self._settings.taken_label)
        return {"connectorArn": connector.arn}

    def _update(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        held = self._registry.get(parameters["connectorLabel"])
        # Without a configuration the Lambda assigned before is asked again.
        lambda_arn = self._lambda_arn(parameters) or held.lambda_arn
        # The connector may take its time; what is not part of this update may change meanwhile.
        configuration = self._lambdas.configuration(lambda_arn)
        changes: dict[str, Any] = {"lambda_arn": lambda_arn, "configuration": configuration}
        if "description" in parameters or self._settings.omitted_description == "cleared":
            changes["description"] = parameters.get("description")
        if self._settings.registered_at == "renewed":
            changes["registered_at"] = self._now
        updated = self._registry.change(held.label, **changes)
        return {"connectorArn": updated.arn}

    def _describe(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if parameters["connectorType"] != "CustomConnector":
            raise ResourceNotFoundException(
                f"The local cloud has no connector of type {parameters['connectorType']}."
            )
        label = _demand("connectorLabel", parameters)
        return {"connectorConfiguration": _described(self._registry.get(label))}

    def _describe_all(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        types = parameters.get("connectorTypes") or ["CustomConnector"]
        connectors = self._registry.connectors() if "CustomConnector" in types else []
        # The configurations are keyed by type in the API: those of custom connectors, which are all
        # of one type, cannot be among them.
        request = Request("DescribeConnectors", parameters)
        return {"connectorConfigurations": {}, **self._page(connectors, request)}

    def _list(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        return self._page(self._registry.connectors(), Request("ListConnectors", parameters))

    def _unregister(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        self._registry.remove(
            parameters["connectorLabel"], force=parameters.get("forceDelete", False)
        )
        return {}

    def _create_profile(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if parameters["connectorType"] != "CustomConnector":
            raise ValidationException(
                "The local cloud has connector profiles of type CustomConnector only, not"
                f" {parameters['connectorType']}."
            )
        name = parameters["connectorProfileName"]
        profile = Profile(
            name=name,
            arn=self._arn("connectorprofile", name),
            connector_label=_demand("connectorLabel", parameters),
            connection_mode=parameters["connectionMode"],
            created_at=self._now,
        )
        self._registry.add_profile(profile)
        return {"connectorProfileArn": profile.arn}

    def _describe_profiles(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        label, names = parameters.get("connectorLabel"), parameters.get("connectorProfileNames")
        details = {
            profile.name: _described_profile(profile)
            for profile in self._registry.profiles()
            if label in (None, profile.connector_label)
            and (names is None or profile.name in names)
            and parameters.get("connectorType", "CustomConnector") == "CustomConnector"
        }
        request = Request("DescribeConnectorProfiles", parameters)
        return self._pages.page("connectorProfileDetails", details, request)

    def _delete_profile(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        # The local cloud has no flows, so nothing can be in the way of it.
        self._registry.remove_profile(parameters["connectorProfileName"])
        return {}

    def _page(self, connectors: Iterable[Connector], request: Request) -> Mapping[str, Any]:
        listed = {connector.label: _listed(connector) for connector in connectors}
        return self._pages.page("connectors", listed, request)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:appflow:{self._caller.region}:{self._caller.account}:{kind}/{name}"

    def _lambda_arn(self, parameters: Mapping[str, Any]) -> str | None:
        provisioning = parameters.get("connectorProvisioningConfig") or {}
        arn: str | None = (provisioning.get("lambda") or {}).get("lambdaArn")
        is_qualified = arn is not None and arn.count(":") > _COLONS_OF_A_FUNCTION
        if is_qualified and self._settings.qualified_functions == "refused":
            raise ValidationException(f"{arn} names a version or an alias.")
        return arn


# arn:aws:lambda:<region>:<account>:function:<name>
_COLONS_OF_A_FUNCTION = 6


def _demand(name: str, parameters: Mapping[str, Any]) -> Any:
    if name not in parameters:
        raise missing(name)
    return parameters[name]


def _described(connector: Connector) -> dict[str, Any]:
    return {
        **_listed(connector),
        **connector.configuration,
        "connectorArn": connector.arn,
        "connectorProvisioningConfig": {"lambda": {"lambdaArn": connector.lambda_arn}},
    }


def _listed(connector: Connector) -> dict[str, Any]:
    listed = {
        "connectorLabel": connector.label,
        "connectorType": "CustomConnector",
        "connectorProvisioningType": "LAMBDA",
        "registeredAt": connector.registered_at.timestamp(),
        "registeredBy": connector.registered_by,
        **{name: connector.configuration[name] for name in LISTED},
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
