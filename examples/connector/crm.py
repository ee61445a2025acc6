"""A small connector with a handful of accounts. A real connector uses the AppFlow SDK.

AppFlow invokes the connector with a request of a ``type``, and expects a response with
``isSuccess``. This connector answers every type: it has one entity, ``account``, in memory, so that
what a flow writes is lost when Lambda ends the execution environment.
Source: the requests and responses of the AppFlow Custom Connector SDK.
"""

import json
from typing import Any

ACCOUNTS = [
    {"id": "1", "name": "Anvil Works", "employees": 12, "active": True},
    {"id": "2", "name": "Bolt & Sons", "employees": 140, "active": True},
    {"id": "3", "name": "Cogs United", "employees": 7, "active": False},
    {"id": "4", "name": "Dynamo Ltd", "employees": 56, "active": True},
    {"id": "5", "name": "Engine House", "employees": 31, "active": False},
]
TYPES = {"id": "String", "name": "String", "employees": "Integer", "active": "Boolean"}
PAGE_SIZE = 2


def handler(request: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the response to a request from AppFlow."""
    respond = RESPONSES.get(request["type"])
    if respond is None:
        return failure("InvalidArgument", f"This example cannot {request['type']}.")
    if request.get("entityIdentifier", "account") != "account":
        return failure("ResourceNotFoundError", f"There is no {request['entityIdentifier']}.")
    return {"isSuccess": True, **respond(request)}


def failure(code: str, message: str) -> dict[str, Any]:
    """Return the response to a request that cannot be carried out."""
    return {"isSuccess": False, "errorDetails": {"errorCode": code, "errorMessage": message}}


def describe_connector(request: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration, which AppFlow requests during a registration."""
    return {
        "connectorOwner": "Acme",
        "connectorName": "Acme CRM",
        "connectorVersion": "1.0",
        "connectorModes": ["SOURCE", "DESTINATION"],
        "connectorRuntimeSetting": [],
        "authenticationConfig": {
            "isBasicAuthSupported": True,
            "isOAuth2Supported": True,
            "oAuth2Defaults": {
                "tokenURL": ["https://crm.acme.example/token"],
                "authURL": ["https://crm.acme.example/authorize"],
                "oAuth2GrantTypesSupported": ["AUTHORIZATION_CODE"],
            },
        },
        "supportedApiVersions": ["v1"],
        "operatorsSupported": ["PROJECTION", "EQUAL_TO"],
        "supportedWriteOperations": ["INSERT", "UPDATE", "UPSERT", "DELETE"],
        "triggerFrequenciesSupported": ["DAILY"],
        "supportedTriggerTypes": ["SCHEDULED", "ONDEMAND"],
    }


def list_entities(request: dict[str, Any]) -> dict[str, Any]:
    """Return the entities that a flow can read or write."""
    return {"entities": [ENTITY], "cacheControl": CACHE}


def describe_entity(request: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an entity."""
    fields = [
        {
            "fieldName": name,
            "dataType": data_type,
            "label": name.capitalize(),
            "isPrimaryKey": name == "id",
            "filterOperators": ["EQUAL_TO"],
            "readProperties": {"isRetrievable": True, "isQueryable": True},
            "writeProperties": {"isCreatable": True, "isUpdatable": True, "isUpsertable": True},
        }
        for name, data_type in TYPES.items()
    ]
    return {"entityDefinition": {"entity": ENTITY, "fields": fields}, "cacheControl": CACHE}


def query_data(request: dict[str, Any]) -> dict[str, Any]:
    """Return a page of records, and the token of the next page."""
    first = int(request.get("nextToken") or 0)
    found = [account for account in ACCOUNTS if matches(account, request.get("filterExpression"))]
    page = found[first : first + PAGE_SIZE]
    following = first + PAGE_SIZE
    return {
        "records": [selected(account, request) for account in page],
        "nextToken": str(following) if following < len(found) else None,
    }


def retrieve_data(request: dict[str, Any]) -> dict[str, Any]:
    """Return the records with certain ids."""
    found = [one for one in ACCOUNTS if str(one[request["idFieldName"]]) in request["ids"]]
    return {"records": [selected(account, request) for account in found]}


def write_data(request: dict[str, Any]) -> dict[str, Any]:
    """Change records; AppFlow sends each as a text in JSON."""
    key = (request.get("idFieldNames") or ["id"])[0]
    results = [
        write(json.loads(record), key, request["operation"]) for record in request["records"]
    ]
    if all(result["isSuccess"] for result in results):
        return {"writeRecordResults": results}
    return {**failure("PartialWriteFailure", "Not all written."), "writeRecordResults": results}


def write(record: dict[str, Any], key: str, operation: str) -> dict[str, Any]:
    """Change one record, and return whether it was possible."""
    existing = [account for account in ACCOUNTS if account[key] == record.get(key)]
    if operation in ("UPDATE", "DELETE") and not existing:
        return {"isSuccess": False, "recordId": None, "errorMessage": f"No such {key}."}
    if operation == "DELETE":
        ACCOUNTS.remove(existing[0])
    elif operation == "INSERT" or not existing:
        ACCOUNTS.append(record)
    else:
        existing[0].update(record)
    return {"isSuccess": True, "recordId": str(record.get(key)), "errorMessage": None}


def matches(account: dict[str, Any], expression: str | None) -> bool:
    """Whether an account meets a filter such as ``active = true and name = "Anvil Works"``."""
    if not expression:
        return True
    conditions = [condition.split(" = ") for condition in expression.split(" and ")]
    return all(json.dumps(account[name]) == value for name, value in conditions)


def selected(account: dict[str, Any], request: dict[str, Any]) -> str:
    """Return the fields that AppFlow has selected, as a text in JSON."""
    names = request.get("selectedFieldNames") or list(TYPES)
    return json.dumps({name: account.get(name) for name in names})


def accept(request: dict[str, Any]) -> dict[str, Any]:
    """Accept credentials or settings. A real connector would use them once."""
    return {}


ENTITY = {
    "entityIdentifier": "account",
    "label": "Account",
    "hasNestedEntities": False,
    "isWritable": True,
}
CACHE = {"timeToLive": 1, "timeToLiveUnit": "HOURS"}
RESPONSES = {
    "DescribeConnectorConfigurationRequest": describe_connector,
    "ValidateConnectorRuntimeSettingsRequest": accept,
    "ValidateCredentialsRequest": accept,
    "ListEntitiesRequest": list_entities,
    "DescribeEntityRequest": describe_entity,
    "QueryDataRequest": query_data,
    "RetrieveDataRequest": retrieve_data,
    "WriteDataRequest": write_data,
}
