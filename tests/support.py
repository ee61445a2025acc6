"""Connectors to register, and accounts to register them in."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from appflow_local_cloud.environment import REGION
from appflow_local_cloud.process import LocalCloud

# The smallest response that AppFlow accepts from a connector, with a version to tell it by. It
# logs a line: MiniStack waits 50 milliseconds for the log of a function that writes none.
CONNECTOR = """
def handler(event, context):
    print(event)
    if event["type"].startswith("Validate"):
        return {"isSuccess": True}
    assert event == {"type": "DescribeConnectorConfigurationRequest"}
    return {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "VERSION",
        "connectorModes": ["SOURCE"],
        "connectorRuntimeSetting": [
            {"key": "url", "dataType": "String", "required": True, "label": "URL",
             "description": "Where it is", "scope": "CONNECTOR_PROFILE"},
        ],
        "authenticationConfig": {"isBasicAuthSupported": True, "isOAuth2Supported": None},
        "supportedApiVersions": ["v1"],
        "operatorsSupported": ["PROJECTION"],
        "triggerFrequenciesSupported": ["DAILY"],
        "supportedTriggerTypes": ["SCHEDULED", "ONDEMAND"],
    }
"""

# MiniStack ends the process of a function that raises, so each further call is a cold start.
BROKEN_CONNECTOR = """
def handler(event, context):
    raise RuntimeError("the connector is broken")
"""

# A failure the way Amazon's SDK for connectors reports it.
FAILING_CONNECTOR = """
def handler(event, context):
    print(event)
    return {
        "isSuccess": False,
        "errorDetails": {"errorCode": "ServerError", "errorMessage": "the connector fails"},
    }
"""


def new_account_id() -> str:
    """The id of an account that no other test uses, in this run or another on the same local cloud.

    Accounts of the local cloud share nothing.
    """
    return f"2{secrets.randbelow(10**11):011d}"


def connector(version: str = "1.0") -> str:
    """The source code of a connector that works."""
    return CONNECTOR.replace("VERSION", version)


class Cloud(Protocol):
    """The cloud that an account is in: the local cloud, or AWS."""

    def client(self, service: str, account: str, **settings: Any) -> Any: ...
    def environment(self, account: str) -> dict[str, str]: ...
    def appflow_calls(self, account: str, *, after: int = 0) -> list[Mapping[str, Any]]: ...


@dataclass(frozen=True)
class Account:
    """One account in one Region, and what tests do in it."""

    cloud: Cloud
    id: str
    region: str = REGION
    # Whether the calls to AppFlow can be read.
    has_journal: ClassVar[bool] = True

    @property
    def local_cloud(self) -> LocalCloud:
        """The local cloud, in tests of what only the local cloud does."""
        assert isinstance(self.cloud, LocalCloud)
        return self.cloud

    def client(self, service: str, **settings: Any) -> Any:
        return self.cloud.client(service, self.id, **{"region_name": self.region, **settings})

    def make_function(self, name: str, source: str, *, granted: bool = True) -> str:
        """Make a Lambda function and return its ARN; AppFlow may invoke it if ``granted``."""
        arn = self._create_function(name, source, self._make_role(f"{name}-role"))
        if granted:
            self.grant_appflow(arn)
        return arn

    def _create_function(self, name: str, source: str, role: str) -> str:
        arn: str = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": zipped(source)},
        )["FunctionArn"]
        return arn

    def grant_appflow(self, arn: str, **conditions: str) -> None:
        """Let AppFlow invoke the function, version or alias of an ARN."""
        name, _, qualifier = arn.split(":function:")[1].partition(":")
        self.client("lambda").add_permission(
            FunctionName=name,
            StatementId=f"AppFlow{qualifier}",
            Action="lambda:InvokeFunction",
            Principal="appflow.amazonaws.com",
            **({"Qualifier": qualifier} if qualifier else {}),
            **(conditions or {"SourceAccount": self.id}),
        )

    def change_code(self, name: str, source: str) -> None:
        self.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped(source))

    def _make_role(self, name: str) -> str:
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
        arn: str = role["Role"]["Arn"]
        return arn

    def registered(self, label: str) -> Mapping[str, Any] | None:
        """The registered configuration of a label, or None."""
        appflow = self.client("appflow")
        try:
            response = appflow.describe_connector(
                connectorType="CustomConnector", connectorLabel=label
            )
        except appflow.exceptions.ResourceNotFoundException:
            return None
        configuration: Mapping[str, Any] = response["connectorConfiguration"]
        return configuration

    def registered_arn(self, label: str) -> str | None:
        """The registered ARN of a label, or None."""
        return self.registered_values(label)[0]

    def registered_values(self, label: str) -> tuple[str | None, str | None]:
        """The registered ARN and description of a label; both are None if it is free."""
        configuration = self.registered(label)
        if configuration is None:
            return None, None
        arn: str = configuration["connectorProvisioningConfig"]["lambda"]["lambdaArn"]
        return arn, configuration.get("connectorDescription")

    def register(self, label: str, lambda_arn: str, **members: Any) -> None:
        """Register a connector by hand, without the handler."""
        self.client("appflow").register_connector(
            connectorLabel=label,
            connectorProvisioningType="LAMBDA",
            connectorProvisioningConfig={"lambda": {"lambdaArn": lambda_arn}},
            **members,
        )

    def move(self, label: str, lambda_arn: str, description: str | None = None) -> None:
        """Move a registration to another function, as an operator or another stack does."""
        text = {} if description is None else {"description": description}
        self.client("appflow").update_connector_registration(
            connectorLabel=label,
            connectorProvisioningConfig={"lambda": {"lambdaArn": lambda_arn}},
            **text,
        )

    def connectors(self) -> list[Mapping[str, Any]]:
        """Every registered connector, as ListConnectors returns it."""
        appflow = self.client("appflow")
        page = appflow.list_connectors(maxResults=100)
        connectors: list[Mapping[str, Any]] = page["connectors"]
        while "nextToken" in page:
            page = appflow.list_connectors(maxResults=100, nextToken=page["nextToken"])
            connectors += page["connectors"]
        return connectors

    def calls(self, *, after: int = 0) -> list[Mapping[str, Any]]:
        """The calls that AppFlow has received in this account, without the first ``after``."""
        return self.cloud.appflow_calls(self.id, after=after)

    def make_profile(self, name: str, label: str) -> None:
        """Make a connector profile that uses a connector."""
        credentials = {"authenticationType": "BASIC", "basic": {"username": "u", "password": "p"}}
        settings = {"url": "https://acme.example"}
        self.client("appflow").create_connector_profile(
            connectorProfileName=name,
            connectorType="CustomConnector",
            connectorLabel=label,
            connectionMode="Public",
            connectorProfileConfig={
                "connectorProfileProperties": {"CustomConnector": {"profileProperties": settings}},
                "connectorProfileCredentials": {"CustomConnector": credentials},
            },
        )

    def run_flow(self, name: str) -> Mapping[str, Any]:
        """Start a flow, and return the record of its run once it has ended."""
        run = self.client("appflow").start_flow(flowName=name)["executionId"]
        return self.ended_run(name, run)

    def ended_run(self, name: str, run: str) -> Mapping[str, Any]:
        """The record of a run of a flow once it has ended."""
        while True:
            for record in self.runs(name):
                is_ended = record["executionStatus"] not in ("InProgress", "CancelStarted")
                if record["executionId"] == run and is_ended:
                    return record

    def runs(self, name: str) -> list[Mapping[str, Any]]:
        """The newest execution records of a flow."""
        found = self.client("appflow").describe_flow_execution_records(flowName=name)
        records: list[Mapping[str, Any]] = found["flowExecutions"]
        return records

    def clear(self) -> None:
        """Remove every flow, connector profile and connector."""
        appflow = self.client("appflow")
        for flow in appflow.list_flows(maxResults=100)["flows"]:
            appflow.delete_flow(flowName=flow["flowName"], forceDelete=True)
        for profile in appflow.describe_connector_profiles()["connectorProfileDetails"]:
            appflow.delete_connector_profile(connectorProfileName=profile["connectorProfileName"])
        self.clear_connectors()

    def clear_connectors(self) -> None:
        """Remove every connector, of which no profile is left."""
        for connector in self.connectors():
            label = connector["connectorLabel"]
            self.client("appflow").unregister_connector(connectorLabel=label)

    def operations(self) -> list[str]:
        """The names of the operations that were called, without those that describe."""
        return [call["operation"] for call in self.calls() if "Describe" not in call["operation"]]


@dataclass(frozen=True)
class LastingAccount(Account):
    """An account that keeps its clients, which take some milliseconds each."""

    _clients: dict[str, Any] = field(default_factory=dict, init=False)

    def client(self, service: str, **settings: Any) -> Any:
        if settings:
            return super().client(service, **settings)
        if service not in self._clients:
            self._clients[service] = super().client(service)
        return self._clients[service]

    def close(self) -> None:
        """Close the connections, or the local cloud would wait for them when it stops."""
        for client in self._clients.values():
            client.close()


def zipped(source: str) -> bytes:
    """A deployment package of a function."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()
