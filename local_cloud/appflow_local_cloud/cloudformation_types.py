"""CloudFormation's types for AppFlow, in MiniStack's registry of resource types.

They call AppFlow over HTTP like any other client, as the root of the account: MiniStack does not
check what a deployment may do. A resource is updated only if a property of it has changed.

Sources: "Resource type handler contract" and "Handler error codes" in the CloudFormation CLI User
Guide; for the words of errors, issue 338 of hashicorp/terraform-provider-awscc and
"Troubleshooting CloudFormation" in the CloudFormation User Guide.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError
from ministack.core import responses
from ministack.services.cloudformation import provisioners, stacks

from .appflow_resources import TYPES, Flow, Properties, ResourceType
from .clients import Clients
from .resource_properties import PropertiesError

_Created = tuple[str, Mapping[str, Any]]

_HANDLER_ERROR_CODES = {
    "AccessDeniedException": "AccessDenied",
    "ResourceNotFoundException": "NotFound",
    "ServiceQuotaExceededException": "ServiceLimitExceeded",
    "ThrottlingException": "Throttling",
    "ValidationException": "InvalidRequest",
}


class ResourceError(RuntimeError):
    """A resource cannot be created, updated or deleted; the message is CloudFormation's."""


class AppFlowTypes:
    """The types for AppFlow in MiniStack's CloudFormation.

    Args:
        endpoint_url: where AppFlow is served.
    """

    def __init__(self, endpoint_url: str) -> None:
        # AppFlow validates the parameters, in its own words.
        self._clients = Clients(endpoint_url, parameter_validation=False)

    def install(self) -> None:
        """Add the types to MiniStack's registry."""
        for one in TYPES:
            provisioners._RESOURCE_HANDLERS[one.name] = self._handlers(one)
            provisioners._REPLACING_PROPERTIES[one.name] = one.replacing
        provisioners._STACK_TAG_PROPERTY[Flow.name] = ("Tags", "list")
        original, names = stacks._runs_on_worker_thread, {one.name for one in TYPES}
        # On the event loop, a call to this same server would wait for itself.
        stacks._runs_on_worker_thread = lambda name: name in names or original(name)

    def _handlers(self, one: ResourceType) -> dict[str, Any]:
        def create(logical_id: str, properties: Properties, _stack_name: str) -> _Created:
            with _reported(logical_id, conflict="AlreadyExists"):
                _check_required(one, properties)
                appflow = self._client()
                one.create(appflow, properties)
                identifier: str = properties[one.identifier]
                return identifier, one.attributes(appflow, identifier)

        def update(
            identifier: str, old: Properties, new: Properties, _stack_name: str, logical_id: str
        ) -> _Created:
            with _reported(logical_id, conflict="ResourceConflict"):
                _check_required(one, new)
                appflow = self._client()
                one.update(appflow, old, new)
                return identifier, one.attributes(appflow, identifier)

        def delete(identifier: str, _properties: Properties, logical_id: str) -> None:
            appflow = self._client()
            with (
                _reported(logical_id, conflict="ResourceConflict"),
                contextlib.suppress(appflow.exceptions.ResourceNotFoundException),
            ):
                one.delete(appflow, identifier)

        return {
            "create": create,
            "update": update,
            "update_with_logical_id": True,
            "delete": delete,
            "delete_with_logical_id": True,
        }

    def _client(self) -> Any:
        """A client of AppFlow in the account and Region of the stack."""
        return self._clients.client("appflow", responses.get_account_id(), responses.get_region())


def _check_required(one: ResourceType, properties: Properties) -> None:
    for name in one.required:
        if name not in properties:
            raise PropertiesError(f"#: required key [{name}] not found")


@contextmanager
def _reported(logical_id: str, *, conflict: str) -> Generator[None, None, None]:
    """Raise the errors of a resource in CloudFormation's words."""
    try:
        yield
    except PropertiesError as error:
        raise ResourceError(
            f"Properties validation failed for resource {logical_id} with message:\n{error}"
        ) from error
    except ClientError as error:
        raise ResourceError(_handler_error(error.response, conflict)) from error


def _handler_error(response: Mapping[str, Any], conflict: str) -> str:
    code = response["Error"]["Code"]
    codes = {"ConflictException": conflict, **_HANDLER_ERROR_CODES}
    metadata = response["ResponseMetadata"]
    return (
        f'Resource handler returned message: "{response["Error"]["Message"]} (Service: Appflow,'
        f' Status Code: {metadata["HTTPStatusCode"]}, Request ID: {uuid.uuid4()})"'
        f" (RequestToken: {uuid.uuid4()},"
        f" HandlerErrorCode: {codes.get(code, 'GeneralServiceException')})"
    )
