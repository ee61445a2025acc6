"""``cdk-appflow-connector status`` on stacks that refer to outputs of other stacks.

The CDK does so by Fn::GetStackOutput if a cross-stack reference is weak.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tests.cli.front import error_for, front
from tests.cli.support import connectors, make_stack, registration, run_status, states, wait_for
from tests.support import Account

HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


@pytest.fixture(autouse=True)
def functions(account: Account, crm: str) -> None:
    """The stack ``Functions`` with two outputs, and a registered connector ``acme-crm``."""
    account.register("acme-crm", crm)
    outputs = {"Arn": {"Value": crm}, "Name": {"Value": "crm"}}
    make_stack(account, "Functions", HANDLE, Outputs=outputs)


def output(name: str = "Arn", **members: Any) -> dict[str, Any]:
    """A reference to an output of the stack ``Functions``."""
    return {"Fn::GetStackOutput": {"StackName": "Functions", "OutputName": name, **members}}


def make_consumer(account: Account, lambda_arn: Any, **sections: Any) -> None:
    """Make the stack ``Crm``, whose connector refers to a function of another stack."""
    make_stack(account, "Crm", registration(account, "acme-crm", LambdaArn=lambda_arn), **sections)


def delete(account: Account, name: str) -> None:
    """Delete a stack, and wait until it is gone."""
    account.client("cloudformation").delete_stack(StackName=name)
    wait_for(account, "stack_delete_complete", name)


def reason_for(account: Account, **variables: str) -> str:
    """The reason for the only finding, which is UNKNOWN."""
    result = run_status(account, "--json", **variables)
    [found] = connectors(result)
    assert found["state"] == "UNKNOWN"
    assert result.returncode == 2
    reason: str = found["reason"]
    return reason


PREFIX = "arn:aws:lambda:us-east-1:${AWS::AccountId}:function"


@pytest.mark.parametrize(
    "lambda_arn",
    [
        pytest.param(output(), id="plain"),
        pytest.param(output(Region="us-east-1"), id="region"),
        pytest.param(output(Region={"Ref": "AWS::Region"}), id="region of the stack"),
        pytest.param(
            output(RoleArn={"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/reader"}), id="role"
        ),
        pytest.param(output(StackName={"Ref": "Producer"}), id="parameter"),
        pytest.param(
            {"Fn::Join": [":", [{"Fn::Sub": PREFIX}, output("Name")]]},
            id="join",
        ),
        pytest.param({"Fn::Sub": [f"{PREFIX}:${{Name}}", {"Name": output("Name")}]}, id="sub"),
    ],
)
def test_output_of_other_stack_is_resolved(account: Account, lambda_arn: Any) -> None:
    """A function that is an output of another stack is compared."""
    parameter = {"Type": "String", "Default": "Functions"}
    make_consumer(account, lambda_arn, Parameters={"Producer": parameter})

    result = run_status(account, "--json")

    assert states(result) == {"acme-crm": "IN_SYNC"}
    assert result.returncode == 0


def test_output_of_other_region_is_resolved(account: Account, crm: str) -> None:
    """An output is read in the Region that the reference names."""
    abroad = dataclasses.replace(account, region="eu-west-1")
    make_stack(abroad, "Functions", HANDLE, Outputs={"Arn": {"Value": f"{crm}:live"}})
    # The local cloud reads the output in its own Region.
    make_consumer(account, output(Region="eu-west-1"))

    [found] = connectors(run_status(account, "--json"))

    assert found["state"] == "MODIFIED"
    assert found["expected"]["lambdaArn"] == f"{crm}:live"


def test_changed_output_is_modified(account: Account, crm: str) -> None:
    """A connector is MODIFIED if the output has changed since its stack was deployed."""
    make_consumer(account, output())
    changed = {"Resources": {"Handle": HANDLE}, "Outputs": {"Arn": {"Value": f"{crm}:live"}}}
    account.client("cloudformation").update_stack(
        StackName="Functions", TemplateBody=json.dumps(changed)
    )
    wait_for(account, "stack_update_complete", "Functions")

    result = run_status(account, "--json")

    assert states(result) == {"acme-crm": "MODIFIED"}
    assert result.returncode == 1


def test_output_of_deleted_stack_is_unknown(account: Account) -> None:
    """A reference to a stack that was deleted is UNKNOWN, and names the stack."""
    make_consumer(account, output())
    delete(account, "Functions")

    assert reason_for(account) == (
        "LambdaArn cannot be resolved: it is output Arn of stack Functions in us-east-1, which does"
        " not exist"
    )


def test_missing_output_is_unknown(account: Account) -> None:
    """A reference to an output that was removed is UNKNOWN, and names the output."""
    make_consumer(account, output())
    delete(account, "Functions")
    make_stack(account, "Functions", HANDLE)

    assert reason_for(account) == (
        "LambdaArn cannot be resolved: it is output Arn of stack Functions in us-east-1, which has"
        " no such output"
    )


def test_output_of_other_account_is_unknown(account: Account) -> None:
    """A reference with another account's role is UNKNOWN, and names the role."""
    role = "arn:aws:iam::444455556666:role/reader"
    make_consumer(account, output(RoleArn=role))

    assert reason_for(account) == (
        "LambdaArn cannot be resolved: it is output Arn of stack Functions in us-east-1, which"
        f" CloudFormation reads as {role} of another account"
    )


def test_unreadable_output_is_unknown(account: Account) -> None:
    """A reference to a stack that may not be described is UNKNOWN, with the error."""
    make_consumer(account, output())
    denied = error_for("StackName=Functions", "AccessDenied", 403)

    with front(account.cloud.environment(account.id), {"DescribeStacks": denied}) as variables:
        reason = reason_for(account, **variables)

    assert reason == (
        "LambdaArn cannot be resolved: it is output Arn of stack Functions in us-east-1:"
        " DescribeStacks failed with AccessDenied: Not today"
    )


def test_output_of_unknown_region_is_unknown(account: Account) -> None:
    """A reference to a Region that does not exist is UNKNOWN."""
    make_consumer(account, output(Region="no region"))

    assert "stack Functions in no region: " in reason_for(account)
