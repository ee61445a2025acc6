"""Fixtures: an app, a stack and a connector's function."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from tests.synth.support import make_function


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    return cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack")


@pytest.fixture
def function(stack: cdk.Stack) -> lambda_.Function:
    return make_function(stack, "Connector")
