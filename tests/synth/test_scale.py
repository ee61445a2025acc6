"""A stack with as many connectors as anybody has: within the limits of CloudFormation and IAM.

Sources of the limits: "CloudFormation quotas" in the CloudFormation User Guide and "IAM and AWS STS
quotas" in the IAM User Guide.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

from tests.synth.policies import ACCOUNT, REGION, policies


def connectors(stack: cdk.Stack, number: int, **arguments: Any) -> None:
    for n in range(number):
        # As long as a name can be.
        name = f"connector-{n:03d}-".ljust(64, "x")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        ConnectorRegistration(
            stack,
            f"Registration{n}",
            connector_label=f"acme-connector-{n:03d}",
            connector_function=lambda_.Function.from_function_arn(stack, f"Function{n}", arn),
            **arguments,
        )


def template(app: cdk.App, stack: cdk.Stack) -> Path:
    app.synth()
    return Path(app.outdir, f"{stack.stack_name}.template.json")


def test_two_hundred_connectors_fit_into_one_stack(app: cdk.App, stack: cdk.Stack) -> None:
    connectors(stack, 200)

    file = template(app, stack)
    resources = json.loads(file.read_text())["Resources"]
    assert file.stat().st_size < 1_000_000
    assert len(resources) < 500
    # Two for each connector: the registration, and the permission to be invoked by AppFlow.
    assert len(resources) <= 2 * 200 + 20
    assert sum(policies(resources, "Policy")) <= 10_240
    managed = policies(resources, "ManagedPolicy")
    assert len(managed) <= 10
    assert max(managed) <= 6_144


def test_forty_of_them_may_be_unregistered(app: cdk.App, stack: cdk.Stack) -> None:
    connectors(stack, 40, removal_policy=cdk.RemovalPolicy.DESTROY)

    resources = json.loads(template(app, stack).read_text())["Resources"]
    assert sum(policies(resources, "Policy")) <= 10_240


def test_one_more_is_refused_before_iam_refuses_it(stack: cdk.Stack) -> None:
    message = (
        "this is connector 41 with RemovalPolicy.DESTROY in stack Stack, but IAM takes the"
        " permissions of 40 only. Move some of them to another stack or another provider, or keep"
        " them with RemovalPolicy.RETAIN"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        connectors(stack, 41, removal_policy=cdk.RemovalPolicy.DESTROY)


def test_another_provider_takes_more(stack: cdk.Stack) -> None:
    connectors(stack, 40, removal_policy=cdk.RemovalPolicy.DESTROY)

    ConnectorRegistration(
        stack,
        "OneMore",
        connector_label="one-more",
        connector_function=lambda_.Function.from_function_name(stack, "Connector", "crm"),
        removal_policy=cdk.RemovalPolicy.DESTROY,
        provider=ConnectorRegistrationProvider(stack, "Second"),
    )
