"""Stacks to put constructs into."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    return cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack")


@pytest.fixture
def function(stack: cdk.Stack) -> lambda_.Function:
    return make_function(stack, "Connector")


def make_function(stack: cdk.Stack, name: str, code: str = "version = 1") -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
    )
