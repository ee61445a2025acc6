"""What CloudFormation's AppFlow resources do in AppFlow when they are created, updated and deleted.

Sources: the schemas of the types in the CloudFormation registry and their pages in the
CloudFormation Template Reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .resource_properties import request_members

Properties = Mapping[str, Any]


class ResourceType:
    """A type of resources in AppFlow.

    Attributes:
        name: the name of the type.
        identifier: the property that names a resource, which is what Ref returns.
        required: the properties that a template has to set.
        replacing: the properties whose change replaces the resource.
    """

    name: str
    identifier: str
    required: tuple[str, ...]
    replacing: tuple[str, ...]

    def create(self, appflow: Any, properties: Properties) -> None:
        """Create a resource."""
        raise NotImplementedError

    def update(self, appflow: Any, old: Properties, new: Properties) -> None:
        """Change a resource, of which at least one property has changed."""
        raise NotImplementedError

    def delete(self, appflow: Any, identifier: str) -> None:
        """Delete a resource."""
        raise NotImplementedError

    def attributes(self, appflow: Any, identifier: str) -> dict[str, Any]:
        """What Fn::GetAtt returns of a resource."""
        raise NotImplementedError


class Connector(ResourceType):
    """``AWS::AppFlow::Connector``: the registration of a connector."""

    name = "AWS::AppFlow::Connector"
    identifier = "ConnectorLabel"
    required = ("ConnectorProvisioningType", "ConnectorProvisioningConfig")
    replacing = ("ConnectorLabel",)

    def create(self, appflow: Any, properties: Properties) -> None:
        """Register the connector."""
        appflow.register_connector(**_request(appflow, "RegisterConnector", properties))

    def update(self, appflow: Any, old: Properties, new: Properties) -> None:  # noqa: ARG002
        """Refresh the registration."""
        request = _request(appflow, "RegisterConnector", new)
        del request["connectorProvisioningType"]
        appflow.update_connector_registration(**request)

    def delete(self, appflow: Any, identifier: str) -> None:
        """Unregister the connector; AppFlow refuses that while a profile uses it."""
        appflow.unregister_connector(connectorLabel=identifier)

    def attributes(self, appflow: Any, identifier: str) -> dict[str, Any]:
        """The ARN of the connector."""
        described = appflow.describe_connector(
            connectorType="CustomConnector", connectorLabel=identifier
        )
        return {"ConnectorArn": described["connectorConfiguration"]["connectorArn"]}


class ConnectorProfile(ResourceType):
    """``AWS::AppFlow::ConnectorProfile``: how AppFlow connects to an application."""

    name = "AWS::AppFlow::ConnectorProfile"
    identifier = "ConnectorProfileName"
    required = ("ConnectorProfileName", "ConnectionMode", "ConnectorType")
    replacing = ("ConnectorProfileName", "ConnectorType", "ConnectorLabel")

    def create(self, appflow: Any, properties: Properties) -> None:
        """Create the profile."""
        appflow.create_connector_profile(**self._request(appflow, properties))

    def update(self, appflow: Any, old: Properties, new: Properties) -> None:  # noqa: ARG002
        """Replace everything in the profile that can change."""
        request = self._request(appflow, new)
        appflow.update_connector_profile(
            **_only(request, appflow, "UpdateConnectorProfile"),
        )

    def delete(self, appflow: Any, identifier: str) -> None:
        """Delete the profile; AppFlow refuses that while a flow uses it."""
        appflow.delete_connector_profile(connectorProfileName=identifier)

    def attributes(self, appflow: Any, identifier: str) -> dict[str, Any]:
        """The ARNs of the profile and of the secret with its credentials."""
        [profile] = appflow.describe_connector_profiles(connectorProfileNames=[identifier])[
            "connectorProfileDetails"
        ]
        attributes = {"ConnectorProfileArn": profile["connectorProfileArn"]}
        if "credentialsArn" in profile:
            attributes["CredentialsArn"] = profile["credentialsArn"]
        return attributes

    def _request(self, appflow: Any, properties: Properties) -> dict[str, Any]:
        request = _request(appflow, "CreateConnectorProfile", properties)
        # AppFlow requires these, and a template may omit them.
        config = request.setdefault("connectorProfileConfig", {})
        config.setdefault("connectorProfileProperties", {})
        return request


class Flow(ResourceType):
    """``AWS::AppFlow::Flow``: a flow; CloudFormation runs none, but activates schedules."""

    name = "AWS::AppFlow::Flow"
    identifier = "FlowName"
    required = (
        "FlowName",
        "Tasks",
        "SourceFlowConfig",
        "DestinationFlowConfigList",
        "TriggerConfig",
    )
    replacing = ("FlowName", "KMSArn")

    def create(self, appflow: Any, properties: Properties) -> None:
        """Create the flow."""
        appflow.create_flow(**self._request(appflow, properties))
        self._set_status(appflow, properties)

    def update(self, appflow: Any, old: Properties, new: Properties) -> None:
        """Replace everything in the flow that can change."""
        request = self._request(appflow, new)
        appflow.update_flow(**_only(request, appflow, "UpdateFlow"))
        before = self._request(appflow, old).get("tags", {})
        self._change_tags(appflow, new["FlowName"], before, request.get("tags", {}))
        self._set_status(appflow, new)

    def delete(self, appflow: Any, identifier: str) -> None:
        """Delete the flow, also an active one."""
        appflow.delete_flow(flowName=identifier, forceDelete=True)

    def attributes(self, appflow: Any, identifier: str) -> dict[str, Any]:
        """The ARN of the flow."""
        return {"FlowArn": appflow.describe_flow(flowName=identifier)["flowArn"]}

    def _request(self, appflow: Any, properties: Properties) -> dict[str, Any]:
        others = {name: value for name, value in properties.items() if name != "FlowStatus"}
        request = _request(appflow, "CreateFlow", others)
        if "tags" in request:
            # CloudFormation adds no tags of its own to a flow; MiniStack does.
            request["tags"] = {
                key: value for key, value in request["tags"].items() if not key.startswith("aws:")
            }
        return request

    def _set_status(self, appflow: Any, properties: Properties) -> None:
        # FlowStatus has no effect on a flow that runs on demand.
        if properties["TriggerConfig"]["TriggerType"] == "OnDemand":
            return
        if properties.get("FlowStatus") == "Active":
            appflow.start_flow(flowName=properties["FlowName"])
        elif properties.get("FlowStatus") == "Suspended":
            appflow.stop_flow(flowName=properties["FlowName"])

    def _change_tags(
        self, appflow: Any, name: str, old: Mapping[str, str], new: Mapping[str, str]
    ) -> None:
        if old == new:
            return
        arn = self.attributes(appflow, name)["FlowArn"]
        removed = [key for key in old if key not in new]
        if removed:
            appflow.untag_resource(resourceArn=arn, tagKeys=removed)
        if new:
            appflow.tag_resource(resourceArn=arn, tags=dict(new))


TYPES: tuple[ResourceType, ...] = (Connector(), ConnectorProfile(), Flow())


def _request(appflow: Any, operation: str, properties: Properties) -> dict[str, Any]:
    """The members of a request that all properties of a resource stand for."""
    members: dict[str, Any] = request_members(properties, _input_shape(appflow, operation))
    return members


def _only(members: Mapping[str, Any], appflow: Any, operation: str) -> dict[str, Any]:
    """The members that another operation has."""
    known = _input_shape(appflow, operation).members
    return {name: value for name, value in members.items() if name in known}


def _input_shape(appflow: Any, operation: str) -> Any:
    return appflow.meta.service_model.operation_model(operation).input_shape
