"""The values that a template takes from other stacks: exports, and outputs.

Sources: ListExports and DescribeStacks in the CloudFormation API Reference; Fn::ImportValue and
Fn::GetStackOutput in the CloudFormation Template Reference.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from .aws import SDK_ERRORS, Session
from .conditions import UnresolvableError
from .template import StackOutput


class References:
    """The exports of an account and Region, and the outputs of the account's stacks.

    Args:
        session: a session in the account and Region.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._outputs: dict[tuple[str, str], Mapping[str, str] | None] = {}

    def export_value(self, name: str) -> str:
        """The value of an export.

        Raises:
            KeyError: there is no such export.
            UnresolvableError: the exports cannot be read.
        """
        try:
            exports = self._exports
        except SDK_ERRORS as error:
            raise UnresolvableError(self._session.unknown(error).reason) from error
        return exports[name]

    def output_value(self, reference: StackOutput) -> str:
        """The current value of an output of another stack, in any Region.

        The role of the reference is not assumed: CloudFormation's role may, a user may not. It
        tells the account of the stack.

        Raises:
            UnresolvableError: the stack is in another account, does not exist, cannot be read, or
                has no such output.
        """
        stack, output, region, role_arn = reference
        source = f"output {output} of stack {stack} in {region}"
        if role_arn and f":{self._session.account}:" not in role_arn:
            raise UnresolvableError(
                f"it is {source}, which CloudFormation reads as {role_arn} of another account"
            )
        try:
            outputs = self._outputs_of(region, stack)
        except SDK_ERRORS as error:
            reason = self._session.unknown(error).reason
            raise UnresolvableError(f"it is {source}: {reason}") from error
        if outputs is None:
            raise UnresolvableError(f"it is {source}, which does not exist")
        if output not in outputs:
            raise UnresolvableError(f"it is {source}, which has no such output")
        return outputs[output]

    @functools.cached_property
    def _exports(self) -> Mapping[str, str]:
        client = self._session.client("cloudformation")
        pages = client.get_paginator("list_exports").paginate()
        return {
            export["Name"]: export["Value"]
            for page in pages
            for export in page.get("Exports", [])
            if "Name" in export and "Value" in export
        }

    def _outputs_of(self, region: str, stack: str) -> Mapping[str, str] | None:
        key = (region, stack)
        if key not in self._outputs:
            described = describe_stack(self._session.client("cloudformation", region), stack)
            self._outputs[key] = described and {
                output["OutputKey"]: output["OutputValue"]
                for output in described.get("Outputs", [])
                if "OutputKey" in output and "OutputValue" in output
            }
        return self._outputs[key]


def describe_stack(client: Any, name: str) -> Mapping[str, Any] | None:
    """A stack, as DescribeStacks returns it; None if it does not exist, or is deleted.

    Args:
        client: a boto3 client of CloudFormation.
        name: the name of the stack, or its ARN.
    """
    try:
        stacks: list[Mapping[str, Any]] = client.describe_stacks(StackName=name).get("Stacks", [])
    except ClientError as error:
        if does_not_exist(error):
            return None
        raise
    return next((stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"), None)


def does_not_exist(error: Any) -> bool:
    """Whether an error of CloudFormation means that the stack does not exist."""
    if not isinstance(error, ClientError):
        return False
    # CloudFormation has no error code for a missing stack.
    code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
    return code == "ValidationError" and "does not exist" in message
