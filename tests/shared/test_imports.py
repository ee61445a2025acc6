"""What the handler imports of the shared code is imported quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["differences", "findings", "response"])
def test_handler_loads_no_service_model(module: str) -> None:
    """A module that the handler imports does not import the part that loads service models."""
    program = (
        f"import sys, appflow_connector_configuration.{module};"
        " print({'botocore.loaders', 'appflow_connector_configuration.model'} & {*sys.modules})"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (result.stdout, result.stderr) == ("set()\n", "")
