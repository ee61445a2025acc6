"""AppFlow's operations on connectors, and those on connector profiles that tests need.

Source: the AppFlow API Reference. The shapes are those of botocore's service model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .access import Caller
from .connector import LISTED
from .errors import ResourceNotFoundException, ValidationException
from .functions import Functions
from .model import missing
from .pages import Paginator
from .registry import Connector, Profile, Registry
from .settings import Settings
from .tokens import ClientTokens, Outcome, Request


@dataclass(frozen=True)
class RegionState:
    """AppFlow's state of one account and Region."""

    registry: Registry = field(default_factory=Registry)
    tokens: ClientTokens = field(default_factory=ClientTokens)
    paginator: Paginator = field(default_factory=Paginator)


class AppFlow:
    """AppFlow, for one call."""

    def __init__(
        self,
        state: RegionState,
        caller: Caller,
        functions: Functions,
        settings: Settings,
        now: datetime,
    ) -> None:
        self._registry = state.registry
        self._tokens = state.tokens
        self._paginator = state.paginator
        self._caller = caller
        self._functions = functions
        self._settings = settings
        self._now = now

    def call(self, operation: str, parameters: dict[str, Any]) -> Outcome:
        """Carry out an operation; ``parameters`` must have been checked against the model.

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
                f"The local cloud does not serve {operation}. It serves {', '.join(operations)}."
            )
        return self._tokens.execute_once(
            Request(operation, parameters),
            lambda: operations[operation](parameters),
            self._now,
            self._settings,
        )

    def _register(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        # The model does not mark these as required, but a registration needs all of them.
        for name in ("connectorLabel", "connectorProvisioningType", "connectorProvisioningConfig"):
            _required(name, parameters)
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
            configuration=self._functions.configuration(lambda_arn),
        )
        self._registry.add(connector, if_taken=self._settings.taken_label)
        return {"connectorArn": connector.arn}

    def _update(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        registered = self._registry.get(parameters["connectorLabel"])
        # Without a provisioning configuration, the registered function is invoked again.
        lambda_arn = self._lambda_arn(parameters) or registered.lambda_arn
        # Meanwhile another call may change members that are not part of this update.
        configuration = self._functions.configuration(lambda_arn)
        changes: dict[str, Any] = {"lambda_arn": lambda_arn, "configuration": configuration}
        if "description" in parameters or self._settings.omitted_description == "cleared":
            changes["description"] = parameters.get("description")
        if self._settings.registered_at == "renewed":
            changes["registered_at"] = self._now
        updated = self._registry.change(registered.label, **changes)
        return {"connectorArn": updated.arn}

    def _describe(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if parameters["connectorType"] != "CustomConnector":
            raise ResourceNotFoundException(
                f"The local cloud has no connector of type {parameters['connectorType']}."
            )
        label = _required("connectorLabel", parameters)
        return {"connectorConfiguration": _described(self._registry.get(label))}

    def _describe_all(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        types = parameters.get("connectorTypes") or ["CustomConnector"]
        connectors = self._registry.connectors() if "CustomConnector" in types else []
        # The API's configurations are keyed by connector type, so that custom connectors, which
        # share one type, cannot be among them.
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
                "The local cloud serves connector profiles of type CustomConnector only, not"
                f" {parameters['connectorType']}."
            )
        name = parameters["connectorProfileName"]
        profile = Profile(
            name=name,
            arn=self._arn("connectorprofile", name),
            connector_label=_required("connectorLabel", parameters),
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
        return self._paginator.page("connectorProfileDetails", details, request)

    def _delete_profile(self, parameters: dict[str, Any]) -> Mapping[str, Any]:
        # The local cloud has no flows that could use the profile.
        self._registry.remove_profile(parameters["connectorProfileName"])
        return {}

    def _page(self, connectors: Iterable[Connector], request: Request) -> Mapping[str, Any]:
        listed = {connector.label: _listed(connector) for connector in connectors}
        return self._paginator.page("connectors", listed, request)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:appflow:{self._caller.region}:{self._caller.account}:{kind}/{name}"

    def _lambda_arn(self, parameters: Mapping[str, Any]) -> str | None:
        provisioning = parameters.get("connectorProvisioningConfig") or {}
        arn: str | None = (provisioning.get("lambda") or {}).get("lambdaArn")
        is_qualified = arn is not None and arn.count(":") > _COLONS_OF_A_FUNCTION
        if is_qualified and self._settings.qualified_functions == "refused":
            raise ValidationException(f"{arn} is the ARN of a version or an alias.")
        return arn


# arn:aws:lambda:<region>:<account>:function:<name>
_COLONS_OF_A_FUNCTION = 6


def _required(name: str, parameters: Mapping[str, Any]) -> Any:
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
