"""The connector registrations in the templates of deployed stacks.

For a stack without a connector registration only the resources are listed, with one call for each
hundred of them. The parameters and the template are read for stacks with one.

Sources: ListStacks, ListStackResources, DescribeStacks and its Stack, and GetTemplate in the
CloudFormation API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .appflow import is_label
from .aws import SDK_ERRORS, Session, Unknown, in_parallel
from .conditions import UnresolvableError
from .errors import CommandError
from .references import References, describe_stack, does_not_exist
from .template import Resource, Template
from .yaml_template import parse

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
_FAILED_OPERATIONS = {
    "CREATE_FAILED": "creation",
    "DELETE_FAILED": "deletion",
    "UPDATE_FAILED": "update",
}


class Registration(NamedTuple):
    """A connector registration in the template of a stack.

    ``label`` and ``logical_id`` are None if they are not known. ``root_stack`` is the stack to
    deploy: ``stack`` itself, or the root of a nested stack. ``description`` is None if the template
    sets none; any registered description then matches. ``unstable_status`` is the stack's status
    while the template can differ from the one that was deployed last, else None. ``problem`` is why
    the registration cannot be compared, whatever AppFlow shows.
    """

    label: str | None
    stack: str
    root_stack: str
    logical_id: str | None
    lambda_arn: str | Unknown
    description: str | Unknown | None
    unstable_status: str | None
    problem: Unknown | None = None


class _Stack(NamedTuple):
    """A stack with registrations.

    ``problem`` is why the stack cannot be read.
    """

    name: str
    root: str
    unstable_status: str | None
    template: Template | Unknown
    problem: Unknown | None = None


class CloudFormation:
    """The stacks of an account and Region.

    Args:
        session: a session in the account and Region.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client = session.client("cloudformation")
        self._references = References(session)

    def registrations_of_all_stacks(self) -> list[Registration]:
        """The registrations of all stacks, nested stacks included.

        A stack that cannot be read has one registration, with a problem. A stack that is deleted
        meanwhile has none.
        """
        statuses = set(self._client.meta.service_model.shape_for("StackStatus").enum)
        pages = self._client.get_paginator("list_stacks").paginate(
            StackStatusFilter=sorted(statuses - _EMPTY_STATUSES)
        )
        stacks = [
            stack.get("StackId") or stack["StackName"]
            for page in pages
            for stack in page.get("StackSummaries", [])
        ]
        by_stack = in_parallel(self._registrations_of, stacks)
        return [registration for registrations in by_stack for registration in registrations]

    def registrations_of_stack(self, name: str) -> list[Registration]:
        """The registrations of a stack and of the stacks nested in it.

        Args:
            name: the name of the stack, or its ARN.

        Raises:
            CommandError: the stack does not exist, or it is not stable and has no registrations.
        """
        stack = describe_stack(self._client, name)
        if stack is None:
            raise CommandError(
                f"there is no stack {name} in {self._session}. Check --stack, --region and"
                " --profile"
            )
        registrations = self._with_nested_stacks(name, self._resources(name))
        status = stack["StackStatus"]
        if not registrations and status not in _STABLE_STATUSES:
            raise CommandError(
                f"stack {name} is {status} and has no connectors."
                f" {how_to_stabilize(status).removesuffix('.')}"
            )
        return registrations

    def _with_nested_stacks(self, name: str, resources: Sequence[Resource]) -> list[Registration]:
        registrations = self._registrations_among(name, resources)
        for resource in resources:
            if resource.type == _NESTED_STACK and resource.physical_id:
                nested = resource.physical_id
                try:
                    nested_resources = self._resources(nested)
                except SDK_ERRORS as error:
                    registrations += self._registration_of_unread_stack(nested, error)
                else:
                    registrations += self._with_nested_stacks(nested, nested_resources)
        return registrations

    def _registrations_of(self, name: str) -> list[Registration]:
        try:
            resources = self._resources(name)
        except SDK_ERRORS as error:
            return self._registration_of_unread_stack(name, error)
        return self._registrations_among(name, resources)

    def _registration_of_unread_stack(self, name: str, error: Exception) -> list[Registration]:
        if does_not_exist(error):
            return []
        problem = self._session.unknown(error)
        stack = _name(name)
        return [Registration(None, stack, stack, None, problem, problem, None, problem)]

    def _registrations_among(self, name: str, resources: Sequence[Resource]) -> list[Registration]:
        registered = [resource for resource in resources if resource.type == _RESOURCE_TYPE]
        if not registered:
            return []
        stack = self._stack(name, resources)
        return [_registration(stack, resource) for resource in registered] if stack else []

    def _stack(self, name: str, resources: Sequence[Resource]) -> _Stack | None:
        try:
            stack = describe_stack(self._client, name)
        except SDK_ERRORS as error:
            return _unread_stack(name, self._session.unknown(error))
        if stack is None:
            return None
        status = stack["StackStatus"]
        stack_id = stack.get("StackId", name)
        return _Stack(
            name=stack["StackName"],
            root=_name(stack.get("RootId", stack_id)),
            unstable_status=None if status in _STABLE_STATUSES else status,
            template=self._template(stack_id, stack, resources),
        )

    def _template(
        self, stack_id: str, stack: Mapping[str, Any], resources: Sequence[Resource]
    ) -> Template | Unknown:
        try:
            # What CloudFormation deploys: SAM and macros are expanded.
            found = self._client.get_template(StackName=stack_id, TemplateStage="Processed")
        except SDK_ERRORS as error:
            return self._session.unknown(error)
        body = found.get("TemplateBody")
        if body is None:
            return Unknown("CloudFormation returns no template of the stack")
        # botocore parses JSON, and returns YAML as text.
        if isinstance(body, str):
            try:
                body = parse(body)
            except ValueError as error:
                return Unknown(f"the stack's template cannot be read as JSON or YAML: {error}")
        return Template(
            body,
            stack_id=stack_id,
            parameters={
                parameter["ParameterKey"]: parameter
                for parameter in stack.get("Parameters", [])
                if "ParameterKey" in parameter
            },
            resources={resource.logical_id: resource for resource in resources},
            export_value=self._references.export_value,
            output_value=self._references.output_value,
        )

    def _resources(self, name: str) -> list[Resource]:
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=name)
        return [
            Resource(
                logical_id=summary["LogicalResourceId"],
                physical_id=summary.get("PhysicalResourceId", ""),
                type=summary["ResourceType"],
                status=summary["ResourceStatus"],
                status_reason=summary.get("ResourceStatusReason", ""),
            )
            for page in pages
            for summary in page.get("StackResourceSummaries", [])
            if summary["ResourceStatus"] not in _REMOVED_RESOURCE_STATUSES
        ]


def how_to_stabilize(status: str) -> str:
    """The next step for a stack in a status in which it cannot be compared."""
    if status == "REVIEW_IN_PROGRESS":
        return "Execute its change set. Then run this command again."
    if status.endswith("_IN_PROGRESS"):
        return "Run this command again when the operation has ended."
    if status == "ROLLBACK_COMPLETE":
        return "It cannot be updated. Delete and deploy it. Then run this command again."
    return "Deploy the stack, or finish its rollback or deletion. Then run this command again."


def _registration(stack: _Stack, resource: Resource) -> Registration:
    label = _label(stack, resource)
    values = stack.template
    if stack.unstable_status:
        values = Unknown(f"the stack is {stack.unstable_status}")
    problem = stack.problem or _failure(stack, resource)
    if isinstance(label, Unknown) and not stack.unstable_status:
        problem = problem or label
    return Registration(
        label=label if isinstance(label, str) else None,
        stack=stack.name,
        root_stack=stack.root,
        logical_id=resource.logical_id,
        lambda_arn=_property(values, resource, "LambdaArn")
        or Unknown("the template sets no LambdaArn"),
        description=_property(values, resource, "Description"),
        unstable_status=stack.unstable_status,
        problem=problem,
    )


def _unread_stack(name: str, unknown: Unknown) -> _Stack:
    stack = _name(name)
    problem = unknown._replace(reason=f"stack {stack} cannot be read: {unknown.reason}")
    return _Stack(stack, stack, None, problem, problem)


def _label(stack: _Stack, resource: Resource) -> str | Unknown:
    """The label of a registration: its physical id, or else what the template sets.

    A registration whose creation failed has an id that stands for no connector, made up by the
    handler (with a colon) or by CloudFormation (from the names of stack and resource).
    """
    physical_id = resource.physical_id
    is_made_up = physical_id.startswith(f"{stack.name}_{resource.logical_id}_")
    if is_label(physical_id) and not is_made_up and resource.status != "CREATE_FAILED":
        return physical_id
    label = _property(stack.template, resource, "ConnectorLabel")
    if isinstance(label, str) and not is_label(label):
        return Unknown(f"ConnectorLabel is {label!r}, which is not a connector label")
    return label or Unknown("the template sets no ConnectorLabel")


def _failure(stack: _Stack, resource: Resource) -> Unknown | None:
    operation = _FAILED_OPERATIONS.get(resource.status)
    if operation is None:
        return None
    reason = f"the {operation} of resource {resource.logical_id} in stack {stack.name} failed"
    if resource.status_reason:
        reason += f": {resource.status_reason}"
    if stack.unstable_status:
        return Unknown(
            reason,
            f"Fix the cause. Then deploy stack {stack.root}, or finish its rollback or deletion.",
        )
    return Unknown(reason, "If no stack needs the connector, unregister it in AppFlow.")


def _property(template: Template | Unknown, resource: Resource, name: str) -> str | Unknown | None:
    if isinstance(template, Unknown):
        return template
    try:
        return template.property(resource.logical_id, name)
    except UnresolvableError as error:
        return Unknown(f"{name} cannot be resolved: {error}")


def _name(stack: str) -> str:
    """The name of a stack, from its ARN or name."""
    return stack.split("/")[1] if "/" in stack else stack
