"""An unchanged example whose names get a prefix, so that it can be deployed to any account.

The environment has the file of the example in ``EXAMPLE``. ``PREFIX`` is the prefix of its stack
names and connector labels.
"""

import os
import runpy
from typing import Any
from unittest.mock import patch

import aws_cdk as cdk
import cdk_appflow_connector as library

prefix = os.environ["PREFIX"]
original = library.ConnectorRegistration


class Stack(cdk.Stack):
    def __init__(self, scope: Any, construct_id: str) -> None:
        super().__init__(scope, construct_id, stack_name=prefix + construct_id)


def registration(
    scope: Any, construct_id: str, *, connector_label: str, **properties: Any
) -> library.ConnectorRegistration:
    return original(scope, construct_id, connector_label=prefix + connector_label, **properties)


with (
    patch.object(cdk, "Stack", Stack),
    patch.object(library, "ConnectorRegistration", registration),
):
    runpy.run_path(os.environ["EXAMPLE"])
