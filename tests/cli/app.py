"""An app with a connector for each form in which a template can refer to a Lambda function.

It reads two environment variables: a new value of ``RELEASE`` refreshes all registrations, and
``EXTERNAL_FUNCTION`` is the name of a function outside of the app.
"""

import os
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

from tests.support import connector

external_function = os.environ["EXTERNAL_FUNCTION"]
env = cdk.Environment(
    account=os.environ["CDK_DEFAULT_ACCOUNT"], region=os.environ["CDK_DEFAULT_REGION"]
)
arn = f"arn:aws:lambda:{env.region}:{env.account}:function:{external_function}"

app = cdk.App()
functions = cdk.Stack(app, "Functions", env=env)
stack = cdk.Stack(app, "Connectors", env=env)
nested_stack = cdk.NestedStack(stack, "Nested")


def function(scope: cdk.Stack, name: str) -> lambda_.Function:
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(connector()),
    )


def register(label: str, target: lambda_.IFunction, **arguments: Any) -> None:
    ConnectorRegistration(
        stack,
        label,
        connector_label=label,
        connector_function=target,
        triggers={"Release": os.environ["RELEASE"]},
        **arguments,
    )


def imported(name: str, function_arn: str) -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(stack, f"{name}-function", function_arn)


own = function(stack, "Own")
weakly_referenced = function(functions, "WeaklyReferenced")
cdk.CrossStackReferences.of(weakly_referenced).produce(cdk.ReferenceStrength.WEAK)
parameter = cdk.CfnParameter(stack, "FunctionArn", default=arn)
targets: Mapping[str, lambda_.IFunction] = {
    "by-alias": own.add_alias("live"),
    "by-arn": imported("by-arn", arn),
    "by-function": own,
    "by-name": lambda_.Function.from_function_name(stack, "by-name-function", external_function),
    "by-parameter": imported("by-parameter", parameter.value_as_string),
    "by-stack": function(functions, "OfAnotherStack"),
    "by-sub": imported("by-sub", cdk.Fn.sub(arn.replace(str(env.account), "${AWS::AccountId}"))),
    "by-version": own.current_version,
    "by-weak-reference": weakly_referenced,
}
for label, target in targets.items():
    register(label, target)
register("described", own, description="Acme CRM connector")
# MiniStack cannot update this one: it loses the ARN of a log group in a nested stack.
ConnectorRegistration(nested_stack, "nested", connector_label="nested", connector_function=own)

app.synth()
