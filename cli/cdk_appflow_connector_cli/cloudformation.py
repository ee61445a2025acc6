"""The connector registrations in the templates of deployed stacks.

For a stack without a connector registration only the resources are listed, with one call for each
hundred of them. The parameters and the template are read for stacks with one. The exports are read
if a property imports a value.

Sources: ListStacks, ListStackResources, DescribeStacks and its Stack, GetTemplate and ListExports
in the CloudFormation API Reference.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from .aws import Session, StatusError, in_parallel
from .template import Resource, Template, UnresolvableError

_RESOURCE_TYPE = "Custom::AppFlowConnectorRegistration"
_NESTED_STACK = "AWS::CloudFormation::Stack"

# In every other status an operation is in progress or has stopped before its end, and the template
# from GetTemplate can differ from the one that was deployed last. After a rollback GetTemplate and
# DescribeStacks return the template and the parameters that the stack was rolled back to, as
# measured on AWS in MiniStack's issue 1601.
_STABLE_STATUSES = frozenset(
    {
        "CREATE_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    }
)

# Nothing has been deployed yet, or everything has been deleted.
_EMPTY_STATUSES = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})

_REMOVED_RESOURCE_STATUSES = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})


class Unknown(NamedTuple):
    """Stands for a value that cannot be resolved, with the reason."""

    reason: str


class Registration(NamedTuple):
    """A connector registration in the template of a stack.

    ``root_stack`` is the stack to deploy: ``stack`` itself, or the root of a nested stack.
    ``description`` is None if the template sets none; any registered description then matches.
    ``unstable_status`` is the stack's status while the template can differ from the one that was
    deployed last, else None.
    """

    label: str
    stack: str
    root_stack: str
    logical_id: str
    lambda_arn: str | Unknown
    description: str | Unknown | None
    unstable_status: str | None


class CloudFormation:
    """The stacks of an account and Region.

    Args:
        session: a session in the account and Region.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client = session.client("cloudformation")

    def registrations_of_all_stacks(self) -> list[Registration]:
        """The registrations of all stacks, nested stacks included."""
        statuses = set(self._client.meta.service_model.shape_for("StackStatus").enum)
        pages = self._client.get_paginator("list_stacks").paginate(
            StackStatusFilter=sorted(statuses - _EMPTY_STATUSES)
        )
        stacks = [stack["StackId"] for page in pages for stack in page["StackSummaries"]]
        by_stack = in_parallel(self._registrations_if_it_exists, stacks)
        return [registration for registrations in by_stack for registration in registrations]

    def registrations_of_stack(self, name: str) -> list[Registration]:
        """The registrations of a stack and of the stacks nested in it.

        Args:
            name: the name of the stack, or its ARN.

        Raises:
            StatusError: the stack does not exist, or it is not stable and has no registrations.
        """
        status = self._status(name)
        if status == "DELETE_COMPLETE":
            raise StatusError(
                f"there is no stack {name} in {self._session}. Check --stack, --region and"
                " --profile"
            )
        registrations = list(self._with_nested_stacks(name))
        if not registrations and status not in _STABLE_STATUSES:
            raise StatusError(
                f"stack {name} is {status} and has no connectors yet. Run this command again when"
                " the operation has ended"
            )
        return registrations

    def _status(self, name: str) -> str:
        try:
            stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if _does_not_exist(error):
                return "DELETE_COMPLETE"
            raise
        return str(stack["StackStatus"])

    def _with_nested_stacks(self, name: str) -> Iterator[Registration]:
        resources = self._resources(name)
        yield from self._registrations(name, resources)
        for resource in resources:
            if resource.type == _NESTED_STACK and resource.physical_id:
                yield from self._with_nested_stacks(resource.physical_id)

    def _registrations_if_it_exists(self, name: str) -> list[Registration]:
        try:
            return list(self._registrations(name, self._resources(name)))
        except ClientError as error:
            # The stack was deleted after ListStacks.
            if _does_not_exist(error):
                return []
            raise

    def _registrations(self, name: str, resources: Iterable[Resource]) -> Iterator[Registration]:
        registered = [resource for resource in resources if resource.type == _RESOURCE_TYPE]
        if not registered:
            return
        stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        template = self._template(stack, resources)
        for resource in registered:
            yield Registration(
                # The physical id is the label. A resource that is not created yet has none.
                label=resource.physical_id or resource.logical_id,
                stack=stack["StackName"],
                root_stack=_name(stack.get("RootId", stack["StackId"])),
                logical_id=resource.logical_id,
                lambda_arn=_property(template, resource, "LambdaArn")
                or Unknown("the template sets no LambdaArn"),
                description=_property(template, resource, "Description"),
                unstable_status=_unstable_status(stack),
            )

    def _template(
        self, stack: Mapping[str, Any], resources: Iterable[Resource]
    ) -> Template | Unknown:
        if status := _unstable_status(stack):
            return Unknown(f"the stack is {status}")
        body = self._client.get_template(StackName=stack["StackId"])["TemplateBody"]
        # botocore parses JSON, and returns YAML as text.
        if isinstance(body, str):
            return Unknown("the stack's template is YAML; this command reads JSON only")
        return Template(
            body,
            stack_id=stack["StackId"],
            parameters={
                parameter["ParameterKey"]: parameter for parameter in stack.get("Parameters", [])
            },
            resources={resource.logical_id: resource for resource in resources},
            export_value=lambda name: self._exports[name],
        )

    def _resources(self, name: str) -> list[Resource]:
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=name)
        return [
            Resource(
                logical_id=summary["LogicalResourceId"],
                physical_id=summary.get("PhysicalResourceId", ""),
                type=summary["ResourceType"],
            )
            for page in pages
            for summary in page["StackResourceSummaries"]
            if summary["ResourceStatus"] not in _REMOVED_RESOURCE_STATUSES
        ]

    @functools.cached_property
    def _exports(self) -> Mapping[str, str]:
        pages = self._client.get_paginator("list_exports").paginate()
        return {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}


def _property(template: Template | Unknown, resource: Resource, name: str) -> str | Unknown | None:
    if isinstance(template, Unknown):
        return template
    try:
        return template.property(resource.logical_id, name)
    except UnresolvableError as error:
        return Unknown(f"{name} cannot be resolved: {error}")


def _unstable_status(stack: Mapping[str, Any]) -> str | None:
    status: str = stack["StackStatus"]
    return None if status in _STABLE_STATUSES else status


def _name(stack_id: str) -> str:
    return stack_id.split("/")[1]


def _does_not_exist(error: ClientError) -> bool:
    # CloudFormation has no error code for a missing stack.
    code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
    return code == "ValidationError" and "does not exist" in message
