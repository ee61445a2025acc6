"""Connectors, buckets and flows for the tests of flows.

A connector of a test has no log that the test could read. It shows the requests that it receives as
records, or as the messages of refused ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.local_cloud.support import LABEL
from tests.support import Account

CONNECTOR = """
import json
import time

FIELDS = {"id": "String", "amount": "Integer", "price": "Double", "paid": "Boolean"}
ORDERS = [{"id": "a", "amount": 1, "price": 0.5, "paid": True},
          {"id": "b", "amount": 20, "price": 1.5, "paid": False},
          {"id": "c", "amount": 3, "price": 2, "paid": None}]

def failed(code, message, **details):
    details = {"errorCode": code, "errorMessage": message, **details}
    return {"isSuccess": False, "errorDetails": details}

def configuration(event):
    return {
        "isSuccess": True,
        "connectorOwner": "Acme",
        "connectorName": "Acme Orders",
        "connectorVersion": "1.0",
        "connectorModes": ["SOURCE", "DESTINATION"],
        "connectorRuntimeSetting": [],
        "authenticationConfig": {
            "isBasicAuthSupported": True, "isApiKeyAuthSupported": True,
            "isOAuth2Supported": True, "isCustomAuthSupported": True,
        },
        "supportedApiVersions": ["v1", "v2"],
        "operatorsSupported": ["PROJECTION", "EQUAL_TO", "NOT_EQUAL_TO", "CONTAINS", "BETWEEN",
                               "LESS_THAN", "GREATER_THAN", "LESS_THAN_OR_EQUAL_TO",
                               "GREATER_THAN_OR_EQUAL_TO"],
        "supportedWriteOperations": ["INSERT", "UPDATE", "UPSERT", "DELETE"],
        "triggerFrequenciesSupported": ["DAILY"],
        "supportedTriggerTypes": ["SCHEDULED", "ONDEMAND"],
    }

def validate(event):
    return {"isSuccess": True}

def validate_settings(event):
    return {"isSuccess": True}

def entities(event):
    return {"isSuccess": True, "entities": [
        {"entityIdentifier": "order", "label": "Order", "hasNestedEntities": False}]}

def entity(event):
    fields = [{"fieldName": n, "dataType": t, "filterOperators": []} for n, t in FIELDS.items()]
    return {"isSuccess": True, "entityDefinition": {
        "entity": {"entityIdentifier": "order", "hasNestedEntities": False}, "fields": fields}}

def query(event):
    return {"isSuccess": True, "records": [json.dumps(order) for order in ORDERS]}

def write(event):
    return {"isSuccess": True, "writeRecordResults": [
        {"isSuccess": True, "recordId": "1"} for _ in event["records"]]}

CHANGES

def handler(event, context):
    print(event["type"])
    return {
        "DescribeConnectorConfigurationRequest": configuration,
        "ValidateCredentialsRequest": validate,
        "ValidateConnectorRuntimeSettingsRequest": validate_settings,
        "ListEntitiesRequest": entities,
        "DescribeEntityRequest": entity,
        "QueryDataRequest": query,
        "WriteDataRequest": write,
    }[event["type"]](event)
"""


def connector(changes: str = "") -> str:
    """The source of a connector of orders, in which some functions are defined again."""
    return CONNECTOR.replace("CHANGES", changes)


# A run waits, for at most a minute, until it is cancelled.
THROTTLED = """
def query(event):
    return failed("RateLimitExceeded", "too fast", retryAfterSeconds=3600)
"""

BASIC = {"authenticationType": "BASIC", "basic": {"username": "u", "password": "p"}}


def profile(name: str = "sales", credentials: Any = BASIC, **properties: Any) -> dict[str, Any]:
    """The members of a CreateConnectorProfile request."""
    return {
        "connectorProfileName": name,
        "connectorType": "CustomConnector",
        "connectorLabel": LABEL,
        "connectionMode": "Public",
        "connectorProfileConfig": {
            "connectorProfileProperties": {"CustomConnector": properties},
            "connectorProfileCredentials": {"CustomConnector": credentials},
        },
    }


def end(kind: str, *, source: bool, properties: Any, **members: Any) -> dict[str, Any]:
    """A source or destination of a flow."""
    name = "sourceConnectorProperties" if source else "destinationConnectorProperties"
    by_profile = {"connectorProfileName": "sales", "apiVersion": "v1"}
    return {
        "connectorType": kind,
        **(by_profile if kind == "CustomConnector" else {}),
        name: {kind: properties},
        **members,
    }


MAP_ALL: Mapping[str, Any] = {"taskType": "Map_all", "sourceFields": []}


def task(kind: str, fields: list[str], operator: str | None = None, **members: Any) -> Any:
    """A task, whose operator is under the name of the connector."""
    operators = {} if operator is None else {"connectorOperator": {"CustomConnector": operator}}
    return {"taskType": kind, "sourceFields": fields, **operators, **members}


@dataclass(frozen=True)
class Sales:
    """An account with a connector, a profile and a bucket, and what tests do with flows in it."""

    account: Account

    @property
    def appflow(self) -> Any:
        return self.account.client("appflow")

    @property
    def s3(self) -> Any:
        return self.account.client("s3")

    @property
    def bucket(self) -> str:
        return f"orders-{self.account.id}"

    def prepare(self) -> None:
        """Register the connector, and make the profile and the bucket."""
        self.account.register(LABEL, self.account.make_function("crm", connector()))
        self.appflow.create_connector_profile(**profile())
        self.make_bucket()

    def use(self, changes: str) -> None:
        """Change the connector's code; its registration and its profile stay."""
        self.account.change_code("crm", connector(changes))

    def make_bucket(self, *actions: str) -> None:
        """Make the bucket; AppFlow may perform some actions, by default all."""
        self.s3.create_bucket(Bucket=self.bucket)
        arn = f"arn:aws:s3:::{self.bucket}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "appflow.amazonaws.com"},
            "Action": actions or "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"StringEquals": {"aws:SourceAccount": self.account.id}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=policy)

    def reading(self, *tasks: Any, **output: Any) -> dict[str, Any]:
        """The members of a flow from the connector into the bucket."""
        properties: dict[str, Any] = {"bucketName": self.bucket, "bucketPrefix": "out"}
        if output:
            properties["s3OutputFormatConfig"] = output
        return {
            "flowName": "orders",
            "triggerConfig": {"triggerType": "OnDemand"},
            "sourceFlowConfig": end(
                "CustomConnector", source=True, properties={"entityName": "order"}
            ),
            "destinationFlowConfigList": [end("S3", source=False, properties=properties)],
            "tasks": list(tasks or [MAP_ALL]),
        }

    def writing(self, *tasks: Any, file_type: str = "CSV", **properties: Any) -> dict[str, Any]:
        """The members of a flow from the bucket to the connector."""
        source = {
            "bucketName": self.bucket,
            "bucketPrefix": "in",
            "s3InputFormatConfig": {"s3InputFileType": file_type},
        }
        return {
            "flowName": "orders",
            "triggerConfig": {"triggerType": "OnDemand"},
            "sourceFlowConfig": end("S3", source=True, properties=source),
            "destinationFlowConfigList": [
                end(
                    "CustomConnector",
                    source=False,
                    properties={"entityName": "order", **properties},
                )
            ],
            "tasks": list(tasks or [MAP_ALL]),
        }

    def run(self, flow: dict[str, Any]) -> Mapping[str, Any]:
        """Create and start a flow, and return the record of its run once it has ended."""
        self.appflow.create_flow(**flow)
        return self.start(flow["flowName"])

    def start(self, name: str = "orders") -> Mapping[str, Any]:
        """Start a flow, and return the record of its run once it has ended."""
        return self.account.run_flow(name)

    def files(self, prefix: str = "out") -> dict[str, str]:
        """The texts of the objects under a prefix of the bucket, by their keys."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        objects = {
            one["Key"]: self.s3.get_object(Bucket=self.bucket, Key=one["Key"]) for one in found
        }
        return {key: one["Body"].read().decode() for key, one in objects.items()}

    def rows(self, prefix: str = "out") -> list[dict[str, Any]]:
        """The JSON objects in the files under a prefix of the bucket."""
        texts = self.files(prefix).values()
        return [json.loads(line) for text in texts for line in text.splitlines()]


def message(record: Mapping[str, Any]) -> str:
    """The message of a run that has failed."""
    assert record["executionStatus"] == "Error", record
    text: str = record["executionResult"]["errorInfo"]["executionMessage"]
    return text
