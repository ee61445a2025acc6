"""Many connectors on functions outside of the app: ``made-elsewhere``, ``made-elsewhere-1``, etc.

Environment variables: ``CONNECTORS``, ``STACKS`` and ``FUNCTIONS`` are numbers. A new ``RELEASE``
refreshes all registrations. ``PREFIX`` is the beginning of all names. ``BROKEN`` adds, after all
others, a connector on a function that fails. With ``EXTERNAL``, changes outside of deployments
refresh the registrations too.
"""

import functools
import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

account, region = os.environ["CDK_DEFAULT_ACCOUNT"], os.environ["CDK_DEFAULT_REGION"]
prefix = os.environ.get("PREFIX", "")
connectors = int(os.environ["CONNECTORS"])
functions_arn = f"arn:aws:lambda:{region}:{account}:function"

app = cdk.App()
stacks = [
    cdk.Stack(app, f"Many{number}", stack_name=f"{prefix}Many{number}")
    for number in range(int(os.environ["STACKS"]))
]
names = ["", *(f"-{number}" for number in range(1, int(os.environ.get("FUNCTIONS", "1"))))]


@functools.cache
def function(stack: cdk.Stack, name: str) -> lambda_.IFunction:
    arn = f"{functions_arn}:{prefix}made-elsewhere{name}"
    return lambda_.Function.from_function_arn(stack, f"Connector{name}", arn)


def registration(number: int) -> ConnectorRegistration:
    stack = stacks[number % len(stacks)]
    return ConnectorRegistration(
        stack,
        f"Registration{number}",
        connector_label=f"{prefix}acme-{number:03d}",
        connector_function=function(stack, names[number % len(names)]),
        triggers={"Release": os.environ["RELEASE"]},
        refresh_on_external_change="EXTERNAL" in os.environ,
    )


registrations = [registration(number) for number in range(connectors)]

if "BROKEN" in os.environ:
    [stack] = stacks
    broken = ConnectorRegistration(
        stack,
        "Broken",
        connector_label="acme-broken",
        connector_function=lambda_.Function.from_function_arn(
            stack, "BrokenConnector", f"{functions_arn}:broken"
        ),
    )
    broken.node.add_dependency(*registrations)

app.synth()
