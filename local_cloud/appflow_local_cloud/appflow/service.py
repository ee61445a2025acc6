"""AppFlow's operations: those on connectors, and the way to all others.

Source: the AppFlow API Reference. The shapes are those of botocore's service model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from appflow_connector_configuration.response import LISTED

from . import entities, flow_operations, profiles
from .errors import ResourceNotFoundException, ValidationException
from .model import missing
from .registry import Connector
from .state import Context
from .tokens import Outcome, Request

_OPERATIONS: Mapping[str, Callable[[Context, Mapping[str, Any]], Mapping[str, Any]]] = {
    "CreateConnectorProfile": profiles.create_profile,
    "UpdateConnectorProfile": profiles.update_profile,
    "DescribeConnectorProfiles": profiles.describe_profiles,
    "DeleteConnectorProfile": profiles.delete_profile,
    "ListConnectorEntities": entities.list_connector_entities,
    "DescribeConnectorEntity": entities.describe_connector_entity,
    "ResetConnectorMetadataCache": entities.reset_cache,
    "CreateFlow": flow_operations.create_flow,
    "UpdateFlow": flow_operations.update_flow,
    "DescribeFlow": flow_operations.describe_flow,
    "ListFlows": flow_operations.list_flows,
    "DeleteFlow": flow_operations.delete_flow,
    "StartFlow": flow_operations.start_flow,
    "StopFlow": flow_operations.stop_flow,
    "CancelFlowExecutions": flow_operations.cancel_executions,
    "DescribeFlowExecutionRecords": flow_operations.describe_executions,
    "TagResource": flow_operations.tag_resource,
    "UntagResource": flow_operations.untag_resource,
    "ListTagsForResource": flow_operations.list_tags,
}


class AppFlow:
    """AppFlow, for one call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._registry = context.state.registry
        self._paginator = context.state.paginator
        self._caller = context.caller
        self._functions = context.functions
        self._settings = context.settings
        self._now = context.now

    def call(self, operation: str, parameters: dict[str, Any]) -> Outcome:
        """Carry out an operation; ``parameters`` must have been checked against the model."""
        on_connectors: dict[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
            "RegisterConnector": self._register,
            "UpdateConnectorRegistration": self._update,
            "DescribeConnector": self._describe,
            "DescribeConnectors": self._describe_all,
            "ListConnectors": self._list,
            "UnregisterConnector": self._unregister,
        }
        if operation in on_connectors:
            effect = partial(on_connectors[operation], parameters)
        else:
            effect = partial(_OPERATIONS[operation], self._context, parameters)
        return self._context.state.tokens.execute_once(
            Request(operation, parameters), effect, self._now, self._settings
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
            arn=self._context.arn("connector", label),
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

    def _page(self, connectors: Iterable[Connector], request: Request) -> Mapping[str, Any]:
        listed = {connector.label: _listed(connector) for connector in connectors}
        return self._paginator.page("connectors", listed, request)

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
