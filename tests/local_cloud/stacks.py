"""Stacks of templates that tests write, deployed with boto3."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import WaiterError

from tests.support import Account


class Stack:
    """A stack of an account, from templates with these resources."""

    def __init__(self, account: Account) -> None:
        self.name = f"stack-{uuid.uuid4()}"
        self._cloudformation = account.client("cloudformation")
        self._exists = False

    def deploy(self, resources: Mapping[str, Any], **sections: Any) -> str:
        """Create or update the stack.

        Returns:
            The reason of the first failure, or an empty string.
        """
        return self.deploy_template(json.dumps({"Resources": resources, **sections}))

    def deploy_template(self, template: str, **members: Any) -> str:
        """Create or update the stack from the text of a template; return as ``deploy`` does."""
        call = "update" if self._exists else "create"
        before = self._events() if self._exists else []
        request = {"Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"], **members}
        getattr(self._cloudformation, f"{call}_stack")(
            StackName=self.name, TemplateBody=template, **request
        )
        self._exists = True
        return self._wait(call, len(before))

    def delete(self) -> str:
        """Delete the stack; return as ``deploy`` does."""
        before = len(self._events())
        self._cloudformation.delete_stack(StackName=self.name)
        return self._wait("delete", before)

    def resource(self, logical_id: str) -> Mapping[str, Any]:
        """A resource, as DescribeStackResource shows it."""
        detail: Mapping[str, Any] = self._cloudformation.describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )["StackResourceDetail"]
        return detail

    def outputs(self) -> Mapping[str, str]:
        """The values of the stack's outputs."""
        [stack] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def _wait(self, call: str, after: int) -> str:
        waiter = self._cloudformation.get_waiter(f"stack_{call}_complete")
        try:
            waiter.wait(StackName=self.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
        except WaiterError:
            failed = [
                event
                for event in self._events()[after:]
                if event["ResourceStatus"].endswith("FAILED")
            ]
            return str(failed[0]["ResourceStatusReason"])
        return ""

    def _events(self) -> list[Mapping[str, Any]]:
        """The stack's events, the oldest first."""
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(
            StackName=self.name
        )
        return [event for page in pages for event in page["StackEvents"]][::-1]
