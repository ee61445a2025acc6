"""What the stacks ask AppFlow to hold.

Of most stacks of an account only the resources are listed, which is one call for each hundred of
them. A stack's parameters and template are read if a connector registration is among them, and the
exports if one needs them.

Sources: ListStacks, ListStackResources, DescribeStacks and its Stack, GetTemplate and ListExports
in the CloudFormation API Reference.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from .aws import Place, StatusError, in_parallel
from .template import CannotTellError, Resource, Template

_RESOURCE_TYPE = "Custom::AppFlowConnectorRegistration"
_NESTED_STACK = "AWS::CloudFormation::Stack"

# In every other status the template that GetTemplate returns need not be the one that was deployed
# last: an operation is under way, or has stopped half-way. After a rollback it is the one that the
# stack has gone back to, and so are the parameters, as MiniStack's issue 1601 has measured on AWS.
_SETTLED = frozenset(
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

# Nothing has been deployed yet, or nothing is left.
_WITHOUT_RESOURCES = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})

_NOT_IN_THE_STACK = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})


class CannotTell(NamedTuple):
    """Takes the place of a value that cannot be told, and says why."""

    reason: str


class Registration(NamedTuple):
    """What a stack asks AppFlow to hold for one connector.

    ``root_stack`` is the stack to deploy: ``stack`` itself, or the outermost one that it is nested
    in. ``description`` is None if the template sets none, and AppFlow may then hold any.
    ``unsettled`` is the stack's status if that leaves open what the stack asks for.
    """

    label: str
    stack: str
    root_stack: str
    logical_id: str
    lambda_arn: str | CannotTell
    description: str | CannotTell | None
    unsettled: str | None


class CloudFormation:
    """The stacks of an account and Region.

    Args:
        place: the account and Region.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client = place.client("cloudformation")

    def registrations_of_all_stacks(self) -> list[Registration]:
        """What all stacks ask for, nested ones among them."""
        statuses = set(self._client.meta.service_model.shape_for("StackStatus").enum)
        pages = self._client.get_paginator("list_stacks").paginate(
            StackStatusFilter=sorted(statuses - _WITHOUT_RESOURCES)
        )
        stacks = [stack["StackId"] for page in pages for stack in page["StackSummaries"]]
        found = in_parallel(self._registrations_unless_gone, stacks)
        return [registration for registrations in found for registration in registrations]

    def registrations_of_stack(self, name: str) -> list[Registration]:
        """What a stack and the stacks nested in it ask for.

        Args:
            name: the name of the stack, or its ARN.

        Raises:
            StatusError: there is no such stack, or it is too early to tell.
        """
        status = self._status(name)
        if status == "DELETE_COMPLETE":
            raise StatusError(
                f"there is no stack {name} in {self._place}. Check --stack, --region and --profile"
            )
        found = list(self._with_nested_stacks(name))
        if not found and status not in _SETTLED:
            raise StatusError(
                f"stack {name} is {status} and has no connectors so far. Look again when it is"
                " complete"
            )
        return found

    def _status(self, name: str) -> str:
        try:
            stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if _is_gone(error):
                return "DELETE_COMPLETE"
            raise
        return str(stack["StackStatus"])

    def _with_nested_stacks(self, name: str) -> Iterator[Registration]:
        resources = self._resources(name)
        yield from self._registrations(name, resources)
        for resource in resources:
            if resource.type == _NESTED_STACK and resource.physical_id:
                yield from self._with_nested_stacks(resource.physical_id)

    def _registrations_unless_gone(self, name: str) -> list[Registration]:
        try:
            return list(self._registrations(name, self._resources(name)))
        except ClientError as error:
            # It has been deleted since the stacks were listed.
            if _is_gone(error):
                return []
            raise

    def _registrations(self, name: str, resources: Iterable[Resource]) -> Iterator[Registration]:
        ours = [resource for resource in resources if resource.type == _RESOURCE_TYPE]
        if not ours:
            return
        stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        template = self._template(stack, resources)
        for resource in ours:
            yield Registration(
                # A resource that is not made yet has no physical id.
                label=resource.physical_id or resource.logical_id,
                stack=stack["StackName"],
                root_stack=_name(stack.get("RootId", stack["StackId"])),
                logical_id=resource.logical_id,
                lambda_arn=_property(template, resource, "LambdaArn")
                or CannotTell("the template sets no LambdaArn"),
                description=_property(template, resource, "Description"),
                unsettled=None if stack["StackStatus"] in _SETTLED else stack["StackStatus"],
            )

    def _template(
        self, stack: Mapping[str, Any], resources: Iterable[Resource]
    ) -> Template | CannotTell:
        if stack["StackStatus"] not in _SETTLED:
            return CannotTell(f"the stack is {stack['StackStatus']}")
        body = self._client.get_template(StackName=stack["StackId"])["TemplateBody"]
        # botocore has parsed it, unless it is YAML.
        if isinstance(body, str):
            return CannotTell("the stack's template is YAML, and this command reads JSON")
        return Template(
            body,
            stack_id=stack["StackId"],
            parameters={one["ParameterKey"]: one for one in stack.get("Parameters", [])},
            resources={resource.logical_id: resource for resource in resources},
            exported=lambda export: self._exports[export],
        )

    def _resources(self, name: str) -> list[Resource]:
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=name)
        return [
            Resource(
                logical_id=one["LogicalResourceId"],
                physical_id=one.get("PhysicalResourceId", ""),
                type=one["ResourceType"],
            )
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceStatus"] not in _NOT_IN_THE_STACK
        ]

    @functools.cached_property
    def _exports(self) -> Mapping[str, str]:
        pages = self._client.get_paginator("list_exports").paginate()
        return {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}


def _property(
    template: Template | CannotTell, resource: Resource, name: str
) -> str | CannotTell | None:
    if isinstance(template, CannotTell):
        return template
    try:
        return template.property(resource.logical_id, name)
    except CannotTellError as error:
        return CannotTell(f"{name} is not known: {error}")


def _name(stack_id: str) -> str:
    return stack_id.split("/")[1]


def _is_gone(error: ClientError) -> bool:
    # CloudFormation has no error code for it.
    code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
    return code == "ValidationError" and "does not exist" in message
